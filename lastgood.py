"""The config that commands work with: as it is written or, where that is broken, as it was last good.

`config.quarantine` decides what runs; here are the effects: reading the files, and keeping the good ones.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from config.database import read_database
from config.documents import document_of
from config.files import File, Found, arranged, beginning, read_files
from config.interpolation import Resolver
from config.loader import Terms, understood
from config.model import Config
from config.problems import Problem, Problems
from config.quarantine import settle
from config.tree import Spot
from store.configs import Good, Kept, keep, kept
from store.database import Database, StoreError, open_database
from terminal.ports import InvalidConfig, Wrong


@dataclass(frozen=True, slots=True)
class Taken:
    """A config that runs, and the files that it comes from."""

    config: Config
    right: tuple[File, ...]
    """Those that are taken as they are written."""
    main: str
    """The name of the main file."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the others."""

    @property
    def wrong(self) -> Wrong | None:
        return Wrong(self.problems, self.config.quarantine) if self.config.quarantine else None

    def keep(self, database: Database, now: datetime) -> None:
        """Keep what is right for worse days, without secrets, and since when the rest is wrong."""
        keep(database, self._good(), [Path(each.file).name for each in self.config.quarantine], now)

    def _good(self) -> Iterator[Good]:
        for file in self.right:
            document = document_of(file.root, self.config) if file.root else None
            if document is not None:
                yield Good(file.name, file.name == self.main, document)


def taken(path: Path, terms: Terms, *, settles: bool = False, hint: str = "") -> Taken:
    """Load a config; where it is broken and this `settles` for less, with what was last good of it.

    Raises InvalidConfig, with a `hint`, when nothing can run.
    """
    found, problems = read_files(path), Problems()
    loaded = understood(arranged(found, problems), terms, problems)
    if loaded.config is not None:
        return Taken(loaded.config, found.files, Path(loaded.roots[0].home.file).name)
    if not settles:
        raise InvalidConfig(loaded.problems, hint=hint)
    main = _with_database(found)
    url = read_database(main, Resolver(terms.environ, found.folder), Problems()) if main else None
    if main is None or url is None:
        raise InvalidConfig(loaded.problems, hint=_NO_DATABASE)
    good = _kept(url)
    settled = settle(found, good, terms, main.entry("database"))
    if settled is None:
        raise InvalidConfig(loaded.problems, hint=_MISFIT if any(each.main for each in good) else _NOTHING_KEPT)
    return Taken(settled.config, settled.right, settled.main, loaded.problems)


WITHOUT_LAST_GOOD = "`headway sync --last-good` goes on with what was last good of the config, where that is kept."
_NO_DATABASE = "Where the last good config is kept is told by `database`, which is not known: nothing can run."
_NOTHING_KEPT = "No good version of it is kept: nothing can run until it is right."
_MISFIT = "The last good config cannot run either: a variable, a file or a connector that it needs is missing."


def _with_database(found: Found) -> Spot | None:
    """Return what can be read of the file that says where the database is."""
    roots = [file.root for file in found.files if file.root]
    begun = [start for file in found.files if file.root is None and (start := beginning(file))]
    versioned = [root for root in roots if root.child("version")]
    return next((root for root in (*versioned, *begun, *roots) if root.get("database")), None)


def _kept(url: str) -> tuple[Kept, ...]:
    """Return what is kept; nothing where the database cannot be asked, which whoever opens it next is told."""
    try:
        with closing(open_database(url, create=False)) as database:
            return kept(database)
    except (StoreError, DBAPIError):
        return ()
