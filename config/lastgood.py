"""The config that commands work with: as it is written or, where that is broken, with what was last good of it.

What stands in for what is decided in `config.quarantine`; here the files are read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.database import read_database
from config.documents import document_of, tree_of
from config.files import File, Found, arranged, beginning, read_files
from config.interpolation import Resolver
from config.loader import Terms, understood
from config.model import Config
from config.names import key_results_of, objectives_of
from config.problems import Problem, Problems
from config.quarantine import settle
from config.tree import Spot
from store.configs import Good, Kept

Recall = Callable[[str], Sequence[Kept]]
"""Returns what the database at an address keeps; nothing where it cannot be asked."""

NO_DATABASE = "Where the last good config is kept is told by `database`, which is not known: nothing can run."
NOTHING_KEPT = "No good version of it is kept: nothing can run until it is right."
MISFIT = "The last good config cannot run either: a variable, a file or a connector that it needs is missing."


class Broken(Exception):
    """Nothing can run.  The text says why not even what was last good; it is empty where nobody asked for that."""

    def __init__(self, problems: tuple[Problem, ...], why: str = "") -> None:
        super().__init__(why)
        self.problems = problems


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
    def wrong(self) -> list[str]:
        """The names of the files that are not right."""
        return [Path(each.file).name for each in self.config.quarantine]

    def good(self, problems: Problems) -> Iterator[Good]:
        """Yield what is to be kept of the files that are right, with a warning of each that cannot be kept."""
        for file in self.right:
            document = document_of(file.root, self.config, problems) if file.root else None
            yield Good(file.name, file.name == self.main, document)


def taken(path: Path, terms: Terms, recall: Recall | None = None) -> Taken:
    """Load a config; where it is broken and there is a `recall`, with what was last good of it.

    Raises Broken when nothing can run.
    """
    found, problems = read_files(path), Problems()
    loaded = understood(arranged(found, problems), terms, problems)
    if loaded.config is not None:
        return Taken(loaded.config, found.files, Path(loaded.roots[0].home.file).name)
    if recall is None:
        raise Broken(loaded.problems)
    main = _with_database(found)
    url = read_database(main, Resolver(terms.environ, found.folder), Problems()) if main else None
    if main is None or url is None:
        raise Broken(loaded.problems, NO_DATABASE)
    kept = recall(url)
    settled = settle(found, kept, terms, main.entry("database"))
    if settled is None:
        raise Broken(loaded.problems, MISFIT if any(each.main and each.document for each in kept) else NOTHING_KEPT)
    more = (each for each in settled.problems if each not in loaded.problems)
    told = Problems([*loaded.problems, *more]).sorted()
    return Taken(settled.config, settled.right, settled.main, told)


def former_titles(kept: Iterable[Kept]) -> dict[str, str]:
    """Return the titles of the key results in what is kept, by id: also of those that the config has no more."""
    trees = [tree_of(each.document, each.name) for each in kept if each.document]
    roots = [Spot(tree, tree.place) for tree in trees]
    inner = (spot for each in objectives_of(roots) for spot in key_results_of(each))
    return {name: spot.word("title") or name for spot in inner if (name := spot.word("id"))}


def _with_database(found: Found) -> Spot | None:
    """Return what can be read of the file that says where the database is."""
    roots = [file.root for file in found.files if file.root]
    begun = [start for file in found.files if file.root is None and (start := beginning(file))]
    versioned = [root for root in roots if root.child("version")]
    return next((root for root in (*versioned, *begun, *roots) if root.get("database")), None)
