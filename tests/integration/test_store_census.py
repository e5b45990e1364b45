"""Censuses: who leaves the mirror, when, and why; and what a look-up can put right."""

import pytest

from okrs.demand import Container
from okrs.work import Ref, State
from store import census
from store.census import Compared, Outcome, Settled
from store.database import Database
from store.mirror import SuddenlyEmptyError, Taken
from store.sources import state_of
from store.tables import container, item_version, presence, roll, source
from tests.integration.fakes import dump
from tests.integration.readings import MIRROR, OPS, PAY, Reading, at


@pytest.fixture
def reading(database: Database) -> Reading:
    return Reading(database)


def compare(reading: Reading, known: Container = PAY, most: int = 9) -> Compared:
    return census.compare(reading.database, reading.lease, known, most, most)


def test_what_two_censuses_miss_is_hidden(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")], complete=True)
    generation = reading.generation
    assert reading.count(PAY, "PAY-1") == Outcome(missed=1)
    assert (set(reading.items), reading.generation) == ({"PAY-1", "PAY-2"}, generation)
    assert reading.count(PAY, "PAY-1") == Outcome(removed=1)
    assert (set(reading.items), reading.gone("PAY-2")) == ({"PAY-1"}, "hidden")
    assert reading.generation == generation + 1
    assert reading.count(PAY, "PAY-1") == Outcome()
    assert reading.generation == generation + 1
    assert dump(reading.database, roll) == {"roll": []}


def test_a_complete_listing_counts_no_misses(reading: Reading) -> None:
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    for listed in ([one, two], [one], [one], [one]):
        reading.read(PAY, listed, complete=True)
    assert set(reading.items) == {"PAY-1", "PAY-2"}


def test_misses_in_between_do_not_add_up(reading: Reading) -> None:
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    reading.read(PAY, [one, two])
    for shown in (["PAY-1"], ["PAY-1", "PAY-2"], ["PAY-1"]):
        assert reading.count(PAY, *shown).removed == 0
    reading.read(PAY, [two])  # seen again, by whatever way
    assert reading.count(PAY, "PAY-1").removed == 0
    assert set(reading.items) == {"PAY-1", "PAY-2"}


def test_what_reappears_is_back_without_a_new_version(reading: Reading) -> None:
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    reading.read(PAY, [one, two])
    reading.count(PAY, "PAY-1")
    reading.count(PAY, "PAY-1")
    versions, generation = dump(reading.database, item_version), reading.generation
    assert reading.read(PAY, [two]) == Taken(seen=1, changed=1)
    assert (set(reading.items), reading.gone("PAY-2")) == ({"PAY-1", "PAY-2"}, None)
    assert (dump(reading.database, item_version), reading.generation) == (versions, generation + 1)
    assert reading.count(PAY, "PAY-1").removed == 0  # it is counted from the beginning


def test_what_reappears_changed_gets_a_version(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    reading.count(PAY, "PAY-1")
    reading.count(PAY, "PAY-1")
    reading.read(PAY, [at(reading, "PAY-2", State.DONE)])
    assert reading.items["PAY-2"].item.state is State.DONE
    assert reading.items["PAY-2"].state_since == reading.clock()


def test_an_item_in_two_containers_leaves_with_the_last(reading: Reading) -> None:
    both, pay, ops = at(reading, "X-1"), at(reading, "PAY-1"), at(reading, "OPS-1")
    reading.read(PAY, [both, pay], complete=True)
    assert reading.read(OPS, [both, ops], complete=True) == Taken(seen=2, changed=1)
    for _ in range(3):
        assert reading.count(PAY, "PAY-1").removed == 0
    assert set(reading.items) == {"X-1", "PAY-1", "OPS-1"}
    reading.count(OPS, "OPS-1")
    assert reading.count(OPS, "OPS-1").removed == 1
    assert reading.gone("X-1") == "hidden"


def test_what_the_tracker_says_was_deleted_leaves_at_once_and_everywhere(reading: Reading) -> None:
    both, pay, ops = at(reading, "X-1"), at(reading, "PAY-1"), at(reading, "OPS-1")
    reading.read(PAY, [both, pay])
    reading.read(OPS, [both, ops])
    assert reading.count(PAY, "PAY-1", said=Settled(deleted=["id:X-1"])) == Outcome(removed=1)
    assert (set(reading.items), reading.gone("X-1")) == ({"PAY-1", "OPS-1"}, "deleted")


def test_what_moved_out_of_sight_leaves_at_once_with_what_it_is_now(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    moved = at(reading, "FAR-7", minutes=1, id="id:PAY-2", projects=(Ref("#FAR", "FAR"),))
    assert reading.count(PAY, "PAY-1", said=Settled(moved={"id:PAY-2": moved})).removed == 1
    assert (set(reading.items), reading.gone("PAY-2")) == ({"PAY-1"}, "moved")
    assert len(dump(reading.database, item_version)["item_version"]) == 3


def test_what_moved_to_another_container_stays_there(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    reading.read(OPS, [at(reading, "OPS-1")])
    moved = at(reading, "OPS-7", minutes=1, id="id:PAY-2")
    said = Settled(moved={"id:PAY-2": moved}, homes={"id:PAY-2": OPS.id})
    assert reading.count(PAY, "PAY-1", said=said) == Outcome(changed=1)
    assert set(reading.items) == {"PAY-1", "OPS-1", "OPS-7"}
    assert reading.count(OPS, "OPS-1", "PAY-2") == Outcome()
    assert reading.count(PAY, "PAY-1") == Outcome()


def test_what_became_another_item_elsewhere_is_that_item(reading: Reading) -> None:
    """A transferred issue has another id in its new repository."""
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    new = at(reading, "OPS-7", minutes=1)
    said = Settled(moved={"id:PAY-2": new}, homes={"id:PAY-2": OPS.id})
    assert reading.count(PAY, "PAY-1", said=said) == Outcome(changed=1, removed=1)
    assert (set(reading.items), reading.gone("PAY-2")) == ({"PAY-1", "OPS-7"}, "moved")


def test_what_moved_and_cannot_be_seen_leaves(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    assert reading.count(PAY, "PAY-1", said=Settled(moved={"id:PAY-2": None})).removed == 1
    assert reading.gone("PAY-2") == "moved"


def test_what_is_there_after_all_stays_however_often_listings_miss_it(reading: Reading) -> None:
    """Archived issues leave the search and are still asked for by their key."""
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    reading.read(PAY, [one, two])
    for _ in range(3):
        assert reading.count(PAY, "PAY-1", said=Settled(here=[two])) == Outcome()
    assert set(reading.items) == {"PAY-1", "PAY-2"}


def test_what_a_listing_never_showed_is_taken_in(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1")])
    reading.clock.forward(minutes=1)
    census.start(reading.database, reading.lease, PAY, reading.clock())
    shown = [Ref("id:PAY-1", "PAY-1"), Ref("id:PAY-9", "PAY-9")]
    census.gather(reading.database, reading.lease, PAY, shown, reading.clock())
    census.gather(reading.database, reading.lease, PAY, shown, reading.clock())  # pages overlap
    assert compare(reading) == Compared((), (Ref("id:PAY-9", "PAY-9"),))
    late = Settled(here=[at(reading, "PAY-9")])
    assert census.settle(reading.database, reading.lease, PAY, late, reading.clock()).changed == 1
    assert set(reading.items) == {"PAY-1", "PAY-9"}


def test_those_that_were_found_unlisted_are_looked_up_again_in_turn(reading: Reading) -> None:
    """They take no place of those that were never looked up, or were missed before."""
    items = {number: at(reading, f"PAY-{number}") for number in range(1, 7)}
    reading.read(PAY, list(items.values()))
    for found in (2, 3, 4):  # archived, and looked up one after the other
        reading.count(PAY, "PAY-1", "PAY-5", "PAY-6", said=Settled(here=[items[found]]))
    reading.count(PAY, "PAY-1", "PAY-5", "PAY-6", said=Settled(here=[items[2]], hidden=["id:PAY-4"]))
    census.gather(reading.database, reading.lease, PAY, [Ref("id:PAY-1")], reading.clock())
    missed = census.compare(reading.database, reading.lease, PAY, 9, 1).missing
    assert [ref.name for ref in missed] == ["PAY-4", "PAY-5", "PAY-6", "PAY-3"]


def test_what_is_listed_again_is_no_more_taken_for_unlisted(reading: Reading) -> None:
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    reading.read(PAY, [one, two])
    reading.count(PAY, "PAY-1", said=Settled(here=[two]))
    reading.count(PAY, "PAY-1", "PAY-2")
    census.gather(reading.database, reading.lease, PAY, [Ref("id:PAY-1")], reading.clock())
    missed = census.compare(reading.database, reading.lease, PAY, 9, 0).missing
    assert [ref.name for ref in missed] == ["PAY-2"]


@pytest.mark.parametrize("shown", [[], ["PAY-8", "PAY-9"]])
def test_a_census_that_shows_nobody_is_not_believed(reading: Reading, shown: list[str]) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    before = dump(reading.database, *MIRROR, source, container)
    for _ in range(3):
        with pytest.raises(SuddenlyEmptyError):
            reading.count(PAY, *shown)
    held = dump(reading.database, *MIRROR, source, container)
    assert [row for name in held if name != "source" for row in held[name]] == [
        row for name in before if name != "source" for row in before[name]
    ]


def test_a_census_that_shows_nobody_is_believed_where_the_tracker_says_why(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    assert reading.count(PAY, said=Settled(deleted=["id:PAY-1", "id:PAY-2"])).removed == 2


def test_a_container_that_never_had_an_item_may_be_empty(reading: Reading) -> None:
    reading.read(PAY, [], complete=True)
    assert reading.count(PAY) == Outcome()


def test_the_first_complete_read_is_a_census(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1")], complete=True)
    first = reading.clock()
    reading.read(PAY, [at(reading, "PAY-1")], complete=True)
    with reading.database.read() as connection:
        (known,) = state_of(connection, "s").containers
    assert (known.census_at, known.wide_at) == (first, reading.clock())
    reading.count(PAY, "PAY-1")
    with reading.database.read() as connection:
        (known,) = state_of(connection, "s").containers
    assert known.census_at == reading.clock()


def test_a_census_writes_nothing_twice(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    reading.count(PAY, "PAY-1", "PAY-2")
    before = dump(reading.database, *MIRROR)
    reading.count(PAY, "PAY-1", "PAY-2")
    assert dump(reading.database, *MIRROR) == before
    assert dump(reading.database, presence)["presence"]
