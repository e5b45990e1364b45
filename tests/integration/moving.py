"""A database moved into another one, and lives that leave something in every table that is moved."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from mapping.rule import Counts, Measure, Scope
from okrs.closing import Ending
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.objective import Numeric
from okrs.work import Kind, State
from store.database import Database
from store.finals import Final, keep_finals
from store.holds import open_holds
from store.ledger import Draft, append, lock_head
from store.people import person_id
from store.runs import start_run
from store.tables import arrival, forgotten, forgotten_name
from store.upkeep.exporting import export_lines, header_of
from store.upkeep.importing import Imported, import_lines
from store.views.explain import explain_json
from store.views.history import history, history_json
from sync.holding import Act, reject_held
from sync.overriding import Wanted, set_value
from sync.recording import Run
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World

HUNDRED = Numeric(Decimal(0), Decimal(100))
KEYS = [f"PAY-{number}" for number in range(1, 9)]
ODD = 'Ünï "x" \\ \u2028\x7f\u202e=1+1'


def exported(database: Database) -> bytes:
    """An export as one text."""
    with database.read() as connection:
        header = header_of(connection, "test")
        return b"".join(export_lines(connection, header, lambda _done, _total: None))


def imported(database: Database, content: bytes) -> Imported:
    return import_lines(database, content.splitlines(keepends=True), lambda _done, _total: None)


def a_world(database: Database) -> World:
    """Eight tickets of PAY, two of OPS, and key results of several kinds."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY", "OPS")
    tracker.put("PAY", *(an_item(key, points="1.5", title=ODD) for key in KEYS))
    tracker.put("OPS", an_item("OPS-1", State.DONE), an_item("OPS-2", kind=Kind.MILESTONE, title="v1"))
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-2"}
    world = World(database, {SOURCE: tracker}, clock, guard=Guard())
    world.feed("count", a_rule())
    world.feed("open", a_rule(a_part(counts=Counts.OPEN)))
    world.feed("percent", a_rule(a_part(Measure.PERCENT, by="points")), HUNDRED)
    world.feed("asked", a_rule(a_part(where=where(query="mine"))))
    world.feed("frozen", a_rule(a_part(scope=Scope.FROZEN)))
    world.sync()
    return world


WORDS = ("close", "reopen", "estimate", "title", "rename", "lose", "lose many", "rule", "retire", "reject", "sync")
STEPS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(KEYS)), max_size=12)


def live(world: World, steps: list[tuple[str, str]]) -> None:
    """Let things happen, each followed by a sync."""
    project = world.trackers[SOURCE].projects["PAY"]
    for number, (what, key) in enumerate(steps):
        match what:
            case "lose" if project.items.pop(f"id:{key}", None):
                world.sync(full=True)
                world.sync(full=True)
            case "lose many":
                for each in KEYS[:6]:
                    project.items.pop(f"id:{each}", None)
                world.sync(full=True)
                world.sync(full=True)
            case "rule":
                world.feed("count", a_rule(a_part(Measure.SUM, by="points") if number % 2 else a_part()))
            case "retire":
                world.goals.pop("asked", None)
            case "reject":
                _reject(world)
            case _:
                _edit(world, what, f"id:{key}", number)
        world.sync()


def _edit(world: World, what: str, name: str, number: int) -> None:
    tracker = world.trackers[SOURCE]
    edits: dict[str, dict[str, Any]] = {
        "close": {"state": State.DONE, "closed_at": world.clock()},
        "reopen": {"state": State.DOING, "closed_at": None},
        "estimate": {"fields": (("points", f"{number}.000001"),)},
        "title": {"title": f"{ODD} {number}"},
        "rename": {"key": f"NEW-{number}"},
    }
    held = tracker.projects["PAY"].items.get(name)
    if held and what in edits:
        tracker.put("PAY", replace(held, **edits[what]))


def _reject(world: World) -> None:
    with world.database.read() as connection:
        waiting = open_holds(connection)
    if waiting:
        now = world.clock.forward(minutes=1)
        run = Run(start_run(world.database, now, "test"), {SOURCE: ("PAY", "OPS")})
        reject_held(world.database, waiting[0].id, Act("Ada Löwe", now, run, "no"))


def told_by_people(world: World) -> None:
    """Leave something in the tables that this world does not fill by itself."""
    now = world.clock()
    act = Act("Ada Löwe", now, Run(start_run(world.database, now, "test"), {}), "so it is")
    set_value(world.database, "open", Wanted(Decimal("3.5"), "so it is", None), act)
    with world.database.write() as connection:
        head = lock_head(connection)
        told = Ending("old", "o", Numeric(Decimal(0), Decimal(9)), Decimal(1), None, head.hash, Decimal("0.7"), True)
        draft = Draft(EntryKind.CLOSE, None, None, None, details=told.details, by=person_id(connection, "Ada Löwe"))
        (entry,) = append(connection, head, "past", [draft], at=now, run=act.run.id)
        keep_finals(connection, [Final("past", "old", None, told.grade, now, head.hash, entry.seq)])
        connection.execute(arrival.insert().values(source=SOURCE, item="id:PAY-1"))
        connection.execute(forgotten.insert().values(source=SOURCE, item="id:nobody"))
        connection.execute(forgotten_name.insert().values(digest="0" * 64))


def answers(world: World) -> dict[str, Any]:
    """What is told of every key result, and of the ledger."""
    told: dict[str, Any] = {"verify": world.verify()}
    with world.database.read() as connection:
        for name in world.goals:
            told[name] = (explain_json(world.explain(name)), history_json(history(connection, name)))
    return told
