"""A rule of a config on the mirror as it is now, whatever is on record."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from mapping.demand import demand_of
from mapping.measure import measure
from okrs.immutable import immutable
from store import ledger, sources
from store.cache import MirrorCache
from store.readiness import ready
from store.renames import on_record
from store.views.explain import Explained
from store.views.setup import Setup


@immutable
class Trial:
    """What a rule would make of a key result."""

    explained: Explained | None
    """None where absurd estimates make a number that no column holds."""
    recorded: Decimal | None
    """The automatic value by now."""
    lacking: tuple[str, ...]
    """Sources that were not read completely with what the rule needs: what is shown is by what is known."""


def trial(connection: Connection, setup: Setup, name: str, now: datetime) -> Trial:
    """Measure the rule of a key result anew, with a scope of now where it freezes one.  Raises KeyError."""
    rule, key_result = setup.rules[name], setup.key_result(name)
    state = ledger.state_of(connection, on_record(connection, key_result)) if key_result else None
    states = [sources.state_of(connection, each) for each in rule.sources]
    lacking = [each.name for each in states if not _ready(connection, setup, name, each)]
    found = MirrorCache().of_rule(connection, rule, sources.generations(connection, rule.sources), now, {})
    try:
        measured = measure(rule, found, now)
    except ArithmeticError:
        return Trial(None, state.value if state else None, tuple(lacking))
    told = Explained(key_result=name, value=measured.value, at=now, rule=rule, measured=measured)
    return Trial(told, state.value if state else None, tuple(lacking))


def _ready(connection: Connection, setup: Setup, name: str, state: sources.SourceState) -> bool:
    demand = demand_of(setup.rules[name], state.name)
    return ready(connection, state, setup.containers[state.name], demand)
