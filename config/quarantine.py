"""Which files of a broken config are taken, and what stands in for the others.  A decision without effects.

    every file begins with its best version
    until the files of those versions fit together:
        a file that is to blame steps down to its next version; the main file first, for its mistakes have echoes

The versions of a team's file are: as written; as last good; then only its objectives, last good or as written, which
stand still without rules; then nothing.  The main file has the first two: without it there is no config.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from config.files import File, Files, Found, team_of
from config.loader import Terms, understood
from config.model import Config
from config.names import key_results_of, mappings_of, objectives_of
from config.problems import Problem, Problems
from config.standin import Taken, giving_way, taken
from config.tree import Entry, Spot
from config.versions import Case, Level, cases_of
from store.configs import Kept
from store.views.quarantine import Quarantined


@dataclass(frozen=True, slots=True)
class Settled:
    """A config that runs although files of it are broken."""

    config: Config
    """With what is in quarantine."""
    right: tuple[File, ...]
    """The files that are taken as they are written."""
    main: str
    """The name of the main file."""


def settle(found: Found, kept: Sequence[Kept], terms: Terms, database: Entry | None) -> Settled | None:
    """Return what runs of a config in which something is broken; None when nothing can.

    `database` is that key as the main file has it now: it is not kept.
    """
    cases = cases_of(found, {each.name: each for each in kept}, database)
    main = next((case for case in cases if case.main), None)
    while main is not None and main.versions:
        problems = Problems()
        files = _files(found, cases, main, problems)
        config = understood(files, terms, problems).config
        if config is not None:
            return _settled(config, cases, main, files)
        if not _step_down(cases, main, problems):
            break
    return None


def _files(found: Found, cases: Sequence[Case], main: Case, problems: Problems) -> Files:
    """Put the best versions together.

    What is new or stands in comes last, so that an id given twice is the newcomer's mistake.
    """
    teams = sorted((each for each in cases if not each.main and each.versions), key=_standing)
    others = taken([each.versions[0].root for each in cases if each.level is Level.WRITTEN])
    top = _taking_part(main, others)
    roots = [_taking_part(each, others) for each in teams]
    return Files(
        found.folder,
        top,
        tuple(team_of(root, top, problems) for root in roots),
        complete=True,
        whole=all(each.level is Level.WRITTEN for each in cases),
    )


def _standing(case: Case) -> tuple[Level, bool, str]:
    return case.level, not case.unchanged, case.file.name


def _taking_part(case: Case, others: Taken) -> Spot:
    best = case.versions[0]
    return best.root if best.level is Level.WRITTEN else giving_way(best.root, others)


def _step_down(cases: Sequence[Case], main: Case, problems: Problems) -> bool:
    """Take their best versions from the files that are to blame.  Returns False when nobody can be blamed."""
    by_place = {place: case for case in cases for place in (case.file.path, case.place)}
    blamed: dict[str, tuple[Case, list[Problem]]] = {}
    for place, problem in problems.causes:
        case = _to_blame(by_place.get(place.file), by_place.get(place.use.file) if place.use else None)
        if case is not None:
            blamed.setdefault(case.file.name, (case, []))[1].append(problem)
    if main.file.name in blamed:  # what the others seem to have done wrong may be its doing
        blamed = {main.file.name: blamed[main.file.name]}
    for case, mistakes in blamed.values():
        level = case.versions.pop(0).level
        if level is Level.WRITTEN:
            case.mistakes += mistakes
        elif level is Level.LAST_GOOD:
            case.misfit = ": ".join(filter(None, (mistakes[0].path, mistakes[0].message)))
    return bool(blamed)


def _to_blame(home: Case | None, user: Case | None) -> Case | None:
    """Return whose mistake it is: of a template's text, its user's, unless only the template changed."""
    if user is None or home is None or home is user:
        return user or home
    settled = user.unchanged or user.level is not Level.WRITTEN
    changed = home.level is Level.WRITTEN and not home.unchanged and home.kept is not None
    return home if settled and changed else user


def _settled(config: Config, cases: Sequence[Case], main: Case, files: Files) -> Settled:
    parts = {root.home.file: root for root in files.roots}
    moving = _moving(config, [parts[each.versions[0].root.home.file] for each in cases if each.level is Level.STANDING])
    known = {each.id for each in config.key_results}
    wrong = tuple(
        _quarantined(each, parts.get(each.place), moving, known) for each in cases if each.level is not Level.WRITTEN
    )
    return Settled(
        replace(config, quarantine=wrong),
        tuple(each.file for each in cases if each.level is Level.WRITTEN),
        main.file.name,
    )


def _moving(config: Config, standing: Iterable[Spot]) -> frozenset[str]:
    """Return the key results that are measured: those with a rule, and with terms that are in force."""
    return frozenset(config.rules.keys() - set(_defined(standing)))


def _defined(roots: Iterable[Spot]) -> list[str]:
    """Return the ids of the key results of these files."""
    inner = (spot for each in objectives_of(roots) for spot in key_results_of(each))
    return [name for spot in inner if (name := spot.word("id"))]


def _fed(roots: Iterable[Spot]) -> list[str]:
    """Return the ids of the key results that these files have mappings for."""
    return [name for each in mappings_of(roots) if (name := each.word("key_result"))]


def _quarantined(case: Case, part: Spot | None, moving: Collection[str], known: Collection[str]) -> Quarantined:
    """Tell what becomes of a file, of which `part` is in the config."""
    runs = case.level is Level.LAST_GOOD
    taking = [part] if runs and part else []
    running = [name for name in (*_defined(taking), *_fed(taking)) if name in moving]
    ids = [*_defined(case.roots), *(name for name in _fed(case.roots) if name in known)]
    still = [name for name in dict.fromkeys(ids) if name not in moving]
    first, *others = case.mistakes
    return Quarantined(
        file=case.file.path,
        main=case.main,
        problem=str(first),
        more=len(others),
        runs=runs,
        key_results=tuple(dict.fromkeys([*running, *still])),
        still=tuple(still),
        misfit=case.misfit,
        since=case.kept.wrong_since if case.kept else None,
        hidden=case.file.root is None,
    )
