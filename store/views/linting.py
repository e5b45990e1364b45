"""What is to be said of the rules of a config, as far as the mirror was read completely for them."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select

from mapping.demand import demand_of
from mapping.lint import Finding, Reached, findings
from mapping.measure import measure
from mapping.naming import Mirrored
from mapping.rule import Rule
from okrs.ledger import EntryKind
from okrs.objective import Keep
from okrs.progress import ONE, progress
from store import queries, sources
from store.sources import SourceState
from store.tables import ledger_entry
from store.tables import query as query_table
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
    asked = connection.execute(select(query_table).where(query_table.c.source == state.name))
    names = [name for each in state.containers for name in (each.name, each.called, each.id) if name]
    return Mirrored(queries.candidates_of(connection, state.name), tuple(names), {row.text: row.error for row in asked})


def _reached(
    connection: Connection, setup: Setup, rules: dict[str, Rule], mirror: dict[str, Mirrored], now: datetime
) -> list[Reached]:
    """One that reached its target on the way is fine; one that began there has a target that asks for nothing."""
    first = _baselines(connection)
    found = []
    for key_result in setup.key_results:
        rule = rules.get(key_result.id)
        if rule is None or isinstance(key_result.terms, Keep) or now < rule.period.start:
            continue
        began = key_result.id in first
        value = first[key_result.id] if began else _value(rule, mirror, now)
        if value is not None and progress(key_result.terms, value) >= ONE:
            found.append(Reached(key_result.id, value, began))
    return found


def _value(rule: Rule, mirror: dict[str, Mirrored], now: datetime) -> Decimal | None:
    try:
        return measure(rule, {name: mirror[name].candidates for name in rule.sources}, now).value
    except ArithmeticError:  # absurd estimates; a run of the engine says so
        return None


def _baselines(connection: Connection) -> dict[str, Decimal | None]:
    """The first value of every key result on record."""
    entries = ledger_entry.c
    first = select(func.min(entries.seq)).where(entries.kind == EntryKind.BASELINE.value).group_by(entries.key_result)
    rows = connection.execute(select(entries.key_result, entries.new).where(entries.seq.in_(first)))
    return {row.key_result: row.new for row in rows}
