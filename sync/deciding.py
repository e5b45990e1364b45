"""From the mirror to what is recorded: a decision without effects.

Facts and `now` are arguments; the mirror and the past of items come in as two callables that only read, asked when
something is due and not before.

A key result is looked at in three steps, each an entry of its own, so that the effects stay told apart:

    auto     what tickets did, under the rule that the ledger has on record
    rule     what a changed rule does, on the same mirror
    target   changed terms; they move no value
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from okrs.ledger import CauseKind, EntryKind, canonical_json
from okrs.objective import KeyResult, terms_text
from store.ledger import Draft, KeyResultState

Mirror = Callable[[Rule], Candidates]
"""The candidates of a rule's sources, by source; loaded only when something is due."""

Recall = Callable[[Iterable[ItemId], Mapping[str, int]], Mapping[ItemId, Past]]
"""What was known of items at those generations of their sources, and what became of them."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A key result of the config, with the rule that feeds it; None when nothing does."""

    key_result: KeyResult
    rule: Rule | None
    calendar: Calendar


@dataclass(frozen=True, slots=True)
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
    whole: bool = True
    """Whether evidence and mirror hold everything, and not only the items that moved since it was last measured."""

    def seen(self, rule: Rule) -> dict[str, int]:
        """Generations of the sources that a rule reads."""
        return {name: self.generations[name] for name in rule.sources}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to write: entries and the key result's new state."""

    drafts: tuple[Draft, ...] = ()
    state: KeyResultState | None = None
    """None when not even the state is to be written."""
    scopes: Scopes | None = None
    """Frozen scopes to keep from now on; None when those that are kept stay."""

    def silent(self, basis: Basis) -> bool:
        """Tell whether there is nothing to write."""
        return self.state is None and self.scopes in (None, basis.scopes)


def decide(goal: Goal, basis: Basis, mirror: Mirror, recall: Recall, now: datetime) -> Verdict:
    """Decide what a key result's ledger has to say now."""
    if goal.rule is None:
        return _without_rule(basis)
    if basis.state is None or basis.recorded is None:
        return _baseline(goal, goal.rule, basis, mirror, now)
    return _follow(goal, goal.rule, basis, mirror, recall=recall, now=now)


def retire(state: KeyResultState, why: str) -> Verdict:
    """Record that a key result is fed no more; its value stays what it was."""
    draft = Draft(EntryKind.RETIRE, state.value, state.value, state.rule, why=why)
    return Verdict((draft,), replace(state, retired=True))


def _without_rule(basis: Basis) -> Verdict:
    if basis.state is None or basis.state.retired:
        return Verdict()
    return retire(basis.state, "its mapping was taken out of the config")


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


@dataclass(frozen=True, slots=True)
class _Walk:
    """The value and its evidence on the way from one draft to the next."""

    value: Decimal | None
    evidence: tuple[Evidence, ...]
    totals: tuple[Total, ...]
    drafts: tuple[Draft, ...] = ()
    scopes: Scopes = field(default_factory=dict)


def _follow(goal: Goal, rule: Rule, basis: Basis, mirror: Mirror, *, recall: Recall, now: datetime) -> Verdict:
    state, recorded = basis.state, basis.recorded
    if state is None or recorded is None:
        return Verdict()
    text, terms = rule_text(rule), terms_text(goal.key_result.terms)
    standing = _totals(recorded, basis.evidence) if basis.whole else state.totals
    walk = _Walk(state.value, basis.evidence, standing, scopes=basis.scopes)
    due = not state.retired and basis.recorded_ready and _due(goal, state, basis, now)
    if due:
        walk = _tickets(recorded, basis, walk, mirror, recall=recall, now=now)
    revised = (state.retired or rule_hash(text) != state.rule) and basis.ready and now >= rule.period.start
    if revised:
        walk = _revise(recorded, rule, state, walk, mirror=mirror, now=now)
        state = replace(state, rule=rule_hash(text), retired=False)
    if terms != state.terms:
        draft = Draft(EntryKind.TARGET, walk.value, walk.value, state.rule, details=terms)
        walk = replace(walk, drafts=(*walk.drafts, draft))
    if not due and not walk.drafts:
        return Verdict()
    moved = walk.value != state.value
    measured_at = now if due or revised else state.measured_at
    generations = basis.seen(rule if revised else recorded) if due or revised else state.generations
    after = replace(
        state,
        value=walk.value,
        terms=terms,
        measured_at=measured_at,
        moved_at=now if moved else state.moved_at,
        generations=generations,
        totals=walk.totals,
    )
    return Verdict(walk.drafts, after, walk.scopes)


def _due(goal: Goal, state: KeyResultState, basis: Basis, now: datetime) -> bool:
    """Something it rests on moved: items of its sources, or the local day (windows, edges of the cycle)."""
    moved = any(basis.generations.get(name) != seen for name, seen in state.generations.items())
    return moved or goal.calendar.day_of(state.measured_at) != goal.calendar.day_of(now)


def _tickets(rule: Rule, basis: Basis, walk: _Walk, mirror: Mirror, *, recall: Recall, now: datetime) -> _Walk:
    measured = measure(rule, mirror(rule), now, walk.scopes)
    changed = changes(walk.evidence, measured.lines)
    totals = measured.totals if basis.whole else totals_after(walk.totals, changed)
    value = kept(rule, walk.value, value_of(rule, totals, now))
    if not changed and value == walk.value:
        return replace(walk, totals=totals)
    state = basis.state
    past = recall({(each.source, each.item) for each in changed}, state.generations if state else {})
    rows = attribute(rule, Standing(walk.value, walk.totals), changed, past, now)
    draft = Draft(EntryKind.AUTO, walk.value, value, state.rule if state else None, deltas=rows)
    return _walked(walk, draft, measured, totals)


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
