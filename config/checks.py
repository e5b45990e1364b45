"""What the schema cannot say: keys that depend on each other, and names that must be known.

The checks read the tree and pass over whatever the schema already complained about, so they run on a half-broken
config too and report every mistake once.
"""

from collections.abc import Callable
from typing import TypeVar

from config.fields import read_day, read_number
from config.mapping_checks import check_mapping
from config.names import Known, gather, key_results_of, mappings_of, objectives_of
from config.part_checks import check_said
from config.problems import Problems
from config.renaming import check_renames
from config.sources import Sources
from config.supporting import check_supports
from config.tree import Spot
from config.words import quoted
from okrs.numbers import plain
from okrs.progress import Pace

_T = TypeVar("_T")


def check(roots: list[Spot], sources: Sources, problems: Problems, *, whole: bool, main: bool) -> None:
    """Add every problem that spans several keys.

    `whole` is False when objectives, key results and mappings may be missing; `main` when the main file is, which alone
    holds cycles and sources.
    """
    known = gather(roots, problems, whole=whole, main=main)
    for root in roots:
        _check_pace(root.get("pace"), problems)
    for cycle in known.cycles.found.values():
        _check_cycle(cycle, problems)
    for objective in objectives_of(roots):
        known.cycles.require(objective.get("cycle"), problems)
        for key_result in key_results_of(objective):
            _check_key_result(key_result, problems)
    check_renames(roots, known.promises(), problems)
    check_supports(objectives_of(roots), known.promises(), problems)
    for mapping in mappings_of(roots):
        check_mapping(mapping, known, sources.custom_fields, problems)
    linked = [link for root in roots if (link := root.get("link_by"))]
    for link in linked:
        for source in link.listed("sources"):
            known.sources.require(source, problems)
    for defaults in filter(None, (root.get("defaults") for root in roots)):
        check_said(defaults, problems)
    if not linked:
        _warn_of_unmapped(known, problems)


def _read(spot: Spot | None, read: Callable[[object], _T]) -> _T | None:
    """Return a value as the schema reads it; None where there is none or the schema complained."""
    if spot is None or spot.text is None:
        return None
    try:
        return read(spot.text)
    except ValueError:  # the schema has said so
        return None


def _check_pace(pace: Spot | None, problems: Problems) -> None:
    written = pace.get("at_risk") or pace.get("on_track") if pace else None
    if pace is None or written is None:
        return
    on_track = _read(pace.get("on_track"), read_number) if pace.get("on_track") else Pace().on_track
    at_risk = _read(pace.get("at_risk"), read_number) if pace.get("at_risk") else Pace().at_risk
    if on_track is not None and at_risk is not None and at_risk > on_track:
        problems.error(written, f"at_risk ({plain(at_risk)}) lies above on_track ({plain(on_track)}): lower it")


def _check_cycle(cycle: Spot, problems: Problems) -> None:
    end = cycle.get("end")
    first, last = _read(cycle.get("start"), read_day), _read(end, read_day)
    if end and first and last and last < first:
        problems.error(end, f"the cycle ends ({last}) before it starts ({first}): exchange or correct the days")


def _check_key_result(spot: Spot, problems: Problems) -> None:
    kind = spot.word("kind") or "numeric"
    if kind == "binary":
        _refuse(spot, ("start", "target", "keep"), "kind: binary is done or not", problems)
    elif kind == "numeric":
        if spot.get("at_least"):
            _refuse(spot, ("at_least",), "at_least is for kind: binary", problems)
        if spot.get("keep"):
            _refuse(spot, ("start", "target"), "keep is a band to stay in", problems)
            _check_band(spot, problems)
        else:
            _check_way(spot, problems)


def _refuse(spot: Spot, keys: tuple[str, ...], why: str, problems: Problems) -> None:
    for key in keys:
        inner = spot.get(key)
        if inner:
            problems.at(inner.home, inner.path, f"{key} does not belong here, {why}: leave it out")


def _check_band(spot: Spot, problems: Problems) -> None:
    top = spot.down(("keep", "max"))
    low, high = _read(spot.down(("keep", "min")), read_number), _read(top, read_number)
    if low is not None and high is not None and low >= high:
        problems.error(top, f"max ({plain(high)}) is not above min ({plain(low)}): a band needs min < max")


def _check_way(spot: Spot, problems: Problems) -> None:
    start, target = spot.get("start"), spot.get("target")
    if start is None and target is None:
        if problems.misspelt(spot, "keep") or problems.misspelt(spot, "kind"):
            return
        if not (problems.misspelt(spot, "start") and problems.misspelt(spot, "target")):
            key = "start" if problems.misspelt(spot, "target") else "target"
            problems.missing(spot, key, "start and target are missing: add both, or keep: {min, max}, or kind: binary")
        return
    for key, other in (("start", target), ("target", start)):
        if spot.get(key) is None and other:
            problems.missing(spot, key, f"{key} is missing: a numeric key result goes from start to target, add it")
    first, last = _read(start, read_number), _read(target, read_number)
    if target and first is not None and last is not None and first == last:
        told = f"start and target are the same ({plain(last)}): a key result needs a way to go, change one"
        problems.error(target, told)


def _warn_of_unmapped(known: Known, problems: Problems) -> None:
    """Warn of key results that nothing feeds, unless some mapping's key result is itself in doubt."""
    if not known.mapped.complete or any(name not in known.key_results.found for name in known.mapped.found):
        return
    for name, spot in known.key_results.found.items():
        if name not in known.mapped.found:
            problems.warning(
                spot.down(("id",)), f"no mapping feeds {quoted(name)}: add one under mappings, or set it by hand"
            )
