"""What was known at a past instant: the ledger until then, and the mirror as it was.

Nothing here asks what is kept of today: what the entries tell is folded, and versions and absences of items are read.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from mapping.attribution import Evidence, ItemId
from mapping.family import Lore, Seen
from mapping.measure import Scopes
from mapping.past import Absence, History, Record
from okrs.closing import parse_ending
from okrs.cycle import Calendar
from okrs.immutable import immutable, replace
from okrs.lanes import Lane, day_in, lane_of
from okrs.ledger import Entry, EntryKind, hold_in, proposed, terms_in
from okrs.objective import Terms, parse_terms
from store import ledger
from store.checkins import CheckIn, told_in
from store.finals import Closed, Final
from store.holds import Hold
from store.items import decode
from store.overrides import Override, told_by
from store.queries import lore_of
from store.renames import called_now, renames, written_of
from store.tables import absence, former_key, from_micros, item_version, ledger_delta, ledger_entry, run, run_source

# --- the ledger ----------------------------------------------------------------------------------------------------


@immutable
class Then:
    """A key result as its entries told of it at an instant; one that was only set by hand was never measured."""

    value: Decimal | None = None
    """Of the automatic lane."""
    seq: int = 0
    """The last entry of that lane."""
    rule: str | None = None
    """Content hash of the rule in force."""
    terms: Terms | None = None
    moved_at: datetime | None = None
    """When the value last changed."""
    told_at: datetime | None = None
    """When the last entry of that lane was written that says that it was measured."""
    retired: bool = False
    hold: Hold | None = None
    """An update that waited for a person."""
    stands_since: datetime | None = None
    """Since when it was measured no more: it retired, or an update of it waited or was rejected."""
    override: Override | None = None
    """A person's value, in force or not."""
    end: Closed | None = None
    """How it ended, where its cycle was closed; nothing that a person set is in force then."""
    checkin: CheckIn | None = None
    """The last one."""


def key_results_at(connection: Connection, at: datetime, name: str | None = None) -> dict[str, Then]:
    """Return how the key results stood of which anything was known at an instant, all or one, by the ids of now."""
    rows = select(ledger_entry).where(ledger_entry.c.at <= at).order_by(ledger_entry.c.seq)
    if name is not None:
        rows = rows.where(written_of(connection, name))
    entries: dict[str, list[Entry]] = {}
    known = renames(connection)
    for row in connection.execute(rows).all():
        entries.setdefault(called_now(known, row.key_result, row.seq), []).append(ledger.entry_of(row))
    found = {each: _folded(told) for each, told in entries.items()}
    return {each: then for each, then in found.items() if then is not None}


def first_known(connection: Connection) -> datetime | None:
    """Return when the first entry of the ledger was written; None when there is none."""
    return _instant(connection.execute(select(func.min(ledger_entry.c.at))).scalar())


def first_measured(connection: Connection, name: str) -> datetime | None:
    """Return when the baseline of a key result was written; None when it was never measured."""
    mine = (written_of(connection, name), ledger_entry.c.kind == EntryKind.BASELINE.value)
    return _instant(connection.execute(select(func.min(ledger_entry.c.at)).where(*mine)).scalar())


def first_terms(connection: Connection, name: str) -> Terms | None:
    """Return the terms by which a key result was first measured; None when it never was."""
    mine = (written_of(connection, name), ledger_entry.c.kind == EntryKind.BASELINE.value)
    rows = select(ledger_entry.c.details).where(*mine).order_by(ledger_entry.c.seq).limit(1)
    return _terms(connection.execute(rows).scalar())


def _terms(details: str | None) -> Terms | None:
    return parse_terms(terms_in(details) or "") if details else None


def _folded(entries: Sequence[Entry]) -> Then | None:
    # What only renames a key result that was never measured, has no rule.
    automatic = [each for each in entries if lane_of(each.kind) is Lane.AUTOMATIC and each.rule is not None]
    others = [each for each in entries if lane_of(each.kind) in (Lane.HUMAN, Lane.ASIDE)]
    by_hand = Then(override=_override(others), end=_end(others), checkin=_checkin(others))
    if not automatic:
        return by_hand if others else None
    last = automatic[-1]
    terms = [each.details for each in automatic if each.kind in (EntryKind.BASELINE, EntryKind.TARGET)]
    return replace(
        by_hand,
        value=last.new,
        seq=last.seq,
        rule=last.rule,
        terms=_terms(terms[-1]) if terms else None,
        moved_at=_moved_at(automatic),
        told_at=next((each.at for each in reversed(automatic) if each.kind not in _ASIDE), None),
        retired=_retired(automatic),
        hold=_hold(automatic),
        stands_since=_stands_since(automatic),
    )


def _retired(entries: Iterable[Entry]) -> bool:
    kinds = [each.kind for each in entries if each.kind in (EntryKind.RETIRE, EntryKind.RULE)]
    return bool(kinds) and kinds[-1] is EntryKind.RETIRE


_TOGETHER = (EntryKind.LIFT, EntryKind.AUTO, EntryKind.RULE, EntryKind.TARGET)
"""Kinds of entries that one decision writes, in this order."""


def _moved_at(entries: Sequence[Entry]) -> datetime:
    """When a decision last moved the value: what tickets did, a changed rule may have taken back at once."""
    decisions: list[list[Entry]] = []
    for each in entries:
        before = decisions[-1][-1] if decisions else None
        if before is not None and before.at == each.at and together(before.kind, each.kind):
            decisions[-1].append(each)
        else:
            decisions.append([each])
    return next(
        (some[0].at for some in reversed(decisions) if some[0].old != some[-1].new),
        entries[0].at,
    )


def together(before: EntryKind, kind: EntryKind) -> bool:
    """Tell whether one decision may write an entry of a kind right behind one of another."""
    return before in _TOGETHER and kind in _TOGETHER and _TOGETHER.index(before) < _TOGETHER.index(kind)


_OF_HOLDS = (EntryKind.HOLD, EntryKind.LIFT, EntryKind.APPROVE, EntryKind.REJECT)


def _hold(entries: Sequence[Entry]) -> Hold | None:
    told = [each for each in entries if each.kind in _OF_HOLDS]
    if not told or told[-1].kind is not EntryKind.HOLD:
        return None
    last, name = told[-1], hold_in(told[-1])
    since = next(each.at for each in told if hold_in(each) == name)
    proposal = json.loads(last.details or "{}").get("proposal", "")
    return Hold(name, last.key_result, last.old, proposed(last), last.why or "", proposal, since)


_STANDING = (EntryKind.HOLD, EntryKind.REJECT, EntryKind.RETIRE)
_ASIDE = (*_STANDING, EntryKind.LIFT, EntryKind.TARGET)


def _stands_since(entries: Sequence[Entry]) -> datetime | None:
    """Since when nothing but such entries was written; changed terms measure nothing."""
    since: datetime | None = None
    for each in reversed(entries):
        if each.kind in _STANDING:
            since = each.at
        elif each.kind is not EntryKind.TARGET:
            break
    return since


def _override(entries: Sequence[Entry]) -> Override | None:
    told = [each for each in entries if lane_of(each.kind) is Lane.HUMAN]
    if not told or told[-1].kind is not EntryKind.OVERRIDE or told[-1].new is None:
        return None
    return told_by(told[-1])


def _end(entries: Sequence[Entry]) -> Closed | None:
    last = next((each for each in reversed(entries) if each.kind is EntryKind.CLOSE), None)
    if last is None:
        return None
    told = parse_ending(last.details or "")
    final = Final(last.key_result, told.cycle, told.value, told.grade, last.at, told.head, last.seq)
    return Closed(final, told, last.new, last.by, last.why)


def _checkin(entries: Sequence[Entry]) -> CheckIn | None:
    last = next((each for each in reversed(entries) if each.kind is EntryKind.CHECKIN), None)
    return told_in(last) if last is not None else None


def corrections_at(connection: Connection, name: str, at: datetime) -> list[Entry]:
    """Return what had become known until an instant of a key result that had ended."""
    mine = (written_of(connection, name), ledger_entry.c.kind == EntryKind.CORRECTION.value)
    rows = connection.execute(select(ledger_entry).where(*mine, ledger_entry.c.at <= at).order_by(ledger_entry.c.seq))
    return [ledger.entry_of(row) for row in rows]


def evidence_at(connection: Connection, name: str, seq: int, only: ItemId | None = None) -> list[Evidence]:
    """Return what was on the line of a key result at an entry, or one item: the last row of each until then."""
    mine = ledger_delta.join(ledger_entry, ledger_entry.c.seq == ledger_delta.c.seq)
    item = (ledger_delta.c.part, ledger_delta.c.source, ledger_delta.c.item)
    place = func.row_number().over(partition_by=item, order_by=(ledger_delta.c.seq.desc(), ledger_delta.c.place.desc()))
    columns = (*item, ledger_delta.c.version, ledger_delta.c.new_weight, ledger_delta.c.new_amount)
    rows = select(*columns, place.label("nth")).select_from(mine)
    if only is not None:
        rows = rows.where(ledger_delta.c.source == only[0], ledger_delta.c.item == only[1])
    last = rows.where(written_of(connection, name), ledger_entry.c.seq <= seq).subquery()
    wanted = select(last).where(last.c.nth == 1, last.c.new_weight.is_not(None))
    found = connection.execute(wanted.order_by(last.c.part, last.c.source, last.c.item))
    return [
        Evidence(row.part, row.source, row.item, row.version, row.new_weight, row.new_amount or Decimal(0))
        for row in found
    ]


def rules_until(connection: Connection, name: str, seq: int) -> list[Entry]:
    """Return the entries until then by which a key result got a rule, the last one first."""
    kinds = [EntryKind.BASELINE.value, EntryKind.RULE.value]
    mine = (written_of(connection, name), ledger_entry.c.kind.in_(kinds), ledger_entry.c.seq <= seq)
    return [
        ledger.entry_of(row)
        for row in connection.execute(select(ledger_entry).where(*mine).order_by(ledger_entry.c.seq.desc()))
    ]


def reconstructed(connection: Connection, name: str) -> dict[date, Entry]:
    """Return what was rebuilt of days before the first measurement: by day the last entry that tells of it."""
    return {day: entry for _, day, entry in _rebuilt(connection, written_of(connection, name))}


def reconstructed_at(connection: Connection, day: date) -> dict[str, Entry]:
    """Return what was rebuilt of the end of a day, by the ids of now: the entries of the last days that have one."""
    known, found = renames(connection), dict[str, dict[date, Entry]]()
    for name, of, entry in _rebuilt(connection):
        if of <= day:
            found.setdefault(called_now(known, name, entry.seq), {})[of] = entry
    return {name: told[max(told)] for name, told in found.items()}


def _rebuilt(connection: Connection, *mine: ColumnElement[bool]) -> Iterator[tuple[str, date, Entry]]:
    """Yield the entries of rebuilt days, with the names they were written under and their days, in order."""
    rows = select(ledger_entry).where(*mine, ledger_entry.c.kind == EntryKind.RECONSTRUCTED.value)
    for entry in map(ledger.entry_of, connection.execute(rows.order_by(ledger_entry.c.seq))):
        if (day := day_in(entry.details)) is not None:
            yield entry.key_result, day, entry


def over_by(calendar: Calendar, at: datetime) -> date:
    """Return the last local day that was over by then, the one that ends with that instant included."""
    return calendar.day_of(at + timedelta.resolution) - timedelta(days=1)


# --- runs ----------------------------------------------------------------------------------------------------------


def measured_at(connection: Connection, then: Then, at: datetime) -> datetime:
    """Return when a key result had been measured last: in the last run that was over, unless it stood still."""
    ended = select(func.max(run.c.finished_at)).where(run.c.finished_at <= at)
    if then.stands_since is not None:
        ended = ended.where(run.c.finished_at < then.stands_since)
    last = _instant(connection.execute(ended).scalar())
    return max([each for each in (last, then.told_at) if each is not None], default=at)


def _instant(found: int | datetime | None) -> datetime | None:
    """Functions of the database may give the plain number of a column's instant."""
    return from_micros(found) if isinstance(found, int) else found


@immutable
class Read:
    """How the reads of a source had gone until an instant."""

    state: str = "never"
    """How the last one ended."""
    last_success: datetime | None = None


def reads_at(connection: Connection, at: datetime) -> dict[str, Read]:
    """Return how the reads of each source had gone; of before ends were kept, a run's end stands for its reads'."""
    ended = func.coalesce(run_source.c.ended_at, run.c.finished_at, run.c.started_at).label("ended")
    told = (run_source.c.source, run_source.c.state, ended)
    joined = select(*told).select_from(run_source.join(run, run.c.id == run_source.c.run))
    rows = joined.where(run_source.c.state.is_not(None), ended <= at).order_by(ended, run_source.c.run)
    found: dict[str, Read] = {}
    for row in connection.execute(rows):
        before = found.get(row.source, Read())
        found[row.source] = Read(row.state, _instant(row.ended) if row.state == "ok" else before.last_success)
    return found


# --- the mirror ----------------------------------------------------------------------------------------------------


def records_of(connection: Connection, source: str) -> list[Record]:
    """Return everything that was ever seen of the items of a source, in the order of their ids."""
    away: dict[str, list[Absence]] = {}
    gone = select(absence).where(absence.c.source == source).order_by(absence.c.item, absence.c.gone_at)
    for row in connection.execute(gone):
        away.setdefault(row.item, []).append(Absence(row.gone_at, row.why, row.back_at))
    columns = (item_version.c.item, item_version.c.seen_at, item_version.c.hash, item_version.c.payload)
    versions = select(*columns).where(item_version.c.source == source)
    rows = connection.execute(versions.order_by(item_version.c.item, item_version.c.seen_at))
    return [
        Record(
            tuple(Seen(decode(row.payload, None), row.hash, row.seen_at) for row in some),
            tuple(away.get(item, ())),
        )
        for item, some in groupby(rows, key=lambda row: row.item)
    ]


def items_at(connection: Connection, source: str, at: datetime) -> int:
    """Return how many items of a source the mirror held."""
    covered = (absence.c.gone_at <= at, or_(absence.c.back_at.is_(None), absence.c.back_at > at))
    away = exists().where(absence.c.source == source, absence.c.item == item_version.c.item, *covered)
    known = select(func.count(item_version.c.item.distinct())).where(item_version.c.source == source)
    return connection.execute(known.where(item_version.c.seen_at <= at, ~away)).scalar_one()


def lore_at(connection: Connection, source: str, at: datetime) -> Lore:
    """Return what was known of a source beside its items: keys that had been given up by then.

    What its queries found then is not kept, so it is left out; what the config calls its containers is that of today.
    """
    of_version = (item_version.c.source == source, item_version.c.seen_at <= at)
    generation = connection.execute(select(func.max(item_version.c.generation)).where(*of_version)).scalar() or 0
    of_key = (former_key.c.source == source, former_key.c.changed <= generation)
    keys = connection.execute(select(former_key).where(*of_key).order_by(former_key.c.changed, former_key.c.key))
    return replace(lore_of(connection, source), queries={}, former_keys={row.key: row.item for row in keys})


def history_of(connection: Connection, sources: Iterable[str], scopes: Scopes) -> History:
    """Return what there is to rebuild past days of these sources from, by what is known now."""
    names = tuple(sources)
    records = {name: records_of(connection, name) for name in names}
    return History(records, {name: lore_of(connection, name) for name in names}, scopes)
