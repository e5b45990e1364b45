"""`verify`: is the ledger whole, and does every value follow from its evidence?

Each entry is held against four laws, in order, and the first one broken is named:

1. its place, its link to the entry before and its hash;
2. its old value is the new value of the entry before it on the same key result;
3. its rows carry on the evidence before it, and their deltas add up to its change;
4. the value recomputed from the evidence by the rule in force is its new value.

At the end the head and what is kept for speed (state, evidence) must agree with the replay.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, or_, select

from mapping.attribution import Evidence
from mapping.codec import parse_rule, rule_hash
from mapping.rule import Rule
from mapping.totals import OnLine, Total, kept, value_of
from okrs.anchor import Anchor, anchor_json
from okrs.ledger import GENESIS, WHOLE, Delta, Entry, EntryKind, link_problem, renamed_from, terms_in
from store import ledger
from store.holds import open_holds
from store.tables import evidence, ledger_delta
from store.tables import rule as rule_table

_MEASURED = {EntryKind.BASELINE, EntryKind.AUTO, EntryKind.RULE, EntryKind.APPROVE}
"""Entries whose new value must follow from the evidence."""

_KEEPING = {EntryKind.TARGET, EntryKind.RETIRE, EntryKind.HOLD, EntryKind.LIFT, EntryKind.REJECT}
"""Entries that move no value."""


_OF_HOLDS = {EntryKind.HOLD, EntryKind.LIFT, EntryKind.APPROVE, EntryKind.REJECT}


@dataclass(frozen=True, slots=True)
class Verified:
    ok: bool
    entries: int
    head: str
    first_bad: int | None = None
    problem: str = ""
    """A sentence; empty when everything holds."""
    against: str | None = None
    """The file whose anchors it was held against; None for none."""
    anchors: int = 0
    broken: Anchor | None = None
    """The first anchor that it does not hold against."""


@dataclass(slots=True)
class _Replay:
    """A key result as its entries tell it."""

    value: Decimal | None = None
    lines: dict[tuple[int, str, str], Evidence] = field(default_factory=dict)
    seq: int = 0
    rule: str | None = None
    terms: str | None = None
    retired: bool = False
    waits: str | None = None
    """The details of the entry that tells of its open hold."""

    def take(self, entry: Entry) -> None:
        """Carry on what an entry says."""
        self.value, self.seq, self.rule = entry.new, entry.seq, entry.rule
        if entry.kind in (EntryKind.BASELINE, EntryKind.TARGET):
            self.terms = terms_in(entry.details)
        if entry.kind in (EntryKind.RETIRE, EntryKind.RULE):
            self.retired = entry.kind is EntryKind.RETIRE
        if entry.kind in _OF_HOLDS:
            self.waits = entry.details if entry.kind is EntryKind.HOLD else None


def verify(connection: Connection) -> Verified:
    """Replay the whole ledger."""
    rules = _rules(connection)
    replays: dict[str, _Replay] = {}
    prev, seq = GENESIS, 0
    try:
        for entry in ledger.entries_of(connection):
            problem = link_problem(entry, prev, seq) or _renamed(entry, replays)
            problem = problem or _follows(entry, replays.setdefault(entry.key_result, _Replay()), rules)
            if problem:
                return Verified(False, seq, prev, entry.seq, f"Entry {entry.seq}: {problem}")
            prev, seq = entry.hash, entry.seq
    except (ValueError, TypeError, KeyError, ArithmeticError):
        bad = _unreadable(connection, seq + 1)
        return Verified(False, seq, prev, bad, f"Entry {bad}: it holds something that is no value of its column.")
    try:
        return _at_the_end(connection, replays, prev, seq)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return Verified(
            False, seq, prev, None, "What is kept for speed holds something that is no value of its column."
        )


def _unreadable(connection: Connection, seq: int) -> int:
    """The first entry from there on that cannot be read; the replay itself reads rows ahead."""
    while True:
        try:
            if not ledger.readable(connection, seq):
                return seq
        except (ValueError, TypeError, KeyError, ArithmeticError):
            return seq
        seq += 1


def _rules(connection: Connection) -> dict[str, Rule | None]:
    """Rules by hash; None for one whose text is not what its hash says."""
    rules: dict[str, Rule | None] = {}
    for row in connection.execute(select(rule_table.c.hash, rule_table.c.text)):
        try:
            rules[row.hash] = parse_rule(row.text) if rule_hash(row.text) == row.hash else None
        except (ValueError, TypeError, KeyError, ArithmeticError):  # a text that was never a rule, under its own hash
            rules[row.hash] = None
    return rules


def _renamed(entry: Entry, replays: dict[str, _Replay]) -> str:
    """Let a key result go on under the new name that an entry gives it."""
    old = renamed_from(entry.kind, entry.details)
    if old is None:
        return ""
    if entry.key_result in replays:
        return f"it renames {old}, and {entry.key_result} has a history of its own."
    replays[entry.key_result] = replays.pop(old, _Replay())
    return ""


def _follows(entry: Entry, replay: _Replay, rules: dict[str, Rule | None]) -> str:
    if entry.old != replay.value:
        return f"its old value {entry.old} is not the value before it, {replay.value}."
    if entry.kind in _KEEPING and entry.new != entry.old:
        return f"a {entry.kind.value} entry may not move the value."
    problem = _carry(entry.deltas, replay.lines)
    if problem:
        return problem
    replay.take(entry)
    if entry.kind not in WHOLE and sum((row.delta for row in entry.deltas), Decimal(0)) != _change(entry):
        return "its causes do not add up to its change."
    if entry.kind in _MEASURED:
        return _recomputed(entry, replay, rules)
    return ""


def _change(entry: Entry) -> Decimal:
    return (entry.new or Decimal(0)) - (entry.old or Decimal(0))


def _carry(rows: Iterable[Delta], lines: dict[tuple[int, str, str], Evidence]) -> str:
    for row in rows:
        key = (row.part, row.source, row.item)
        held = lines.pop(key, None)
        if (held and (held.weight, held.amount)) != _pair(row.old_weight, row.old_amount):
            return f"the evidence of {row.source} {row.item} does not carry on what was before."
        new = _pair(row.new_weight, row.new_amount)
        if new:
            lines[key] = Evidence(*key, row.version, *new)
    return ""


def _pair(weight: Decimal | None, amount: Decimal | None) -> tuple[Decimal, Decimal] | None:
    return None if weight is None or amount is None else (weight, amount)


def _recomputed(entry: Entry, replay: _Replay, rules: dict[str, Rule | None]) -> str:
    rule = rules.get(entry.rule or "")
    if rule is None:
        return "the text of its rule is missing or was changed."
    pairs: list[list[OnLine]] = [[] for _ in rule.parts]
    for line in replay.lines.values():
        if not 0 <= line.part < len(pairs):
            return f"its evidence names part {line.part + 1}, which its rule has not."
        pairs[line.part].append((line.weight, line.amount))
    totals = [Total.of(part, of_part) for part, of_part in zip(rule.parts, pairs, strict=True)]
    value = value_of(rule, totals, entry.at)
    if entry.kind in (EntryKind.AUTO, EntryKind.APPROVE):
        value = kept(rule, entry.old, value)
    elif entry.kind is EntryKind.RULE and value is None:
        value = entry.old
    return "" if value == entry.new else f"its evidence gives {value}, it says {entry.new}."


def _at_the_end(connection: Connection, replays: dict[str, _Replay], prev: str, seq: int) -> Verified:
    head, displaced = ledger.head_of(connection), _displaced(connection)
    if displaced is not None:
        return Verified(False, seq, prev, displaced, f"Entry {displaced}: its rows do not stand in their places.")
    if head.seq != seq:
        last = min(head.seq, seq) + 1
        return Verified(False, seq, prev, last, _ends_elsewhere(head.seq, seq))
    if head.hash != prev:
        return Verified(False, seq, prev, seq, f"Entry {seq}: the ledger's head names another entry as the last.")
    return _kept(connection, replays, prev, seq)


def _ends_elsewhere(head: int, seq: int) -> str:
    """Say that the last entries are gone, or stand behind the end: only a hand in the tables can do that."""
    if head < seq:
        return f"Entry {head + 1}: it stands behind entry {head}, which the ledger's head names as the last one."
    gone = f"Entry {head} is" if head == seq + 1 else f"Entries {seq + 1} to {head} are"
    last = f"the last one there is {seq}" if seq else "there is none at all"
    return (
        f"{gone} missing: the ledger's head says that {head} was the last one written, and {last}. "
        "Somebody deleted what is missing: find out who, and take the database from a backup."
    )


def _displaced(connection: Connection) -> int | None:
    """The first entry whose rows are not numbered from 0 without a gap; the hash covers their order only."""
    place, of_entry = ledger_delta.c.place, ledger_delta.c.seq
    gaps = or_(func.min(place) != 0, func.max(place) != func.count() - 1)
    return connection.execute(
        select(func.min(select(of_entry).group_by(of_entry).having(gaps).subquery().c.seq))
    ).scalar()


def _kept(connection: Connection, replays: dict[str, _Replay], prev: str, seq: int) -> Verified:
    """Hold what is kept for speed, and of whom, against the replay."""
    states, waiting = ledger.states(connection), {each.key_result: each for each in open_holds(connection)}
    named = set(connection.execute(select(evidence.c.key_result).distinct()).scalars())
    for name in sorted(replays.keys() | states.keys() | waiting.keys() | named):
        replay, state = replays.get(name, _Replay()), states.get(name)
        held = {each.key: each for each in ledger.evidence_of(connection, name)}
        waits = waiting[name].details if name in waiting else None
        now = state and (state.value, state.seq, state.rule, state.terms, state.retired, waits)
        told = (replay.value, replay.seq, replay.rule, replay.terms, replay.retired, replay.waits)
        if now != told or held != replay.lines or (state and state.totals != _added(state, replay)):
            sentence = f"What is kept of {name} for speed differs from what its entries say."
            return Verified(False, seq, prev, replay.seq or None, sentence)
    return Verified(True, seq, prev)


def _added(state: ledger.KeyResultState, replay: _Replay) -> tuple[Total, ...]:
    """What the evidence of the parts adds up to, of as many as sums are kept of."""
    found = [Total() for _ in state.totals]
    for line in replay.lines.values():
        if line.part < len(found):
            found[line.part] = found[line.part].moved(None, (line.weight, line.amount))
    return tuple(found)


def verify_json(answer: Verified) -> dict[str, Any]:
    """The document of `verify --json`."""
    return {
        "ok": answer.ok,
        "entries": answer.entries,
        "head": answer.head,
        "first_bad": answer.first_bad,
        "problem": answer.problem or None,
        "anchors": _anchors_json(answer),
    }


def _anchors_json(answer: Verified) -> dict[str, Any] | None:
    if answer.against is None:
        return None
    broken = answer.broken and {"line": answer.broken.line, **anchor_json(answer.broken)}
    return {"file": answer.against, "count": answer.anchors, "broken": broken}
