"""The config that commands work with: as it is written or, where that is broken, with what was last good of it.

What stands in for what is decided in `config.quarantine`; here the files are read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from config.database import read_database
from config.documents import document_of, less, tree_of
from config.files import NOT_READ, File, Found, arranged, beginning, by_name, read_files
from config.interpolation import Resolver
from config.loader import Terms, understood
from config.model import Config
from config.names import TWICE, key_results_of, objectives_of
from config.problems import Problem, Problems
from config.quarantine import settle
from config.standin import names_of
from config.tree import Place, Spot
from okrs.immutable import immutable, replace
from store.configs import Good, Kept, Less

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


@immutable
class Taken:
    """A config that runs, and the files that it comes from."""

    config: Config
    right: tuple[File, ...]
    """Those that are taken as they are written."""
    main: str
    """The name of the main file."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with the others, and all warnings."""
    unread: tuple[Problem, ...] = ()
    """Where nothing is wrong, the warnings of files beside it that nobody reads."""
    echoes: frozenset[Problem] = frozenset()
    """What the files alone would say, and what was last good knows better: who has a name twice."""

    @property
    def wrong(self) -> list[str]:
        """The names of the files that are not right."""
        return [Path(each.file).name for each in self.config.quarantine]

    def good(self, problems: Problems) -> Iterator[Good]:
        """Yield what is to be kept of the files that are right, with a warning of each that cannot be kept."""
        for file in self.right:
            document = document_of(file.root, self.config, problems) if file.root else None
            yield Good(file.name, file.name == self.main, document)

    def less(self) -> Less:
        """Return what takes from an older version of a file the names that other files, which are right, define now.

        So each name belongs to the file in which it was last right, and none comes back as it was long ago.
        """
        homes = {name: file.name for file in self.right if file.root for name in names_of(file.root)}
        return lambda file, document: less(document, {name for name, home in homes.items() if home != file})


def taken(path: Path, terms: Terms, recall: Recall | None = None) -> Taken:
    """Load a config; where it is broken and there is a `recall`, with what was last good of it.

    Raises Broken when nothing can run.
    """
    found, problems = read_files(path), Problems()
    loaded = understood(arranged(found, problems), terms, problems)
    unread = tuple(each for each in found.problems.found if each.severity == "warning")
    good = None
    if loaded.config is not None:
        name = Path(loaded.roots[0].home.file).name
        good = Taken(loaded.config, found.files, name, loaded.problems, unread)
    if good and not (recall and found.misnamed):
        return good
    if recall is None or not path.exists():
        raise Broken(loaded.problems)
    main = _with_database(found)
    url = read_database(main, Resolver(terms.environ, found.folder), Problems()) if main else None
    if main is None or url is None:
        raise Broken(loaded.problems, NO_DATABASE)
    kept = recall(url)
    lost = tuple(_lost(found, kept))
    if good and not lost:
        return good
    whole = replace(found, files=tuple(sorted((*found.files, *lost), key=lambda each: each.name)))
    settled = settle(whole, kept, terms, main.entry("database"))
    if settled is None:
        raise Broken(loaded.problems, MISFIT if any(each.main and each.document for each in kept) else NOTHING_KEPT)
    missed = [each for file in lost for each in file.problems.found]
    echoes = frozenset(each for each in loaded.problems if _is_echo(each, settled.at))
    before = [each for each in loaded.problems if each.file not in {error.file for error in missed}]
    told = dict.fromkeys([*(each for each in before if each not in echoes), *missed, *settled.problems])
    return Taken(settled.config, settled.right, settled.main, Problems(list(told)).sorted(), echoes=echoes)


def _is_echo(problem: Problem, taken_at: Collection[Place]) -> bool:
    places = {(each.file, each.line, each.column) for each in taken_at}
    return TWICE in problem.message and (problem.file, problem.line, problem.column) in places


def _lost(found: Found, kept: Sequence[Kept]) -> Iterator[File]:
    """Yield files that were last good under their right names, and have names now under which nobody reads them."""
    known = {each.name for each in kept if each.document} - {each.name for each in found.files}
    for path in (each for each in found.misnamed if each.with_suffix(".yaml").name in known):
        problems = Problems()
        problems.at(Place(str(path)), (), NOT_READ)
        yield File(str(path.with_suffix(".yaml")), None, problems)


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
    return next((root for root in by_name((*versioned, *begun, *roots)) if root.get("database")), None)
