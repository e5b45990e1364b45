"""The questions of the company's rules as one would write them by hand, over a covering index made for them alone.

`Joined` has a row for each facet of a ticket with what measures need beside it; a second facet is a join.  `Special`
has a row for each label with the version, the project and the type on it: only rules like these can be asked of it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from bench.company import CYCLE, Question, Ticket, closed_of, tickets
from mapping.rule import Measure
from okrs.work import State
from store.database import Database, raw, raw_many
from store.tables import micros

_AT_ONCE = 10_000
_CYCLE = (micros(CYCLE.start), micros(CYCLE.end))
_IN_CYCLE = "f.state = 2 AND f.closed >= ? AND f.closed < ?"
_TOLD = {
    Measure.COUNT: (f"count(*) FILTER (WHERE {_IN_CYCLE})", _CYCLE),
    Measure.SUM: (f"sum(f.points) FILTER (WHERE {_IN_CYCLE})", _CYCLE),
    Measure.PERCENT: (
        "100.0 * count(*) FILTER (WHERE f.state = 2) / nullif(count(*) FILTER (WHERE f.state <> 3), 0)",
        (),
    ),
}
_STATES = {State.TODO: 0, State.DOING: 1, State.DONE: 2, State.CANCELLED: 3}

Asked = tuple[str, tuple[Any, ...]]


def build(database: Database, many: int) -> None:
    """Make and fill both tables, sorted as they are asked."""
    kept = "state SMALLINT, closed BIGINT, points BIGINT"
    end = " WITHOUT ROWID" if database.sqlite else ""
    covered = "" if database.sqlite else " INCLUDE (state, closed, points)"
    with database.write() as connection:
        key = f"PRIMARY KEY (name, value, item){covered}"
        raw(connection, f"CREATE TABLE joined (name TEXT, value TEXT, item BIGINT, {kept}, {key}){end}")
        more = "project TEXT, type TEXT"
        covered = covered.replace(")", ", project, type)")
        key = f"PRIMARY KEY (label, version, item){covered}"
        raw(connection, f"CREATE TABLE special (label TEXT, version TEXT, item BIGINT, {kept}, {more}, {key}){end}")
    _fill(database, "INSERT INTO joined VALUES (?, ?, ?, ?, ?, ?)", _joined(many))
    _fill(database, "INSERT INTO special VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _special(many))


def _fill(database: Database, text: str, rows: Iterator[tuple[Any, ...]]) -> None:
    every = sorted(rows, key=lambda row: row[:3])
    for begin in range(0, len(every), _AT_ONCE):
        with database.write() as connection:
            raw_many(connection, text, every[begin : begin + _AT_ONCE])


def _kept(ticket: Ticket) -> tuple[int, int | None, int | None]:
    closed = closed_of(ticket)
    return _STATES[ticket.state], None if closed is None else micros(closed), ticket.points


def _joined(many: int) -> Iterator[tuple[Any, ...]]:
    for each in tickets(many):
        kept = _kept(each)
        yield ("label", each.goal, each.number, *kept)
        yield ("label", each.area, each.number, *kept)
        yield ("milestone", f"v{each.version}", each.number, *kept)
        yield ("project", each.project, each.number, *kept)
        yield ("type", each.type, each.number, *kept)


def _special(many: int) -> Iterator[tuple[Any, ...]]:
    for each in tickets(many):
        for label in (each.goal, each.area):
            yield (label, f"v{each.version}", each.number, *_kept(each), each.project, each.type)


def joined(question: Question) -> Asked:
    """Ask the first table: the label leads, the order of tables is forced as a careful hand would."""
    told, values = _TOLD[question.measure]
    facets = [("milestone", question.version), ("project", question.project)]
    others = [(name, value) for name, value in facets if value is not None]
    tables = "joined f" + "".join(f" CROSS JOIN joined j{at}" for at in range(len(others)))
    conditions, more = ["f.name = 'label' AND f.value = ?"], [question.goal]
    for at, (name, value) in enumerate(others):
        conditions.append(f"j{at}.name = '{name}' AND j{at}.value = ? AND j{at}.item = f.item")
        more.append(value)
    for name, left_out in (("type", question.not_type), ("label", question.not_area)):
        if left_out is not None:
            there = f"SELECT 1 FROM joined n WHERE n.name = '{name}' AND n.value = ? AND n.item = f.item"
            conditions.append(f"NOT EXISTS ({there})")
            more.append(left_out)
    return f"SELECT {told} FROM {tables} WHERE {' AND '.join(conditions)}", (*values, *more)


def special(question: Question) -> Asked:
    """Ask the second table."""
    told, values = _TOLD[question.measure]
    conditions, more = ["f.label = ?"], [question.goal]
    equal = (("version = ?", question.version), ("project = ?", question.project), ("type <> ?", question.not_type))
    for condition, value in equal:
        if value is not None:
            conditions.append(f"f.{condition}")
            more.append(value)
    if question.not_area is not None:
        conditions.append(
            "NOT EXISTS (SELECT 1 FROM special n WHERE n.label = ? AND n.version = f.version AND n.item = f.item)"
        )
        more.append(question.not_area)
    return f"SELECT {told} FROM special f WHERE {' AND '.join(conditions)}", (*values, *more)


def answers(connection: Connection, asked: list[Asked]) -> list[float]:
    """Ask the driver itself."""
    cursor = connection.connection.cursor()
    found = []
    for text, values in asked:
        cursor.execute(text, values)
        ((value,),) = cursor.fetchall()
        found.append(float(value or 0))
    return found
