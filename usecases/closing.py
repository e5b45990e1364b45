"""`close`: the end of a cycle."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from config.model import Config
from okrs.about import own_version
from okrs.ledger import Entry
from store.database import Database
from store.runs import finish_run, start_run
from sync.closing import ClosedError, Closing, MovedError, UnclosableError, Wish, close_cycle
from sync.closing import closing as found
from sync.holding import Act
from sync.recording import Run
from terminal.failures import Failure
from usecases.ground import Ground, absent, database_of, goals_of, setup_of

_Answer = TypeVar("_Answer")


def closing(ground: Ground, config: Path, wish: Wish) -> Closing:
    """Show how a cycle would end now, or raise Failure for one that cannot."""
    known = ground.load(config)
    with database_of(known) as database, database.read() as connection:
        if not database.made:
            raise Failure(absent(known))
        return _told(known, wish, lambda: found(connection, setup_of(known), goals_of(known), wish, ground.clock()))


def close(ground: Ground, config: Path, wish: Wish, *, why: str | None, shown: Closing) -> tuple[Entry, ...]:
    """Close a cycle as it was shown.  Raises Failure where it is another one by now, or cannot be closed."""
    known = ground.load(config)
    with database_of(known) as database:
        try:
            return _told(known, wish, lambda: _closed(ground, known, database, wish, why=why, shown=shown))
        except (MovedError, UnclosableError):
            raise Failure(f"Nothing was closed: {wish.cycle} is not any more as it was shown. Try again.") from None


def _closed(
    ground: Ground, known: Config, database: Database, wish: Wish, *, why: str | None, shown: Closing
) -> tuple[Entry, ...]:
    now = ground.clock()
    containers = {name: each.container_names for name, each in known.sources.items()}
    run = Run(start_run(database, now, own_version()), containers)
    try:
        act = Act(ground.who, now, run, why)
        return close_cycle(database, setup_of(known), goals_of(known), wish, act, shown=shown)
    finally:
        finish_run(database, run.id, ground.clock())


def _told(known: Config, wish: Wish, look: Callable[[], _Answer]) -> _Answer:
    """Look, and say in a sentence what cannot be looked at."""
    try:
        return look()
    except KeyError:
        names = ", ".join(each.id for each in known.cycles)
        raise Failure(f"There is no cycle {wish.cycle} in the config; it has {names}.") from None
    except ClosedError as error:
        sentence = f"{wish.cycle} was closed on {error.at:%Y-%m-%d}, and stays as it is."
        raise Failure(f"{sentence} `headway status --cycle {wish.cycle}` shows it.") from None
