"""A key result as its entries tell it, one after the other.

`verify` holds the next entry against it, and at the end all that is kept beside the ledger.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from mapping.attribution import Evidence
from okrs.closing import parse_ending
from okrs.immutable import immutable, replace
from okrs.lanes import shown_value
from okrs.ledger import Entry, EntryKind, hold_in, proposed, terms_in
from okrs.proposal import digest_of, name_of
from store.finals import Final
from store.holds import Hold
from store.overrides import Override
from store.past import together


@immutable
class _Decision:
    """Entries that one decision wrote, so far."""

    kind: EntryKind
    """Of the last of them."""
    at: datetime
    old: Decimal | None
    """The value before the first of them."""
    moved_at: datetime | None
    """When the value had last changed before them."""


@dataclass(slots=True)
class Replay:
    """A key result as far as its entries were read."""

    value: Decimal | None = None
    lines: dict[tuple[int, str, str], Evidence] = field(default_factory=dict)
    seq: int = 0
    rule: str | None = None
    terms: str | None = None
    retired: bool = False
    measured: datetime | None = None
    """When it was first."""
    moved_at: datetime | None = None
    """When a decision last changed the value."""
    hold: Hold | None = None
    """Open, or rejected: one that was rejected ends with no entry when its tickets are back."""
    override: Override | None = None
    """Its human lane, in force or run out."""
    human: int = 0
    """The last entry of that lane."""
    end: Final | None = None
    rebuilt: dict[date, Decimal | None] = field(default_factory=dict)
    """The values of days before the first measurement: a lane of its own."""
    _last: _Decision | None = None

    @property
    def waits(self) -> bool:
        """An update of it waits for a person."""
        return self.hold is not None and not self.hold.rejected

    def shown(self, at: datetime) -> Decimal | None:
        """The value that people saw."""
        return shown_value(self.value, self.override, None, at)

    def rename(self, name: str) -> None:
        """Carry on under another name."""
        self.end = self.end and replace(self.end, key_result=name)
        self.override = self.override and replace(self.override, key_result=name)
        self.hold = self.hold and replace(self.hold, key_result=name)

    def close(self, entry: Entry) -> None:
        """Carry on that its cycle was closed; what a person had set, or decided against, ends with it."""
        told = parse_ending(entry.details or "")
        name, at, seq = entry.key_result, entry.at, entry.seq
        self.end = Final(name, told.cycle, told.value, told.grade, at, told.head, seq)
        self.override = self.hold = None

    def take(self, entry: Entry) -> None:
        """Carry on what an entry of its automatic lane says."""
        self._move(entry)
        self.value, self.seq, self.rule = entry.new, entry.seq, entry.rule
        if entry.kind is EntryKind.BASELINE:
            self.measured = entry.at
        if entry.kind in (EntryKind.BASELINE, EntryKind.TARGET):
            self.terms = terms_in(entry.details)
        if entry.kind in (EntryKind.RETIRE, EntryKind.RULE):
            self.retired = entry.kind is EntryKind.RETIRE
        self.hold = self._held(entry)

    def _move(self, entry: Entry) -> None:
        known, last = self.moved_at, self._last
        if last is not None and last.at == entry.at and together(last.kind, entry.kind):
            self._last = replace(last, kind=entry.kind)
        else:
            self._last = _Decision(entry.kind, entry.at, entry.old, known)
        moved = entry.kind is EntryKind.BASELINE or entry.new != self._last.old
        self.moved_at = entry.at if moved else self._last.moved_at

    def _held(self, entry: Entry) -> Hold | None:
        match entry.kind:
            case EntryKind.HOLD:
                return self._waiting(entry)
            case EntryKind.REJECT:
                return self.hold and replace(self.hold, rejected=True)
            case EntryKind.TARGET:
                return self.hold
        return None

    def _waiting(self, entry: Entry) -> Hold:
        told = json.loads(entry.details or "{}")
        same = self.waits and self.hold is not None and self.hold.id == told["hold"]
        return Hold(
            id=told["hold"],
            key_result=entry.key_result,
            old=entry.old,
            new=proposed(entry),
            reason=entry.why or "",
            proposal=told["proposal"],
            since=self.hold.since if same and self.hold is not None else entry.at,
        )


def decided(entry: Entry, replay: Replay) -> str:
    """Say what is wrong with an entry for what waited before it; empty when nothing is."""
    match entry.kind:
        case EntryKind.TARGET:
            return ""
        case EntryKind.HOLD:
            return _asked(entry, replay)
        case EntryKind.LIFT | EntryKind.REJECT | EntryKind.APPROVE:
            held = replay.hold
            if held is None or hold_in(entry) != held.id or (held.rejected and entry.kind is not EntryKind.APPROVE):
                return "it decides of an update that does not wait."
            return _answered(entry, held)
    return "an update of its key result waits, and nobody decided." if replay.waits else ""


def _asked(entry: Entry, replay: Replay) -> str:
    """Say what is wrong with what begins to wait, or waits on; the id is made of the first proposal."""
    if replay.waits:
        same = replay.hold is not None and hold_in(entry) == replay.hold.id
        return "" if same else "another update of its key result waits."
    proposal = str(json.loads(entry.details or "{}").get("proposal", ""))
    known = hold_in(entry) == name_of(entry.key_result, replay.seq, proposal)
    return "" if known else "its id is not that of the update that it says waits."


def _answered(entry: Entry, held: Hold) -> str:
    """Say what is wrong with the end of what waits."""
    if entry.kind is EntryKind.APPROVE and entry.new != held.new:
        return f"it lets {entry.new} through, but what waited was {held.new}."
    if entry.kind is EntryKind.APPROVE and digest_of(entry.deltas) != held.proposal:
        return "it lets other evidence through than what waited."
    return _ANOTHER if entry.kind is EntryKind.REJECT and entry.details != held.details else ""


_ANOTHER = "what it tells of the update is not what waited."
