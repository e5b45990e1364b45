"""A large company made up: its tickets as rows of a mirror, and rules that ask for them.

Every ticket has the label of one of a thousand key results and of one of forty areas, a version, a project and a type;
four of five have points, three of ten lie under an epic, two of ten have no date of closing but the one we saw.
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from mapping.rule import AllOf, Clause, Match, Measure, Not, Part, Rule, Selector, default_counts, default_window
from okrs.cycle import Period
from okrs.demand import Demand
from okrs.work import Kind, Ref, State, WorkItem
from store.database import Database, raw, raw_many
from store.items import encoded
from store.sources import demand_text
from store.tables import micros

SOURCE = "jira"
CYCLE = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FIELD = "points"

GOALS, AREAS, VERSIONS, PROJECTS, EPICS, PEOPLE = 1000, 40, 50, 20, 1000, 400
TYPES = ("Bug", "Story", "Story", "Task", "Task", "Task")
STATES = (State.TODO, State.TODO, State.DOING, State.DONE, State.DONE, State.DONE, State.DONE, State.CANCELLED)

_FIRST = 10_000_000
"""The id of the first ticket; versions and epics come before it."""
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_SEEN = datetime(2026, 11, 20, tzinfo=UTC)
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is made up of a ticket."""

    number: int
    state: State
    created_at: datetime
    closed_at: datetime | None
    goal: str
    area: str
    version: int
    project: str
    type: str
    points: int | None
    epic: int | None
    person: int


def tickets(many: int) -> Iterator[Ticket]:
    """Yield tickets, always the same ones."""
    dice = random.Random(many)
    for number in range(many):
        state = dice.choice(STATES)
        created = _BEGAN + timedelta(minutes=dice.randrange(440_000))
        closed = min(created + timedelta(minutes=dice.randrange(90_000)), NOW)
        yield Ticket(
            number=number,
            state=state,
            created_at=created,
            closed_at=closed if state.closed and dice.random() < 0.8 else None,
            goal=f"kr-{dice.randrange(GOALS)}",
            area=f"area-{dice.randrange(AREAS)}",
            version=dice.randrange(VERSIONS),
            project=f"P{dice.randrange(PROJECTS)}",
            type=dice.choice(TYPES),
            points=dice.choice((1, 2, 3, 5, 8)) if dice.random() < 0.8 else None,
            epic=dice.randrange(EPICS) if dice.random() < 0.3 else None,
            person=dice.randrange(PEOPLE),
        )


def closed_of(ticket: Ticket) -> datetime | None:
    """When it was closed, by our sight where nobody says."""
    return ticket.closed_at or (_SEEN if ticket.state.closed else None)


def item_of(ticket: Ticket) -> WorkItem:
    """Return the ticket as a connector would."""
    key = f"{ticket.project}-{ticket.number}"
    return WorkItem(
        id=str(_FIRST + ticket.number),
        key=key,
        kind=Kind.ISSUE,
        type=ticket.type,
        title=f"Import worker drops the cursor of archived project {ticket.number}",
        url=f"https://acme.example/browse/{key}",
        state=ticket.state,
        status=ticket.state.value.title(),
        created_at=ticket.created_at,
        updated_at=ticket.created_at,
        closed_at=ticket.closed_at,
        parent=None if ticket.epic is None else Ref(_epic_id(ticket.epic), f"P0-E{ticket.epic}"),
        projects=(Ref(ticket.project, ticket.project),),
        milestones=(_version_id(ticket.version),),
        labels=(ticket.goal, ticket.area),
        assignees=(f"person{ticket.person}@acme.example", f"Person {ticket.person}"),
        fields=() if ticket.points is None else ((FIELD, str(ticket.points)),),
    )


def _version_id(number: int) -> str:
    return f"1{number:06}"


def _epic_id(number: int) -> str:
    return f"2{number:06}"


def _around() -> Iterator[WorkItem]:
    """Versions and epics."""
    for number in range(VERSIONS):
        yield WorkItem(
            _version_id(number),
            f"v{number}",
            Kind.MILESTONE,
            "version",
            f"v{number}",
            "",
            State.TODO,
            created_at=_BEGAN,
        )
    for number in range(EPICS):
        yield WorkItem(
            _epic_id(number), f"P0-E{number}", Kind.EPIC, "Epic", f"Epic {number}", "", State.DOING, created_at=_BEGAN
        )


def everything(many: int) -> Iterator[WorkItem]:
    """Yield all that the mirror holds: versions, epics, and that many tickets."""
    yield from _around()
    yield from map(item_of, tickets(many))


DEMAND = Demand(frozenset({FIELD}), numbers=frozenset({FIELD}))
"""What the rules of the company need of its tickets."""


def build(
    database: Database,
    many: int,
    ids: Mapping[str, str] | None = None,
    now: datetime = _SEEN,
    demand: Demand = DEMAND,
) -> None:
    """Put the company's tickets into the mirror as a read for that demand, which ended now, would have left them.

    `ids` gives the tracker's own ids of the projects, by their keys; without it, they are the keys.
    """
    homes = ids or {f"P{number}": f"P{number}" for number in range(PROJECTS)}
    with database.write() as connection:
        raw(connection, "INSERT INTO source (name, generation, fence, state) VALUES (?, 1, 0, 'ok')", (SOURCE,))
        asked = demand_text(demand)
        rows = [(SOURCE, home, name, name, asked, *[micros(now)] * 5) for name, home in homes.items()]
        columns = "source, id, name, called, demand, read_at, watermark, wide_at, census_at, full_at"
        raw_many(connection, f"INSERT INTO container ({columns}) VALUES ({', '.join('?' * 10)})", rows)
    _put(database, everything(many), homes)


_ITEM = """INSERT INTO item (source, id, key, kind, state, status, resolution, children, updated_at, hash, seen_at,
 state_since, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"""
_VERSION = "INSERT INTO item_version (source, item, seen_at, generation, hash, payload) VALUES (?, ?, ?, 1, ?, ?)"
_PRESENCE = "INSERT INTO presence (source, container, item, misses) VALUES (?, ?, ?, 0)"


def _put(database: Database, items: Iterator[WorkItem], homes: Mapping[str, str]) -> None:
    seen = micros(_SEEN)
    while some := [encoded(SOURCE, homes[home_of(each)], each)[0] for each in islice(items, _AT_ONCE)]:
        with database.write() as connection:
            raw_many(connection, _ITEM, [(row[0], *row[2:11], seen, seen) for row in some])
            raw_many(connection, _VERSION, [(row[0], row[2], seen, row[10], row[11]) for row in some])
            raw_many(connection, _PRESENCE, [(row[0], row[1], row[2]) for row in some])


def home_of(item: WorkItem) -> str:
    """Return the key of the project that lists an item."""
    return item.projects[0].id if item.projects else "P0"


# --- rules -------------------------------------------------------------------------------------------------------

MEASURES = (Measure.COUNT, Measure.PERCENT, Measure.SUM)


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule of the company asks: tickets of a goal, some of them only, and how they become a number."""

    measure: Measure
    goal: str
    version: str | None = None
    project: str | None = None
    not_type: str | None = None
    not_area: str | None = None


def questions(many: int = GOALS) -> list[Question]:
    """Return a mix: of ten four ask for a label alone, three with a version, one with a project, two leave some out."""
    dice = random.Random(many)
    return [_question(dice, number) for number in range(many)]


def _question(dice: random.Random, number: int) -> Question:
    goal, measure = f"kr-{number % GOALS}", MEASURES[number % len(MEASURES)]
    version, area = f"v{dice.randrange(VERSIONS)}", f"area-{dice.randrange(AREAS)}"
    match number % 10:
        case 4 | 5 | 6:
            return Question(measure, goal, version=version)
        case 7:
            return Question(measure, goal, project=f"P{dice.randrange(PROJECTS)}")
        case 8:
            return Question(measure, goal, not_type="Bug")
        case 9:
            return Question(measure, goal, version=version, not_area=area)
        case _:
            return Question(measure, goal)


def rule_of(question: Question) -> Rule:
    """Return the rule as the config would give it."""
    kind = question.measure
    counts = default_counts(kind)
    by = FIELD if kind is Measure.SUM else None
    part = Part(SOURCE, _where(question), kind, by=by, counts=counts, window=default_window(kind, counts))
    return Rule((part,), CYCLE)


def _where(question: Question) -> Clause:
    asked: Iterable[tuple[Selector, str | None]] = (
        (Selector.LABEL, question.goal),
        (Selector.MILESTONE, question.version),
        (Selector.PROJECT, question.project),
    )
    left_out = ((Selector.TYPE, question.not_type), (Selector.LABEL, question.not_area))
    return AllOf(
        (
            *(Match(selector, (value,)) for selector, value in asked if value is not None),
            *(Not(Match(selector, (value,))) for selector, value in left_out if value is not None),
        )
    )
