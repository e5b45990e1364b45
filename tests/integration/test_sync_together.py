"""Several engines on one database at once: the ledger is one chain, and nothing is told twice."""

import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from threading import Barrier

import pytest
from sqlalchemy import Table, func, select

from mapping.rule import Combine, Counts, Measure
from okrs.ledger import EntryKind
from okrs.work import State
from store.database import Database, open_database
from store.tables import item, item_version
from sync import deciding
from sync.deciding import Basis, Goal, Mirror, Recall, Verdict
from sync.engine import Report
from sync.task import Outcome
from tests.builders import a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World

WORKERS, ROUNDS = 3, 6


def _life(database: Database) -> World:
    """Two sources with twenty items each, and five key results."""
    clock = Clock()
    trackers = {name: FakeTracker(clock, name.upper(), page_size=7) for name in ("one", "two")}
    for name, tracker in trackers.items():
        tracker.put(name.upper(), *(an_item(f"{name}-{number}") for number in range(20)))
    world = World(database, trackers, clock)
    for number in range(5):
        one, two = a_part(source="one"), a_part(Measure.PERCENT, source="two")
        parts = [(one,), (two,), (one, two)][number % 3]
        world.feed(f"kr{number}", a_rule(*parts, combine=Combine.MEAN if len(parts) > 1 else None))
    return world


def _close(world: World, number: int) -> None:
    world.clock.forward(minutes=1)
    for name, tracker in world.trackers.items():
        tracker.change(name.upper(), f"{name}-{number}", state=State.DONE, closed_at=world.clock())


def _same_world(world: World, database: Database) -> World:
    return World(database, world.trackers, world.clock, world.goals)


def _told_once(world: World, rounds: int) -> None:
    entries = world.entries()
    assert [each.seq for each in entries] == list(range(1, len(entries) + 1))
    by_kind = Counter((each.key_result, each.kind) for each in entries)
    assert all(count == 1 for (_, kind), count in by_kind.items() if kind is EntryKind.BASELINE)
    steps = Counter((each.key_result, row.part, row.item, row.cause) for each in entries for row in each.deltas)
    assert set(steps.values()) == {1}
    assert {name: world.value(name) for name in ("kr0", "kr1")} == {"kr0": rounds, "kr1": 5 * rounds}
    answer = world.verify()
    assert answer.ok, answer.problem
    assert _rows(world, item) == 40
    assert _rows(world, item_version) == 40 + 2 * rounds


def _rows(world: World, table: Table) -> int:
    with world.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_engines_of_several_threads_tell_everything_once(database: Database, database_url: str) -> None:
    world = _life(database)
    world.sync()
    together = Barrier(WORKERS)
    turn = iter(range(ROUNDS))
    step = Barrier(WORKERS, action=lambda: _close(world, next(turn)))

    def worker(_: int) -> list[Report]:
        reports = []
        with closing(open_database(database_url, create=True)) as mine:
            for _round in range(ROUNDS):
                step.wait()
                reports.append(_same_world(world, mine).engine().sync())
                together.wait()
        return reports

    with ThreadPoolExecutor(WORKERS) as pool:
        reports = [report for of_one in pool.map(worker, range(WORKERS)) for report in of_one]
    world.sync()
    _told_once(world, ROUNDS)
    told = [entry.seq for report in reports for entry in report.entries]
    assert sorted(told) == sorted(set(told))  # no entry is reported by two
    assert {each.state for report in reports for each in report.sources} <= {Outcome.OK, Outcome.SKIPPED}


def test_one_database_shared_by_threads_is_as_good(database: Database) -> None:
    world = _life(database)
    world.sync()
    for number in range(ROUNDS):
        _close(world, number)
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(world.engine().sync) for _ in range(2)]:
                done.result()
    world.sync()
    _told_once(world, ROUNDS)


def _process(url: str, rounds: int) -> None:
    """What one process does: it sees the same tickets closed, in the same order, as every other."""
    with closing(open_database(url, create=True)) as database:
        world = _life(database)
        for number in range(rounds):
            _close(world, number)
            world.engine().sync()


def test_processes_that_begin_at_once_tell_everything_once(database_url: str) -> None:
    processes = multiprocessing.get_context("spawn")
    running = [processes.Process(target=_process, args=(database_url, ROUNDS)) for _ in range(WORKERS)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    codes = [each.exitcode for each in running]
    for each in running:
        each.close()
    assert codes == [0] * WORKERS
    with closing(open_database(database_url, create=False)) as database:
        world = _life(database)
        for number in range(ROUNDS):
            _close(world, number)
        world.sync()
        answer = world.verify()
        assert answer.ok, answer.problem
        entries = world.entries()
        assert Counter(each.key_result for each in entries if each.kind is EntryKind.BASELINE) == dict.fromkeys(
            world.goals, 1
        )
        assert world.value("kr0") == ROUNDS
        assert _rows(world, item) == 40


@pytest.mark.parametrize("change", [lambda world: _close(world, 7), lambda world: world.feed("kr0", None)])
def test_a_measurement_that_was_overtaken_is_made_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: Callable[[World], None]
) -> None:
    """Between measuring and recording, another engine records first."""
    world = _life(database)
    world.sync()
    _close(world, 3)
    other = _same_world(world, database)
    other.goals = dict(world.goals)
    change(other)
    overtaken: list[bool] = []

    def decide(goal: Goal, basis: Basis, mirror: Mirror, recall: Recall, now: datetime) -> Verdict:
        verdict = deciding.decide(goal, basis, mirror, recall, now)
        if not overtaken and verdict.drafts:
            overtaken.append(True)
            other.engine().sync()
        return verdict

    monkeypatch.setattr("sync.recording.decide", decide)
    world.engine().sync()
    assert overtaken
    monkeypatch.undo()
    world.sync()
    answer = world.verify()
    assert answer.ok, answer.problem
    assert world.value("kr2") == other.value("kr2")
    assert world.explain("kr1").measured.value == world.value("kr1")


def test_two_that_change_a_rule_at_once_write_it_once(database: Database) -> None:
    world = _life(database)
    world.sync()
    world.feed("kr0", a_rule(a_part(source="one", counts=Counts.OPEN)))
    together = Barrier(2)

    def worker(_: int) -> Report:
        together.wait()
        return world.engine().sync()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(worker, range(2)))
    assert [each.kind for each in world.entries("kr0")] == [EntryKind.BASELINE, EntryKind.RULE]
    assert world.verify().ok
