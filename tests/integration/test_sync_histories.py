"""Random histories: whatever people, trackers and admins do, the ledger adds up and the next run finds nothing."""

import dataclasses
import random
from contextlib import closing, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import CredentialsRefused, MalformedAnswer, TryLater
from mapping.rule import (
    AnyOf,
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    LastDays,
    Measure,
    Missing,
    Moment,
    Part,
    Regress,
    Rule,
    Scale,
    Scope,
    Window,
    Within,
)
from mapping.totals import kept
from okrs.immutable import replace
from okrs.ledger import causes
from okrs.objective import Numeric
from okrs.work import Kind, Ref, State, WorkItem
from store.database import Database, open_database
from store.facets import LARGE
from store.tables import evidence, frozen_scope
from sync.task import Outcome
from tests.builders import AFTER, BEFORE, WITHIN, a_part, a_rule, an_item, at, where
from tests.integration.fakes import (
    RECORDS,
    Clock,
    FakeTracker,
    Killed,
    KilledAfterReading,
    KilledAtPage,
    World,
    dump,
)

SOURCES = {"one": ("PAY", "OPS"), "two": ("WEB",)}
CLOSINGS = (BEFORE, WITHIN, AFTER, None)
STEPS = 30
SHIPPED = DoneWhen(status=("shipped",))
SCALE = Scale(Decimal(0), Decimal(3), Decimal(100), Decimal(10))


class Life:
    """A random but repeatable life of trackers and config."""

    def __init__(self, database: Database, seed: int, large: int | None = None) -> None:
        self.dice = random.Random(seed)
        self.clock = Clock(at("2026-12-01T08:00") + timedelta(days=self.dice.choice((0, 29))))
        trackers = {name: FakeTracker(self.clock, *projects) for name, projects in SOURCES.items()}
        by_size = self.dice.choice((0, LARGE))
        self.world = World(database, trackers, self.clock, large=by_size if large is None else large)
        self.number = 0
        self.parked: dict[str, WorkItem] = {}
        for name, projects in SOURCES.items():
            for project in projects:  # one that stays: a project that shows none of what it had is not believed
                trackers[name].put(project, an_item(f"{project}-0"))
        for _ in range(8):
            self.new_item()
        for name in ("a", "b", "c"):
            self.world.feed(name, self.rule())

    # what may happen, one a step

    def step(self) -> None:
        by_people = (self.new_item, self.edit, self.adopt, self.move, self.vanish, self.reappear)
        by_admins = (self.new_rule, self.new_target, self.drop)
        happening = self.dice.choices((*by_people, *by_admins), (4, 10, 2, 2, 2, 2, 2, 1, 1))[0]
        happening()
        self.clock.forward(hours=self.dice.choice((0, 1, 30)))

    def new_item(self) -> None:
        self.number += 1
        tracker, project = self._somewhere()
        key = f"K-{self.number}"
        kind = self.dice.choice((Kind.ISSUE, Kind.ISSUE, Kind.ISSUE, Kind.EPIC))
        tracker.put(project, an_item(key, kind=kind, parent=self._parent(), **self._facts()))

    def adopt(self) -> None:
        tracker, project, item = self._some_item()
        if item:
            tracker.change(project, item.key, parent=self._parent())

    def _parent(self) -> Ref | None:
        parent = f"K-{self.dice.randint(1, self.number)}"
        return self.dice.choice((None, Ref(f"id:{parent}", parent)))

    def edit(self) -> None:
        tracker, project, item = self._some_item()
        if item:
            tracker.change(project, item.key, **self._facts())

    def move(self) -> None:
        tracker, project, item = self._some_item()
        if item and tracker is self.world.trackers["one"]:
            tracker.move(item.key, project, "OPS" if project == "PAY" else "PAY")

    def vanish(self) -> None:
        tracker, project, item = self._some_item()
        if item:
            self.parked[project] = tracker.drop(project, item.key)

    def reappear(self) -> None:
        for name, tracker in self.world.trackers.items():
            for project in set(SOURCES[name]) & set(self.parked):
                tracker.put(project, self.parked.pop(project))

    def new_rule(self) -> None:
        self.world.feed(self.dice.choice("abc"), self.dice.choice((self.rule(), self.rule(), None)))

    def new_target(self) -> None:
        name = self.dice.choice("abc")
        goal = self.world.goals.get(name)
        self.world.feed(name, goal.rule if goal else None, Numeric(Decimal(0), Decimal(self.dice.randint(1, 99))))

    def drop(self) -> None:
        self.world.goals.pop(self.dice.choice("abc"), None)

    def read(self) -> None:
        """One run, that may fail in one of many ways."""
        tracker = self.world.trackers[self.dice.choice(("one", "two"))]
        project = self.dice.choice(list(tracker.projects.values()))
        error = self.dice.choice((TryLater("500"), MalformedAnswer("html"), CredentialsRefused("401")))
        how = self.dice.randrange(10)
        project.breaks = (self.dice.randrange(2), error) if how == 0 else None
        project.hidden = how == 1
        tracker.refuses = error if how == 2 else None
        killing = {3: KilledAtPage(), 4: KilledAfterReading()}.get(how)
        with suppress(Killed):
            self.world.clock.forward(minutes=1)
            self.world.engine(killing).sync(full=self.dice.random() < 0.3)
        project.breaks, project.hidden, tracker.refuses = None, False, None

    def rule(self) -> Rule:
        parts = [self._part() for _ in range(self.dice.choice((1, 1, 2, 3)))]
        combine = self.dice.choice(tuple(Combine)) if len(parts) > 1 else None
        made = self.dice.choice(({}, {}, {"add_start": True, "base": Decimal("3.5")}, {"scale": SCALE}))
        regress = self.dice.choice((Regress.FOLLOW, Regress.FOLLOW, Regress.RATCHET))
        falling, timezone = self.dice.random() < 0.5, self.dice.choice(("UTC", "Pacific/Auckland"))
        return replace(a_rule(*parts, combine=combine), regress=regress, falling=falling, timezone=timezone, **made)

    def _part(self) -> Part:
        kind = self.dice.choice(tuple(Measure))
        clauses = (where(), where(label="x"), where(project="PAY"), where(epic=f"K-{self.dice.randint(1, 8)}"))
        part = a_part(
            kind,
            source=self.dice.choice(tuple(SOURCES)),
            where=self.dice.choice((*clauses, where(state=["todo", "done"]))),
            by="points" if kind is Measure.SUM else self.dice.choice((None, "points", "effort")),
            missing=self.dice.choice(tuple(Missing)),
            counts=self.dice.choice(tuple(Counts)),
            cancelled=self.dice.choice(tuple(Cancelled)),
            window=self.dice.choice(tuple(Window)),
            weight=Decimal(self.dice.randint(1, 3)),
        )
        recent = Within(self.dice.choice(tuple(Moment)), (LastDays(self.dice.randint(1, 20)),))
        return replace(
            part,
            where=self.dice.choice((part.where, part.where, AnyOf((recent, where(label="x"))))),
            rank=self.dice.choice((50, 85)) if kind in (Measure.PERCENTILE, Measure.LEAD_TIME) else None,
            of=self.dice.choice((where(label="x"), where(state="done"), recent)) if kind is Measure.RATIO else None,
            done_when=self.dice.choice((None, None, None, SHIPPED)),
            partial=self.dice.choice(((), ((State.DOING, Decimal("0.5")),))),
            scope=self.dice.choice((Scope.LIVE, Scope.LIVE, Scope.FROZEN)),
            once=self.dice.random() < 0.2,
        )

    def _facts(self) -> dict[str, Any]:
        state = self.dice.choice(tuple(State))
        fields = [(name, self.dice.choice(("1", "2.5", "0", "0.333333", "XL"))) for name in ("effort", "points")]
        return {
            "state": state,
            "closed_at": self.dice.choice(CLOSINGS) if state.closed else None,
            "status": self.dice.choice(("Shipped", "Open", None)),
            "refs": self.dice.choice(((), (f"K-{self.dice.randint(1, 8)}",))),
            "labels": self.dice.choice(((), ("x",), ("X", "y"))),
            "fields": tuple(pair for pair in fields if self.dice.random() < 0.7),
        }

    def _somewhere(self) -> tuple[FakeTracker, str]:
        name = self.dice.choice(tuple(SOURCES))
        return self.world.trackers[name], self.dice.choice(SOURCES[name])

    def _some_item(self) -> tuple[FakeTracker, str, WorkItem | None]:
        tracker, project = self._somewhere()
        items = [each for each in tracker.projects[project].items.values() if each.key != f"{project}-0"]
        return tracker, project, self.dice.choice(items) if items else None


@pytest.mark.parametrize("seed", range(12))
def test_a_portion_says_what_the_whole_says(database: Database, tmp_path: Path, seed: int) -> None:
    """Whoever looks at the items that moved alone, of the key results they concern, writes what all would make him."""
    life = Life(database, seed, large=0)
    with closing(open_database(f"sqlite:///{tmp_path}/whole.db", create=True)) as other:
        whole = dataclasses.replace(life.world, database=other, large=LARGE)  # the same trackers, the same config
        for _ in range(STEPS):
            life.step()
            full, broken = life.dice.random() < 0.2, life.dice.random() < 0.2
            project = life.dice.choice(list(life.world.trackers["one"].projects.values()))
            for world in (life.world, whole):
                project.breaks = (0, TryLater("500")) if broken else None
                world.engine().sync(full=full)
            project.breaks = None
            assert _told(life.world) == _told(whole)
            assert dump(database, *STANDING) == dump(other, *STANDING)
            answer = life.world.verify()
            assert answer.ok, answer.problem


STANDING = (evidence, frozen_scope)


def _told(world: World) -> list[object]:
    """What the ledger says, without what names the run."""
    return [
        (each.key_result, each.at, each.kind, each.old, each.new, each.rule, each.why, each.details, each.deltas)
        for each in world.entries()
    ]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_the_ledger_adds_up(database: Database, seed: int) -> None:
    life = Life(database, seed)
    world = life.world
    for _ in range(STEPS):
        life.step()
        if life.dice.random() < 0.7:
            life.read()
            answer = world.verify()
            assert answer.ok, answer.problem
    for _ in range(3):  # whoever was missed is hidden by now, and every wider demand is read
        world.sync(full=True)
    for entry in world.entries():
        assert sum((each.delta for each in causes(entry)), entry.old or Decimal(0)) == (entry.new or Decimal(0))
    before = dump(database, *RECORDS)
    report = world.sync()
    assert {each.state for each in report.sources} == {Outcome.OK}
    assert dump(database, *RECORDS) == before
    answer = world.verify()
    assert answer.ok, answer.problem
    _explains_itself(world)
    _equals_a_fresh_start(world, database)


def _remembers(rule: Rule) -> bool:
    return rule.regress is Regress.RATCHET or any(part.scope is Scope.FROZEN for part in rule.parts)


def _explains_itself(world: World) -> None:
    for name, goal in world.goals.items():
        if goal.rule is not None and world.value(name) is not None:
            answer = world.explain(name)
            assert answer.rule == goal.rule
            assert answer.value == world.value(name) == kept(goal.rule, answer.value, answer.measured.value)


def _equals_a_fresh_start(world: World, database: Database) -> None:
    """A database that was there all the time holds what one that begins now would: value and evidence.

    Unless it is to remember: which items were there when a scope was frozen, the best value, the last that there was.
    """
    live = {name: goal for name, goal in world.goals.items() if goal.rule is not None and not _remembers(goal.rule)}
    anew = {
        f"new {name}": replace(goal, key_result=replace(goal.key_result, id=f"new {name}"))
        for name, goal in live.items()
    }
    world.goals = live | anew
    world.sync()
    measured = [name for name in live if world.value(f"new {name}") is not None]  # of nothing there is no first value
    for name in measured:
        assert world.value(name) == world.value(f"new {name}")
    rows = dump(database, RECORDS[-1])["evidence"]
    for name in measured:
        mine, new = ({row[1:4]: row[5:] for row in rows if row[0] == owner} for owner in (name, f"new {name}"))
        assert mine == new
