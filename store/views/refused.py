"""Key results that wait because their rules name fields that a tracker refused, as of the last read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mapping.demand import demand_of
from mapping.rule import Rule
from store.sources import SourceState
from store.views.setup import Setup


@dataclass(frozen=True, slots=True)
class Refused:
    """A field that the rule of a key result names and cannot have; what is on record stays meanwhile."""

    key_result: str
    source: str
    field: str
    """As the rule spells it."""
    error: str
    """A sentence with the next step."""


def refused(setup: Setup, states: Mapping[str, SourceState]) -> tuple[Refused, ...]:
    """Return what was refused, in the order of the config; each field of a key result's rule and source once."""
    return tuple(
        Refused(each.id, source, name, error)
        for each in setup.key_results
        if each.id in setup.rules
        for source, name, error in refusals(setup, setup.rules[each.id], states)
    )


def refusals(setup: Setup, rule: Rule, states: Mapping[str, SourceState]) -> Iterator[tuple[str, str, str]]:
    """Yield source, field and sentence of what a rule demands and was refused."""
    for each in setup.sources:
        if each.name not in rule.sources:
            continue
        demand = demand_of(rule, each.name)
        read = [one for one in states[each.name].containers if each.shaping in {None, one.demand.shaping}]
        for name in sorted(demand.fields):
            told = next(filter(None, (one.refusal(name, demand) for one in read)), None)
            if told:
                yield each.name, name, told


def refused_json(found: Sequence[Refused]) -> list[dict[str, Any]]:
    """The list under `refused_fields` of `status --json` and `sync --json`."""
    return [
        {"key_result": each.key_result, "source": each.source, "field": each.field, "error": each.error}
        for each in found
    ]
