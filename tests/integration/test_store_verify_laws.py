"""`verify` against who can write a chain anew, hash by hash; and what is kept beside it that follows from it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from sqlalchemy import Column, Connection, delete, func, select, text, update

from mapping.rule import Measure, Scope
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.ledger import Entry, EntryKind, canonical_json
from okrs.objective import Numeric
from okrs.proposal import name_of
from okrs.work import State
from store import ledger
from store.database import Database
from store.ledger import Draft, Head
from store.tables import Text, frozen_scope, hold, key_result, ledger_delta, ledger_entry
from store.views.verify import verify
from sync.holding import Act, approve_held, reject_held
from sync.overriding import Wanted, set_value
from sync.recording import Run
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World

HUNDRED = Numeric(Decimal(0), Decimal(100))


@pytest.fixture(scope="module")
def world(shared_database: Database) -> World:
    """Of ten tickets six went out of sight: that waits for `closed`, and was rejected for `frozen`."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{at}", State.DONE if at <= 4 else State.TODO) for at in range(10)))
    made = World(shared_database, {SOURCE: tracker}, clock, guard=Guard())
    made.feed("closed", a_rule())
    made.feed("frozen", a_rule(a_part(Measure.PERCENT, scope=Scope.FROZEN)), HUNDRED)
    made.sync()
    tracker.change("PAY", "PAY-9", state=State.DONE, closed_at=clock())
    made.sync()
    for at in range(6):
        tracker.drop("PAY", f"PAY-{at}")
    made.sync(full=True)
    held = {each.key_result: each.id for each in made.sync(full=True).held}
    clock.forward(minutes=1)
    reject_held(shared_database, held["frozen"], Act("Ada", clock(), Run("by hand", {})))
    tracker.change("PAY", "PAY-9", state=State.TODO, closed_at=None)
    made.sync()  # what waits is another update: `closed` is held since before that
    assert [(each.kind, each.key_result) for each in made.entries()] == [
        (EntryKind.BASELINE, "closed"),
        (EntryKind.BASELINE, "frozen"),
        (EntryKind.AUTO, "closed"),
        (EntryKind.AUTO, "frozen"),
        (EntryKind.HOLD, "closed"),
        (EntryKind.HOLD, "frozen"),
        (EntryKind.REJECT, "frozen"),
        (EntryKind.HOLD, "closed"),
        (EntryKind.HOLD, "frozen"),
    ]
    assert made.verify().ok
    return made


@pytest.fixture
def connection(world: World) -> Iterator[Connection]:
    """What is done on it is undone at the end."""
    with world.database.engine.connect() as opened:
        yield opened
        opened.rollback()


# --- what is kept --------------------------------------------------------------------------------------------------


def _another(column: Column[Any]) -> object:
    if isinstance(column.type, Text):
        return func.coalesce(column, "") + "x"
    return text("NOT rejected") if column is hold.c.rejected else text(f'coalesce("{column.name}", 0) + 1000')


@pytest.mark.parametrize("column", hold.c, ids=lambda each: each.name)
def test_a_hold_must_be_what_its_entries_say(connection: Connection, column: Column[Any]) -> None:
    """What people are shown of it, and since when, is what they decide by."""
    connection.execute(update(hold).where(hold.c.key_result == "closed").values({column.name: _another(column)}))
    answer = verify(connection)
    assert (answer.ok, answer.first_bad, "closed" in answer.problem) == (False, 8, True)


def test_an_open_hold_can_neither_be_taken_away_nor_made_up(connection: Connection) -> None:
    connection.execute(delete(hold).where(hold.c.key_result == "closed"))
    assert not verify(connection).ok
    connection.rollback()
    connection.execute(update(hold).where(hold.c.key_result == "closed").values(key_result="another"))
    assert not verify(connection).ok


@pytest.mark.parametrize("name", ["closed", "frozen"])
def test_when_a_value_moved_last_follows_from_its_entries(connection: Connection, name: str) -> None:
    moved = key_result.c.moved_at
    connection.execute(update(key_result).where(key_result.c.id == name).values(moved_at=_another(moved)))
    answer = verify(connection)
    assert (answer.ok, name in answer.problem) == (False, True)


def test_a_key_result_is_measured_by_the_sources_of_its_rule(connection: Connection) -> None:
    here = update(key_result).where(key_result.c.id == "closed")
    connection.execute(here.values(generations='{"another": 1}'))
    assert not verify(connection).ok


@pytest.mark.parametrize("column", [key_result.c.measured_at, key_result.c.generations], ids=lambda each: each.name)
def test_up_to_which_read_it_was_measured_the_ledger_does_not_know(connection: Connection, column: Column[Any]) -> None:
    """As the documents say: a run that finds nothing new moves it on, and writes no entry."""
    new = '{"tracker": 999}' if column is key_result.c.generations else _another(column)
    connection.execute(update(key_result).where(key_result.c.id == "closed").values({column.name: new}))
    assert verify(connection).ok


def _scope(connection: Connection) -> list[str]:
    return list(orjson.loads(connection.execute(select(frozen_scope.c["items"])).scalar_one()))


@pytest.mark.parametrize("how", ["less", "other", "gone"])
def test_what_counts_must_be_in_the_frozen_scope(connection: Connection, how: str) -> None:
    match how:
        case "less":
            less = [each for each in _scope(connection) if each != "id:PAY-8"]
            connection.execute(update(frozen_scope).values(items=orjson.dumps(less).decode()))
        case "other":
            connection.execute(update(frozen_scope).values(scope="another"))
        case _:
            connection.execute(delete(frozen_scope))
    answer = verify(connection)
    assert (answer.ok, "frozen" in answer.problem) == (False, True)


def test_who_else_is_in_a_frozen_scope_the_ledger_does_not_know(connection: Connection) -> None:
    """As the documents say: of what is in it and not on the line no entry tells."""
    more = [*_scope(connection), "id:PAY-99"]
    connection.execute(update(frozen_scope).values(items=orjson.dumps(more).decode()))
    assert verify(connection).ok


# --- a chain that was written anew ---------------------------------------------------------------------------------


def forged(connection: Connection, entries: Sequence[Entry]) -> str:
    """Write the whole chain anew so that every hash fits; returns what `verify` says."""
    connection.execute(delete(ledger_delta))
    connection.execute(delete(ledger_entry))
    head = Head()
    for each in entries:
        draft = Draft(each.kind, each.old, each.new, each.rule, each.why, each.details, each.deltas, each.by)
        (written,) = ledger.append(connection, head, each.key_result, [draft], at=each.at, run=each.run)
        head = Head(written.seq, written.hash)
    return verify(connection).problem


Forge = Callable[[list[Entry]], list[Entry]]


def changed(seq: int, **facts: Any) -> Forge:
    return lambda told: [*told[: seq - 1], replace(told[seq - 1], **facts), *told[seq:]]


def added(like: int, **facts: Any) -> Forge:
    """Another entry at the end, made of one that there is."""
    return lambda told: [*told, replace(told[like - 1], deltas=(), **facts)]


def still(kind: EntryKind, **facts: Any) -> Forge:
    """An entry of `closed` at the end that moves nothing."""
    return added(8, kind=kind, details=None, **facts)


def _proposed_otherwise(told: list[Entry]) -> list[Entry]:
    """What waited, and what was decided of it, tell of another evidence under the same id."""
    details = canonical_json(orjson.loads(told[5].details or "") | {"proposal": "x" * 64})
    return changed(7, details=details)(changed(6, details=details)(told))


FORGERIES: dict[str, tuple[Forge, str]] = {
    "another rule": (lambda told: changed(3, rule=told[1].rule)(told), "Entry 3: its rule is not the one that was in"),
    "no rule": (changed(5, rule=None), "Entry 5: its rule is not the one that was in force."),
    "a rule that is nowhere": (changed(7, rule="f" * 64), "Entry 7: the text of its rule is missing or was changed."),
    "a baseline without one": (changed(1, rule=None), "Entry 1: it has no rule."),
    "a note with one": (
        lambda told: added(8, kind=EntryKind.CHECKIN, by="p", old=told[7].new, new=told[7].new)(told),
        "Entry 10: its rule is not the one that was in force.",
    ),
    "a rule instead of another": (
        added(8, kind=EntryKind.RULE, details=canonical_json({"replaces": "f" * 64})),
        "Entry 10: it replaces another rule than the one that was in force.",
    ),
    "nobody who rejects": (changed(7, by=None), "Entry 7: somebody makes an entry of kind reject, and it does not"),
    "a person who measures": (changed(3, by="p"), "Entry 3: nobody makes an entry of kind auto."),
    "measured while it waits": (still(EntryKind.AUTO), "Entry 10: an update of its key result waits, and nobody"),
    "retired while it waits": (still(EntryKind.RETIRE), "Entry 10: an update of its key result waits, and nobody"),
    "another that waits": (
        added(8, details=canonical_json({"hold": "another", "new": "1", "proposal": "x"})),
        "Entry 10: another update of its key result waits.",
    ),
    "another proposal": (
        _proposed_otherwise,
        "Entry 6: its id is not that of the update that it says waits.",
    ),
    "nothing that was rejected": (
        changed(6, details=canonical_json({"hold": name_of("frozen", 4, "x"), "new": "1", "proposal": "x"})),
        "Entry 7: it decides of an update that does not wait.",
    ),
    "rejected otherwise": (
        lambda told: changed(7, details=canonical_json(orjson.loads(told[6].details or "") | {"new": "1"}))(told),
        "Entry 7: what it tells of the update is not what waited.",
    ),
    "let through otherwise": (
        lambda told: added(8, kind=EntryKind.APPROVE, by="p", details=canonical_json({"hold": _id(told[7])}))(told),
        "Entry 10: it lets 6",
    ),
    "measured twice": (
        lambda told: [*told, replace(told[0], old=told[7].new, deltas=())],
        "Entry 10: its key result was measured before.",
    ),
}


def _id(entry: Entry) -> str:
    return str(orjson.loads(entry.details or "")["hold"])


def test_the_forger_s_own_hand_is_seen_nowhere(world: World, connection: Connection) -> None:
    assert forged(connection, world.entries()) == ""


@pytest.mark.parametrize("how", FORGERIES)
def test_a_chain_that_fits_must_tell_what_can_have_been(world: World, connection: Connection, how: str) -> None:
    forge, told = FORGERIES[how]
    assert forged(connection, forge(world.entries())).startswith(told)


def test_what_is_let_through_is_the_evidence_that_waited(database: Database) -> None:
    """Also where other evidence gives the same value."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{at}", State.DONE if at <= 4 else State.TODO) for at in range(10)))
    world = World(database, {SOURCE: tracker}, clock, guard=Guard())
    world.feed("kr", a_rule())
    world.sync()
    for at in range(6):
        tracker.drop("PAY", f"PAY-{at}")
    world.sync(full=True)
    [held] = world.sync(full=True).held
    approve_held(
        database, world.goals["kr"], held.id, Act("Ada", clock.forward(minutes=1), Run("x", {SOURCE: ("PAY",)}))
    )
    assert world.verify().ok
    told = world.entries()
    assert [each.kind for each in told] == [EntryKind.BASELINE, EntryKind.HOLD, EntryKind.APPROVE]
    less = tuple(row for row in told[2].deltas if row.item != "id:PAY-5")  # it was open: the value is the same without
    assert len(less) == len(told[2].deltas) - 1
    with database.engine.connect() as connection:
        problem = forged(connection, changed(3, deltas=less)(told))
        connection.rollback()
    assert problem == "Entry 3: it lets other evidence through than what waited."


def test_clocks_may_go_back(database: Database) -> None:
    """Who measured long writes behind who began later, and two machines never have the same time."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule())
    world.sync()
    later = clock() + timedelta(hours=1)
    set_value(database, "kr", Wanted(Decimal(3), "a guess"), Act("Ada", later, Run("by hand", {})))
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock())
    world.sync()
    times = [each.at for each in world.entries()]
    assert times != sorted(times)
    assert world.verify().ok
