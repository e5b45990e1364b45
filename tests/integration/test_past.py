"""What was known at a past time comes out as it was: as of T is what a twin says that stopped at T."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from typer import BadParameter

from connectors.contract import Stop
from mapping.rule import (
    AllOf,
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
    Scope,
    Window,
    Within,
)
from okrs.closing import Ending
from okrs.cycle import Calendar
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import EntryKind, canonical_json, timestamp
from okrs.objective import Binary, Keep, Numeric, Terms
from okrs.work import State, WorkItem
from store import ledger, past
from store.database import Database
from store.holds import open_holds
from store.ledger import Draft
from store.people import person_id
from store.views.explain import explain, explain_json
from store.views.explain_past import UnknownThenError, explain_at, explain_then_json
from store.views.status import status, status_json
from store.views.status_past import status_at, status_then_json
from sync.holding import Act, ChangedError, NotReadyError, approve_held, reject_held
from sync.recording import Run
from terminal.failures import Failure
from terminal.past import when_of
from tests.builders import BEFORE, WITHIN, a_part, a_rule, an_item, at, where
from tests.integration.fakes import MORNING, Clock, FakeTracker, World
from usecases.past import instant_of

QUERY = "label = hot"
HALF = ((State.DOING, Decimal("0.5")),)
PARTS: tuple[Callable[[str], Part], ...] = (
    lambda source: a_part(Measure.PERCENT, source=source, partial=HALF, where=where(label=("p1", "p2"))),
    lambda source: a_part(Measure.PERCENT, source=source, by="points", missing=Missing.MEAN),
    lambda source: a_part(Measure.COUNT, source=source, window=Window.CYCLE),
    lambda source: a_part(Measure.COUNT, source=source, counts=Counts.OPEN, where=where(project="PAY")),
    lambda source: a_part(Measure.SUM, source=source, by="points", cancelled=Cancelled.COMPLETE),
    lambda source: a_part(Measure.MEAN, source=source, by="points", where=where(label="p1")),
    lambda source: a_part(Measure.LEAD_TIME, source=source),
    lambda source: a_part(Measure.THROUGHPUT, source=source, window=Window.CYCLE),
    lambda source: a_part(Measure.PERCENT, source=source, scope=Scope.FROZEN, where=where(label="p1")),
    lambda source: a_part(done_when=DoneWhen(status=("Released",)), source=source),
    lambda source: a_part(source=source, where=AllOf((where(), Within(Moment.CREATED, (LastDays(14),))))),
    lambda source: a_part(Measure.PERCENT, source=source, where=where(query=QUERY)),
    lambda source: a_part(Measure.RATIO, source=source, counts=Counts.ALL, of=where(label="p2")),
)
TERMS: tuple[Terms, ...] = (
    Numeric(Decimal(0), Decimal(20)),
    Numeric(Decimal(100), Decimal(0)),
    Keep(Decimal(1), Decimal(5)),
    Binary(Decimal(3)),
)
NAMES = ("one", "two")


@dataclass
class Told:
    """What a world said at some time."""

    at: datetime
    status: dict[str, Any]
    explained: dict[str, dict[str, Any]]


@dataclass
class Life:
    """A random life of two trackers, with rules, people and faults."""

    world: World
    dice: random.Random
    told: list[Told] = field(default_factory=list)
    born: int = 0
    lost: list[tuple[str, str, WorkItem]] = field(default_factory=list)

    def begin(self) -> None:
        for source in NAMES:
            for _ in range(self.dice.randint(3, 8)):
                self.bear(source)
        for number in range(4):
            self.world.feed(f"kr{number}", self.rule(), self.dice.choice(TERMS))

    def bear(self, source: str) -> None:
        self.born += 1
        created = self.dice.choice((BEFORE, self.world.clock.now - timedelta(days=self.dice.randint(0, 20))))
        home = self.dice.choice(("PAY", "OPS"))
        item = an_item(f"{home}-{self.born}", points=self.dice.choice((None, "1", "2.5", "8")), created_at=created)
        labels = tuple(name for name in ("p1", "p2") if self.dice.random() < 0.6)
        self.tracker(source).put(home, replace(item, **self.stand(), labels=labels))

    def stand(self) -> dict[str, Any]:
        state = self.dice.choice(tuple(State))
        now = self.world.clock.now
        return {
            "state": state,
            "status": self.dice.choice(("To Do", "Doing", "Done", "Released")),
            "closed_at": self.dice.choice((WITHIN, now, now - timedelta(hours=30), None)) if state.closed else None,
        }

    def tracker(self, source: str) -> FakeTracker:
        return self.world.trackers[source]

    def rule(self) -> Rule:
        parts = [self.dice.choice(PARTS)(self.dice.choice(NAMES)) for _ in range(self.dice.choice((1, 1, 2)))]
        regress = self.dice.choice((Regress.FOLLOW, Regress.FOLLOW, Regress.RATCHET, Regress.ASK))
        combine = self.dice.choice((Combine.SUM, Combine.MEAN)) if len(parts) > 1 else None
        return a_rule(*parts, combine=combine, regress=regress)

    def step(self) -> None:
        source = self.dice.choice(NAMES)
        tracker = self.tracker(source)
        every = [(home, each) for home, project in tracker.projects.items() for each in project.items.values()]
        if not every:
            self.bear(source)
            return
        home, some = self.dice.choice(every)
        acts: list[tuple[int, Callable[[], object]]] = [
            (15, lambda: self.bear(source)),
            (30, lambda: tracker.change(home, some.key, **self.stand())),
            (10, lambda: tracker.change(home, some.key, labels=self.dice.choice(((), ("p1",), ("p1", "p2"))))),
            (5, lambda: tracker.change(home, some.key, title=f"Called {self.born}", fields=(("points", "3"),))),
            (4, lambda: tracker.put(home, replace(some, key=f"{home}-N{self.dice.randint(1, 999)}"))),
            (4, lambda: tracker.move(some.key, home, "OPS" if home == "PAY" else "PAY")),
            (8, lambda: self.lose(source, home, some)),
            (6, self.find_again),
            (4, lambda: tracker.finds.update({QUERY: {each.id for _, each in every if self.dice.random() < 0.5}})),
            (4, lambda: setattr(tracker, "refuses", None if tracker.refuses else Stop("The tracker is away."))),
            (6, self.edit),
            (6, self.decide),
        ]
        [act] = self.dice.choices([act for _, act in acts], [weight for weight, _ in acts])
        act()

    def lose(self, source: str, home: str, some: WorkItem) -> None:
        self.tracker(source).drop(home, some.key)
        self.lost.append((source, home, some))
        if self.dice.random() < 0.5:
            self.tracker(source).deleted.add(some.id)

    def find_again(self) -> None:
        if self.lost:
            source, home, some = self.lost.pop()
            self.tracker(source).deleted.discard(some.id)
            self.tracker(source).put(home, some)

    def edit(self) -> None:
        """Change a rule or terms, of what is fed and was measured, and sync while every tracker answers.

        As of a time a key result has what was in force, and not what the config only asked for.
        """
        name = self.dice.choice(sorted(self.world.goals))
        goal = self.world.goals[name]
        away = any(self.tracker(source).refuses for source in NAMES)
        rule = goal.rule if away else None if self.dice.random() < 0.2 else self.rule()
        terms = self.dice.choice(TERMS) if rule and goal.rule and self.world.value(name) is not None else None
        self.world.feed(name, rule, terms or goal.key_result.terms)
        self.world.sync()

    def decide(self) -> None:
        """Approve or reject what waits."""
        with self.world.database.read() as connection:
            waiting = open_holds(connection)
        for hold in waiting[:1]:
            self.world.clock.forward(minutes=1)
            containers = {name: tuple(each.projects) for name, each in self.world.trackers.items()}
            act = Act("Ada", self.world.clock.now, Run("by hand", containers))
            try:
                if self.dice.random() < 0.5:
                    approve_held(self.world.database, self.world.goals[hold.key_result], hold.id, act)
                else:
                    reject_held(self.world.database, hold.id, act)
            except (ChangedError, NotReadyError):
                pass

    def live(self) -> None:
        for _ in range(self.dice.randint(1, 4)):
            self.step()
        self.world.clock.forward(minutes=self.dice.choice((1, 7, 60, 600, 1500, 5000)))
        self.world.sync(full=self.dice.random() < 0.3)
        self.world.clock.forward(minutes=self.dice.choice((0, 0, 1, 4)))
        self.told.append(self.tell())

    def tell(self) -> Told:
        with self.world.database.read() as connection:
            now, setup = self.world.clock.now, self.world._setup()
            explained = {
                name: explain_json(answer)
                for name in self.world.goals
                if (answer := explain(connection, setup, name, now)) is not None and answer.value is not None
            }
            return Told(now, status_json(status(connection, setup, now)), explained)

    def as_of(self, told: Told) -> Told:
        with self.world.database.read() as connection:
            setup = self.world._setup()
            explained = {}
            for name in self.world.goals:
                try:
                    explained[name] = explain_then_json(explain_at(connection, setup, name, told.at))
                except UnknownThenError:
                    continue
            return Told(told.at, status_then_json(status_at(connection, setup, told.at)), explained)


LOST = (
    "reading",
    "error",
    "quarantined",
    "mapped",
    "unanswered",
    "selects_nothing",
    "refused_fields",
    "refused_queries",
    "quarantine",
)
"""What is kept of no past day."""
MORE = ("at", "known_since", "grade", "reconstructed", "approximate", "excluded_unknown", "known_now")


def comparable(document: Any) -> Any:
    """A document without what is kept of no past day, or of a past day alone."""
    match document:
        case dict():
            return {name: comparable(each) for name, each in document.items() if name not in LOST + MORE}
        case list():
            return [comparable(each) for each in document]
    return document


def measured(document: dict[str, Any]) -> dict[str, Any]:
    """A status without key results that were never measured: their terms and sources are those of today's config."""
    some = [each for each in document["key_results"] if each["value"] is not None]
    whole = len(some) == len(document["key_results"])
    return document | {"key_results": some, "objectives": document["objectives"] if whole else None}


def on_line(document: dict[str, Any]) -> dict[str, Any]:
    """An explanation without what follows from what a query found: who else was selected, why he did not count, and
    whether he waits with an update.
    """
    gone = {"reason": None, "waits": None}
    parts = [
        {name: each for name, each in part.items() if name not in ("grown", "selects_nothing")}
        | {"counted": [each | gone for each in part["counted"]]}
        | {"excluded": [each | gone for each in part["excluded"] if each["weight"] is not None]}
        for part in document["parts"]
    ]
    return document | {"parts": parts}


def lived(database: Database, seed: int, steps: int) -> Life:
    clock = Clock(at("2026-10-20T09:00"))
    guard = Guard(Decimal(30), share=Decimal("0.4"), items=3)
    trackers = {name: FakeTracker(clock, "PAY", "OPS") for name in NAMES}
    queries = {name: frozenset({QUERY}) for name in NAMES}
    world = World(database, trackers, clock, guard=guard, queries=queries)
    life = Life(world, random.Random(seed))
    life.begin()
    for _ in range(steps):
        life.live()
    for tracker in trackers.values():
        tracker.refuses = None
    for name, goal in list(world.goals.items()):
        world.feed(name, goal.rule or life.rule(), goal.key_result.terms)
    world.clock.now = max(world.clock.now, at("2026-12-28T09:00"))
    for _ in range(3):  # over the cycle's end
        world.clock.forward(days=3)
        life.live()
    return life


def held_against(life: Life) -> None:
    for told in life.told:
        then = life.as_of(told)
        assert comparable(measured(then.status)) == comparable(measured(told.status)), told.at
        assert then.explained.keys() == told.explained.keys(), told.at
        for name, document in told.explained.items():
            answer = then.explained[name]
            plain = on_line if answer["excluded_unknown"] else comparable
            assert comparable(plain(answer)) == comparable(plain(document)), (told.at, name)


@pytest.mark.parametrize("seed", range(10))
def test_as_of_a_time_is_what_a_twin_says_that_stopped_then(database: Database, seed: int) -> None:
    if not database.sqlite and seed > 2:
        pytest.skip("a few lives are enough for the second database")
    life = lived(database, seed, 14)
    assert life.world.verify().ok
    held_against(life)


# --- stories -------------------------------------------------------------------------------------------------------


def a_world(database: Database, *, queries: frozenset[str] = frozenset()) -> World:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE), an_item("PAY-2"))
    return World(database, {"one": tracker}, clock, queries={"one": queries})


def explained(world: World, when: datetime, name: str = "kr") -> dict[str, Any]:
    with world.database.read() as connection:
        return explain_then_json(explain_at(connection, world._setup(), name, when))


def standing(world: World, when: datetime, name: str = "kr") -> dict[str, Any]:
    with world.database.read() as connection:
        setup = world._setup()
        document = status_then_json(status_at(connection, setup, when, setup.cycles[0].id))
    return next(dict(each) for each in document["key_results"] if each["id"] == name)


def test_what_was_seen_later_stands_beside_what_was_seen(database: Database) -> None:
    """Who was closed then is told by the tracker's own date; a label that came later is no correction."""
    world = a_world(database)
    world.feed("kr", a_rule(a_part(source="one", where=where(label="p1"))))
    tracker = world.trackers["one"]
    tracker.change("PAY", "PAY-2", labels=("p1",))
    world.sync()
    then = world.clock.forward(hours=5)
    tracker.change("PAY", "PAY-1", labels=("p1",))
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=then - timedelta(hours=1))
    world.clock.forward(days=1)
    world.sync()
    assert world.value("kr") == 2
    answer = explained(world, then)
    assert answer["value"] == 0
    assert answer["known_now"]["value"] == 1
    assert [(each["key"], each["then"], each["now"]) for each in answer["known_now"]["tickets"]] == [("PAY-2", 0, 1)]
    now = explained(world, world.clock.now)
    assert (now["value"], now["known_now"]["differs"], now["known_now"]["tickets"]) == (2, False, [])


def test_of_a_query_nobody_knows_what_it_found(database: Database) -> None:
    world = a_world(database, queries=frozenset({QUERY}))
    world.trackers["one"].finds[QUERY] = {"id:PAY-1", "id:PAY-2"}
    world.feed("kr", a_rule(a_part(Measure.PERCENT, source="one", where=where(query=QUERY))))
    world.sync()
    then = world.clock.now
    world.trackers["one"].finds[QUERY] = set()
    world.clock.forward(days=1)
    world.sync()
    answer = explained(world, then)
    assert (answer["value"], answer["excluded_unknown"], answer["known_now"]) == (50, True, None)
    [part] = answer["parts"]
    assert [each["key"] for each in part["counted"]] == ["PAY-1"]
    assert [(each["key"], each["reason"]) for each in part["excluded"]] == [("PAY-2", "open")]


def by_hand(world: World, *drafts: Draft) -> datetime:
    """Write entries of people, now."""
    now = world.clock.forward(hours=1)
    with world.database.write() as connection:
        ledger.append(connection, ledger.lock_head(connection), "kr", drafts, at=now, run=None)
    return now


def test_what_people_set_is_in_force_until_it_is_not(database: Database) -> None:
    world = a_world(database)
    world.feed("kr", a_rule(a_part(source="one")))
    world.sync()
    before = world.clock.now
    until = world.clock.now + timedelta(hours=5)
    with world.database.write() as connection:
        who = person_id(connection, "Ada")
    details = canonical_json({"until": timestamp(until)})
    human = Draft(EntryKind.OVERRIDE, None, Decimal(7), None, why="a demo", by=who, details=details)
    since = by_hand(world, human)
    told = standing(world, since)
    assert (told["value"], told["progress"]) == (7, 0.35)
    assert told["override"] == {"value": 7, "why": "a demo", "by": "Ada", "until": timestamp(until)}
    assert explained(world, since)["value"] == 1  # the automatic lane
    for when in (before, until):
        assert (standing(world, when)["value"], standing(world, when)["override"]) == (1, None)
    by_hand(world, replace(human, details=canonical_json({"until": None})))
    resumed = by_hand(world, Draft(EntryKind.RESUME, Decimal(7), None, None, by=who))
    assert standing(world, resumed - timedelta(minutes=1))["value"] == 7
    assert standing(world, resumed)["value"] == 1


def test_a_closed_cycle_was_not_closed_before(database: Database) -> None:
    world = a_world(database)
    world.feed("kr", a_rule(a_part(source="one")))
    world.sync()
    terms = Numeric(Decimal(0), Decimal(20))
    told = Ending("cycle", "objective", terms, Decimal(1), Decimal(9), "h", Decimal("0.5"), graded=True)
    closed = by_hand(world, Draft(EntryKind.CLOSE, Decimal(1), Decimal(1), None, details=told.details))
    before = standing(world, closed - timedelta(minutes=1))
    assert (before["value"], before["grade"], before["status"] == "closed") == (1, None, False)
    after = standing(world, closed)
    assert (after["value"], after["grade"], after["status"]) == (9, 0.5, "closed")


def test_who_left_and_came_back_was_away_between(database: Database) -> None:
    world = a_world(database)
    world.feed("kr", a_rule(a_part(Measure.PERCENT, source="one")))
    world.sync()
    tracker = world.trackers["one"]
    here = world.clock.now
    lost = tracker.drop("PAY", "PAY-2")
    tracker.deleted.add(lost.id)
    world.clock.forward(days=1)
    world.sync(full=True)
    away = world.clock.now
    tracker.deleted.clear()
    tracker.put("PAY", lost)
    world.clock.forward(days=1)
    world.sync()
    keys = {
        when: [each["key"] for each in explained(world, when)["parts"][0]["excluded"]]
        for when in (here, away, world.clock.now)
    }
    assert list(keys.values()) == [["PAY-2"], [], ["PAY-2"]]
    with world.database.read() as connection:
        assert [past.items_at(connection, "one", when) for when in keys] == [2, 1, 2]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-10-25", "2026-10-25T22:59:59.999999"),  # the night in which clocks go back
        ("2026-11-19", "2026-11-19T22:59:59.999999"),
        ("2026-11-20", "2026-11-20T09:00"),  # today
        ("2026-11-20T09:30+01:00", "2026-11-20T08:30"),
        ("2026-11-20T09:30", "2026-11-20T08:30"),  # of the zone of the config
        ("2026-11-19T12:00Z", "2026-11-19T12:00"),
    ],
)
def test_a_day_is_meant_by_its_end_and_a_time_exactly(text: str, instant: str) -> None:
    assert instant_of(when_of(text), Calendar("Europe/Berlin"), MORNING) == at(instant)


@pytest.mark.parametrize("text", ["2026-11-21", "9999-12-31", "2026-11-20T09:01Z", "9999-12-31T23:59-23:59"])
def test_the_future_is_refused(text: str) -> None:
    with pytest.raises(Failure):
        instant_of(when_of(text), Calendar("Europe/Berlin"), MORNING)


@pytest.mark.parametrize("text", ["", "today", "2026-11-31", "2026-11-20T24:00", "20.11.2026", "2026-11-20T25:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadParameter):
        when_of(text)
