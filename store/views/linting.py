"""What is to be said of the rules of a config, as far as the mirror was read completely for them."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, select

from mapping.codec import rule_hash, rule_text
from mapping.demand import demand_of
from mapping.lint import Finding, Reached, findings
from mapping.measure import measure
from mapping.naming import Mirrored
from mapping.rule import Rule
from okrs.ledger import EntryKind
from okrs.objective import Keep, Terms
from okrs.progress import ONE, progress
from store import ledger, queries, sources
from store.sources import SourceState
from store.tables import ledger_entry
from store.views.setup import Setup


def linted(connection: Connection, setup: Setup, now: datetime) -> list[Finding]:
    """Return what is to be said of the rules whose cycle is not over.

    Of a source that was never read completely, with what a rule needs, nothing is said.
    """
    states = {each.name: sources.state_of(connection, each.name) for each in setup.sources}
    rules = {name: rule for name, rule in setup.rules.items() if now < rule.period.end and _read(setup, states, rule)}
    named = {source for rule in rules.values() for source in rule.sources}
    mirror = {name: _mirrored(connection, states[name]) for name in sorted(named)}
    return [*findings(rules, mirror, now), *_reached(connection, setup, rules, mirror, now)]


def _read(setup: Setup, states: dict[str, SourceState], rule: Rule) -> bool:
    return all(states[name].ready(setup.containers[name], demand_of(rule, name)) for name in rule.sources)


def _mirrored(connection: Connection, state: SourceState) -> Mirrored:
    names = [name for each in state.containers for name in (each.name, each.called, each.id) if name]
    return Mirrored(
        queries.candidates_of(connection, state.name), tuple(names), queries.errors_of(connection, state.name)
    )


def _reached(
    connection: Connection, setup: Setup, rules: dict[str, Rule], mirror: dict[str, Mirrored], now: datetime
) -> list[Reached]:
    """One that reached its target on the way is fine; one that began there has a target that asks for nothing."""
    past, states = _begun(connection), ledger.states(connection)
    found = []
    for key_result in setup.key_results:
        rule, terms, state = rules.get(key_result.id), key_result.terms, states.get(key_result.id)
        if rule is None or isinstance(terms, Keep) or now < rule.period.start:
            continue
        begun = past.get(key_result.id, [])
        measured = state is not None and state.rule == rule_hash(rule_text(rule))
        if not measured:
            begun = [*begun, (state.value if state else None, _value(rule, mirror, now))]
        value = _began(terms, begun)
        if value is not None and _there(terms, value):
            found.append(Reached(key_result.id, value, measured))
    return found


def _began(terms: Terms, begun: Sequence[tuple[Decimal | None, Decimal | None]]) -> Decimal | None:
    """What the last rule began with; where work had reached the target before, what the rule of that work did."""
    began: Decimal | None = None
    for old, new in begun:
        if _there(terms, began) or not _there(terms, old):
            began = new
    return began


def _there(terms: Terms, value: Decimal | None) -> bool:
    return value is not None and progress(terms, value) >= ONE


def _value(rule: Rule, mirror: dict[str, Mirrored], now: datetime) -> Decimal | None:
    try:
        return measure(rule, {name: mirror[name].candidates for name in rule.sources}, now).value
    except ArithmeticError:  # absurd estimates; a run of the engine says so
        return None


def _begun(connection: Connection) -> dict[str, list[tuple[Decimal | None, Decimal | None]]]:
    """The value before and after each time that a rule came into force, by key result."""
    entries = ledger_entry.c
    kinds = (EntryKind.BASELINE.value, EntryKind.RULE.value)
    taken = select(entries.key_result, entries.old, entries.new).where(entries.kind.in_(kinds)).order_by(entries.seq)
    begun: dict[str, list[tuple[Decimal | None, Decimal | None]]] = {}
    for row in connection.execute(taken):
        begun.setdefault(row.key_result, []).append((row.old, row.new))
    return begun
