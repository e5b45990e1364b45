"""What a rule needs of its sources beyond the plain items."""

from collections.abc import Iterable, Mapping

from mapping.rule import TIMES, FieldMatch, Leaf, Match, Measure, Part, Rule, Selector, Window, wanted_in
from okrs.demand import Demand, Extra, Family
from okrs.work import Kind, fold_name

Demands = tuple[tuple[str, Demand], ...]
"""By source."""

_BELOW = {Selector.EPIC: True, Selector.PARENT: False}
"""Whether all that lies below is meant, not the direct children alone."""


def demands_of(rule: Rule) -> Demands:
    """Return the demand of a rule on each of its sources."""
    return tuple((name, demand_of(rule, name)) for name in rule.sources)


def demand_of(rule: Rule, source: str) -> Demand:
    """Return the demand of a rule on one of its sources."""
    demand = Demand(refs=any(part.once for part in rule.parts) and source in rule.sources)
    for part in rule.parts:
        if part.source == source:
            demand = demand.union(_demand_of(part))
    return demand


def fields_of(part: Part) -> frozenset[str]:
    """Return the names of the custom fields that a part weighs by or compares."""
    compared = (leaf.field for leaf in part.leaves if isinstance(leaf, FieldMatch))
    return frozenset({*compared, *([part.by] if part.by else [])})


def extras_of(part: Part) -> frozenset[Extra]:
    """Return what a part needs beside the items and their fields; links are needed of all sources of its rule."""
    return _demand_of(part).extras


def queries_of(part: Part) -> frozenset[str]:
    """Return the queries of the tracker's own that a part asks."""
    return frozenset(_values(part.leaves, Selector.QUERY))


def families_of(part: Part) -> Mapping[Family, Selector]:
    """Return under what a part selects items, with the selector that says so.

    None where it says itself which projects it wants: then it knows of the others.
    """
    matches = list(wanted_in(part.where))
    if any(each.selector is Selector.PROJECT for each in matches):
        return {}
    below = (each for each in matches if each.selector in _BELOW)
    return {Family(text, _BELOW[each.selector]): each.selector for each in below for text in each.values}


def _demand_of(part: Part) -> Demand:
    leaves = part.leaves
    return Demand(
        fields=fields_of(part),
        numbers=frozenset({part.by} if part.by else ()),
        histories=_needs_histories(part),
        sprints=bool(_values(leaves, Selector.SPRINT)) or Kind.SPRINT in map(fold_name, _values(leaves, Selector.KIND)),
        queries=queries_of(part),
        families=frozenset(families_of(part)),
    )


def _needs_histories(part: Part) -> bool:
    """When work began only histories tell; and a rule's own meaning of done is dated by them."""
    if part.measure is Measure.CYCLE_TIME:
        return True
    return part.done_when is not None and (part.window is Window.CYCLE or part.measure in TIMES)


def _values(leaves: Iterable[Leaf], selector: Selector) -> list[str]:
    matches = (leaf for leaf in leaves if isinstance(leaf, Match) and leaf.selector is selector)
    return [value for leaf in matches for value in leaf.values]
