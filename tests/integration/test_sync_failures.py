"""What a bad read does: nothing, but for a word about it.  And what a run that was killed leaves to the next."""

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import ConnectorError, CredentialsRefused, MalformedAnswer, RateLimited, Stop, TryLater
from mapping.rule import Combine, Measure
from okrs.immutable import replace
from okrs.ledger import CauseKind, EntryKind
from okrs.work import State
from store import sources
from store.database import Database, open_database
from store.sources import LEASE, SourceState
from store.tables import (
    container,
    evidence,
    incoming,
    item,
    item_version,
    ledger_delta,
    ledger_entry,
    presence,
    run,
    source,
)
from sync import listing
from sync.engine import AUTHORS_HELP, Engine, Report
from sync.task import Outcome, Progress, SourceReport
from sync.walking import AT_ONCE
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import (
    RECORDS,
    Clock,
    FakeTracker,
    Killed,
    KilledAfterReading,
    KilledAtPage,
    Project,
    World,
    dump,
)

MIRROR = (item, item_version, presence)


@pytest.fixture
def world(database: Database) -> World:
    """Source `one` has PAY and OPS, source `two` has WEB; a key result for each, and one for both."""
    clock = Clock()
    one, two = FakeTracker(clock, "PAY", "OPS"), FakeTracker(clock, "WEB")
    one.put("PAY", *(an_item(f"PAY-{number}") for number in range(5)))
    one.put("OPS", an_item("OPS-1"), an_item("OPS-2", State.DONE))
    two.put("WEB", an_item("WEB-1"), an_item("WEB-2"))
    made = World(database, {"one": one, "two": two}, clock)
    made.feed("pay", a_rule(a_part(source="one", where=where(project="PAY"))))
    made.feed("ops", a_rule(a_part(Measure.PERCENT, source="one", where=where(project="OPS"))))
    made.feed("web", a_rule(a_part(source="two")))
    made.feed("all", a_rule(a_part(source="one"), a_part(source="two"), combine=Combine.SUM))
    made.sync()
    clock.forward(hours=1)
    return made


def close_everywhere(world: World) -> None:
    for name, project, key in (("one", "PAY", "PAY-1"), ("one", "OPS", "OPS-1"), ("two", "WEB", "WEB-1")):
        world.trackers[name].change(project, key, state=State.DONE, closed_at=world.clock())


def values(world: World) -> dict[str, Decimal | None]:
    return {name: world.value(name) for name in world.goals}


def states(report: Report) -> dict[str, Outcome]:
    return {each.name: each.state for each in report.sources}


def known(world: World, name: str) -> SourceState:
    with world.database.read() as connection:
        return sources.state_of(connection, name)


BEFORE = {"pay": Decimal(0), "ops": Decimal(50), "web": Decimal(0), "all": Decimal(1)}
AFTER = {"pay": Decimal(1), "ops": Decimal(100), "web": Decimal(1), "all": Decimal(4)}


# --- one container -----------------------------------------------------------------------------------------------


def _break(page: int, error: ConnectorError) -> Callable[[Project], None]:
    def set_it(project: Project) -> None:
        project.breaks = (page, error)

    return set_it


def _hide(project: Project) -> None:
    project.hidden = True


def _never_end(project: Project) -> None:
    project.endless = True


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (_break(0, TryLater("It said 500.")), "It said 500."),
        (_break(1, TryLater("It said 502.")), "It said 502."),
        (_break(2, MalformedAnswer("It sent HTML.")), "It sent HTML."),
        (_break(1, Stop("It is gone.")), "It is gone."),
        (_hide, "PAY cannot be read: give the token access."),
        (_never_end, "repeats its own page"),
    ],
    ids=["first page", "in the middle", "last page malformed", "gone", "unreadable", "endless"],
)
@pytest.mark.parametrize("full", [False, True])
def test_a_container_that_fails_keeps_its_numbers_and_the_others_go_on(
    world: World, trouble: Callable[[Project], None], words: str, full: bool
) -> None:
    close_everywhere(world)
    tracker = world.trackers["one"]
    for number in range(5):
        tracker.change("PAY", f"PAY-{number}", title="Again")
    trouble(tracker.projects["PAY"])
    before = known(world, "one").containers
    report = world.sync(full=full)
    assert states(report) == {"one": Outcome.FAILED, "two": Outcome.OK}
    assert words in (report.sources[0].error or "")
    assert values(world) == BEFORE | {"ops": Decimal(100), "web": Decimal(1), "all": Decimal(3)}
    held = {each.name: each for each in known(world, "one").containers}
    (pay,) = [each for each in before if each.name == "PAY"]
    unseen = trouble is _hide  # nobody knows what is missed meanwhile: the next read begins from the start
    assert replace(held["PAY"], error=None) == (replace(pay, watermark=None) if unseen else pay)
    assert words in (held["PAY"].error or "")
    assert (known(world, "one").state, known(world, "two").state) == ("failed", "ok")
    assert world.verify().ok

    tracker.projects["PAY"] = dataclasses.replace(tracker.projects["PAY"], breaks=None, hidden=False, endless=False)
    report = world.sync()
    assert states(report) == {"one": Outcome.OK, "two": Outcome.OK}
    assert values(world) == AFTER
    assert {each.error for each in known(world, "one").containers} == {None}
    assert known(world, "one").error is None
    assert world.verify().ok
    assert (tracker.open, world.trackers["two"].open) == (0, 0)


def test_a_container_that_suddenly_lists_nothing_keeps_its_items(world: World) -> None:
    project = world.trackers["one"].projects["PAY"]
    taken, before = project.items, dump(world.database, *RECORDS)
    project.items = {}
    for _ in range(3):
        report = world.sync(full=True)
        assert states(report) == {"one": Outcome.FAILED, "two": Outcome.OK}
        assert "none of its items" in (report.sources[0].error or "")
    assert dump(world.database, *RECORDS) == before
    project.items = taken
    assert states(world.sync(full=True))["one"] is Outcome.OK
    assert dump(world.database, *RECORDS) == before


def test_two_containers_that_fail_are_both_told(world: World) -> None:
    projects = world.trackers["one"].projects
    projects["PAY"].breaks = (0, TryLater("PAY said 500."))
    projects["OPS"].breaks = (0, TryLater("OPS said 500."))
    assert world.sync().sources[0].error == "PAY said 500. OPS said 500."


# --- a whole source ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CredentialsRefused("The token is wrong."), Outcome.UNAUTHENTICATED),
        (TryLater("Nobody answers."), Outcome.FAILED),
        (RateLimited("Too many.", 60.0), Outcome.FAILED),
        (Stop("There is no such site."), Outcome.FAILED),
    ],
)
@pytest.mark.parametrize("where_", ["connect", "containers", "listing"])
def test_a_source_that_fails_leaves_its_key_results_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, error: ConnectorError, state: Outcome, where_: str
) -> None:
    close_everywhere(world)
    tracker = world.trackers["one"]
    if where_ == "connect":

        def refuse() -> Any:
            raise error

        monkeypatch.setattr(tracker, "connect", refuse)
    elif where_ == "containers":
        tracker.refuses = error
    else:
        tracker.projects["PAY"].breaks = tracker.projects["OPS"].breaks = (0, error)
    success, before = known(world, "one").last_success, dump(world.database, *MIRROR)
    report = world.sync()
    assert states(report) == {"one": state, "two": Outcome.OK}
    assert str(error) in (report.sources[0].error or "")
    assert values(world) == BEFORE | {"web": Decimal(1), "all": Decimal(2)}
    assert known(world, "one").state == state.value
    assert known(world, "one").last_success == success
    mine = [[row for row in rows if row[0] == "one"] for rows in dump(world.database, *MIRROR).values()]
    assert mine == [[row for row in rows if row[0] == "one"] for rows in before.values()]
    assert (tracker.open, world.trackers["two"].open) == (0, 0)


@pytest.mark.parametrize("error", [CredentialsRefused("The token is wrong."), RateLimited("Too many.")])
def test_no_other_container_is_asked_when_none_would_fare_better(world: World, error: ConnectorError) -> None:
    tracker = world.trackers["one"]
    tracker.asked.clear()
    tracker.projects["PAY"].breaks = (0, error)
    tracker.finds["mine"] = set()
    world.queries["one"] = frozenset({"mine"})
    assert world.sync(full=True).sources[0].requests <= 1 + AT_ONCE  # what was under way, and no census, no query
    assert tracker.counted == []


def test_a_mistake_of_our_own_fails_its_source_alone_and_gives_the_lease_back(world: World) -> None:
    world.trackers["one"].projects["PAY"].breaks = (1, ZeroDivisionError("s3cret"))  # type: ignore[assignment]
    before = dump(world.database, *MIRROR)
    report = world.sync()
    assert [(each.name, each.state) for each in report.sources] == [("one", Outcome.FAILED), ("two", Outcome.OK)]
    assert report.sources[0].error == f"Reading it failed unexpectedly (ZeroDivisionError). {AUTHORS_HELP}"
    assert dump(world.database, *MIRROR) == before
    assert known(world, "one").state == "failed"
    assert world.trackers["one"].open == 0
    with world.database.read() as connection:
        assert set(connection.execute(select(source.c.lease_holder)).scalars()) == {None}
    world.trackers["one"].projects["PAY"].breaks = None
    close_everywhere(world)
    world.sync()
    assert values(world) == AFTER


def test_two_names_of_one_project_are_refused(world: World) -> None:
    projects = world.trackers["one"].projects
    projects["pay"] = Project(projects["PAY"].id, "pay")
    before = dump(world.database, *MIRROR)
    report = world.sync()
    assert report.sources[0].error == "PAY and pay are the same at the tracker: leave one out of the config."
    assert dump(world.database, *MIRROR) == before


# --- leases ------------------------------------------------------------------------------------------------------


def test_a_source_that_another_worker_reads_is_skipped(world: World) -> None:
    close_everywhere(world)
    assert sources.acquire(world.database, "one", world.clock() + timedelta(minutes=2)) is not None
    report = world.sync()
    assert states(report) == {"one": Outcome.SKIPPED, "two": Outcome.OK}
    assert report.sources[0].error
    assert values(world) == BEFORE | {"web": Decimal(1), "all": Decimal(2)}


def test_a_lease_that_lives_is_waited_for_as_long_as_it_can_live(world: World) -> None:
    assert sources.acquire(world.database, "one", world.clock()) is not None
    close_everywhere(world)

    def sleep(seconds: float) -> None:
        world.clock.now += timedelta(seconds=seconds)

    began = world.clock.now
    report = replace(world.engine(), sleep=sleep).sync()
    assert states(report) == {"one": Outcome.OK, "two": Outcome.OK}
    assert world.clock.now == began + LEASE
    assert values(world) == AFTER


class _Overtaken(Progress):
    """Somebody else takes the lease while the first page of `one` comes in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._taken = False

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        if source == "one" and not self._taken:
            self._taken = True
            assert sources.acquire(self._world.database, "one", self._world.clock.now + LEASE * 2) is not None


def test_one_that_lost_its_lease_commits_nothing(world: World) -> None:
    close_everywhere(world)
    before = dump(world.database, *MIRROR, container)
    report = world.engine(_Overtaken(world)).sync()
    assert states(report) == {"one": Outcome.SKIPPED, "two": Outcome.OK}
    after = dump(world.database, *MIRROR, container)
    for name, rows in before.items():
        assert [row for row in after[name] if row[0] == "one"] == [row for row in rows if row[0] == "one"]
    with world.database.read() as connection:
        row = connection.execute(select(source).where(source.c.name == "one")).one()
    assert (row.state, row.lease_holder is not None) == ("ok", True)  # the other's lease is left alone
    assert values(world) == BEFORE | {"web": Decimal(1), "all": Decimal(2)}


# --- runs that were killed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [KilledAtPage(), KilledAfterReading()], ids=["at a page", "after the take"])
@pytest.mark.parametrize("first", [True, False], ids=["the first run", "a later run"])
def test_a_killed_run_is_caught_up_by_the_next(
    database: Database, tmp_path: Path, progress: Progress, first: bool
) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'undisturbed.db'}", create=True)) as undisturbed:
        told = [_told(undisturbed, None, first), _told(database, progress, first)]
    assert told[0] == told[1]
    assert told[0][-1][-1] == Decimal(3)


def _told(database: Database, killing: Progress | None, first: bool) -> list[tuple[Any, ...]]:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"), an_item("PAY-2", State.DONE), an_item("PAY-3"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule())
    if not first:
        world.sync()
    clock.forward(hours=1)
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock())
    tracker.put("PAY", an_item("PAY-9", State.DONE))
    if killing:
        before = dump(database, ledger_entry, ledger_delta, evidence)
        with pytest.raises(Killed):
            world.engine(killing).sync()
        assert dump(database, ledger_entry, ledger_delta, evidence) == before
    world.sync()
    assert dump(database, incoming) == {"incoming": []}
    assert world.verify().ok
    return [(each.kind, each.deltas, each.rule, each.old, each.new) for each in world.entries()]


def test_an_explanation_follows_the_ledger_where_the_mirror_is_ahead(world: World) -> None:
    """Between the take of a killed run and the next record, nothing on record may look otherwise."""
    before = {name: world.explain(name).measured for name in world.goals}
    close_everywhere(world)
    world.trackers["two"].put("WEB", an_item("WEB-9", State.DONE))
    world.trackers["one"].change("OPS", "OPS-2", state=State.CANCELLED)
    with pytest.raises(Killed):
        world.engine(KilledAfterReading()).sync()
    for name in world.goals:
        answer = world.explain(name)
        assert answer.value == answer.measured.value == BEFORE[name]
        assert answer.measured.totals == before[name].totals
        assert {line.item.key for line in answer.measured.lines if line.counted} == {
            line.item.key for line in before[name].lines if line.counted
        }


class SlowPages(Progress):
    """Pages come twenty seconds after each other; notes how many rows wait and until when the lease lasts."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waiting: list[int] = []
        self.leases: list[float] = []

    def page(self, source_name: str, _container: str, _items: int, _total: int | None) -> None:
        with self.world.database.read() as connection:
            self.waiting.append(len(connection.execute(select(incoming.c.id)).all()))
            until = connection.execute(select(source.c.lease_until).where(source.c.name == source_name)).scalar_one()
        assert until is not None
        self.leases.append((until - self.world.clock()).total_seconds())
        self.world.clock.forward(seconds=20)


def test_slow_pages_are_put_aside_one_by_one_and_renew_the_lease(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number}") for number in range(8)))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule())
    slow = SlowPages(world)
    assert world.engine(slow).sync().sources[0].seen == 8
    assert slow.waiting == [0, 4, 6, 8]  # the first page comes at once, and waits for the second
    assert slow.leases == [60, 60, 60, 60]


class Pages(Progress):
    """Looks at how many items are put aside after each page."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.aside: list[int] = []

    def page(self, _source: str, _container: str, _items: int, _total: int | None) -> None:
        with self.world.database.read() as connection:
            self.aside.append(len(connection.execute(select(incoming.c.id)).all()))


class LateFirstPages(Pages):
    """Each container's first page comes long after the walk was begun, as where there are many."""

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        super().page(source, container, items, total)
        self.world.clock.forward(seconds=20)


def test_who_is_asked_late_is_not_slow(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS", "WEB", page_size=100)
    for name in ("PAY", "OPS", "WEB"):
        tracker.put(name, *(an_item(f"{name}-{number}") for number in range(8)))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule())
    pages = LateFirstPages(world)
    assert world.engine(pages).sync().sources[0].seen == 24
    assert pages.aside == [0, 0, 0]


@pytest.mark.parametrize(("most", "all_aside"), [(100, False), (3, True)])
def test_a_first_read_waits_in_memory_if_it_is_small(
    database: Database, monkeypatch: pytest.MonkeyPatch, most: int, *, all_aside: bool
) -> None:
    monkeypatch.setattr(listing, "_MOST_IN_MEMORY", most)
    monkeypatch.setattr(listing, "_KEPT_AT_ONCE", 1)
    clock = Clock()
    trackers = FakeTracker(clock, "PAY", "OPS")
    for name in ("PAY", "OPS"):
        trackers.put(name, *(an_item(f"{name}-{number}") for number in range(8)))
    world = World(database, {SOURCE: trackers}, clock)
    world.feed("kr", a_rule())
    first, later = Pages(world), Pages(world)
    assert world.engine(first).sync().sources[0].seen == 16
    assert any(first.aside) is all_aside
    trackers.put("PAY", *(an_item(f"PAY-{number}", State.DONE, updated_at=clock.now) for number in range(8)))
    assert world.engine(later).sync().sources[0].changed == 8
    assert any(later.aside)  # what follows a first read is put aside as ever
    assert world.verify().ok


def test_a_run_that_was_killed_stays_open(world: World) -> None:
    with pytest.raises(Killed):
        world.engine(KilledAfterReading()).sync()
    world.sync()
    with world.database.read() as connection:
        rows = connection.execute(select(run.c.finished_at).order_by(run.c.started_at)).scalars().all()
    assert [each is None for each in rows] == [False, True, False]


def test_the_lease_of_a_killed_process_is_taken_at_once(world: World) -> None:
    gone = "nobody-lives-here/1/x"
    with world.database.write() as connection:
        connection.execute(
            update(source).where(source.c.name == "one").values(lease_holder=gone, lease_until=world.clock() - LEASE)
        )
    assert states(world.sync())["one"] is Outcome.OK


# --- containers that come and go ---------------------------------------------------------------------------------


def test_a_container_taken_out_of_the_config_takes_its_items_along(world: World) -> None:
    del world.trackers["one"].projects["OPS"]
    report = world.sync()
    assert report.sources[0].removed == 2
    assert values(world) == BEFORE | {"ops": Decimal(0), "all": Decimal(0)}
    entry = world.entries("all")[-1]
    assert {row.cause for row in entry.deltas} == {CauseKind.REMOVED}
    assert world.verify().ok


def test_a_renamed_container_stays_the_same(world: World) -> None:
    tracker = world.trackers["one"]
    held = tracker.projects.pop("OPS")
    tracker.projects["NEW"] = dataclasses.replace(held, name="NEW")
    before = dump(world.database, *MIRROR)
    report = world.sync()
    assert (report.sources[0].removed, report.entries) == (0, ())
    assert dump(world.database, *MIRROR) == before


def test_an_unreadable_container_under_a_new_name_moves_nothing(world: World) -> None:
    tracker = world.trackers["one"]
    held = tracker.projects.pop("OPS")
    tracker.projects["TYPO"] = Project("", "TYPO", hidden=True)
    assert states(world.sync())["one"] is Outcome.FAILED
    assert values(world) == BEFORE
    del tracker.projects["TYPO"]
    tracker.projects["OPS"] = held
    assert states(world.sync())["one"] is Outcome.OK
    assert values(world) == BEFORE
    assert {each.kind for each in world.entries()} == {EntryKind.BASELINE}
    assert world.verify().ok


def test_progress_hears_of_every_page_and_every_source(world: World) -> None:
    pages: list[tuple[str, str, int, int | None]] = []
    done: list[SourceReport] = []

    class Watching(Progress):
        def page(self, source: str, container: str, items: int, total: int | None) -> None:
            pages.append((source, container, items, total))

        def done(self, report: SourceReport) -> None:
            done.append(report)

    engine: Engine = world.engine(Watching())
    report = engine.sync(full=True)
    assert sorted(page for page in pages if page[2]) == sorted(
        [("one", "PAY", 2, 5), ("one", "PAY", 2, 5), ("one", "PAY", 1, 5), ("one", "OPS", 2, 2), ("two", "WEB", 2, 2)]
    )
    assert sorted(done, key=lambda each: each.name) == list(report.sources)


class Breaks(Progress):
    """Breaks as nobody foresees, or has another worker take the source, at the third page of PAY."""

    def __init__(self, broken: Callable[[], None]) -> None:
        super().__init__()
        self.left = 3
        self.broken = broken

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        self.left -= container == "PAY"
        if self.left == 0:
            self.broken()


@pytest.mark.parametrize("how", ["rate limited", "lease lost", "unforeseen", "killed"])
def test_no_thread_stays_behind_a_read_that_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Pages are put aside by threads, one for each container: `serve` reads for months."""
    monkeypatch.setattr(listing, "_KEPT_AT_ONCE", 1)
    tracker = world.trackers["one"]
    tracker.page_size = 1
    for name in ("PAY", "OPS"):
        tracker.put(name, *(an_item(f"{name}-{number}") for number in range(100, 130)))
    writers: list[ThreadPoolExecutor] = []

    def writer(*given: Any, **named: Any) -> ThreadPoolExecutor:
        writers.append(ThreadPoolExecutor(*given, **named))  # held here: else the garbage collector may end its thread
        return writers[-1]

    monkeypatch.setattr(listing, "ThreadPoolExecutor", writer)

    def broken() -> None:
        match how:
            case "rate limited":
                tracker.projects["OPS"].breaks = (0, RateLimited("Wait.", 3600))
            case "lease lost":
                with world.database.write() as connection:
                    connection.execute(update(source).where(source.c.name == "one").values(fence=source.c.fence + 1))
            case "unforeseen":
                raise RuntimeError
            case _:
                raise Killed

    progress = Breaks(broken)
    with suppress(Killed):
        world.engine(progress).sync(full=True)
    assert (bool(writers), progress.left < 1) == (True, True)
    for each in threading.enumerate():
        if each.name.startswith("source"):  # another source is read to its end after a kill that kills no process
            each.join()
    assert [each.name for each in threading.enumerate() if each.name.startswith("aside")] == []
