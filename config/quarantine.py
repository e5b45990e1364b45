"""Which files of a broken config are taken, and what stands in for the others.  A decision without effects.

    every file begins with its best version; who took a name that is another file's steps down
    until the files of those versions fit together:
        a file that is to blame steps down to its next version; the main file first, for its mistakes have echoes

The versions of a team's file are: as written; as last good; then only its objectives, last good or as written, which
stand still without rules; then nothing.  The main file has the first two: without it there is no config.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field
from functools import partial

from config.fates import quarantined
from config.files import File, Files, Found, team_of
from config.loader import Terms, understood
from config.model import Config
from config.owning import Owners, owners_of, taken_away
from config.problems import Problem, Problems
from config.standin import Name, giving_way, names_of
from config.tree import Entry, Place, Spot
from config.versions import Case, Level, cases_of
from okrs.immutable import immutable, replace
from store.configs import Kept


@immutable
class Settled:
    """A config that runs although files of it are broken."""

    config: Config
    """With what is in quarantine."""
    right: tuple[File, ...]
    """The files that are taken as they are written."""
    main: str
    """The name of the main file."""
    problems: tuple[Problem, ...]
    """What is wrong with the files only for what was last good."""
    at: frozenset[Place] = frozenset()
    """Where names stand that one file took from another: who made that mistake only `problems` say."""


@immutable
class _Folder:
    """All files of a config, with what is left to try of each."""

    found: Found
    cases: Sequence[Case]
    main: Case
    owners: Owners
    problems: list[Problem] = field(default_factory=list)
    taken: set[Place] = field(default_factory=set)
    """Where names stand that one file took from another."""

    @property
    def whole(self) -> bool:
        """Nothing is missing that any file defines as it is written."""
        return all(each.level is Level.WRITTEN for each in self.cases)


def settle(found: Found, kept: Sequence[Kept], terms: Terms, database: Entry | None) -> Settled | None:
    """Return what runs of a config in which something is broken; None when nothing can.

    `database` is that key as the main file has it now: it is not kept.
    """
    begin = partial(_begun, found, kept, database)
    folder = begin()
    while folder is not None and folder.main.versions:
        problems = Problems()
        files = _files(folder, problems, whole=folder.whole)
        config = understood(files, terms, problems).config
        if config is not None:
            return _settled(config, folder, files)
        blamed = _blamed(folder.cases, problems)
        if not blamed:
            break
        back = _without_the_change(folder, blamed, terms, begin)
        if back is None:
            _step_down(blamed)
        else:
            folder = back
    return None


def _begun(found: Found, kept: Sequence[Kept], database: Entry | None) -> _Folder | None:
    """Return all files with everything that can be tried; None where none is the main file."""
    cases = cases_of(found, {each.name: each for each in kept}, database)
    main = next((case for case in cases if case.main), None)
    if main is None:
        return None
    folder = _Folder(found, cases, main, owners_of(cases))
    _give_back(folder)
    return folder


def _give_back(folder: _Folder) -> None:
    """Let files step down that have newly taken a name of another one."""
    for case in folder.cases:
        taking = taken_away(case, folder.owners)
        if taking.wrong and len(case.versions) > 1:
            case.versions.pop(0)
            case.mistakes += taking.wrong
            folder.problems.extend(taking.wrong)
            folder.taken.update(taking.at)


def _files(folder: _Folder, problems: Problems, *, whole: bool) -> Files:
    """Put the best versions together, and say whether they are the `whole` config.

    What is new or stands in comes last, so that an id given twice is the newcomer's mistake.
    """
    teams = sorted((each for each in folder.cases if not each.main and each.versions), key=_standing)
    written = {name for each in folder.cases if each.level is Level.WRITTEN for name in names_of(each.versions[0].root)}
    top = _taking_part(folder.main, written, folder.owners)
    roots = [_taking_part(each, written, folder.owners) for each in teams]
    return Files(
        folder.found.folder,
        top,
        tuple(team_of(root, top, problems) for root in roots),
        complete=True,
        whole=whole,
    )


def _standing(case: Case) -> tuple[Level, bool, str]:
    return case.level, not case.unchanged, case.file.name


def _taking_part(case: Case, written: Collection[Name], owners: Owners) -> Spot:
    best = case.versions[0]
    if best.level is Level.WRITTEN:
        return best.root
    return giving_way(best.root, {*written, *(name for name, owner in owners.items() if owner is not case)})


_Blamed = Mapping[str, tuple[Case, list[Problem]]]
"""Files that are to blame, by name, with their mistakes."""


def _blamed(cases: Sequence[Case], problems: Problems) -> _Blamed:
    """Return who is to blame; the main file alone where it is, for others seem to have done wrong by its doing."""
    by_place = {place: case for case in cases for place in (case.file.path, case.place)}
    blamed: dict[str, tuple[Case, list[Problem]]] = {}
    for place, problem in problems.causes:
        case = _to_blame(by_place.get(place.file), by_place.get(place.use.file) if place.use else None)
        if case is not None:
            blamed.setdefault(case.file.name, (case, []))[1].append(problem)
    top = [name for name, (case, _) in blamed.items() if case.main]
    return {name: blamed[name] for name in top} if top else blamed


def _without_the_change(
    folder: _Folder, blamed: _Blamed, terms: Terms, begin: Callable[[], _Folder | None]
) -> _Folder | None:
    """Begin again with the last good main file where it changed and is to blame.

    So it is where with its last good version a file is right, as that is written, that does not fit it now: one that
    did not change, or one whose last good version does not fit either.
    """
    suspects = [
        (name, mistakes)
        for name, (case, mistakes) in blamed.items()
        if not case.main and (case.unchanged or case.level is Level.LAST_GOOD)
    ]
    again = begin() if suspects and _changed(folder.main) else None
    if again is None:
        return None
    problems, whole, version = Problems(), again.whole, again.main.versions.pop(0)
    understood(_files(again, problems, whole=whole), terms, problems)
    still = _blamed(again.cases, problems)
    freed = [mistakes for name, mistakes in suspects if name not in still]
    if not freed or again.main.file.name in still:
        return None
    told = Problems()
    others = f"{len(freed)} {'file does' if len(freed) == 1 else 'files do'} not fit it any more"
    told.at(version.root.home, (), f"this file changed, and {others}, first {freed[0][0]}: change them with it")
    again.main.mistakes.extend(told.found)
    again.problems.extend(told.found)
    return again


def _changed(case: Case) -> bool:
    """Tell whether a file is taken as it is written, and was otherwise when it was last good."""
    return case.level is Level.WRITTEN and not case.unchanged and case.good is not None


def _step_down(blamed: _Blamed) -> None:
    """Take their best versions from the files that are to blame."""
    for case, mistakes in blamed.values():
        level = case.versions.pop(0).level
        if level is Level.WRITTEN:
            case.mistakes += mistakes
        elif level is Level.LAST_GOOD:
            case.misfit = ": ".join(filter(None, (mistakes[0].path, mistakes[0].message)))


def _to_blame(home: Case | None, user: Case | None) -> Case | None:
    """Return whose mistake it is: of a template's text, its user's, unless only the template changed."""
    if user is None or home is None or home is user:
        return user or home
    settled = user.unchanged or user.level is not Level.WRITTEN
    return home if settled and _changed(home) else user


def _settled(config: Config, folder: _Folder, files: Files) -> Settled:
    wrong = quarantined(config, folder.cases, files, folder.owners)
    return Settled(
        replace(config, quarantine=wrong),
        tuple(each.file for each in folder.cases if each.level is Level.WRITTEN),
        folder.main.file.name,
        tuple(folder.problems),
        frozenset(folder.taken),
    )
