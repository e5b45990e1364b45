"""The mirror: what a read brings, what it leaves alone, and what it may not do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from okrs.demand import Demand
from okrs.immutable import facts, replace
from okrs.work import Kind, Ref, State, Step, WorkItem
from store import census, lookup, mirror, queries, sources
from store.census import Compared, Settled
from store.database import Database
from store.mirror import Reach, Read, SuddenlyEmptyError, Taken
from store.sources import LeaseLostError
from store.tables import container, incoming, item, item_version, source
from tests.builders import AFTER, WITHIN, an_item
from tests.integration.fakes import dump
from tests.integration.readings import MIRROR, OPS, PAY, Reading, at, leased


@pytest.fixture
def reading(database: Database) -> Reading:
    return Reading(database)


# --- what a read brings ----------------------------------------------------------------------------------------


def test_items_come_back_as_they_were_read(reading: Reading) -> None:
    full = replace(
        at(reading, "PAY-1", State.DONE, points="0.30"),
        title='Ünï "code" \\ \\u0000 <b>&</b> 😀',
        status="Done ✓",
        resolution="Fixed",
        parent=Ref("id:PAY-9", "PAY-9"),
        projects=(Ref("#PAY", "Pay"), Ref("#OPS")),
        milestones=("id:v1",),
        members=("id:PAY-2",),
        labels=("a", "b"),
        sections=(Ref("s1", "To do"),),
        assignees=("anna", "anna@x.example"),
        aliases=("acme/web#3",),
        children=2,
    )
    bare = WorkItem("id:PAY-2", "PAY-2", full.kind, "Task", "", "", State.TODO)
    assert reading.read(PAY, [full, bare]) == Taken(seen=2, changed=2)
    assert {key: seen.item for key, seen in reading.items.items()} == {"PAY-1": full, "PAY-2": bare}


STEPS = (Step(WITHIN, State.DOING, "In progress", None), Step(AFTER, State.DONE, "Done", "Fixed"))
WITH_HISTORIES = Demand(histories=True)


def test_a_history_that_was_not_asked_for_stays_known(reading: Reading) -> None:
    """`backfill` asks for histories and the next complete read does not: back and forth nothing changes."""
    told, bare = (
        [
            at(reading, "PAY-1", State.DONE, history=history),
            at(reading, "PAY-2", State.DONE, sprints=("id:7",), history=history),
            at(reading, "PAY-3"),
        ]
        for history in (STEPS, ())
    )
    reading.read(PAY, bare, complete=True)
    assert reading.read(PAY, told, complete=True, demand=WITH_HISTORIES) == Taken(seen=3, changed=2)
    before, generation = dump(reading.database, *MIRROR), reading.generation
    for _ in range(2):
        assert reading.read(PAY, bare, complete=True) == Taken(seen=3)
        assert reading.read(PAY, told, complete=True, demand=WITH_HISTORIES) == Taken(seen=3)
    assert dump(reading.database, *MIRROR) == before
    assert reading.generation == generation
    reading.count(PAY, said=Settled(here=bare))  # nor when a census looks them up
    assert [each.item.history for _, each in sorted(reading.items.items())] == [STEPS, STEPS, ()]


ALL = Demand(histories=True, sprints=True, refs=True)
EXTRAS: dict[str, Any] = {"history": STEPS, "sprints": ("id:7", "id:8"), "refs": ("PAY-2", "PAY-9")}


@pytest.mark.parametrize("without", [["sprints"], ["refs"], ["history", "refs"], [*EXTRAS]], ids="-".join)
def test_what_is_not_asked_for_beside_items_stays_known(reading: Reading, without: list[str]) -> None:
    """As when a token loses the right to read it for a while: nobody touched the items."""
    asked = Demand(histories="history" not in without, sprints="sprints" not in without, refs="refs" not in without)
    told, less = (
        [
            at(reading, "PAY-1", State.DONE, **{name: EXTRAS[name] for name in EXTRAS if name not in left_out}),
            at(reading, "PAY-3"),
        ]
        for left_out in ((), without)
    )
    reading.read(PAY, told, complete=True, demand=ALL)
    before, generation = dump(reading.database, *MIRROR), reading.generation
    for _ in range(2):
        assert reading.read(PAY, less, complete=True, demand=asked) == Taken(seen=2)
        assert reading.read(PAY, told, complete=True, demand=ALL) == Taken(seen=2)
    assert dump(reading.database, *MIRROR) == before
    reading.count(PAY, said=Settled(here=less, asked=asked.extras))
    assert dump(reading.database, item, item_version) == {name: before[name] for name in ("item", "item_version")}
    assert reading.generation == generation


def test_a_pull_request_still_names_in_its_title_what_its_links_named_first(reading: Reading) -> None:
    """What is not asked for may be there in part, and in another order."""
    title = at(reading, "PAY-1", State.DONE, refs=("PAY-2", "PAY-9"))
    reading.read(PAY, [replace(title, refs=("PAY-9", "PAY-2"))], demand=ALL)
    assert reading.read(PAY, [title]) == Taken(seen=1)
    assert reading.items["PAY-1"].item.refs == ("PAY-9", "PAY-2")


def test_reads_of_several_containers_keep_what_each_of_them_was_not_asked_for(reading: Reading) -> None:
    one, two = at(reading, "PAY-1", sprints=("id:7",)), at(reading, "OPS-1", sprints=("id:7",), refs=("PAY-1",))
    reading.read(PAY, [one], demand=ALL)
    reading.read(OPS, [two], demand=ALL)
    now = reading.clock.forward(minutes=1)
    reads = [
        Read(known, Reach(demand, now), reading.rows(known, [item]), first=True)
        for known, demand, item in (
            (PAY, ALL, replace(one, sprints=())),
            (OPS, Demand(refs=True), replace(two, sprints=())),
        )
    ]
    assert mirror.take(reading.database, reading.lease, reads, now) == Taken(seen=2, changed=1)
    assert [reading.items[key].item.sprints for key in ("PAY-1", "OPS-1")] == [(), ("id:7",)]


@pytest.mark.parametrize("name", ["sprints", "refs"])
def test_what_was_asked_for_is_taken_as_it_comes(reading: Reading, name: str) -> None:
    asked = Demand(sprints=name == "sprints", refs=name == "refs")
    reading.read(PAY, [at(reading, "PAY-1", **EXTRAS)], demand=ALL)
    left = {other: value for other, value in EXTRAS.items() if other != name}
    assert reading.read(PAY, [at(reading, "PAY-1", **left)], demand=asked) == Taken(seen=1, changed=1)
    assert getattr(reading.items["PAY-1"].item, name) == ()


def test_what_changed_has_nothing_of_what_was_not_asked_for(reading: Reading) -> None:
    """The change may have been one of its sprint, or of its links."""
    reading.read(PAY, [at(reading, "PAY-1", **EXTRAS)], demand=ALL)
    changed = at(reading, "PAY-1", minutes=2, title="Another one")
    assert reading.read(PAY, [changed]) == Taken(seen=1, changed=1)
    assert reading.items["PAY-1"].item == changed


def test_a_history_goes_with_the_state_that_it_told_of(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, history=STEPS)], demand=WITH_HISTORIES)
    reading.read(PAY, [at(reading, "PAY-1", State.DOING, minutes=2)])
    assert reading.items["PAY-1"].item.history == ()  # without the last step it would tell what is not true


@pytest.mark.parametrize("demand", [WITH_HISTORIES, ALL], ids=["histories", "all"])
def test_a_history_that_cannot_be_had_for_once_stays_while_its_item_stands_as_it_stood(
    reading: Reading, demand: Demand
) -> None:
    """A tracker that leaves it out, or cuts it, does not say that nothing ever happened."""
    told = at(reading, "PAY-1", State.DONE, history=STEPS)
    reading.read(PAY, [told], demand=demand)
    assert reading.read(PAY, [replace(told, history=())], demand=demand) == Taken(seen=1)
    titled = replace(told, title="Another title, longer than all that the history says: " + "x" * 300)
    assert reading.read(PAY, [replace(titled, history=())], demand=demand) == Taken(seen=1, changed=1)
    assert reading.items["PAY-1"].item == titled
    for again in (replace(titled, history=()), titled):
        assert reading.read(PAY, [again], demand=demand) == Taken(seen=1)
    reading.count(PAY, said=Settled(here=[replace(told, history=())], asked=demand.extras))
    assert reading.items["PAY-1"].item == told


def test_a_history_stays_beside_what_was_not_asked_for(reading: Reading) -> None:
    told = at(reading, "PAY-1", State.DONE, **EXTRAS)
    reading.read(PAY, [told], demand=ALL)
    without = replace(told, history=(), sprints=(), refs=())
    assert reading.read(PAY, [without], demand=WITH_HISTORIES) == Taken(seen=1)
    assert reading.items["PAY-1"].item == told
    reading.read(PAY, [replace(without, title="Another one")], demand=WITH_HISTORIES)
    assert reading.items["PAY-1"].item == replace(without, title="Another one", history=STEPS)


@pytest.mark.parametrize(
    "moved",
    [{"state": State.DOING}, {"status": "Shipped"}, {"resolution": "Later"}, {"closed_at": AFTER}],
    ids=lambda moved: next(iter(moved)),
)
def test_a_history_that_cannot_be_had_any_more_goes_when_its_item_moved(
    reading: Reading, moved: dict[str, Any]
) -> None:
    """Without its last step it would tell what is not true."""
    told = at(reading, "PAY-1", State.DONE, status="Done", resolution="Fixed", closed_at=WITHIN, history=STEPS)
    reading.read(PAY, [told], demand=WITH_HISTORIES)
    changed = replace(told, history=(), **moved)
    assert reading.read(PAY, [changed], demand=WITH_HISTORIES) == Taken(seen=1, changed=1)
    assert reading.items["PAY-1"].item == changed


def test_an_item_that_comes_back_keeps_its_history(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, history=STEPS), at(reading, "PAY-2")], demand=WITH_HISTORIES)
    reading.count(PAY, "PAY-2", said=Settled(deleted=["id:PAY-1"]))
    assert list(reading.items) == ["PAY-2"]
    assert reading.read(PAY, [at(reading, "PAY-1", State.DONE)]) == Taken(seen=1, changed=1)
    assert reading.items["PAY-1"].item.history == STEPS
    assert len(dump(reading.database, item_version)["item_version"]) == 2


def test_nothing_is_in_the_mirror_before_the_take(reading: Reading) -> None:
    reading.gather(PAY, [at(reading, "PAY-1")])
    assert reading.items == {}
    assert dump(reading.database, *MIRROR) == {"item": [], "item_version": [], "presence": []}
    assert reading.take(PAY) == Taken(seen=1, changed=1)
    assert list(reading.items) == ["PAY-1"]
    assert dump(reading.database, incoming) == {"incoming": []}


def test_new_changed_and_unchanged_items_are_told_apart(reading: Reading) -> None:
    one, two = at(reading, "PAY-1"), at(reading, "PAY-2")
    reading.read(PAY, [one, two])
    held = {key: seen.version for key, seen in reading.items.items()}
    changed = at(reading, "PAY-2", State.DONE, minutes=1)
    assert reading.read(PAY, [one, changed], [at(reading, "PAY-3")]) == Taken(seen=3, changed=2)
    now = reading.items
    assert (now["PAY-1"].version, now["PAY-2"].item) == (held["PAY-1"], changed)
    assert now["PAY-2"].version != held["PAY-2"]
    assert len(dump(reading.database, item_version)["item_version"]) == 4


@pytest.mark.parametrize("complete", [False, True])
def test_what_did_not_change_writes_no_row(reading: Reading, complete: bool) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2", State.DONE)])
    before, generation = dump(reading.database, *MIRROR), reading.generation
    touched = [at(reading, "PAY-1", minutes=5), at(reading, "PAY-2", State.DONE, minutes=5)]
    assert reading.read(PAY, touched, complete=complete) == Taken(seen=2)
    assert dump(reading.database, *MIRROR) == before
    assert reading.generation == generation


def test_an_empty_read_moves_only_the_watermark(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1")])
    before, generation = dump(reading.database, *MIRROR), reading.generation
    assert reading.read(PAY, []) == Taken()
    assert (dump(reading.database, *MIRROR), reading.generation) == (before, generation)
    with reading.database.read() as connection:
        (held,) = sources.state_of(connection, "s").containers
    assert held.watermark == held.read_at == reading.clock()


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("pages", [1, 2])
def test_an_item_listed_twice_keeps_its_newest_form(reading: Reading, pages: int, newest_first: bool) -> None:
    old, new = at(reading, "PAY-1"), at(reading, "PAY-1", State.DONE, minutes=1)
    listed = [new, old] if newest_first else [old, new]
    assert reading.read(PAY, *([listed] if pages == 1 else [[each] for each in listed])) == Taken(1, 1)
    assert reading.items["PAY-1"].item == new


def test_an_older_form_is_not_news(reading: Reading) -> None:
    new = at(reading, "PAY-1", State.DONE, minutes=1)
    reading.read(PAY, [new])
    before, generation = dump(reading.database, *MIRROR), reading.generation
    assert reading.read(PAY, [at(reading, "PAY-1", State.TODO, minutes=-1)]) == Taken(seen=1)
    assert (dump(reading.database, *MIRROR), reading.generation) == (before, generation)


def test_a_form_without_a_date_is_news(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1")])
    assert reading.read(PAY, [an_item("PAY-1", State.DONE)]).changed == 1
    assert reading.read(PAY, [at(reading, "PAY-1", State.DOING)]).changed == 1
    assert reading.items["PAY-1"].item.state is State.DOING


# --- versions --------------------------------------------------------------------------------------------------


def test_every_version_is_kept(reading: Reading) -> None:
    for state in (State.TODO, State.DOING, State.TODO):
        reading.read(PAY, [at(reading, "PAY-1", state)])
    rows = dump(reading.database, item_version)["item_version"]
    assert [row[3] for row in rows] == [1, 2, 3]
    assert rows[0][4] == rows[2][4] != rows[1][4]


@pytest.mark.parametrize("minutes", [0, -10])
def test_versions_of_one_instant_stay_in_order_also_when_the_clock_goes_back(reading: Reading, minutes: int) -> None:
    written = reading.clock.now + timedelta(hours=1)
    for title in ("one", "two", "three"):
        reading.clock.forward(minutes=minutes)
        reading.gather(PAY, [an_item("PAY-1", title=title, updated_at=written)])
        assert reading.take(PAY).changed == 1
    rows = dump(reading.database, item_version)["item_version"]
    assert [title in row[5] for row, title in zip(rows, ("one", "two", "three"), strict=True)] == [True] * 3
    assert reading.items["PAY-1"].item.title == "three"


def test_what_was_known_at_a_generation_can_be_asked(reading: Reading) -> None:
    for title in ("one", "two"):
        reading.read(PAY, [at(reading, "PAY-1", title=title)])
    reading.read(PAY, [at(reading, "PAY-2")])
    with reading.database.read() as connection:
        told = [
            {each.key: each.title for each in lookup.before(connection, "s", ["id:PAY-1", "id:PAY-2"], past).values()}
            for past in range(4)
        ]
    assert told == [
        {},
        {"PAY-1": "one"},
        {"PAY-1": "two"},
        {"PAY-1": "two", "PAY-2": "About PAY-2"},
    ]


def test_long_lists_of_ids_are_looked_up_in_slices(reading: Reading) -> None:
    reading.read(PAY, [at(reading, f"PAY-{number}") for number in range(1200)])
    ids = [f"id:PAY-{number}" for number in range(1201)]
    with reading.database.read() as connection:
        assert len(lookup.look_up(connection, "s", ids)) == 1200
        assert len(lookup.before(connection, "s", ids, 1)) == 1200


def test_the_state_is_dated_since_it_was_first_seen(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, status="Done")])
    since = reading.clock()
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, status="Done", title="Renamed")])
    assert reading.items["PAY-1"].state_since == since
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, status="Released")])
    assert reading.items["PAY-1"].state_since == reading.clock()
    since = reading.clock()
    reading.read(PAY, [at(reading, "PAY-1", State.DONE, status="Released", labels=("x",))])
    assert reading.items["PAY-1"].state_since == since


def test_an_item_is_found_by_its_key(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "Acme/Web#3")])
    with reading.database.read() as connection:
        assert lookup.find_key(connection, {"PAY-1"}) == [("s", "id:PAY-1")]
        assert lookup.find_key(connection, {"pay-1"}) == []
        assert lookup.find_folded(connection, "acme/web#3") == [("s", "id:Acme/Web#3")]


def test_a_title_is_found_exactly_whatever_signs_it_has(database: Database) -> None:
    reading = Reading(database)
    titles = {"PAY-1": '100 % of "it" _\\_', "PAY-2": "100 % of it", "PAY-3": "100 % OF IT", "PAY-4": "100 % of it"}
    reading.read(PAY, [an_item(key, title=title) for key, title in titles.items()])
    with database.read() as connection:
        assert lookup.titled(connection, titles["PAY-1"], 9) == ["PAY-1"]
        assert lookup.titled(connection, "100 % of it", 9) == ["PAY-2", "PAY-4"]
        assert lookup.titled(connection, "100 % of it", 1) == ["PAY-2"]
        assert lookup.titled(connection, "of it", 9) == lookup.titled(connection, "%" * 100_000, 9) == []


def test_parents_whose_children_are_hidden_are_told_per_container(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-2", children=1), at(reading, "PAY-1", children=3), at(reading, "PAY-3")])
    reading.read(OPS, [at(reading, "OPS-1", children=1)])
    with reading.database.read() as connection:
        assert lookup.parents_of(connection, "s", PAY.id) == ("id:PAY-1", "id:PAY-2")


# --- what leaves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [[], ["PAY-8", "PAY-9"]])
def test_a_listing_that_shows_nothing_of_what_was_there_is_not_believed(reading: Reading, listed: list[str]) -> None:
    reading.read(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    before = dump(reading.database, *MIRROR, source, container)
    reading.gather(PAY, [at(reading, key) for key in listed])
    with pytest.raises(SuddenlyEmptyError):
        reading.take(PAY, complete=True)
    assert dump(reading.database, *MIRROR, source, container) == before


def test_a_container_whose_items_all_moved_to_another_may_be_empty(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "X-1")])
    reading.read(OPS, [at(reading, "X-1", State.DONE)])
    assert reading.read(PAY, [], complete=True) == Taken()
    assert reading.read(PAY, [], complete=True) == Taken()
    assert set(reading.items) == {"X-1"}


def test_a_container_that_never_had_an_item_may_be_empty(reading: Reading) -> None:
    assert reading.read(PAY, [], complete=True) == Taken()
    assert reading.read(PAY, [], complete=True) == Taken()


def test_a_container_that_left_takes_its_own_items_along(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "X-1"), at(reading, "PAY-1")])
    reading.read(OPS, [at(reading, "X-1"), at(reading, "OPS-1")])
    generation = reading.generation
    mirror.gather(reading.database, reading.lease, PAY, reading.rows(PAY, [at(reading, "PAY-2")]), reading.clock())
    assert sources.keep_only(reading.database, reading.lease, [OPS.id], reading.clock()) == 1
    assert (set(reading.items), reading.gone("PAY-1")) == ({"X-1", "OPS-1"}, "removed")
    assert reading.generation == generation + 1
    assert dump(reading.database, incoming) == {"incoming": []}
    assert sources.keep_only(reading.database, reading.lease, [OPS.id], reading.clock()) == 0
    assert reading.generation == generation + 1
    with reading.database.read() as connection:
        assert [each.id for each in sources.state_of(connection, "s").containers] == [OPS.id]


# --- what may not be ----------------------------------------------------------------------------------------------


def test_a_killed_read_leaves_nothing_in_the_next(reading: Reading) -> None:
    reading.gather(PAY, [at(reading, "PAY-1"), at(reading, "PAY-2")])
    reading.gather(OPS, [at(reading, "OPS-1")])
    assert reading.read(PAY, [at(reading, "PAY-3")]) == Taken(1, 1)
    assert set(reading.items) == {"PAY-3"}
    assert reading.take(OPS) == Taken(1, 1)


def test_a_reader_that_lost_its_lease_commits_nothing(reading: Reading) -> None:
    reading.read(PAY, [at(reading, "PAY-1")])
    stale = reading.lease
    reading.clock.forward(hours=1)
    reading.lease = leased(reading.database, reading.clock)
    reading.gather(PAY, [at(reading, "PAY-2")])
    everything = (*MIRROR, incoming, container, source)
    before, now = dump(reading.database, *everything), reading.clock()
    writes: tuple[Callable[[], object], ...] = (
        lambda: mirror.gather(reading.database, stale, PAY, reading.rows(PAY, [at(reading, "PAY-3")]), now),
        lambda: mirror.take(reading.database, stale, [Read(PAY, Reach(Demand(), now, complete=True))], now),
        lambda: sources.keep_only(reading.database, stale, [], now),
        lambda: sources.note_error(reading.database, stale, PAY, "no", now),
        lambda: census.start(reading.database, stale, PAY, now),
        lambda: census.gather(reading.database, stale, PAY, [Ref("id:PAY-1")], now),
        lambda: census.settle(reading.database, stale, PAY, Settled(deleted=["id:PAY-1"]), now),
        lambda: queries.replace_hits(reading.database, stale, "q", {"id:PAY-1"}, now),
    )
    for write in writes:
        with pytest.raises(LeaseLostError):
            write()
    sources.release(reading.database, stale, now, "ok", None)  # giving back what is not ours is no mistake
    assert dump(reading.database, *everything) == before


def test_a_word_with_a_nul_in_it_stops_no_database(reading: Reading) -> None:
    """SQLite would keep U+0000, PostgreSQL refuses it: one such ticket would end every run."""
    now = reading.clock.now
    plain = WorkItem(
        id="1",
        key="PAY-1",
        kind=Kind.ISSUE,
        type="Task",
        title="A title \\u0000",
        url="https://x.example/1",
        state=State.DOING,
        status="Doing",
        resolution="resolved",
        parent=Ref("9", "PAY-9"),
        projects=(Ref("#PAY", "Pay"),),
        milestones=("v1",),
        members=("2",),
        labels=("p1",),
        sections=(Ref("s1", "To do"),),
        assignees=("anna",),
        fields=(("points", "3"),),
        aliases=("acme/web#3",),
        sprints=("s1",),
        refs=("PAY-2",),
        history=(Step(now, State.TODO, "Open", "none"),),
    )
    hostile = with_nul(plain)
    assert reading.read(PAY, [hostile]) == Taken(1, 1)
    assert [seen.item for seen in reading.items.values()] == [plain]
    assert reading.read(PAY, [hostile]) == Taken(1, 0)
    assert reading.read(PAY, [plain]) == Taken(1, 0)


def with_nul(value: Any) -> Any:
    """The same with U+0000 in each of its texts."""
    if type(value) is str:
        return f"{value[:1]}\0{value[1:]}"
    if isinstance(value, tuple):
        return tuple(with_nul(each) for each in value)
    if isinstance(value, (WorkItem, Ref, Step)):
        return replace(value, **{name: with_nul(each) for name, each in facts(value).items()})
    return value


def test_no_other_text_with_a_nul_stops_a_database(reading: Reading) -> None:
    """What a tracker calls its containers, what it answers, which identities it names, what a connector remembers."""
    database, lease, now = reading.database, reading.lease, reading.clock()
    pay, refs = replace(PAY, called="P\0ayments"), [Ref("id:PAY\0-1", "PAY\0-1")]
    reading.read(PAY, [at(reading, "PAY-1")])
    mirror.take(database, lease, [Read(pay, Reach(Demand(), now, memo={"se\0en": "yes\0"}))], now)
    census.start(database, lease, pay, now)
    census.gather(database, lease, pay, refs, now)
    assert census.compare(database, lease, pay, 9, 9) == Compared((), ())
    assert [queries.replace_hits(database, lease, "q\0", {"id:PAY\0-1"}, now) for _ in range(2)] == [1, 0]
    queries.note_error(database, lease, "q", "no\0", now)
    sources.note_error(database, lease, pay, "no\0", now)
    census.settle_some(database, lease, pay, Settled(deleted=["id:\0PAY-1"]), now)
    sources.release(database, lease, now, "fai\0led", "no\0")
    with database.read() as connection:
        state = sources.state_of(connection, "s")
        assert queries.hits(connection, "s") == {"q": {"id:PAY-1"}}
    assert (state.state, state.error) == ("failed", "no")
    assert [(each.called, each.error, each.memo) for each in state.containers] == [
        ("Payments", "no", {"se\0en": "yes\0"})
    ]
    assert reading.gone("PAY-1") == "deleted"
