"""What the next evaluation would write, if it came now: the same decisions on one snapshot, and nothing is written.

    due = watch.look(every key result)  # as a run looks: nothing is measured of what did not move
    for key_result in config, and those that left it:
        verdict = judge(basis)          # as record() does, from the ledger and the mirror as they are
        Planned(verdict, and what it would make of each ticket)

Nobody is asked: where the mirror lacks what a rule needs, the answer is what it lacks.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from mapping.attribution import Evidence, ItemId
from mapping.codec import rule_hash, rule_text
from mapping.demand import Demands, demands_of
from mapping.judging import Line, Reason
from mapping.measure import measure
from mapping.rule import Rule
from okrs.immutable import immutable, replace
from okrs.ledger import Entry, EntryKind
from okrs.objective import terms_text
from okrs.work import WorkItem
from store import ledger, lookup
from store.cache import MirrorCache
from store.holds import Hold
from store.ledger import KeyResultState
from store.overrides import overrides
from store.readiness import Snapshot
from store.renames import pending
from store.views.history import ShownEntry, shown
from sync.deciding import Basis, Goal, Verdict
from sync.lacking import Lack, lacks
from sync.planned import Note, Place, Planned, Ticket
from sync.recording import basis_of, judge, left_config, loaded
from sync.watching import Due, Portion, Watch


def plan(
    connection: Connection,
    goals: Sequence[Goal],
    containers: Mapping[str, tuple[str, ...]],
    now: datetime,
    *,
    anew: Collection[str] = (),
) -> tuple[Planned, ...]:
    """Return every key result of the config, in its order, then those that it does not name any more.

    `containers` are the names of the containers that the config gives each source; of the sources `anew` everything
    is read again because their settings changed.
    """
    snapshot, cache = Snapshot(connection, containers), MirrorCache()
    states = ledger.states(connection)
    new = pending(connection, (goal.key_result for goal in goals))
    olds = {name: old for old, name in new.items()}
    goals = [_as_recorded(goal, olds) for goal in goals]
    look = Watch(goals, containers).look(connection, cache, now)
    due = {each.goal.key_result.id: each for each in look.due}
    needs = _Needs(snapshot)
    by_hand = {name for name, each in overrides(connection).items() if each.active(now)}

    def foreseen(goal: Goal) -> Planned:
        name = goal.key_result.id
        if snapshot.ended.stops(goal.key_result):
            return _closed(goal, states.get(name))
        asked = due.get(name)
        found = _Question(asked, snapshot, cache, now).answer() if asked else _still(goal, states[name], needs)
        found = _waiting(found, snapshot.holds.get(name))
        return _beside(found) if name in by_hand else found

    told = (_renamed(_hopeful(foreseen(goal), anew), new) for goal in goals)
    return (*told, *(_left(snapshot, states[name], now) for name in look.others))


def _beside(planned: Planned) -> Planned:
    """Say of a key result that changes, and is set by hand, that this is not what is shown."""
    return replace(planned, notes=(*planned.notes, Note.OVERRIDDEN)) if planned.changes else planned


def _waiting(planned: Planned, hold: Hold | None) -> Planned:
    """Say of a key result of which an update waits what becomes of that."""
    if hold is None or hold.rejected:
        return planned
    notes = planned.notes if Note.HELD in planned.notes else (*planned.notes, _fate(planned, hold))
    return replace(planned, notes=notes, held=hold)


def _fate(planned: Planned, hold: Hold) -> Note:
    effects = [each.entry for each in planned.effects]
    if not any(each.kind is EntryKind.LIFT for each in effects):
        return Note.WAITS
    return Note.THROUGH if any(each.kind is EntryKind.AUTO and each.new == hold.new for each in effects) else Note.VOID


def _as_recorded(goal: Goal, olds: Mapping[str, str]) -> Goal:
    """The goal under the id that the ledger knows it by, until a run has renamed it."""
    known = goal.key_result
    return replace(goal, key_result=replace(known, id=olds[known.id])) if known.id in olds else goal


def _renamed(planned: Planned, new: Mapping[str, str]) -> Planned:
    if planned.id not in new or planned.key_result is None:
        return planned
    name, notes = new[planned.id], (Note.RENAMED, *planned.notes)
    return replace(planned, id=name, key_result=replace(planned.key_result, id=name), notes=notes)


def _hopeful(planned: Planned, anew: Collection[str]) -> Planned:
    """Forget what trackers refused under settings that changed: the next read asks again."""
    lacking = tuple(replace(each, refused=(), denied=()) if each.source in anew else each for each in planned.lacks)
    if Note.REFUSED not in planned.notes or any(each.refused or each.denied for each in lacking):
        return replace(planned, lacks=lacking)
    notes = tuple(Note.UNKNOWN if each is Note.REFUSED else each for each in planned.notes)
    return replace(planned, lacks=lacking, notes=notes, new=None)


@immutable
class _Needs:
    """What the mirror has of what rules need: many need the same."""

    snapshot: Snapshot
    held: dict[Demands, tuple[tuple[Lack, ...], Note | None]] = field(default_factory=dict)

    def of(self, rule: Rule) -> tuple[tuple[Lack, ...], Note | None]:
        """Return what is lacking for a rule on record, and what is to be said of that."""
        demands = demands_of(rule)
        if demands not in self.held:
            lacking = lacks(self.snapshot.connection, rule, self.snapshot.containers)
            note = Note.PARTLY if lacking else None
            if not self.snapshot.usable(demands):
                note = Note.NOTHING if self.snapshot.ready(demands) else _unknown(lacking)
            self.held[demands] = lacking, note
        return self.held[demands]


def _still(goal: Goal, state: KeyResultState, needs: _Needs) -> Planned:
    """One that a run would not look at: nothing moved that it rests on."""
    lacking, note = needs.of(goal.rule) if goal.rule else ((), None)
    new = None if note is Note.UNKNOWN else state.value
    return Planned(state.id, goal.key_result, state.value, new, (note,) if note else (), lacking)


def _closed(goal: Goal, state: KeyResultState | None) -> Planned:
    """One whose cycle is closed: whatever the config says moves nothing, and what becomes known of it is no plan."""
    value, edited = state.value if state else None, goal.rule is not None
    if state is not None:
        told = (rule_hash(rule_text(goal.rule)) if goal.rule else None, terms_text(goal.key_result.terms))
        edited = told != (None if state.retired else state.rule, state.terms)
    note = Note.CLOSED_EDITED if edited else Note.CLOSED
    return Planned(goal.key_result.id, goal.key_result, value, value, (note,))


def _left(snapshot: Snapshot, state: KeyResultState, now: datetime) -> Planned:
    hold = snapshot.holds.get(state.id)
    effects = _effects(snapshot.connection, state.id, left_config(state, hold), now)
    return _waiting(Planned(state.id, None, state.value, state.value, (Note.RETIRED,), effects=effects), hold)


def _effects(connection: Connection, name: str, verdict: Verdict, now: datetime) -> tuple[ShownEntry, ...]:
    entries = (
        Entry(
            seq=0,
            key_result=name,
            at=now,
            kind=each.kind,
            old=each.old,
            new=each.new,
            rule=each.rule,
            why=each.why,
            details=each.details,
            deltas=each.deltas,
        )
        for each in verdict.drafts
    )
    return tuple(shown(connection, entries))


@immutable
class _Question:
    """What would become of one key result, and everything that the answer rests on."""

    due: Due
    snapshot: Snapshot
    cache: MirrorCache
    now: datetime

    @property
    def connection(self) -> Connection:
        return self.snapshot.connection

    @property
    def goal(self) -> Goal:
        return self.due.goal

    def answer(self) -> Planned:
        key_result, basis = self.goal.key_result, basis_of(self.snapshot, self.goal, self.due.portion)
        old = basis.state.value if basis.state else None
        try:
            portion = self._portion(basis)
            verdict = judge(self.snapshot, self.goal, basis, self.cache, self.now, portion=portion)
        except ArithmeticError:  # the engine leaves such a key result as it is, too
            return Planned(key_result.id, key_result, old, old, (Note.TOO_LARGE,))
        lacking = lacks(self.connection, self.goal.rule, self.snapshot.containers) if self.goal.rule else ()
        notes = _notes(self.goal, basis, verdict, lacking, self.now)
        value = verdict.state.value if verdict.state else old
        return Planned(
            id=key_result.id,
            key_result=key_result,
            old=old,
            new=None if Note.UNKNOWN in notes else value,
            notes=notes,
            lacks=lacking,
            effects=_effects(self.connection, key_result.id, verdict, self.now),
            tickets=self._tickets(basis, verdict),
            terms=_terms(self.goal, basis) if Note.TARGET in notes else None,
        )

    def _portion(self, basis: Basis) -> Portion | None:
        """What moved of it, where it is judged by that alone."""
        return None if basis.whole else self.due.portion

    def _tickets(self, basis: Basis, verdict: Verdict) -> tuple[Ticket, ...]:
        if not verdict.drafts:
            return ()
        before, after = _places(basis.evidence), _places(_evidence_after(basis.evidence, verdict))
        moved = [each for each in sorted(before.keys() | after.keys()) if _differ(before.get(each), after.get(each))]
        if not moved:
            return ()
        known = self._known(moved)
        lines = self._lines(basis, verdict)
        return tuple(
            Ticket(
                *each,
                known[each][0],
                before.get(each, ()),
                after.get(each, ()),
                _reason(lines.get(each, ()), known[each][1]),
            )
            for each in moved
        )

    def _known(self, moved: Iterable[ItemId]) -> dict[ItemId, tuple[WorkItem | None, str | None]]:
        known: dict[ItemId, tuple[WorkItem | None, str | None]] = dict.fromkeys(moved, (None, None))
        for source in {name for name, _ in known}:
            found = lookup.look_up(self.connection, source, [item for name, item in known if name == source])
            known.update({(source, item): told for item, told in found.items()})
        return known

    def _lines(self, basis: Basis, verdict: Verdict) -> dict[ItemId, list[Line]]:
        """What the rule that would then be in force makes of every item it selects."""
        rule = _in_force(self.goal, basis, verdict)
        lines: dict[ItemId, list[Line]] = {}
        if rule is None:
            return lines
        scopes = verdict.scopes or basis.scopes
        frozen = replace(basis, scopes=scopes)
        mirror = loaded(self.connection, rule, frozen, self.cache, self.now, portion=self._portion(basis))
        for line in measure(rule, mirror, self.now, scopes).lines:
            lines.setdefault((line.source, line.item.id), []).append(line)
        return lines


def _in_force(goal: Goal, basis: Basis, verdict: Verdict) -> Rule | None:
    return goal.rule if any(each.kind in _TAKEN for each in verdict.drafts) else basis.recorded


def _reason(lines: Sequence[Line], gone: str | None) -> str | None:
    if not lines:
        return gone or Reason.NO_MATCH
    return next((None for line in lines if line.counted), lines[0].reason)


def _evidence_after(evidence: Iterable[Evidence], verdict: Verdict) -> list[Evidence]:
    """The evidence as it would stand in the ledger."""
    held = {each.key: each for each in evidence}
    for row in (row for draft in verdict.drafts for row in draft.deltas):
        key = (row.part, row.source, row.item)
        held.pop(key, None)
        if row.new_weight is not None and row.new_amount is not None:
            held[key] = Evidence(*key, row.version, row.new_weight, row.new_amount)
    return list(held.values())


def _places(evidence: Iterable[Evidence]) -> dict[ItemId, tuple[Place, ...]]:
    places: dict[ItemId, tuple[Place, ...]] = {}
    for each in sorted(evidence, key=lambda each: each.key):
        at = (each.source, each.item)
        places[at] = (*places.get(at, ()), Place(each.part, each.weight, each.amount))
    return places


def _differ(old: tuple[Place, ...] | None, new: tuple[Place, ...] | None) -> bool:
    """Tell whether a ticket weighs or counts otherwise; parts that only changed places are no news."""

    def facts(places: tuple[Place, ...] | None) -> list[tuple[Decimal, Decimal]]:
        return sorted((each.weight, each.amount) for each in places or ())

    return facts(old) != facts(new)


def _terms(goal: Goal, basis: Basis) -> tuple[str, str] | None:
    return (basis.state.terms, terms_text(goal.key_result.terms)) if basis.state else None


_TAKEN = {EntryKind.BASELINE, EntryKind.RULE}
"""Entries by which the rule of the config comes into force."""


def _notes(goal: Goal, basis: Basis, verdict: Verdict, lacking: Sequence[Lack], now: datetime) -> tuple[Note, ...]:
    if goal.rule is None:
        fed = basis.state is not None and not basis.state.retired
        return (Note.UNMAPPED if fed else Note.UNFED,)
    written = {each.kind for each in verdict.drafts}
    revision = _revision(goal.rule, basis.state)
    notes = [revision] if revision else []
    if EntryKind.TARGET in written:
        notes.append(Note.TARGET)
    if EntryKind.HOLD in written:
        notes.append(Note.HELD)
    if not written & _TAKEN and (revision or not basis.recorded_ready):
        notes.append(_without_value(goal.rule, basis, lacking, now, revised=revision is not None))
    elif lacking:
        notes.append(Note.PARTLY)
    return tuple(notes)


def _without_value(rule: Rule, basis: Basis, lacking: Sequence[Lack], now: datetime, *, revised: bool) -> Note:
    """Say why the rule of the config gives no value now."""
    if revised and now < rule.period.start:
        return Note.EARLY
    return Note.NOTHING if basis.ready else _unknown(lacking)  # all was read: an average of nothing


def _unknown(lacking: Sequence[Lack]) -> Note:
    return Note.REFUSED if any(each.refused or each.denied for each in lacking) else Note.UNKNOWN


def _revision(rule: Rule, state: KeyResultState | None) -> Note | None:
    """Say how the rule of the config is another one than that on record."""
    if state is None:
        return Note.NEW
    if state.retired:
        return Note.BACK
    return Note.RULE if state.rule != rule_hash(rule_text(rule)) else None
