"""What is to be said of the rules of a config, as far as the mirror was read completely for them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, or_, select

from mapping.codec import parse_rule, rule_hash, rule_text
from mapping.demand import demand_of, extras_of, families_of, fields_of, queries_of
from mapping.facets import asked_by
from mapping.lint import (
    FEW,
    FieldRefused,
    Finding,
    Finished,
    NotRead,
    Reached,
    Reused,
    Surveyed,
    Unanswered,
    findings,
)
from mapping.naming import Mirrored, Named, Names
from mapping.rule import Part, Rule
from okrs.demand import Extra
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.objective import Binary, Keep, Terms
from okrs.progress import ONE, progress
from store import families, ledger, lookup, queries, sources
from store.cache import MirrorCache
from store.finals import finals, moved_from
from store.renames import renames
from store.sources import SourceState
from store.surveying import Surveyor, TermNames
from store.tables import ledger_entry
from store.views.refused import refusals
from store.views.setup import Setup

_INSTANT = timedelta(microseconds=1)


def linted(connection: Connection, setup: Setup, now: datetime) -> list[Finding]:
    """Return what is to be said of the rules whose cycle is not over, nor their key result closed.

    Of a source that was never read completely, with what a rule needs, nothing is said but what the tracker refused.
    """
    states = {each.name: sources.state_of(connection, each.name) for each in setup.sources}
    closed = finals(connection).keys()
    live = {name: rule for name, rule in setup.rules.items() if now < rule.period.end and name not in closed}
    rules = {name: rule for name, rule in live.items() if _read(setup, states, rule)}
    named = {source for rule in rules.values() for source in rule.sources}
    cache = MirrorCache()
    surveyor, values, lacking = Surveyor(connection, cache, now), dict[str, Decimal | None](), set[str]()

    def survey(name: str, rule: Rule) -> Surveyed:
        found = surveyor.of(rule)
        values[name] = found.value  # and not the items of all rules at once
        if found.lacking(rule):  # that is told, and where it leads the key result is not
            lacking.add(name)
        return found

    def keys(source: str, ids: Collection[str]) -> dict[str, str]:
        return lookup.keys_of(connection, source, ids)

    asked = {name: asked_by(_parts(rules.values(), name)) for name in named}
    names = {name: _names(connection, cache, states[name], asked[name]) for name in sorted(named)}
    refused = list(_refused(connection, setup, states, now))
    found = [*refused, *(each for each in findings(rules, names, survey, keys) if not _is_told(each, refused))]
    whole = {name: rule for name, rule in rules.items() if name not in lacking}
    return [
        *found,
        *_not_read(connection, rules),
        *_reached(connection, setup, whole, values, now),
        *_reused(connection, setup, now),
        *_finished(connection, setup),
    ]


def _refused(
    connection: Connection, setup: Setup, states: Mapping[str, SourceState], now: datetime
) -> Iterator[FieldRefused | Unanswered]:
    for name, rule in setup.rules.items():
        if now >= rule.period.end:
            continue
        for each in refusals(connection, setup, name, states):
            for number, part in enumerate(rule.parts):
                if part.source != each.source:
                    continue
                if each.field in fields_of(part):
                    yield FieldRefused(name, number, each.field, each.error)
                if each.extra and (each.extra is Extra.REFS or each.extra in extras_of(part)):
                    yield FieldRefused(name, number, each.extra.word, each.error, extra=True)
                if each.query in queries_of(part):
                    yield Unanswered(name, number, each.query, each.error, refused=True)


def _not_read(connection: Connection, rules: Mapping[str, Rule]) -> Iterator[NotRead]:
    named = {source for rule in rules.values() for source in rule.sources}
    known = {source: families.unread(connection, source) for source in sorted(named)}
    for name, rule in rules.items():
        for number, part in enumerate(rule.parts):
            for family, selector in families_of(part).items():
                told = known[part.source].get(family)
                if told is not None and told.items:
                    few = told.examples[:FEW]
                    yield NotRead(name, number, selector, family.above, part.source, told.items, few)


def _is_told(found: Finding, refused: Iterable[Finding]) -> bool:
    return isinstance(found, Unanswered) and replace(found, refused=True) in refused


def _parts(rules: Iterable[Rule], source: str) -> Iterator[Part]:
    return (part for rule in rules for part in rule.parts if part.source == source)


def _read(setup: Setup, states: dict[str, SourceState], rule: Rule) -> bool:
    return all(states[name].ready(setup.containers[name], demand_of(rule, name)) for name in rule.sources)


def _names(connection: Connection, cache: MirrorCache, state: SourceState, asked: frozenset[str]) -> Named:
    """What a source's items are called: asked of its index where that has all that the rules name."""
    errors = queries.errors_of(connection, state.name)
    read = (each for each in state.containers if each.read_at)
    containers = tuple(name for each in read for name in (each.name, each.called, each.id) if name)
    index = cache.index(connection, state.name, state.generation)
    if index is not None and asked <= index.kept.asked:
        return TermNames(connection, index, containers, errors)
    return Names(Mirrored(cache.of(connection, state.name), containers, errors))


def _finished(connection: Connection, setup: Setup) -> Iterator[Finished]:
    """Yield key results that were taken out of a closed cycle into another one."""
    ends = finals(connection)
    for each in setup.key_results:
        if of := moved_from(ends.get(each.id), each, setup.cycles):
            yield Finished(each.id, each.cycle, of)


def _reused(connection: Connection, setup: Setup, now: datetime) -> Iterator[Reused]:
    """Yield key results whose rule on record is of a cycle that shares no day with theirs; one that is over is left."""
    told = {each.key_result for each in _finished(connection, setup)}
    periods, states = {each.id: each.period(setup.calendar) for each in setup.cycles}, ledger.states(connection)
    for key_result in setup.key_results:
        rule, state = setup.rules.get(key_result.id), states.get(key_result.id)
        period = periods[key_result.cycle]
        if (
            key_result.id in told
            or state is None
            or now >= period.end
            or (rule and state.rule == rule_hash(rule_text(rule)))
        ):
            continue
        was = parse_rule(ledger.rule_text_of(connection, state.rule)).period
        if was.end <= period.start or period.end <= was.start:
            first, last = setup.calendar.day_of(was.start), setup.calendar.day_of(was.end - _INSTANT)
            yield Reused(key_result.id, key_result.cycle, first, last)


def _reached(
    connection: Connection, setup: Setup, rules: dict[str, Rule], values: Mapping[str, Decimal | None], now: datetime
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
            begun = [*begun, (state.value if state else None, values.get(key_result.id))]
        value = _began(terms, begun)
        if value is not None and _there(terms, value):
            found.append(Reached(key_result.id, value, measured, isinstance(terms, Binary)))
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


def _begun(connection: Connection) -> dict[str, list[tuple[Decimal | None, Decimal | None]]]:
    """The value before and after each time that a rule came into force, by key result."""
    entries = ledger_entry.c
    kinds = (EntryKind.BASELINE.value, EntryKind.RULE.value)
    renamed = {each.seq: each for each in renames(connection)}
    wanted = or_(entries.kind.in_(kinds), entries.seq.in_(renamed))
    taken = select(entries.seq, entries.key_result, entries.old, entries.new).where(wanted).order_by(entries.seq)
    begun: dict[str, list[tuple[Decimal | None, Decimal | None]]] = {}
    for row in connection.execute(taken):
        if row.seq in renamed:
            begun[row.key_result] = begun.pop(renamed[row.seq].old, [])
        else:
            begun.setdefault(row.key_result, []).append((row.old, row.new))
    return begun
