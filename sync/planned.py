"""What is foreseen for a key result: values, the tickets whose evidence changes, the entries that would be written."""

from decimal import Decimal
from enum import StrEnum

from okrs.immutable import immutable
from okrs.objective import KeyResult
from okrs.progress import ZERO
from okrs.work import WorkItem
from store.holds import Hold
from store.views.history import ShownEntry
from sync.lacking import Lack


class Note(StrEnum):
    """What is to be said of a key result beside its numbers."""

    NEW = "new"
    RULE = "rule changed"
    TARGET = "target changed"
    BACK = "the mapping came back"
    RENAMED = "renamed"
    RETIRED = "retired: taken out of the config"
    UNMAPPED = "retired: its mapping was taken out of the config"
    UNFED = "no mapping feeds it"
    EARLY = "before its cycle begins"
    UNKNOWN = "unknown until read"
    REFUSED = "waits for a field"
    """Or for a query: what its lacks say."""
    NOTHING = "nothing to measure yet"
    PARTLY = "without what is not read yet"
    HELD = "an update is held until somebody approves it"
    WAITS = "an update waits for a person"
    VOID = "the update that waits falls away"
    THROUGH = "the update that waits goes through"
    OVERRIDDEN = "the value that is shown stays: it is set by hand"
    CLOSED = "its cycle is closed"
    CLOSED_EDITED = "its cycle is closed, so what the config says of it by now has no effect"
    TOO_LARGE = "cannot be measured: its numbers are too large"


_REVISING = frozenset({Note.NEW, Note.RULE, Note.TARGET, Note.BACK})


@immutable
class Place:
    """A ticket on the line of one part."""

    part: int
    weight: Decimal
    amount: Decimal


@immutable
class Ticket:
    """A ticket whose evidence would change: on the line of these parts until now, and then."""

    source: str
    id: str
    item: WorkItem | None
    """As it was last seen; None when nobody knows it any more."""
    old: tuple[Place, ...]
    new: tuple[Place, ...]
    reason: str | None
    """Why it would not count, None when it would: as in `explain`, or what became of it."""

    @property
    def amount(self) -> Decimal:
        """How much more it would count than now, all parts together; below 0 where it is less."""
        return sum((each.amount for each in self.new), ZERO) - sum((each.amount for each in self.old), ZERO)


@immutable
class Planned:
    """What would become of one key result."""

    id: str
    key_result: KeyResult | None
    """None for one that is not in the config any more."""
    old: Decimal | None
    """The automatic value on record."""
    new: Decimal | None
    """The automatic value then; None when it was never measured, or cannot be known before a read."""
    notes: tuple[Note, ...] = ()
    lacks: tuple[Lack, ...] = ()
    """What the mirror lacks for the rule of the config."""
    effects: tuple[ShownEntry, ...] = ()
    """The entries as the ledger would have them, but for their place in it."""
    tickets: tuple[Ticket, ...] = ()
    terms: tuple[str, str] | None = None
    """Old and new terms as canonical JSON, where they change."""
    held: Hold | None = None
    """An update of it that waits for a person now: until somebody decides, the value stays what it was before it."""
    former: str | None = None
    """What one was called that is not in the config any more; None when nobody knows."""

    @property
    def title(self) -> str | None:
        return self.key_result.title if self.key_result else self.former

    @property
    def coming(self) -> tuple[Ticket, ...]:
        return tuple(each for each in self.tickets if not each.old)

    @property
    def going(self) -> tuple[Ticket, ...]:
        return tuple(each for each in self.tickets if not each.new)

    @property
    def changed(self) -> tuple[Ticket, ...]:
        """Those that stay with another weight or amount."""
        return tuple(each for each in self.tickets if each.old and each.new)

    @property
    def revised(self) -> bool:
        """The config says something else of it than the ledger has on record."""
        return not _REVISING.isdisjoint(self.notes)

    @property
    def told(self) -> bool:
        """There is something to say of it beside its value; that a cycle is closed is said once for all of it."""
        return self.changes or bool(set(self.notes) - {Note.CLOSED})

    @property
    def changes(self) -> bool:
        """Something would be written now, or as soon as it is read."""
        return bool(self.effects) or not {Note.UNKNOWN, Note.RENAMED}.isdisjoint(self.notes)
