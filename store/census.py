"""Censuses: who is there, by identity alone, and what becomes of those who are not (promise 5).

gather(page) …   identities go to `roll`, apart
compare()        whom the census misses, and whom it shows that the mirror does not have
settle()         after each of them was looked up: one transaction puts the answers into the mirror
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from okrs.demand import Container, Extra
from okrs.immutable import immutable, replace
from okrs.ledger import CauseKind
from okrs.work import Kind, Ref, WorkItem
from store.aside import put_aside, rows_of
from store.database import Database, slices
from store.extras import keep_extras
from store.mirror import SuddenlyEmptyError, next_generation, shows_none
from store.putting import keep_former, put_gathered
from store.rows import put
from store.sources import Lease, fenced, leave
from store.tables import arrival, container, incoming, item, presence, roll

MISSES = 2
"""Censuses in a row that must miss an item before it leaves as hidden: one may be an accident."""


@immutable
class Compared:
    """What a census and the mirror disagree on."""

    missing: tuple[Ref, ...]
    """Items that we have in the container and that the census does not show."""
    strangers: tuple[Ref, ...]
    """Items that it shows and that we do not have there."""


@immutable
class Settled:
    """What the look-ups said, in the words of the mirror."""

    here: Sequence[WorkItem] = ()
    """They are in the container."""
    moved: Mapping[str, WorkItem | None] = field(default_factory=dict)
    """By the id they had here: they live elsewhere, and how they are now where the tracker lets us see it."""
    homes: Mapping[str, str] = field(default_factory=dict)
    """Of those that moved, the container of this source they are in now."""
    deleted: Sequence[str] = ()
    hidden: Sequence[str] = ()
    asked: frozenset[Extra] = frozenset()
    """What the look-ups were asked beside items and fields."""

    @property
    def knows_something(self) -> bool:
        """Tell whether the look-ups explain a census that shows nobody.

        That some moved away, which is seen elsewhere, says nothing of those that nobody knows here any more.
        """
        return bool(self.here or self.deleted or (self.moved and not self.hidden))


@immutable
class Outcome:
    """What a census changed."""

    changed: int = 0
    removed: int = 0
    missed: int = 0
    """Items that it could not find and that have not left yet: one census may be an accident."""


def start(database: Database, lease: Lease, known: Container, now: datetime) -> None:
    """Throw away what a killed census left behind."""
    with database.write() as connection:
        fenced(connection, lease, now)
        connection.execute(delete(roll).where(roll.c.source == lease.source, roll.c.container == known.id))


def gather(database: Database, lease: Lease, known: Container, refs: Iterable[Ref], now: datetime) -> None:
    """Put a page of identities aside."""
    rows = [{"source": lease.source, "container": known.id, "id": ref.id, "key": ref.name} for ref in refs]
    with database.write() as connection:
        fenced(connection, lease, now)
        put(connection, roll, rows, on=["source", "container", "id"], anew={})


def compare(
    database: Database, lease: Lease, known: Container, most: int, again: int, *, sprints: bool = True
) -> Compared:
    """Return whom the census misses and whom it shows anew, `most` of each at the most.

    A census without `sprints` says nothing of them: those that an earlier read brought stay.

    Items that listings leave out though they are there (archived ones) are missed by every census: of those that were
    looked up before and found, only `again` are returned, those first whose look-up is the longest ago.
    """
    here = (presence.c.source == lease.source, presence.c.container == known.id)
    shown = (roll.c.source == lease.source, roll.c.container == known.id)
    with database.read() as connection:
        missed = (
            select(item.c.id, item.c.key)
            .join(presence, and_(presence.c.source == item.c.source, presence.c.item == item.c.id))
            .where(*here, item.c.id.not_in(select(roll.c.id).where(*shown)))
        )
        missed = missed if sprints else missed.where(item.c.kind != Kind.SPRINT.value)
        unlisted = and_(presence.c.looked_at.is_not(None), presence.c.misses == 0)
        fresh = connection.execute(missed.where(~unlisted).order_by(item.c.id).limit(most)).all()
        known_before = missed.where(unlisted).order_by(presence.c.looked_at, item.c.id).limit(again)
        missing = [*fresh, *connection.execute(known_before)]
        strangers = connection.execute(
            select(roll.c.id, roll.c.key)
            .where(*shown, roll.c.id.not_in(select(presence.c.item).where(*here)))
            .order_by(roll.c.id)
            .limit(most)
        )
        return Compared(
            tuple([Ref(row.id, row.key) for row in missing]), tuple([Ref(row.id, row.key) for row in strangers])
        )


def settle(database: Database, lease: Lease, known: Container, said: Settled, now: datetime) -> Outcome:
    """Put what a census and its look-ups said into the mirror: all or nothing.

    Raises LeaseLostError, and SuddenlyEmptyError when neither the census nor any look-up shows one of the items
    that the container had: more likely a lost permission than the truth.
    """
    with database.write() as connection:
        fenced(connection, lease, now)
        shown = select(roll.c.id).where(roll.c.source == lease.source, roll.c.container == known.id)
        if not said.knows_something and shows_none(connection, lease, known, shown):
            raise SuddenlyEmptyError(known.name)
        outcome = _settle(connection, lease, known, said, now)
        _clear_misses(connection, lease, known)
        outcome = replace(outcome, missed=_missed(connection, lease, known))
        where = (container.c.source == lease.source, container.c.id == known.id)
        connection.execute(update(container).where(*where).values(census_at=now))
        connection.execute(delete(roll).where(roll.c.source == lease.source, roll.c.container == known.id))
    return outcome


def settle_some(database: Database, lease: Lease, known: Container, said: Settled, now: datetime) -> Outcome:
    """Put what look-ups without a census said into the mirror.  Raises LeaseLostError."""
    with database.write() as connection:
        fenced(connection, lease, now)
        return _settle(connection, lease, known, said, now)


def looked_into(database: Database, lease: Lease, arrivals: Iterable[str], now: datetime) -> None:
    """Forget arrivals that were looked into.  Raises LeaseLostError."""
    with database.write() as connection:
        fenced(connection, lease, now)
        for some in slices(arrivals):
            connection.execute(delete(arrival).where(arrival.c.source == lease.source, arrival.c.item.in_(some)))


def _settle(connection: Connection, lease: Lease, known: Container, said: Settled, now: datetime) -> Outcome:
    _keep_keys(connection, lease, said)
    changed = _put(connection, lease, known, said, now)
    removed = _take_away(connection, lease, known, said, now)
    _note_looks(connection, lease, known, said, now)
    if changed or removed:
        next_generation(connection, lease)
    return Outcome(changed, removed)


def _keep_keys(connection: Connection, lease: Lease, said: Settled) -> None:
    """An item that goes on under another id is still meant by the key that it had."""
    new = {old: moved.id for old, moved in said.moved.items() if moved is not None and moved.id != old}
    for some in slices(new):
        held = select(item.c.id, item.c.key).where(item.c.source == lease.source, item.c.id.in_(some))
        rows = connection.execute(held)
        keep_former(connection, lease, {row.key: new[row.id] for row in rows})


def _note_looks(connection: Connection, lease: Lease, known: Container, said: Settled, now: datetime) -> None:
    for some in slices([each.id for each in said.here]):
        here = (presence.c.source == lease.source, presence.c.container == known.id, presence.c.item.in_(some))
        connection.execute(update(presence).where(*here).values(looked_at=now))


def _put(connection: Connection, lease: Lease, known: Container, said: Settled, now: datetime) -> int:
    """Take the items over as they are now, each in the container where it lives."""
    homes: dict[str, list[WorkItem]] = {known.id: list(said.here)}
    for old, now_item in said.moved.items():
        if now_item is not None:
            homes.setdefault(said.homes.get(old, known.id), []).append(now_item)
    changed = 0
    for home, items in homes.items():
        if items:
            # What a read that failed left behind is none of this.
            connection.execute(delete(incoming).where(incoming.c.source == lease.source, incoming.c.container == home))
            put_aside(connection, lease, rows_of(lease.source, home, items))
            keep_extras(connection, lease, [Container(home, "")], said.asked)
            changed += put_gathered(connection, lease, [Container(home, "")], now)
    return changed


def _take_away(connection: Connection, lease: Lease, known: Container, said: Settled, now: datetime) -> int:
    stays = {moved.id for old, moved in said.moved.items() if moved and said.homes.get(old) == known.id}
    away = [old for old in said.moved if old not in stays]
    # A moved item without a home of ours was put here with its new facts, under the id it has now.
    away += [each.id for old, each in said.moved.items() if each and old not in said.homes]
    left = _absent(connection, lease, away, now, why=CauseKind.MOVED, only=known)
    left += _absent(connection, lease, said.deleted, now, why=CauseKind.DELETED)
    for some in slices(said.hidden):
        here = (presence.c.source == lease.source, presence.c.container == known.id, presence.c.item.in_(some))
        connection.execute(update(presence).where(*here).values(misses=presence.c.misses + 1))
    tired = [
        row.item
        for row in connection.execute(
            select(presence.c.item).where(
                presence.c.source == lease.source, presence.c.container == known.id, presence.c.misses >= MISSES
            )
        )
    ]
    return left + _absent(connection, lease, tired, now, why=CauseKind.HIDDEN, only=known)


def _absent(
    connection: Connection,
    lease: Lease,
    ids: Sequence[str],
    now: datetime,
    *,
    why: CauseKind,
    only: Container | None = None,
) -> int:
    """Take items out of a container, or of all; those that are in none any more leave.  Returns how many left."""
    if not ids:
        return 0
    for some in slices(ids):
        gone = delete(presence).where(presence.c.source == lease.source, presence.c.item.in_(some))
        connection.execute(gone if only is None else gone.where(presence.c.container == only.id))
    return leave(connection, lease.source, now, why.value)


def _missed(connection: Connection, lease: Lease, known: Container) -> int:
    here = (presence.c.source == lease.source, presence.c.container == known.id, presence.c.misses > 0)
    return connection.execute(select(func.count()).select_from(presence).where(*here)).scalar_one()


def _clear_misses(connection: Connection, lease: Lease, known: Container) -> None:
    shown = select(roll.c.id).where(roll.c.source == lease.source, roll.c.container == known.id)
    here = (presence.c.source == lease.source, presence.c.container == known.id, presence.c.item.in_(shown))
    noted = or_(presence.c.misses != 0, presence.c.looked_at.is_not(None))
    connection.execute(update(presence).where(*here, noted).values(misses=0, looked_at=None))
