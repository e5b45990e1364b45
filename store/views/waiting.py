"""Why a key result has no value yet: what `headway sync` mends, and what it does not."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Connection

from mapping.demand import demand_of
from mapping.measure import measure
from mapping.rule import Rule
from okrs.immutable import immutable
from store import ledger, scopes, sources
from store.cache import MirrorCache
from store.readiness import ready
from store.renames import on_record
from store.views.refused import refusals
from store.views.setup import Setup


class Why(StrEnum):
    """What a key result without a value waits for."""

    MAPPING = "mapping"
    """Nothing feeds it."""
    CYCLE = "cycle"
    """Its cycle has not begun."""
    SOURCES = "sources"
    """Sources of it could not be read completely."""
    FIELDS = "fields"
    """Its rule names fields that the tracker refuses."""
    RIGHTS = "rights"
    """Its rule needs sprints, histories or links that the tracker refuses."""
    QUERIES = "queries"
    """Its rule asks queries that the tracker refuses."""
    NOTHING = "nothing"
    """All was read, and there is nothing that it could measure: no average of no tickets."""
    TOO_LARGE = "too_large"
    """All was read, and absurd estimates make a number that no column holds."""
    SYNC = "sync"
    """Nobody read its sources since it is in the config."""


AWAITED = {
    Why.SOURCES: "a complete read",
    Why.FIELDS: "a field that its mapping names",
    Why.RIGHTS: "what its mapping needs and the tracker refuses",
    Why.QUERIES: "a query that its mapping asks",
}
"""In words, where sentences of the trackers follow."""


@immutable
class Waiting:
    """Why a key result was never measured."""

    why: Why
    begins: date | None = None
    """The first day of its cycle, when it waits for that."""
    failed: tuple[tuple[str, str], ...] = ()
    """Sources that it waits for, each with the tracker's last error, or with why it refuses a field or a query."""


def waiting(connection: Connection, setup: Setup, name: str, now: datetime) -> Waiting | None:
    """Tell why a key result has no value; None when it has one, or had one."""
    key_result, rule = setup.key_result(name), setup.rules.get(name)
    if key_result is None or ledger.state_of(connection, on_record(connection, key_result)) is not None:
        return None
    if rule is None:
        return Waiting(Why.MAPPING)
    if now < rule.period.start:
        return Waiting(Why.CYCLE, next(each.start for each in setup.cycles if each.id == key_result.cycle))
    states = [sources.state_of(connection, each) for each in rule.sources]
    lacking = [
        each for each in states if not ready(connection, each, setup.containers[each.name], demand_of(rule, each.name))
    ]
    refused = list(refusals(connection, setup, name, {each.name: each for each in states}))
    if refused:
        other = Why.RIGHTS if any(each.extra for each in refused) else Why.QUERIES
        why = Why.FIELDS if any(each.field for each in refused) else other
        return Waiting(why, failed=tuple((each.source, each.error) for each in refused))
    failed = tuple((each.name, each.error) for each in lacking if each.error)
    if failed:
        return Waiting(Why.SOURCES, failed=failed)
    return Waiting(Why.SYNC if lacking else _of_value(connection, name, rule, now))


def _of_value(connection: Connection, name: str, rule: Rule, now: datetime) -> Why:
    """What is in the way of the value though all was read; nothing but a sync where there is one."""
    frozen = scopes.of_key_result(connection, name)
    found = MirrorCache().of_rule(connection, rule, sources.generations(connection, rule.sources), now, frozen)
    try:
        value = measure(rule, found, now, frozen).value
    except ArithmeticError:
        return Why.TOO_LARGE
    return Why.NOTHING if value is None else Why.SYNC
