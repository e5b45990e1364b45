"""What becomes of the files that are not taken as they are written, and of their key results."""

from collections.abc import Collection, Iterable, Sequence

from config.files import Files
from config.model import Config
from config.names import key_results_of, mappings_of, objectives_of
from config.owning import Owners, unreadable
from config.standin import Kind
from config.tree import Spot
from config.versions import Case, Level
from store.views.quarantine import Quarantined


def quarantined(config: Config, cases: Sequence[Case], files: Files, owners: Owners) -> tuple[Quarantined, ...]:
    """Tell of the cases that are in quarantine, of which `files` went into the config."""
    parts = {root.home.file: root for root in files.roots}
    moving = _moving(config, [parts[each.versions[0].root.home.file] for each in cases if each.level is Level.STANDING])
    known = {each.id for each in config.key_results}
    before = _before(config, (root for each in cases for root in each.roots))
    return tuple(
        _quarantined(each, parts.get(each.place), moving, _own(each, known, owners), before)
        for each in cases
        if each.level is not Level.WRITTEN
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


def _own(case: Case, known: Collection[str], owners: Owners) -> list[str]:
    """Return the key results that a file defines or, of those that are known, feeds, and no other one owns."""
    own = [(Kind.PROMISE, name) for name in _defined(case.roots)]
    own += [(Kind.MAPPING, name) for name in _fed(case.roots) if name in known]
    return [each[1] for each in dict.fromkeys(own) if owners.get(each, case) is case]


def _before(config: Config, roots: Iterable[Spot]) -> list[tuple[str, str]]:
    """Return the ids of key results, each with one that it had before, in the config or as files say it."""
    inner = (spot for each in objectives_of(roots) for spot in key_results_of(each))
    told = [(spot.word("id"), spot.word("was")) for spot in inner]
    told += [(each.id, each.was) for each in config.key_results]
    return list(dict.fromkeys((name, was) for name, was in told if name and was))


def _quarantined(
    case: Case,
    part: Spot | None,
    moving: Collection[str],
    own: Sequence[str],
    before: Iterable[tuple[str, str]],
) -> Quarantined:
    """Tell what becomes of a file, of which `part` is in the config."""
    runs = case.level is Level.LAST_GOOD
    taking = [part] if runs and part else []
    running = [name for name in (*_defined(taking), *_fed(taking)) if name in moving]
    still = [name for name in dict.fromkeys(own) if name not in moving]
    first, *others = case.mistakes
    return Quarantined(
        file=case.file.path,
        main=case.main,
        problem=str(first),
        more=len(others),
        runs=runs,
        key_results=tuple(dict.fromkeys([*running, *still])),
        still=tuple(still),
        formerly=tuple(was for name, was in before if name in still),
        misfit=case.misfit,
        since=case.kept.wrong_since if case.kept else None,
        hidden=bool(unreadable(case.file) - {Kind.TEMPLATE}),
    )
