"""Rules among the keys of one part (DESIGN 4.2 and 4.3): what makes no sense together is said with a way out."""

from collections.abc import Iterator

from config.measures import ESTIMATED, FINISHED, SHARES, read_measure
from config.problems import Problems
from config.tree import Spot
from config.where import FIELD
from config.words import advice, quoted
from mapping.rule import TIMES, Counts, Measure, Window, default_counts

_NEEDS_BY = {
    Measure.SUM: "name the numeric field that is added up",
    Measure.MEAN: "name the numeric field whose mean is taken",
    Measure.PERCENTILE: "name the numeric field whose values are ranked",
}


def check_part(part: Spot, fields: frozenset[str] | None, problems: Problems) -> None:
    """Add the problems of one part.  `fields` are the custom fields that its source has; None when unknown."""
    measure = _measure(part)
    _check_weights(part, measure, problems)
    _check_companions(part, measure, problems)
    if measure is not None:
        _check_counts(part, measure, problems)
    check_said(part, problems)
    if fields is not None:
        _check_fields(part, measure, fields, problems)


def check_said(policies: Spot, problems: Problems) -> None:
    """Complain about policies and clauses that say nothing."""
    for key, remedy in (
        ("done_when", "add status or resolution"),
        ("partial", "add todo or doing"),
        ("of", "add what an item must match"),
    ):
        spot = policies.get(key)
        if spot and not spot.entries() and spot.shape == "a mapping of keys":
            problems.error(spot, f"{key} says nothing: {remedy}, or leave it out")


def _measure(part: Spot) -> Measure | None:
    """Return the part's measure; None where there is none or the schema complained."""
    try:
        return read_measure(part.word("measure")).measure
    except ValueError:
        return None


def _check_weights(part: Spot, measure: Measure | None, problems: Problems) -> None:
    by, missing = part.get("by"), part.get("missing")
    if by is None and measure in _NEEDS_BY:
        problems.missing(part, "by", f"measure: {part.word('measure')} needs by: {_NEEDS_BY[measure]}")
    elif by and measure is not None and measure not in ESTIMATED:
        other = ", or write measure: sum" if measure is Measure.COUNT else ""
        problems.error(by, f"measure: {measure} takes no by: leave it out{other}")
    elif missing and by is None and not problems.misspelt(part, "by"):
        problems.error(missing, "missing says what an item without an estimate weighs: add by, or leave missing out")


def _check_companions(part: Spot, measure: Measure | None, problems: Problems) -> None:
    """`stat` belongs to times, `of` to a ratio and only there."""
    stat, of = part.get("stat"), part.get("of")
    if stat and measure is not None and measure not in TIMES:
        problems.error(stat, "stat is for measure: lead_time and cycle_time: leave it out")
    if of and measure is not None and measure is not Measure.RATIO:
        problems.error(of, "of is for measure: ratio: leave it out, or write measure: ratio")
    if of is None and measure is Measure.RATIO:
        problems.missing(part, "of", "measure: ratio needs of: say what a selected item must also match to count")


def _check_counts(part: Spot, measure: Measure, problems: Problems) -> None:
    written, window, partial = part.get("counts"), part.get("window"), part.get("partial")
    counts = written.text if written else default_counts(measure)
    if counts not in list(Counts):
        return
    if written and counts != Counts.DONE and measure in FINISHED:
        problems.error(written, f"measure: {measure} is about finished work: leave counts out")
        return
    if window and window.text == Window.CYCLE and counts != Counts.DONE:
        remedy = "leave window out, or write window: always" if written else "add counts: done, or leave window out"
        what = f"counts: {counts}" if written else f"measure: {measure}"
        problems.error(window, f"{what} looks at work whenever it was closed: {remedy}")
    if window and window.text == Window.ALWAYS and measure is Measure.THROUGHPUT:
        problems.error(window, "measure: throughput counts by the weeks of the cycle: leave window out")
    if partial and measure not in SHARES:
        problems.error(partial, f"measure: {part.word('measure')} gives no part credit: leave partial out")
    elif partial and counts != Counts.DONE:
        remedy = "write counts: done, or leave partial out"
        problems.error(partial, f"partial is for counts: done, and here it is {counts}: {remedy}")


def _check_fields(part: Spot, measure: Measure | None, allowed: frozenset[str], problems: Problems) -> None:
    """Complain about custom fields that the part's source does not have."""
    source, by = part.word("source") or "", part.get("by")
    if by and by.text is not None and by.text not in allowed and (measure is None or measure in ESTIMATED):
        problems.error(by, _unknown_field("by", by.text, source, sorted(allowed)))
    for spot in _custom(part):
        key = str(spot.path[-1])
        name = key.removeprefix(FIELD)
        if name not in allowed:
            problems.at(spot.home, spot.path, _unknown_field(key, name, source, sorted(allowed)))


def _custom(part: Spot) -> Iterator[Spot]:
    """Yield what is wanted of custom fields anywhere in the part's clauses."""
    for clause in filter(None, (part.get("where"), part.get("of"))):
        for spot in clause.walk():
            key = spot.path[-1]
            if isinstance(key, str) and key.removeprefix(FIELD).strip() and key.startswith(FIELD):
                yield spot


def _unknown_field(key: str, name: str, source: str, allowed: list[str]) -> str:
    if not allowed:
        remedy = "leave by out, every item then weighs 1" if key == "by" else f"leave {quoted(key)} out"
        return f"{quoted(source)} has no {'number fields' if key == 'by' else 'custom fields'}: {remedy}"
    return (
        f"{quoted(source)} knows no field {quoted(name)}; {advice(name, allowed, 'known')}; "
        "or add it under fields of the source"
    )
