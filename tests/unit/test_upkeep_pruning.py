"""Which versions of a ticket may go, and which reads are asked for."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from okrs.immutable import replace
from store.upkeep.pruning import Version, droppable, last_reads
from tests.builders import at

LIMIT = at("2026-08-01")


def versions(*stands: str, day: int = -30, named: tuple[int, ...] = ()) -> list[Version]:
    """A version a day, of generations 0, 1 …"""
    return [
        Version(LIMIT + timedelta(days=day + number), number, (stand, None, None), number in named, 100)
        for number, stand in enumerate(stands)
    ]


def gone(every: list[Version], floor: int | None = None) -> list[int]:
    dropped = droppable(every, LIMIT, floor)
    return [number for number, each in enumerate(every) if each in dropped]


def test_what_was_replaced_before_the_limit_goes() -> None:
    assert gone(versions("todo", "doing", "done")) == [0, 1]
    assert gone(versions("todo")) == []
    assert gone([]) == []


def test_what_was_true_at_the_limit_or_later_stays() -> None:
    assert gone(versions("a", "b", "c", "d", day=-2)) == [0, 1]  # c is seen on the very day
    assert gone(versions("a", "b", "c", day=-1)) == [0]
    assert gone(versions("a", "b", "c", day=0)) == []


def test_what_the_ledger_names_stays() -> None:
    assert gone(versions("todo", "doing", "done", named=(0,))) == [1]


def test_what_a_key_result_was_measured_by_last_stays() -> None:
    assert gone(versions("todo", "doing", "done"), floor=1) == [0]
    assert gone(versions("todo", "doing", "done"), floor=0) == []


def test_the_first_version_of_a_state_stays_for_it_tells_since_when() -> None:
    assert gone(versions("done", "done", "done")) == [1]
    assert gone(versions("todo", "done", "done", named=(2,))) == [0]
    assert gone(versions("todo", "done", "done", "todo", "doing")) == [0, 1, 2, 3]  # when it was done matters no more


def test_how_it_stood_at_the_end_of_a_cycle_stays() -> None:
    every = versions("a", "b", "c", "d")
    end = every[2].seen_at
    assert droppable(every, LIMIT, None, [end]) == [every[0], every[2]]
    late = replace(every[2], closed_at=end - timedelta(days=5))
    assert droppable([*every[:2], late, every[3]], LIMIT, None, [end]) == [every[0]]
    assert droppable(every, LIMIT, None, [every[0].seen_at - timedelta(days=9)]) == [every[1], every[2]]


def test_two_that_stand_alike_stay_apart() -> None:
    assert gone(versions("done", "todo", "doing", "done", "done", named=(0,))) == [1]


def since(every: list[Version]) -> dict[int, datetime]:
    """Since when an item stood as it did, by the generation of each version."""
    found: dict[int, datetime] = {}
    before: Version | None = None
    for each in every:
        stays = before is not None and before.stand == each.stand
        found[each.generation] = found[before.generation] if stays and before else each.seen_at
        before = each
    return found


@given(
    st.lists(st.sampled_from("abc"), max_size=8),
    st.integers(-9, 1),
    st.sets(st.integers(0, 7)),
    st.lists(st.integers(-9, 1), max_size=2),
)
def test_who_stays_stands_since_when_it_did_and_done_twice_it_finds_nothing_more(
    stands: list[str], day: int, named: set[int], days: list[int]
) -> None:
    every, ends = versions(*stands, day=day, named=tuple(named)), [LIMIT + timedelta(days=each) for each in days]
    dropped = droppable(every, LIMIT, None, ends)
    left = [each for each in every if each not in dropped]
    assert droppable(left, LIMIT, None, ends) == []
    asked = [each for each in left if each.referenced or each is every[-1]]
    told, whole = since(left), since(every)
    assert [told[each.generation] for each in asked] == [whole[each.generation] for each in asked]
    for end in ends:
        then = [each for each in every if each.seen_at < end][-1:]
        assert [told[each.generation] for each in then] == [whole[each.generation] for each in then]


def test_the_last_read_before_an_entry_is_asked_for_and_so_is_the_last_of_all() -> None:
    reads = ["1", "2", "4", "6", "8"]
    assert last_reads(reads, []) == {"8"}
    assert last_reads(reads, ["3"]) == {"2", "8"}
    assert last_reads(reads, ["2", "5", "7"]) == {"2", "4", "6", "8"}
    assert last_reads(reads, ["0", "9"]) == {"8"}
    assert last_reads([], ["3"]) == set()


@given(st.sets(st.integers(10, 40)), st.sets(st.integers(10, 40)))
def test_last_reads_are_those_that_the_question_finds(reads: set[int], entries: set[int]) -> None:
    told = last_reads(map(str, reads), map(str, entries))
    asked = {max((read for read in reads if read <= entry), default=None) for entry in [*entries, 99]}
    assert told == {str(each) for each in asked if each is not None}
