"""What a rule needs of its sources beyond the plain items."""

from mapping.rule import Part, Rule, Selector, Window, matches_in
from okrs.demand import Demand
from okrs.work import Kind, fold_name


def demand_of(rule: Rule, source: str) -> Demand:
    """Return the demand of a rule on one of its sources."""
    demand = Demand()
    for part in rule.parts:
        if part.source == source:
            demand = demand.union(_demand_of(part))
    return demand


def _demand_of(part: Part) -> Demand:
    """A rule's own meaning of done is dated by histories; sprints are read where a clause asks for their kind."""
    matches = list(matches_in(part.where))
    kinds = {fold_name(value) for match in matches if match.selector is Selector.KIND for value in match.values}
    return Demand(
        fields=frozenset({part.by} if part.by else ()),
        histories=part.done_when is not None and part.window is Window.CYCLE,
        sprints=Kind.SPRINT.value in kinds,
        queries=frozenset(value for match in matches if match.selector is Selector.QUERY for value in match.values),
    )
