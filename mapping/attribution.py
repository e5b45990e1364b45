"""Who moved the number: from changed lines to rows of causes whose deltas add up to the change (DESIGN 6).

The accumulators of `mapping.measure` walk from the old totals to the new ones, one step of one item at a time; a
row's delta is the difference of the two rounded values around its step, so that the rows telescope exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from mapping.causes import Past, Place, place_of, steps
from mapping.judging import Line
from mapping.rule import Measure, Rule
from mapping.totals import ZERO, Total, kept, value_of
from okrs.immutable import immutable
from okrs.ledger import CauseKind, Delta
from okrs.numbers import rounded

ItemId = tuple[str, str]
"""Source and the item's immutable id."""

_DAWN = datetime.min.replace(tzinfo=UTC)


@immutable
class Evidence:
    """What the ledger holds of one item in one part: it was on the line with this weight and amount."""

    part: int
    source: str
    item: str
    version: str
    weight: Decimal
    amount: Decimal

    @property
    def key(self) -> tuple[int, str, str]:
        return (self.part, self.source, self.item)


@immutable
class Change:
    """One item of one part whose evidence differs; `line` is None when it is not selected any more."""

    part: int
    source: str
    item: str
    old: Evidence | None
    line: Line | None

    @property
    def key(self) -> tuple[int, str, str]:
        return (self.part, self.source, self.item)

    @property
    def stays_out(self) -> bool:
        return self.old is None and (self.line is None or self.line.weight is None)

    @property
    def same(self) -> bool:
        if self.stays_out:
            return True
        if self.old is None or self.line is None:
            return False
        return (self.old.weight, self.old.amount) == (self.line.weight, self.line.amount)


def changes(evidence: Iterable[Evidence], lines: Iterable[Line]) -> list[Change]:
    """Return every item whose weight or amount differs between the ledger's evidence and the new lines."""
    old = {each.key: each for each in evidence}
    new = {(line.part, line.source, line.item.id): line for line in lines}
    found = [Change(*key, old.get(key), new.get(key)) for key in old.keys() | new.keys()]
    return sorted((each for each in found if not each.same), key=lambda each: (each.part, each.source, each.item))


def totals_after(totals: Iterable[Total], changed: Iterable[Change]) -> tuple[Total, ...]:
    """Return the totals of all parts after these changes, however many other items are behind them."""
    after = list(totals)
    for each in changed:
        after[each.part] = after[each.part].moved(_before(each), place_of(each.line))
    return tuple(after)


def whole(changed: Iterable[Change], cause: CauseKind) -> tuple[Delta, ...]:
    """Rows that carry evidence only, for an entry that has one cause as a whole (a baseline, a rule)."""
    return tuple(_row(each, cause, _before(each), place_of(each.line), Decimal(0)) for each in changed)


@immutable
class Standing:
    """How a key result stood before the change: its value, and the totals of the evidence behind it."""

    value: Decimal | None
    totals: Sequence[Total]


def attribute(
    rule: Rule, before: Standing, changed: Iterable[Change], past: Mapping[ItemId, Past], now: datetime
) -> tuple[Delta, ...]:
    """Return one row for each step of each changed item, in the order in which the tracker says they happened.

    What time alone did (one more week to divide by) comes first, in a row without an item.  Raises OverflowError for a
    step, or a value on the way, that no column holds.
    """
    totals = list(before.totals)
    rows: list[Delta] = []

    def standing() -> Decimal:
        return kept(rule, before.value, value_of(rule, totals, now)) or ZERO

    value = standing()
    if value != (before.value or ZERO):
        rows.append(_of_time(rule, rounded(value - (before.value or ZERO))))
    for change in sorted(changed, key=lambda each: _order(each, past)):
        known = past.get((change.source, change.item), Past())
        at = _before(change)
        for cause, to in steps(rule.parts[change.part], at, change.line, known):
            totals[change.part] = totals[change.part].moved(at, to)
            moved = standing()
            rows.append(_row(change, cause, at, to, rounded(moved - value)))
            at, value = to, moved
    return tuple(rows)


def _of_time(rule: Rule, delta: Decimal) -> Delta:
    part = next(number for number, each in enumerate(rule.parts) if each.measure is Measure.THROUGHPUT)
    return Delta(
        part=part,
        source=rule.parts[part].source,
        item="",
        version="",
        old_weight=None,
        old_amount=None,
        new_weight=None,
        new_amount=None,
        cause=CauseKind.TIME,
        delta=delta,
    )


_OFF: tuple[None, None] = (None, None)


def _before(change: Change) -> Place:
    return (change.old.weight, change.old.amount) if change.old else None


def _order(change: Change, past: Mapping[ItemId, Past]) -> tuple[datetime, str, str, int]:
    known = past.get((change.source, change.item), Past())
    item = known.after or known.before
    return (item.updated_at or _DAWN if item else _DAWN, change.source, change.item, change.part)


def _row(change: Change, cause: CauseKind, at: Place, to: Place, delta: Decimal) -> Delta:
    version = change.line.version if change.line else change.old.version if change.old else ""
    (old_weight, old_amount), (new_weight, new_amount) = at or _OFF, to or _OFF
    return Delta(
        part=change.part,
        source=change.source,
        item=change.item,
        version=version,
        old_weight=old_weight,
        old_amount=old_amount,
        new_weight=new_weight,
        new_amount=new_amount,
        cause=cause,
        delta=delta,
    )
