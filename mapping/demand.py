"""What a rule needs of its sources beyond the plain items."""

from mapping.rule import Rule
from okrs.demand import Demand


def demand_of(rule: Rule, source: str) -> Demand:
    """Return the demand of a rule on one of its sources."""
    return Demand(fields=frozenset(part.by for part in rule.parts if part.source == source and part.by))
