"""From the mirror to what is recorded: a decision without effects.

Facts and `now` are arguments; the mirror and the past of items come in as two callables that only read, asked when
something is due and not before.

A key result is looked at in three steps, each an entry of its own, so that the effects stay told apart:

    auto     what tickets did, under the rule that the ledger has on record
    rule     what a changed rule does, on the same mirror
    target   changed terms; they move no value

The guard looks at what tickets did: what it objects to waits as a hold, and the key result stays what it was, as if
nothing had been read, until a person decides or the reason is gone.  An edited mapping voids the hold.

Once its cycle is closed, nothing is recorded of a key result but corrections: what becomes known of its tickets since,
under the rule on record.  Nobody is asked about them, since they move nothing that is shown.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from mapping.attribution import Change, Evidence, ItemId, Standing, attribute, changes, totals_after, whole
from mapping.causes import Past
from mapping.codec import rule_hash, rule_text
from mapping.judging import Line
from mapping.leading import why_led
from mapping.measure import Measured, Scopes, measure
from mapping.measure import Mirror as Candidates
from mapping.rule import Rule
from mapping.totals import Total, kept, value_of
from okrs.cycle import Calendar
from okrs.guard import Guard
from okrs.immutable import immutable, replace
from okrs.ledger import CauseKind, EntryKind, canonical_json, renaming
from okrs.objective import KeyResult, terms_text
from okrs.proposal import digest_of, name_of
from store.holds import Hold
from store.ledger import Draft, KeyResultState
from sync.guarding import Update, objection

Mirror = Callable[[Rule], Candidates]
"""The candidates of a rule's sources, by source; loaded only when something is due."""

Recall = Callable[[Iterable[ItemId], Mapping[str, int]], Mapping[ItemId, Past]]
"""What was known of items at those generations of their sources, and what became of them."""


@immutable
class Goal:
    """A key result of the config, with the rule that feeds it; None when nothing does."""

    key_result: KeyResult
    rule: Rule | None
    calendar: Calendar
    guard: Guard = Guard()


@immutable
class Basis:
    """Everything the ledger and the mirror know that a decision rests on."""

    state: KeyResultState | None
    recorded: Rule | None
    """The rule on record."""
    evidence: tuple[Evidence, ...]
    generations: Mapping[str, int]
    """Of the sources of both rules, now."""
    recorded_ready: bool
    """The sources of the rule on record hold what that rule needs."""
    ready: bool
    """The sources of the config's rule hold what it needs."""
    scopes: Scopes = field(default_factory=dict)
    """Those that were frozen for the key result."""
    hold: Hold | None = None
    """Of the key result, open or rejected."""
    stopped: bool = False
    """Its cycle is closed."""
    final: bool = False
    """It was closed with its cycle, as whatever came into that cycle later was not."""
    whole: bool = True
    """Whether evidence and mirror hold everything, and not only the items that moved since it was last measured."""

    def seen(self, rule: Rule) -> dict[str, int]:
        """Generations of the sources that a rule reads."""
        return {name: self.generations[name] for name in rule.sources}


@immutable
class Held:
    """What becomes of the hold of a key result; without one it has none from now on."""

    hold: Hold | None = None


@immutable
class Verdict:
    """What to write: entries and the key result's new state."""

    drafts: tuple[Draft, ...] = ()
    state: KeyResultState | None = None
    """None when not even the state is to be written."""
    scopes: Scopes | None = None
    """Frozen scopes to keep from now on; None when those that are kept stay."""
    held: Held | None = None
    """None when the hold stays as it is, or there still is none."""

    def silent(self, basis: Basis) -> bool:
        """Tell whether there is nothing to write."""
        return self.state is None and self.held is None and self.scopes in (None, basis.scopes)


def decide(goal: Goal, basis: Basis, mirror: Mirror, recall: Recall, now: datetime) -> Verdict:
    """Decide what a key result's ledger has to say now."""
    if basis.stopped:
        return _correct(goal, basis, mirror, recall, now)
    if goal.rule is None:
        return _without_rule(basis)
    if basis.state is None or basis.recorded is None:
        return _baseline(goal, goal.rule, basis, mirror, now)
    return _follow(goal, goal.rule, basis, mirror, recall=recall, now=now)


def retire(state: KeyResultState, why: str, hold: Hold | None = None) -> Verdict:
    """Record that a key result is fed no more; its value stays what it was, and its hold is void."""
    draft = Draft(EntryKind.RETIRE, state.value, state.value, state.rule, why=why)
    return Verdict((*lifted(state, hold, why), draft), replace(state, retired=True), held=Held() if hold else None)


def rename(state: KeyResultState | None, old: str) -> Verdict:
    """Record that a key result, whose state has its new id already, was called otherwise; nothing of it moves.

    One that was never measured has no state, and maybe what people said of it.
    """
    why = f"renamed from {old}"
    if state is None:
        return Verdict((Draft(EntryKind.TARGET, None, None, None, why=why, details=renaming("{}", old)),))
    details = renaming(state.terms, old)
    return Verdict((Draft(EntryKind.TARGET, state.value, state.value, state.rule, why=why, details=details),), state)


def lifted(state: KeyResultState, hold: Hold | None, why: str) -> tuple[Draft, ...]:
    """The entry by which an open hold ends without anybody's decision; none where nothing waits."""
    if hold is None or hold.rejected:
        return ()
    details = canonical_json({"hold": hold.id})
    return (Draft(EntryKind.LIFT, state.value, state.value, state.rule, why=why, details=details),)


def approve(basis: Basis, mirror: Mirror, recall: Recall, now: datetime, *, by: str) -> Verdict | None:
    """Decide that a held update goes through as it was shown; None when it would be another one by now."""
    state, rule, hold = basis.state, basis.recorded, basis.hold
    if state is None or rule is None or hold is None:
        return None
    start = _Walk(state.value, basis.evidence, _totals(rule, basis.evidence), scopes=basis.scopes)
    walk = _tickets(rule, basis, start, mirror, recall=recall, now=now)
    if not walk.drafts or (digest_of(walk.drafts[0].deltas), walk.value) != (hold.proposal, hold.new):
        return None
    details = canonical_json({"hold": hold.id})
    draft = replace(walk.drafts[0], kind=EntryKind.APPROVE, by=by, why=hold.reason, details=details)
    after = replace(
        state,
        value=walk.value,
        measured_at=now,
        moved_at=now if walk.value != state.value else state.moved_at,
        generations=basis.seen(rule),
        totals=walk.totals,
    )
    return Verdict((draft,), after, walk.scopes, Held())


def reject(state: KeyResultState, hold: Hold, *, by: str, why: str | None) -> Verdict:
    """Decide that a held update does not go through: it is asked about again when its evidence is another one."""
    draft = Draft(EntryKind.REJECT, state.value, state.value, state.rule, by=by, why=why, details=hold.details)
    return Verdict((draft,), state, held=Held(replace(hold, rejected=True)))


def _without_rule(basis: Basis) -> Verdict:
    if basis.state is None or basis.state.retired:
        return Verdict()
    return retire(basis.state, "its mapping was taken out of the config", basis.hold)


def _baseline(goal: Goal, rule: Rule, basis: Basis, mirror: Mirror, now: datetime) -> Verdict:
    if not basis.ready:
        return Verdict()
    if now < rule.period.start:
        return Verdict()
    text, terms = rule_text(rule), terms_text(goal.key_result.terms)
    measured = measure(rule, mirror(rule), now, basis.scopes)
    if measured.value is None:  # an average of nothing: there is no first value yet, but there is a first read
        return Verdict(scopes=measured.scopes)
    rows = whole(changes((), measured.lines), CauseKind.BASELINE)
    digest = rule_hash(text)
    draft = Draft(EntryKind.BASELINE, None, measured.value, digest, details=terms, deltas=rows)
    seen = basis.seen(rule)
    state = KeyResultState(goal.key_result.id, measured.value, 0, digest, terms, now, now, seen, totals=measured.totals)
    return Verdict((draft,), state, measured.scopes)


@immutable
class _Walk:
    """The value and its evidence on the way from one draft to the next."""

    value: Decimal | None
    evidence: tuple[Evidence, ...]
    totals: tuple[Total, ...]
    drafts: tuple[Draft, ...] = ()
    scopes: Scopes = field(default_factory=dict)
    adrift: frozenset[tuple[int, str, str]] = frozenset()
    """Part, source and id of items that are selected no more though they are as they were."""


def _follow(goal: Goal, rule: Rule, basis: Basis, mirror: Mirror, *, recall: Recall, now: datetime) -> Verdict:
    state, recorded = basis.state, basis.recorded
    if state is None or recorded is None:
        return Verdict()
    text, terms = rule_text(rule), terms_text(goal.key_result.terms)
    standing = _totals(recorded, basis.evidence) if basis.whole else state.totals
    walk = _Walk(state.value, basis.evidence, standing, scopes=basis.scopes)
    due = not state.retired and basis.recorded_ready and _due(goal, state, basis, now)
    revised = (state.retired or rule_hash(text) != state.rule) and basis.ready and now >= rule.period.start
    after = _tickets(recorded, basis, walk, mirror, recall=recall, now=now) if due else walk
    reason = _objection(goal, recorded, walk, after)
    waits = reason is not None or (basis.hold is not None and not due)
    if revised and waits and not state.retired and why_led(recorded, rule) is not None:
        revised = False  # nobody touched the mapping, so what waits goes on to wait
    held: Held | None = None
    if due and not revised:
        walk, held, due = _guarded(basis, walk, after, reason, now)
    elif reason is None:  # else the entry of the rule has it all: an edited mapping is not guarded
        walk = after
    if revised:
        lifts = lifted(state, basis.hold, "the mapping was changed")
        walk = replace(walk, drafts=(*lifts, *walk.drafts))
        held = Held() if basis.hold is not None else None
        walk = _revise(recorded, rule, state, walk, mirror=mirror, now=now)
        state = replace(state, rule=rule_hash(text), retired=False)
    if terms != state.terms:
        draft = Draft(EntryKind.TARGET, walk.value, walk.value, state.rule, details=terms)
        walk = replace(walk, drafts=(*walk.drafts, draft))
    if not due and not walk.drafts:
        return Verdict()
    due = due or revised
    moved = walk.value != state.value
    measured_at = now if due else state.measured_at
    generations = basis.seen(rule if revised else recorded) if due else state.generations
    then = replace(
        state,
        value=walk.value,
        terms=terms,
        measured_at=measured_at,
        moved_at=now if moved else state.moved_at,
        generations=generations,
        totals=walk.totals,
    )
    return Verdict(walk.drafts, then, walk.scopes, held)


def _correct(goal: Goal, basis: Basis, mirror: Mirror, recall: Recall, now: datetime) -> Verdict:
    """Record what becomes known of a key result after its end, whatever the config says of it by now."""
    state, rule = basis.state, basis.recorded
    if state is None or rule is None or state.retired or not basis.final or not basis.recorded_ready:
        return Verdict()
    if not _due(goal, state, basis, now):
        return Verdict()
    standing = _totals(rule, basis.evidence) if basis.whole else state.totals
    walk = _Walk(state.value, basis.evidence, standing, scopes=basis.scopes)
    walk = _tickets(rule, basis, walk, mirror, recall=recall, now=now)
    then = replace(
        state,
        value=walk.value,
        measured_at=now,
        moved_at=now if walk.value != state.value else state.moved_at,
        generations=basis.seen(rule),
        totals=walk.totals,
    )
    return Verdict(tuple(replace(each, kind=EntryKind.CORRECTION) for each in walk.drafts), then, walk.scopes)


def _objection(goal: Goal, rule: Rule, before: _Walk, after: _Walk) -> str | None:
    """What the guard has against what tickets did."""
    update = Update(after.value, tuple(row for draft in after.drafts for row in draft.deltas), after.adrift)
    return objection(goal.guard, goal.key_result.terms, rule, Standing(before.value, before.totals), update)


def _guarded(
    basis: Basis, before: _Walk, after: _Walk, reason: str | None, now: datetime
) -> tuple[_Walk, Held | None, bool]:
    """Return how the walk goes on, what becomes of the hold, and whether the key result is measured now."""
    state, known = basis.state, basis.hold
    if state is None or (reason is None and known is None):
        return after, None, True
    if reason is None:
        lifts = lifted(state, known, "what it waited for is gone")
        return replace(after, drafts=(*lifts, *after.drafts)), Held(), True
    new, proposal = after.value, digest_of(row for draft in after.drafts for row in draft.deltas)
    if known is not None and known.proposal == proposal and (known.rejected or known.new == new):
        return before, None, False
    waits = known if known is not None and not known.rejected else None
    hold = Hold(
        id=waits.id if waits else name_of(state.id, state.seq, proposal),
        key_result=state.id,
        old=before.value,
        new=new,
        reason=reason,
        proposal=proposal,
        since=waits.since if waits else now,
    )
    draft = Draft(EntryKind.HOLD, before.value, before.value, state.rule, why=reason, details=hold.details)
    return replace(before, drafts=(draft,)), Held(hold), False


def _due(goal: Goal, state: KeyResultState, basis: Basis, now: datetime) -> bool:
    """Something it rests on moved: items of its sources, or the local day (windows, edges of the cycle)."""
    moved = any(basis.generations.get(name) != seen for name, seen in state.generations.items())
    return moved or goal.calendar.day_of(state.measured_at) != goal.calendar.day_of(now)


def _tickets(rule: Rule, basis: Basis, walk: _Walk, mirror: Mirror, *, recall: Recall, now: datetime) -> _Walk:
    measured = measure(rule, mirror(rule), now, walk.scopes)
    changed = changes(walk.evidence, measured.lines)
    if basis.stopped:
        changed = _still_read(changed, basis, recall)
    totals = measured.totals if basis.whole and not basis.stopped else totals_after(walk.totals, changed)
    value = kept(rule, walk.value, value_of(rule, totals, now))
    if not changed and value == walk.value:
        return replace(walk, totals=totals)
    state = basis.state
    past = recall({(each.source, each.item) for each in changed}, state.generations if state else {})
    rows = attribute(rule, Standing(walk.value, walk.totals), changed, past, now)
    draft = Draft(EntryKind.AUTO, walk.value, value, state.rule if state else None, deltas=rows)
    alike = {each.key for each in changed if each.line is None and past[each.source, each.item].unchanged}
    adrift = {(row.part, row.source, row.item) for row in rows if row.cause is CauseKind.REMOVED}
    return replace(_walked(walk, draft, measured, totals), adrift=frozenset(alike & adrift))


def _still_read(changed: Sequence[Change], basis: Basis, recall: Recall) -> list[Change]:
    """Leave out what nobody reads any more: what it did for a cycle that is over, it has done."""
    if basis.state is None or not changed:
        return list(changed)
    past = recall({(each.source, each.item) for each in changed}, basis.state.generations)
    return [each for each in changed if past[each.source, each.item].gone is not CauseKind.REMOVED]


def _revise(recorded: Rule, rule: Rule, state: KeyResultState, walk: _Walk, *, mirror: Mirror, now: datetime) -> _Walk:
    measured = measure(rule, mirror(rule), now, walk.scopes)
    changed: list[Change] = changes(walk.evidence, measured.lines)
    draft = Draft(
        EntryKind.RULE,
        walk.value,
        walk.value if measured.value is None else measured.value,
        rule_hash(rule_text(rule)),
        why="the mapping came back" if state.retired else why_led(recorded, rule),
        details=canonical_json({"replaces": state.rule}),
        deltas=whole(changed, CauseKind.RULE),
    )
    return _walked(walk, draft, measured, measured.totals)


def _walked(walk: _Walk, draft: Draft, measured: Measured, totals: tuple[Total, ...]) -> _Walk:
    return _Walk(draft.new, _evidence(measured.lines), totals, (*walk.drafts, draft), measured.scopes)


def _totals(rule: Rule, evidence: Iterable[Evidence]) -> tuple[Total, ...]:
    every = list(evidence)
    return tuple(
        Total.of(part, ((each.weight, each.amount) for each in every if each.part == number))
        for number, part in enumerate(rule.parts)
    )


def _evidence(lines: Iterable[Line]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(line.part, line.source, line.item.id, line.version, line.weight, line.amount)
        for line in lines
        if line.weight is not None and line.amount is not None
    )
