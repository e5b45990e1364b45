"""The rules in words: what each says, what it selects now, and which key results and tickets have none."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, bindparam, case, func, literal, select, type_coerce

from mapping.codec import parse_rule
from mapping.rule import Rule
from mapping.wording import Words, words_of
from okrs.immutable import immutable
from okrs.ledger import EntryKind
from okrs.work import Kind, WorkItem
from store import ledger
from store.database import slices
from store.tables import evidence, item, ledger_entry
from store.views.feed import items_of
from store.views.setup import Setup

LISTED = 12
"""Tickets that are named of those that no rule counts."""
COUNTED_TO = 1000
"""Beyond so many they are not counted."""


@immutable
class Selected:
    """What a part has on its line."""

    tickets: int = 0
    counted: int = 0


@immutable
class RuleNow:
    """A rule in words, with what its parts have on their lines."""

    words: Words
    selected: tuple[Selected, ...]
    waits: bool = False
    """The config has another one, which is not in force yet."""


@immutable
class RuleLife:
    """Since when a rule is in force, and how often it changed before."""

    since: datetime | None
    changes: int


@immutable
class Uncounted:
    """Tickets of a source that are on no rule's line."""

    source: str
    number: int
    """At most one more than `COUNTED_TO`."""
    some: tuple[WorkItem, ...]


def rules(connection: Connection, setup: Setup, names: Collection[str]) -> dict[str, RuleNow]:
    """Return the rules of some key results: those on record, else the config's."""
    known = {name: state for name, state in ledger.states(connection, names).items() if name in names}
    texts = ledger.rule_texts(connection, {each.rule for each in known.values()})
    lines = _selected(connection, names)
    found = {}
    for name in names:
        configured, state = setup.rules.get(name), known.get(name)
        rule = parse_rule(texts[state.rule]) if state else configured
        if rule is None:
            continue
        waits = bool(state and configured and setup.rule_hashes[name] != state.rule)
        found[name] = RuleNow(words_of(rule, setup.calendar.timezone), _parts(rule, lines.get(name, {})), waits)
    return found


def worded(rule: Rule, setup: Setup) -> Words:
    """Return a rule in words."""
    return words_of(rule, setup.calendar.timezone)


def _parts(rule: Rule, lines: Mapping[int, Selected]) -> tuple[Selected, ...]:
    return tuple(lines.get(number, Selected()) for number in range(len(rule.parts)))


def _selected(connection: Connection, names: Iterable[str]) -> dict[str, dict[int, Selected]]:
    row = evidence.c
    credited = func.sum(case((type_coerce(row.amount, BigInteger) != 0, 1), else_=0))
    found: dict[str, dict[int, Selected]] = {}
    for some in slices(names):
        grouped = select(row.key_result, row.part, func.count(), credited).group_by(row.key_result, row.part)
        for name, part, tickets, counted in connection.execute(grouped.where(row.key_result.in_(some))):
            found.setdefault(name, {})[part] = Selected(tickets, int(counted))
    return found


def life_of(connection: Connection, name: str, until: datetime | None = None) -> RuleLife:
    """Tell since when the rule of a key result is in force."""
    row = connection.execute(_life(), {"name": name, "until": until or _EVER}).one()
    return RuleLife(row[0], max(0, row[1] - 1))


_EVER = datetime.max.replace(tzinfo=UTC)


@cache
def _life() -> Select[Any, Any]:
    """Put together once: that takes as long as to answer it."""
    kinds = (EntryKind.BASELINE.value, EntryKind.RULE.value)
    entry = ledger_entry.c
    mine = (entry.key_result == bindparam("name"), entry.kind.in_(kinds), entry.at <= bindparam("until"))
    return select(func.max(entry.at), func.count()).where(*mine)


def uncounted(connection: Connection, setup: Setup) -> tuple[Uncounted, ...]:
    """Return, by source, the issues that are on no rule's line: work that moves nothing."""
    found = []
    for source in setup.sources:
        line = select(literal(1)).where(evidence.c.source == item.c.source, evidence.c.item == item.c.id)
        mine = (item.c.source == source.name, item.c.gone.is_(None), item.c.kind == Kind.ISSUE.value)
        free = select(item.c.id).where(*mine, ~line.exists()).order_by(item.c.id).limit(COUNTED_TO + 1)
        ids = list(connection.execute(free).scalars())
        some = items_of(connection, ((source.name, each) for each in ids[:LISTED]))
        if ids:
            found.append(Uncounted(source.name, len(ids), tuple(some.values())))
    return tuple(found)
