"""`holds`, `approve` and `reject`: updates that wait for a person."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from config.model import Config
from okrs.about import own_version
from okrs.ledger import Entry
from okrs.numbers import plain
from store.database import Database
from store.holds import Hold, all_holds, open_holds
from store.runs import finish_run, start_run
from sync.holding import Act, ChangedError, NotHeldError, NotReadyError, approve_held, reject_held
from sync.recording import Run
from terminal.answers import Waits
from terminal.failures import Changed, Failure
from terminal.text import harmless
from usecases.ground import Ground, database_of, goals_of
from usecases.naming import require_sound


def holds(ground: Ground, config: Path) -> Waits:
    """Return the updates that wait."""
    known = ground.answering(config)
    with database_of(known) as database, database.read() as connection:
        return Waits(open_holds(connection), {each.id: each.title for each in known.key_results})


def approve(ground: Ground, config: Path, name: str, *, expect: Decimal | None, why: str | None) -> Entry:
    """Let an update through.  Raises Failure where none waits under this id, or it changed."""
    known = ground.answering(config)
    goals = {goal.key_result.id: goal for goal in goals_of(known)}
    with database_of(known) as database:
        waiting = _named(database, name, rejected=True)
        require_sound(known, waiting.key_result)
        goal = goals.get(waiting.key_result)
        renamed = next((each.id for each in known.key_results if each.was == waiting.key_result), None)
        if goal is None and renamed is not None:
            raise Failure(f"{waiting.key_result} is called {renamed} now: run `headway sync` once, then approve it.")
        if goal is None:
            raise Failure(f"{waiting.key_result} left the config: the next `headway sync` retires it, and voids this.")
        try:
            return _acted(
                ground, known, database, why, lambda act: approve_held(database, goal, name, act, expect=expect)
            )
        except NotReadyError:
            raise Failure(
                f"Nothing was approved: {waiting.key_result} cannot be measured now, and `headway plan` says why."
            ) from None
        except ChangedError as error:
            raise _changed(waiting, expect, error) from None


def _changed(waiting: Hold, expect: Decimal | None, error: ChangedError) -> Failure:
    if expect is not None and error.new is not None:
        now, shown = plain(error.new), plain(expect)
        told = f"Nothing was approved: {now} waits, not {shown}. If {now} is right, approve it with --expect {now}."
        return Changed(told, error.new)
    return Failure(
        f"The update of {waiting.key_result} is not any more what was shown: `headway sync` looks again, and "
        "`headway holds` shows what waits then."
    )


def reject(ground: Ground, config: Path, name: str, *, why: str | None) -> Entry:
    """Let an update wait no more.  Raises Failure where none waits under this id."""
    known = ground.answering(config)
    with database_of(known) as database:
        require_sound(known, _named(database, name).key_result)
        return _acted(ground, known, database, why, lambda act: reject_held(database, name, act))


def _named(database: Database, name: str, *, rejected: bool = False) -> Hold:
    with database.read() as connection:
        known = list(all_holds(connection).values())
    waiting = [each for each in known if not each.rejected]
    found = next((each for each in (known if rejected else waiting) if each.id == name), None)
    if found is None:
        others = ", ".join(each.id for each in waiting)
        raise Failure(f"No update waits as {harmless(name)}: {f'there are {others}' if others else 'nothing waits'}.")
    return found


def _acted(ground: Ground, known: Config, database: Database, why: str | None, act: Callable[[Act], Entry]) -> Entry:
    """Do it as a run of its own.  Raises Failure where somebody else decided meanwhile."""
    now = ground.clock()
    containers = {name: each.container_names for name, each in known.sources.items()}
    run = Run(start_run(database, now, own_version()), containers)
    try:
        return act(Act(ground.who, now, run, why))
    except NotHeldError:
        raise Failure("Somebody else decided about it just now: `headway holds` shows what waits.") from None
    finally:
        finish_run(database, run.id, ground.clock())
