"""Parts of rules that select nothing: a 0 that may be a misspelt label and not a fact."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from mapping.codec import parse_rule
from mapping.family import Candidate
from okrs.immutable import immutable
from store import ledger, queries
from store.ledger import KeyResultState
from store.renames import names_of, pending
from store.selecting import KnownEmpty, Selecting
from store.tables import evidence
from store.views.setup import Setup


@immutable
class Gap:
    """A part of a measured key result's rule that selects no item at all, and that the number does not go without."""

    key_result: str
    part: int
    """Counted from 0."""
    source: str
    linked: bool = False
    """Labels alone feed the key result, and nobody uses one yet."""


def gaps(
    connection: Connection,
    setup: Setup,
    now: datetime,
    mirror: Callable[[Connection, str], Sequence[Candidate]] = queries.candidates_of,
    *,
    known: Mapping[str, KeyResultState] | None = None,
    known_empty: KnownEmpty | None = None,
) -> tuple[Gap, ...]:
    """Return the gaps in the rules on record, in the order of the config.

    Rules of a cycle that is over have none: the mirror is asked as it is today, which does not tell what they select.
    Nor has a part that only waits for work to be in its state, or of its days (`mapping.lasting`).
    A part with evidence selects something; for the other parts alone, which are few, the facets of a source are asked,
    or its mirror is read.  `known` are the states of the key results, where they were read before; `known_empty` is
    what was found to select nothing before.
    """
    states = known if known is not None else ledger.states(connection, names_of(setup.key_results))
    fed = _fed(connection, states.values())
    selecting = Selecting(connection, now, mirror, known_empty, patient=False)
    found: list[Gap] = []
    renamed = pending(connection, setup.key_results)
    states = {renamed.get(name, name): state for name, state in states.items()}
    names = [each.id for each in setup.key_results if each.id in setup.rules and each.id in states]
    texts = ledger.rule_texts(connection, (states[name].rule for name in names))
    for name in names:
        rule = parse_rule(texts[states[name].rule])
        if now >= rule.period.end:
            continue
        unfed = (number for number in rule.lacking(range(len(rule.parts))) if (states[name].id, number) not in fed)
        empty = [number for number in unfed if not selecting.some(rule, rule.parts[number])]
        lacking = (number for number in rule.lacking(empty) if not selecting.idle(rule, rule.parts[number]))
        found += [Gap(name, number, rule.parts[number].source, rule.parts[number].linked) for number in lacking]
    selecting.remember()
    return tuple(found)


def _fed(connection: Connection, states: Iterable[KeyResultState]) -> set[tuple[str, int]]:
    """Return which parts of which key results have evidence, by the totals that are kept of it; else it is asked."""
    found: set[tuple[str, int]] = set()
    for state in states:
        found |= {(state.id, number) for number, total in enumerate(state.totals) if total.items}
        if not state.totals:
            asked = select(evidence.c.part).where(evidence.c.key_result == state.id).distinct()
            found |= {(state.id, row.part) for row in connection.execute(asked)}
    return found


def gaps_json(found: Sequence[Gap]) -> list[dict[str, Any]]:
    """The list under `selects_nothing` of `status --json` and `sync --json`."""
    return [{"key_result": each.key_result, "part": each.part, "source": each.source} for each in found]
