"""The ledger held against anchors, which were kept outside of the database.

What the ledger says of itself only shows accident: whoever may write to the database may cut off its end, or write all
of it anew with hashes that fit.  An anchor says what once stood there.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from okrs.anchor import Anchor
from okrs.immutable import immutable, replace
from okrs.ledger import GENESIS, timestamp
from store import ledger
from store.tables import ledger_entry
from store.views.verify import Verified

_AT_ONCE = 500


@immutable
class Broken:
    """The first anchor that the ledger does not hold against."""

    anchor: Anchor
    held: int
    """The last entry that an anchor before it vouches for; 0 for none."""
    end: int
    """Where the ledger ends."""

    @property
    def cut(self) -> bool:
        """The ledger ends before the entry that the anchor names."""
        return self.anchor.seq > self.end


def broken_at(connection: Connection, anchors: Sequence[Anchor]) -> Broken | None:
    """Return the first anchor of which the ledger has not the entry; None when it has all of them."""
    end, hashes, held = ledger.head_of(connection).seq, _hashes(connection, {each.seq for each in anchors}), 0
    for each in anchors:
        if hashes.get(each.seq) != each.hash:
            return Broken(each, held, end)
        held = max(held, each.seq)
    return None


def _hashes(connection: Connection, seqs: Iterable[int]) -> dict[int, str]:
    found, wanted = {0: GENESIS}, sorted(seqs)
    for begin in range(0, len(wanted), _AT_ONCE):
        some = ledger_entry.c.seq.in_(wanted[begin : begin + _AT_ONCE])
        rows = connection.execute(select(ledger_entry.c.seq, ledger_entry.c.hash).where(some))
        found |= {row.seq: row.hash for row in rows}
    return found


def held_against(connection: Connection, answer: Verified, anchors: Sequence[Anchor], place: str) -> Verified:
    """Hold a ledger that was replayed against the anchors of a file, oldest first."""
    checked = replace(answer, against=place, anchors=len(anchors))
    broken = broken_at(connection, anchors)
    if broken is None:
        return checked
    checked = replace(checked, ok=False, broken=broken.anchor)
    if not answer.ok:  # what is wrong within the ledger says more
        return replace(checked, problem=f"{answer.problem} Nor does it hold against {_named(broken.anchor, place)}.")
    return replace(checked, first_bad=broken.end + 1 if broken.cut else None, problem=sentence(broken, place))


def sentence(broken: Broken, place: str) -> str:
    """Say what an anchor shows, and what to do."""
    anchor, where = broken.anchor, _named(broken.anchor, place)
    remedy = "Compare with a backup; if it was put back on purpose, or this is another ledger, begin a new file."
    if broken.cut:
        return f"The ledger was cut off: it ends at entry {broken.end}, and {where} names entry {anchor.seq}. {remedy}"
    first = broken.held + 1 if broken.held < anchor.seq else 1
    among = f"entry {first}" if first == anchor.seq else f"one of the entries {first} to {anchor.seq}"
    told = f"The ledger was rewritten: entry {anchor.seq} is not the one that {where} names."
    return f"{told} The first that was changed is {among}. {remedy}"


def _named(anchor: Anchor, place: str) -> str:
    at = f" of {timestamp(anchor.at)}" if anchor.at else ""
    return f"the anchor{at} ({f'line {anchor.line} of ' if anchor.line else ''}{place})"
