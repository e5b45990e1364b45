"""Parts of rules that select nothing: a 0 that may be a misspelt label and not a fact."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mapping.codec import parse_rule
from mapping.family import Candidate
from mapping.measure import selected
from mapping.rule import Part, Rule
from store import facets, ledger, queries
from store.ledger import KeyResultState
from store.tables import evidence
from store.views.setup import Setup


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a measured key result's rule that selects no item at all, and that the number does not go without."""

    key_result: str
    part: int
    """Counted from 0."""
    source: str


def gaps(
    connection: Connection,
    setup: Setup,
    now: datetime,
    mirror: Callable[[Connection, str], Sequence[Candidate]] = queries.candidates_of,
    known: Mapping[str, KeyResultState] | None = None,
) -> tuple[Gap, ...]:
    """Return the gaps in the rules on record, in the order of the config.

    Rules of a cycle that is over have none: the mirror is asked as it is today, which does not tell what they select.
    A part with evidence selects something; for the other parts alone, which are few, the facets of a source are asked,
    or its mirror is read.  `known` are the states of the key results, where they were read before.
    """
    states = known if known is not None else ledger.states(connection, {each.id for each in setup.key_results})
    rows = connection.execute(select(evidence.c.key_result, evidence.c.part).distinct())
    fed = {(row.key_result, row.part) for row in rows}
    loaded: dict[str, Sequence[Candidate]] = {}
    indexes: dict[str, facets.Index | None] = {}

    def selects(rule: Rule, part: Part) -> bool:
        if part.source not in indexes:
            indexes[part.source] = facets.index_of(connection, part.source)
        index = indexes[part.source]
        told = None if index is None else facets.selects_some(connection, index, rule, part, now)
        if told is not None:
            return told
        if part.source not in loaded:
            loaded[part.source] = mirror(connection, part.source)
        return bool(selected(rule, part, loaded, now))

    names = [each.id for each in setup.key_results if each.id in setup.rules and each.id in states]
    texts = ledger.rule_texts(connection, (states[name].rule for name in names))
    found: list[Gap] = []
    for name in names:
        rule = parse_rule(texts[states[name].rule])
        if now >= rule.period.end:
            continue
        unfed = (number for number in rule.lacking(range(len(rule.parts))) if (name, number) not in fed)
        empty = [number for number in unfed if not selects(rule, rule.parts[number])]
        found += [Gap(name, number, rule.parts[number].source) for number in rule.lacking(empty)]
    return tuple(found)


def gaps_json(found: Sequence[Gap]) -> list[dict[str, Any]]:
    """The list under `selects_nothing` of `status --json` and `sync --json`."""
    return [{"key_result": each.key_result, "part": each.part, "source": each.source} for each in found]
