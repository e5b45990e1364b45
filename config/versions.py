"""The versions of a config's files: as they are written, as they were last good, and what is shown of neither."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from config.documents import same, tree_of
from config.files import File, Found, main_of
from config.problems import Problem
from config.standin import only_objectives
from config.tree import Entry, Place, Spot, Table
from okrs.immutable import immutable
from store.configs import Kept


class Level(IntEnum):
    WRITTEN = 0
    LAST_GOOD = 1
    STANDING = 2
    """Objectives and key results alone, without what feeds them."""
    OUT = 3


@immutable
class Version:
    level: Level
    root: Spot


@dataclass(slots=True)
class Case:
    """A file, and what is left to try of it."""

    file: File
    kept: Kept | None
    main: bool
    versions: list[Version]
    unchanged: bool
    """It says what is kept of it."""
    good: Spot | None = None
    """As it was last good."""
    mistakes: list[Problem] = field(default_factory=list)
    misfit: str = ""

    @property
    def level(self) -> Level:
        return self.versions[0].level if self.versions else Level.OUT

    @property
    def place(self) -> str:
        """What problems of its kept version name."""
        return f"{self.file.path} (last good)"

    @property
    def roots(self) -> list[Spot]:
        """Everything that is known of it, as written and as last good."""
        return [root for root in (self.file.root, self.good) if root]


def cases_of(found: Found, kept: Mapping[str, Kept], database: Entry | None) -> list[Case]:
    """Return the files with everything that can be taken of each, the best first.

    `database` is that key as the main file has it now: it is not kept.
    """
    main = _main(found, kept)
    return [_case(each, kept.get(each.name), database, main=each is main) for each in found.files]


def _main(found: Found, kept: Mapping[str, Kept]) -> File | None:
    """Return the file that holds `version`, or did when the config was last good."""
    if found.shared is None:
        return next(iter(found.files), None)
    roots = [each.root for each in found.files if each.root]
    versioned = any(root.child("version") for root in roots)
    before = (each for each in found.files if each.name in kept and kept[each.name].main)
    for each in before:
        if each.root is None or each.root.child("version") or not versioned:
            return each
    chosen = main_of(roots)
    return next((each for each in found.files if each.root is chosen), None) if chosen else None


def _case(file: File, kept: Kept | None, database: Entry | None, *, main: bool) -> Case:
    case = Case(file, kept, main, [], unchanged=False)
    if file.root and kept and kept.document:
        case.unchanged = same(kept.document, file.root)
    if file.root and not file.problems.failed:
        case.versions.append(Version(Level.WRITTEN, file.root))
    case.mistakes += [problem for _, problem in file.problems.causes]
    case.good = _last_good(kept, case.place, database if main else None)
    if case.good:
        case.versions.append(Version(Level.LAST_GOOD, case.good))
    if not main:
        known = [root for root in (case.good, file.root) if root]
        case.versions += [Version(Level.STANDING, only_objectives(root)) for root in known]
    return case


def _last_good(kept: Kept | None, place: str, database: Entry | None) -> Spot | None:
    if kept is None or kept.document is None:
        return None
    tree = tree_of(kept.document, place)
    entries = {**tree.entries, **({"database": database} if database else {})}
    return Spot(Table(tree.place, entries), Place(place))
