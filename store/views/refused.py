"""Key results that wait because a tracker refused what their rules ask, as of the last read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from mapping.demand import demand_of
from okrs.demand import Demand, Extra
from okrs.immutable import immutable
from store import queries
from store.sources import SourceState
from store.views.setup import Setup, SourceSetup


@immutable
class Refused:
    """What the rule of a key result names and cannot have; what is on record stays meanwhile."""

    key_result: str
    source: str
    field: str
    """As the rule spells it; empty where it is something else."""
    error: str
    """A sentence with the next step."""
    query: str = ""
    """As the rule writes it, in the tracker's own language; empty where it is something else."""
    extra: Extra | None = None
    """What the rule needs beside the items and their fields, where it is that."""

    @property
    def awaited(self) -> str:
        """What it waits for, in words."""
        if self.extra:
            return self.extra.word
        return "a field" if self.field else "a query"


def awaited(found: Sequence[Refused]) -> str:
    """What a key result waits for, in words; empty when for nothing."""
    return " and ".join(sorted({each.awaited for each in found}))


def refused(connection: Connection, setup: Setup, states: Mapping[str, SourceState]) -> tuple[Refused, ...]:
    """Return what was refused, in the order of the config; each field or query of a rule and source once."""
    every = (each.id for each in setup.key_results if each.id in setup.rules)
    asked = _refused_queries(connection, setup)
    return tuple(one for name in every for one in _refusals(setup, name, states, asked))


def refusals(connection: Connection, setup: Setup, name: str, states: Mapping[str, SourceState]) -> Iterator[Refused]:
    """Yield what the rule of a key result demands and was refused."""
    return _refusals(setup, name, states, _refused_queries(connection, setup))


def _refused_queries(connection: Connection, setup: Setup) -> dict[str, dict[str, str]]:
    return {each.name: queries.refusals_of(connection, each.name) for each in setup.sources}


def _refusals(
    setup: Setup, name: str, states: Mapping[str, SourceState], asked: Mapping[str, Mapping[str, str]]
) -> Iterator[Refused]:
    rule = setup.rules[name]
    for source in (each for each in setup.sources if each.name in rule.sources):
        state, known = states[source.name], asked[source.name]
        if not known and not any(one.refused for one in state.containers):
            continue  # as nearly always: of a thousand rules nothing has to be worked out
        demand = demand_of(rule, source.name)
        for asked_as, told in _names(source, state, demand):
            if asked_as in demand.extras:
                yield Refused(name, source.name, "", told, extra=Extra(asked_as))
            else:
                yield Refused(name, source.name, asked_as, told)
        for query in sorted(demand.queries & known.keys()):
            yield Refused(name, source.name, "", known[query], query=query)


def _names(source: SourceSetup, state: SourceState, demand: Demand) -> Iterator[tuple[str, str]]:
    read = [one for one in state.containers if source.shaping in {None, one.demand.shaping}]
    for name in sorted(demand.names):
        told = next(filter(None, (one.refusal(name, demand) for one in read)), None)
        if told:
            yield name, told


def refused_json(found: Sequence[Refused]) -> list[dict[str, Any]]:
    """The list under `refused_fields` of `status --json` and `sync --json`; sprints and the like by their words."""
    return [
        {
            "key_result": each.key_result,
            "source": each.source,
            "field": each.extra.word if each.extra else each.field,
            "error": each.error,
        }
        for each in found
        if each.field or each.extra
    ]


def refused_queries_json(found: Sequence[Refused]) -> list[dict[str, Any]]:
    """The list under `refused_queries` of the same."""
    return [
        {"key_result": each.key_result, "source": each.source, "query": each.query, "error": each.error}
        for each in found
        if each.query
    ]
