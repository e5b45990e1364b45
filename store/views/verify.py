"""`verify`: is the ledger whole, and does every value follow from its evidence?

Each entry is held against these laws, and the first one broken is named:

1. its place, its link to the entry before and its hash;
2. its old value is the new value of the entry before it on the same lane of the same key result;
3. its rows carry on the evidence before it, and their deltas add up to its change;
4. the value recomputed from the evidence by the rule in force is its new value;
5. a `close` entry says what was shown, a grade that follows from it unless a person gave it, and where the ledger
   ended before the cycle was closed; behind it stands no other entry of the key result but corrections;
6. its rule is the one in force, with the text that its hash says, and only a person does what people do;
7. the first entry of a key result's automatic lane is its baseline, and the only one; what waits for a person is lifted
   or decided before anything else moves it; its id follows from what was proposed first, and what is let through is
   the value and the evidence that waited.

What a person sets has no evidence: an override names who and why, and only what ran out ends by nobody's hand.
Entries of days that were rebuilt are a lane of their own: each carries on the value of the day before, and its day
was over before the baseline.  At the end the head and what is kept for speed must agree with the replay
(`store.views.kept`).  Times are those of whoever wrote: clocks differ between machines, and whoever measured long
may write behind somebody who began later, so an entry may be of an earlier time than the one before it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, or_, select

from mapping.attribution import Evidence
from mapping.codec import parse_rule, rule_hash
from mapping.rule import Rule
from mapping.totals import OnLine, Total, kept, value_of
from okrs.anchor import Anchor, anchor_json
from okrs.closing import Ending, flaw_of, parse_ending
from okrs.immutable import immutable
from okrs.lanes import Lane, day_in, lane_of, value_on
from okrs.ledger import GENESIS, WHOLE, Delta, Entry, EntryKind, link_problem, renamed_from
from okrs.objective import terms_text
from store import ledger
from store.overrides import Override, told_by
from store.tables import ledger_delta
from store.tables import rule as rule_table
from store.views.kept import different
from store.views.replay import Replay, decided

_MEASURED = {EntryKind.BASELINE, EntryKind.AUTO, EntryKind.RULE, EntryKind.APPROVE, EntryKind.CORRECTION}
"""Entries whose new value must follow from the evidence."""

_KEEPING = {
    EntryKind.TARGET,
    EntryKind.RETIRE,
    EntryKind.HOLD,
    EntryKind.LIFT,
    EntryKind.REJECT,
    EntryKind.CLOSE,
}
"""Entries that move no value."""


_RULELESS = {EntryKind.OVERRIDE, EntryKind.RESUME, EntryKind.CHECKIN}
_BY_PEOPLE = {EntryKind.CHECKIN, EntryKind.APPROVE, EntryKind.REJECT, EntryKind.CLOSE}

_FIRST_OF_ALL = timedelta(hours=14)
"""By how much a day is over earlier than in UTC, where it is over first."""

_KEPT = {EntryKind.AUTO, EntryKind.APPROVE, EntryKind.CORRECTION}
"""Entries that keep the last value of what has nothing to say, or the best one where the rule wants that."""


@immutable
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


def verify(connection: Connection) -> Verified:
    """Replay the whole ledger."""
    rules = _rules(connection)
    replays: dict[str, Replay] = {}
    prev, seq, closing = GENESIS, 0, _Closing()
    try:
        for entry in ledger.entries_of(connection):
            problem = link_problem(entry, prev, seq) or _renamed(entry, replays)
            replay = replays.setdefault(entry.key_result, Replay())
            problem = problem or closing.problem(entry, replay) or _ruled(entry, replay, rules) or _by_whom(entry)
            problem = problem or _follows(entry, replay, rules)
            if problem:
                return Verified(False, seq, prev, entry.seq, f"Entry {entry.seq}: {problem}")
            prev, seq = entry.hash, entry.seq
    except (ValueError, TypeError, KeyError, ArithmeticError):
        bad = _unreadable(connection, seq + 1)
        return Verified(False, seq, prev, bad, f"Entry {bad}: it holds something that is no value of its column.")
    try:
        return _at_the_end(connection, replays, rules, prev, seq)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return Verified(
            False, seq, prev, None, "What is kept for speed holds something that is no value of its column."
        )


@dataclass(slots=True)
class _Closing:
    """Cycles as the entries close them, each in one piece."""

    cycle: str = ""
    """Of the entry before, where that closed one."""
    head: str = ""

    def problem(self, entry: Entry, replay: Replay) -> str:
        """Say what is wrong with an entry behind the end of its key result, or with the end itself."""
        if entry.kind is not EntryKind.CLOSE:
            self.cycle = ""
            return _behind(entry, replay)
        if replay.end is not None:
            return "its key result was closed before."
        try:
            told = parse_ending(entry.details or "")
        except (ValueError, TypeError, KeyError, ArithmeticError):
            return "what it says of the end is not what a close entry says."
        if told.cycle != self.cycle:
            self.cycle, self.head = told.cycle, entry.prev
        if told.head != self.head:
            return "it names another entry as the last before its cycle was closed."
        return _untrue(entry, told, replay) or flaw_of(entry.details)


def _behind(entry: Entry, replay: Replay) -> str:
    """Say what is wrong with an entry for what came before it: an end, or none."""
    if renamed_from(entry.kind, entry.details) is not None:
        return ""
    corrects = entry.kind is EntryKind.CORRECTION
    if corrects is (replay.end is not None):
        return ""
    return "nothing was closed that it could correct." if corrects else "its cycle was closed before."


def _untrue(entry: Entry, told: Ending, replay: Replay) -> str:
    """Say what of an end is not what the entries before it say."""
    if told.value != replay.shown(entry.at):
        return f"it says {told.value}, but what was shown is {replay.shown(entry.at)}."
    known = replay.terms is None or terms_text(told.terms) == replay.terms
    return "" if known else "its terms are not those before it."


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


def _renamed(entry: Entry, replays: dict[str, Replay]) -> str:
    """Let a key result go on under the new name that an entry gives it."""
    old = renamed_from(entry.kind, entry.details)
    if old is None:
        return ""
    if entry.key_result in replays:
        return f"it renames {old}, and {entry.key_result} has a history of its own."
    replay = replays[entry.key_result] = replays.pop(old, Replay())
    replay.rename(entry.key_result)
    return ""


def _ruled(entry: Entry, replay: Replay, rules: dict[str, Rule | None]) -> str:
    """Say what is wrong with the rule that an entry names; what people set or note has none."""
    if entry.rule is not None and rules.get(entry.rule) is None:
        return "the text of its rule is missing or was changed."
    if entry.kind is EntryKind.RULE:
        replaces = json.loads(entry.details or "{}").get("replaces")
        return "" if replaces == replay.rule else "it replaces another rule than the one that was in force."
    if entry.kind is EntryKind.BASELINE:
        return "it has no rule." if entry.rule is None else ""
    if entry.kind is EntryKind.RECONSTRUCTED and replay.rule is None:
        return ""
    in_force = None if entry.kind in _RULELESS else replay.rule
    return "" if entry.rule == in_force else "its rule is not the one that was in force."


def _by_whom(entry: Entry) -> str:
    """Say what is wrong with who did it: people decide, set, note and close; everything else nobody does."""
    if entry.kind in _BY_PEOPLE:
        return "" if entry.by else f"somebody makes an entry of kind {entry.kind.value}, and it does not say who."
    human = lane_of(entry.kind) is Lane.HUMAN  # what was set may end by nobody: see `_by_hand`
    return "" if human or entry.by is None else f"nobody makes an entry of kind {entry.kind.value}."


def _follows(entry: Entry, replay: Replay, rules: dict[str, Rule | None]) -> str:
    match lane_of(entry.kind):
        case Lane.AUTOMATIC if _only_renames(entry) and not replay.seq:
            return _aside(entry, replay)
        case Lane.AUTOMATIC:
            return _measured(entry, replay, rules)
        case Lane.HUMAN:
            return _by_hand(entry, replay)
        case Lane.ASIDE:
            return _aside(entry, replay)
        case Lane.RECONSTRUCTED:
            return _rebuilt(entry, replay)


def _only_renames(entry: Entry) -> bool:
    """A key result that was never measured has no rule and no terms to tell of."""
    return entry.rule is None and renamed_from(entry.kind, entry.details) is not None


def _by_hand(entry: Entry, replay: Replay) -> str:
    known = replay.override
    before = known.value if known else None
    if entry.old != before:
        return f"its old value {entry.old} is not what a person had set before, {before}."
    if entry.deltas:
        return f"no ticket makes an entry of kind {entry.kind.value}."
    replay.human = entry.seq
    if entry.kind is EntryKind.RESUME:
        replay.override = None
        return _ends(entry, known)
    try:
        replay.override = told_by(entry)
    except (ValueError, TypeError, KeyError):
        return "it does not say what was set, by whom, why and until when."
    return ""


def _ends(entry: Entry, known: Override | None) -> str:
    if known is None or entry.new is not None:
        return "it does not end what a person had set."
    if entry.by is None and known.active(entry.at):
        return "nobody ended what a person had set, and its last day had not passed."
    return ""


def _aside(entry: Entry, replay: Replay) -> str:
    if (entry.old, entry.new) != (replay.value, replay.value):
        return f"a {entry.kind.value} entry may not move the value, {replay.value}."
    if entry.deltas:
        return f"no ticket makes an entry of kind {entry.kind.value}."
    if entry.kind is EntryKind.CLOSE:
        if replay.waits:
            return "an update of its key result waits, and nobody decided."
        replay.close(entry)
    return ""


def _measured(entry: Entry, replay: Replay, rules: dict[str, Rule | None]) -> str:
    if entry.old != replay.value:
        return f"its old value {entry.old} is not the value before it, {replay.value}."
    if entry.kind in _KEEPING and entry.new != entry.old:
        return f"a {entry.kind.value} entry may not move the value."
    if problem := _first(entry, replay) or decided(entry, replay) or _carry(entry.deltas, replay.lines):
        return problem
    replay.take(entry)
    if entry.kind not in WHOLE and sum((row.delta for row in entry.deltas), Decimal(0)) != _change(entry):
        return "its causes do not add up to its change."
    if entry.kind in _MEASURED:
        return _recomputed(entry, replay, rules)
    return ""


def _first(entry: Entry, replay: Replay) -> str:
    """Say what is wrong with an entry for the baseline that there is, or is not, before it."""
    if entry.kind is not EntryKind.BASELINE:
        return "" if replay.measured is not None else "its key result was never measured before."
    if replay.measured is not None:
        return "its key result was measured before."
    early = all(not _not_over(day, entry.at) for day in replay.rebuilt)
    return "" if early else "a day was rebuilt that was not over before it."


def _rebuilt(entry: Entry, replay: Replay) -> str:
    """A reconstructed entry carries on the days before it, and nothing else of the key result."""
    day, values = day_in(entry.details), replay.rebuilt
    if day is None:
        return "it does not say of which day it tells."
    if replay.measured is not None and _not_over(day, replay.measured):
        return f"{day} was not over before its key result was first measured."
    before = value_on(day - timedelta(days=1), values)
    if entry.old != before:
        return f"its old value {entry.old} is not the value of the day before, {before}."
    if entry.new == value_on(day, values):
        return f"it says of {day} what is on record already."
    if entry.deltas or entry.rule is None:
        return "a reconstructed entry has a rule, and no rows."
    values[day] = entry.new
    return ""


def _not_over(day: date, at: datetime) -> bool:
    """Tell whether a local day was not over at a time, in any time zone: the ledger does not say which it was."""
    return datetime.combine(day + timedelta(days=1), time(), UTC) - _FIRST_OF_ALL > at


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


def _recomputed(entry: Entry, replay: Replay, rules: dict[str, Rule | None]) -> str:
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
    if entry.kind in _KEPT:
        value = kept(rule, entry.old, value)
    elif entry.kind is EntryKind.RULE and value is None:
        value = entry.old
    return "" if value == entry.new else f"its evidence gives {value}, it says {entry.new}."


def _at_the_end(
    connection: Connection, replays: dict[str, Replay], rules: dict[str, Rule | None], prev: str, seq: int
) -> Verified:
    head, displaced = ledger.head_of(connection), _displaced(connection)
    if displaced is not None:
        return Verified(False, seq, prev, displaced, f"Entry {displaced}: its rows do not stand in their places.")
    if head.seq != seq:
        last = min(head.seq, seq) + 1
        return Verified(False, seq, prev, last, _ends_elsewhere(head.seq, seq))
    if head.hash != prev:
        return Verified(False, seq, prev, seq, f"Entry {seq}: the ledger's head names another entry as the last.")
    found = different(connection, replays, rules)
    if found is not None:
        return Verified(False, seq, prev, found.last or None, found.what.format(found.name))
    return Verified(True, seq, prev)


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
