"""Rules among the keys of a mapping as a whole (DESIGN 4.4)."""

from collections.abc import Mapping
from typing import TypeGuard

from config.measures import read_measure
from config.names import Known
from config.part_checks import check_part
from config.problems import Problems
from config.tree import Spot
from config.words import quoted
from mapping.rule import AVERAGES, Combine, Regress


def check_mapping(
    mapping: Spot, known: Known, custom_fields: Mapping[str, frozenset[str] | None], problems: Problems
) -> None:
    """Add the problems of one mapping.  `custom_fields` says what each source has; None when unknown."""
    parts = _parts(mapping)
    _require_parts(mapping, problems)
    key_result = _key_result(mapping, known, problems)
    if key_result:
        _check_terms(mapping, parts, key_result, problems)
    _check_combine(mapping, parts, problems)
    _check_whole(mapping, parts, problems)
    for part in parts:
        source = part.get("source")
        known.sources.require(source, problems)
        check_part(part, custom_fields.get(source.text or "") if source else None, problems)


def _require_parts(mapping: Spot, problems: Problems) -> None:
    """Complain where nothing is measured.  The schema does not: a template may say it."""
    written = mapping.child("from")
    if written is not None and mapping.get("from") is None:
        problems.at(written.home, written.path, "from has no value: fill it in (What is measured, part by part)")
    elif written is None and mapping.entries():
        problems.missing(mapping, "from", "from is missing: add it (What is measured, part by part)")


def _parts(mapping: Spot) -> list[Spot]:
    listed = mapping.get("from")
    return listed.items() if listed else []


def _key_result(mapping: Spot, known: Known, problems: Problems) -> Spot | None:
    spot = mapping.get("key_result")
    if spot and spot.text in known.objectives.found:
        problems.error(spot, f"{quoted(spot.text or '')} is an objective: name the key result that is fed")
        return None
    return known.key_results.require(spot, problems)


def _is_true(flag: Spot | None) -> TypeGuard[Spot]:
    return flag is not None and (flag.text or "").strip().casefold() == "true"


def _check_terms(mapping: Spot, parts: list[Spot], key_result: Spot, problems: Problems) -> None:
    """Hold what needs a start value, or a direction, against the key result."""
    keeps, binary = key_result.get("keep") is not None, key_result.word("kind") == "binary"
    kind = "keeps a band" if keeps else "is binary"
    if keeps or binary:
        for flag in filter(_is_true, (each.get("add_start") for each in (mapping, *parts))):
            problems.error(flag, f"add_start needs a start value, and this key result {kind}: leave add_start out")
        scale = mapping.get("scale")
        if scale:
            problems.error(scale, f"scale leads to start and target, and this key result {kind}: leave scale out")
    for measure in (each.get("measure") for each in parts if binary):
        if measure and _is_average(measure):
            problems.error(
                measure,
                f"measure: {measure.text} is an average, and a binary key result is done at all or so many of its "
                "tickets: write measure: percent or count, or give the key result a start and a target",
            )
    for regress in (each.get("regress") for each in (mapping, *parts) if keeps):
        if regress and regress.text == Regress.RATCHET:
            problems.error(regress, "a band has no best value to keep: leave regress out")


def _is_average(measure: Spot) -> bool:
    try:
        return read_measure(measure.text).measure in AVERAGES
    except ValueError:  # the schema has said so
        return False


def _check_whole(mapping: Spot, parts: list[Spot], problems: Problems) -> None:
    """What is about the combined number stands on the mapping, or on its only part; what is about the parts, there."""
    for flag in filter(_is_true, (part.get("add_start") for part in parts if len(parts) > 1)):
        problems.error(flag, "the start value is added once, to the combined number: write it on the mapping")
    for regress in filter(None, (part.get("regress") for part in parts)):
        if len(parts) > 1:
            problems.error(regress, "regress is about the combined number: write it on the mapping")
        elif mapping.get("regress"):
            problems.error(regress, "regress stands on the mapping already: leave it out here")
    with_ = mapping.get("with")
    if with_ and not mapping.get("use") and not problems.misspelt(mapping, "use"):
        problems.at(with_.home, with_.path, "with fills in a template: add use: and its name, or leave with out")
    scale = mapping.get("scale")
    if scale and any(_is_true(each.get("add_start")) for each in (mapping, *parts)):
        problems.error(scale, "scale already leads from start to target: leave scale or add_start out")
    if parts and _is_true(parts[0].get("once")):
        problems.error(
            parts[0].down(("once",)),
            "once leaves out what an earlier part has, and this part is the first: write it on a later one",
        )


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
