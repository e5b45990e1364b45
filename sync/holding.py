"""What a person does to a held update: approve it as it was shown, or reject it."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from okrs.immutable import immutable, replace
from okrs.ledger import Entry
from store import holds, ledger, people
from store.cache import MirrorCache
from store.database import Database
from store.holds import Hold
from store.readiness import Snapshot
from sync.deciding import Goal, Verdict, approve, reject
from sync.recording import Run, appended, basis_of, readers


class NotHeldError(Exception):
    """No update waits under this id."""


class NotReadyError(Exception):
    """The sources lack what its rule needs."""


class ChangedError(Exception):
    """The update is not any more what was shown."""

    def __init__(self, new: Decimal | None) -> None:
        super().__init__("the update changed")
        self.new = new


@immutable
class Act:
    """Who decides, when, and in which run."""

    who: str
    now: datetime
    run: Run
    why: str | None = None


def approve_held(database: Database, goal: Goal, name: str, act: Act, *, expect: Decimal | None = None) -> Entry:
    """Let a held update through, with everybody else kept waiting; one that was rejected, after all.

    Raises NotHeldError, NotReadyError, and ChangedError where it is not `expect`, or not what the last run told.
    """
    with database.write() as connection:
        head, held = ledger.lock_head(connection), _held(connection, name, rejected=True)
        if expect is not None and not _is_shown(held.new, expect):
            raise ChangedError(held.new)
        snapshot = Snapshot(connection, act.run.containers)
        basis = basis_of(snapshot, goal)
        if not basis.recorded_ready:
            raise NotReadyError
        load, recall = readers(snapshot, basis, MirrorCache(), act.now)
        verdict = approve(basis, load, recall, act.now, by=people.person_id(connection, act.who))
        if verdict is None:
            raise ChangedError(None)
        return _written(connection, head, held, verdict, act)


def reject_held(database: Database, name: str, act: Act) -> Entry:
    """Let a held update wait no more, and the value be what it is.  Raises NotHeldError."""
    with database.write() as connection:
        head, held = ledger.lock_head(connection), _held(connection, name)
        state = ledger.state_of(connection, held.key_result)
        if state is None:
            raise NotHeldError
        who = people.person_id(connection, act.who)
        return _written(connection, head, held, reject(state, held, by=who, why=act.why), act)


def _is_shown(new: Decimal | None, expect: Decimal) -> bool:
    """Tell whether this is what somebody was shown, who may have seen it rounded."""
    return new is not None and round(new, max(0, -int(expect.as_tuple().exponent))) == expect


def _held(connection: Connection, name: str, *, rejected: bool = False) -> Hold:
    found = next((each for each in holds.all_holds(connection).values() if each.id == name), None)
    if found is None or (found.rejected and not rejected):
        raise NotHeldError
    return found


def _written(connection: Connection, head: ledger.Head, held: Hold, verdict: Verdict, act: Act) -> Entry:
    drafts = tuple(replace(each, why=act.why or each.why) for each in verdict.drafts)
    told = replace(verdict, drafts=drafts)
    return appended(connection, head, {held.key_result: told}, run=act.run, now=act.now)[0]
