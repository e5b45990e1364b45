"""Rules among the keys of a mapping and its parts (DESIGN 4.2 to 4.4)."""

from collections.abc import Mapping
from typing import TypeGuard

from config.names import Known
from config.problems import Problems
from config.tree import Spot
from config.words import advice, quoted
from mapping.rule import Combine, Counts, Measure, Window

_ESTIMATED = (Measure.PERCENT, Measure.SUM)


def check_mapping(
    mapping: Spot, known: Known, number_fields: Mapping[str, frozenset[str] | None], problems: Problems
) -> None:
    """Add the problems of one mapping.  `number_fields` says, by source, what `by` may name; None when unknown."""
    _check_key_result(mapping, known, problems)
    parts = _parts(mapping)
    _check_combine(mapping, parts, problems)
    _check_start_of_parts(parts, problems)
    for part in parts:
        source = part.get("source")
        known.sources.require(source, problems)
        _check_weights(part, problems)
        _check_policies(part, problems)
        by, allowed = part.get("by"), number_fields.get(source.text or "") if source else None
        if by and by.text is not None and allowed is not None and by.text not in allowed and not _misplaced(part):
            problems.error(by, _unknown_field(by.text, (source.text if source else None) or "", sorted(allowed)))


def _parts(mapping: Spot) -> list[Spot]:
    listed = mapping.get("from")
    return listed.items() if listed else []


def _check_key_result(mapping: Spot, known: Known, problems: Problems) -> None:
    spot = mapping.get("key_result")
    if spot and spot.text in known.objectives.found:
        problems.error(spot, f"{quoted(spot.text or '')} is an objective: name the key result that is fed")
        return
    key_result = known.key_results.require(spot, problems)
    for flag in filter(_is_true, (each.get("add_start") for each in (mapping, *_parts(mapping)))):
        _check_add_start(flag, key_result, problems)


def _is_true(flag: Spot | None) -> TypeGuard[Spot]:
    return flag is not None and (flag.text or "").strip().casefold() == "true"


def _check_add_start(flag: Spot, key_result: Spot | None, problems: Problems) -> None:
    if key_result is None:
        return
    if key_result.get("keep") or key_result.word("kind") == "binary":
        kind = "keeps a band" if key_result.get("keep") else "is binary"
        problems.error(flag, f"add_start needs a start value, and this key result {kind}: leave add_start out")


def _check_start_of_parts(parts: list[Spot], problems: Problems) -> None:
    """The start value is added once, to the combined number; of a single part that is the same."""
    for flag in filter(_is_true, (part.get("add_start") for part in parts)):
        if len(parts) > 1:
            problems.error(flag, "the start value is added once, to the combined number: write it on the mapping")


def _check_combine(mapping: Spot, parts: list[Spot], problems: Problems) -> None:
    combine = mapping.get("combine")
    weighted = [weight for part in parts if (weight := part.get("weight"))]
    if combine is None:
        if problems.misspelt(mapping, "combine"):
            return
        if len(parts) > 1:
            choice = Combine.WEIGHTED_MEAN if weighted else "|".join(Combine)
            problems.missing(
                mapping, "combine", f"{len(parts)} parts need combine to become one number: add combine: {choice}"
            )
            return
    elif combine.text not in list(Combine) or combine.text == Combine.WEIGHTED_MEAN:
        return
    for weight in weighted:
        problems.error(weight, "weight works with combine: weighted_mean only: write that, or leave weight out")


def _check_weights(part: Spot, problems: Problems) -> None:
    measure, by, missing = part.word("measure"), part.get("by"), part.get("missing")
    if measure == Measure.SUM and by is None:
        problems.missing(part, "by", "measure: sum needs by: name the numeric field that is added up")
    elif by and _misplaced(part):
        problems.error(by, "measure: count takes no by: leave it out, or write measure: sum")
    elif missing and by is None and not problems.misspelt(part, "by"):
        problems.error(missing, "missing says what an item without an estimate weighs: add by, or leave missing out")


def _misplaced(part: Spot) -> bool:
    """Tell whether a measure takes no `by`."""
    measure = part.word("measure")
    return measure in list(Measure) and measure not in _ESTIMATED


def _check_policies(part: Spot, problems: Problems) -> None:
    counts, window, done_when = part.word("counts"), part.get("window"), part.get("done_when")
    if window and window.text == Window.CYCLE and counts in (Counts.OPEN, Counts.ALL):
        problems.error(
            window, f"counts: {counts} looks at work whenever it was closed: leave window out, or write window: always"
        )
    if done_when and not done_when.entries() and done_when.shape == "a mapping of keys":
        problems.error(done_when, "done_when says nothing: add status or resolution, or leave it out")


def _unknown_field(name: str, source: str, allowed: list[str]) -> str:
    if not allowed:
        return f"{quoted(source)} has no number fields: leave by out, every item then weighs 1"
    return (
        f"{quoted(source)} knows no field {quoted(name)}; {advice(name, allowed, 'known')}; "
        "or add it under fields of the source"
    )
