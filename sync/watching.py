"""Which key results to look at, and at what of them: most runs change a few tickets, and so concern a few key results.

Watch     what is asked of every goal at every look, worked out once
Due       a key result to measure: wholly, or where only a portion of its items moved, by that portion
Still     those that the moves of their sources do not concern
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection

from mapping.codec import rule_hash, rule_text
from mapping.demand import demand_of
from mapping.interest import Interests, interests_of
from mapping.rule import Rule
from okrs.demand import Demand
from okrs.objective import terms_text
from store import ledger, sources
from store.facets import Touched
from store.ledger import KeyResultState
from store.readiness import usable
from sync.cache import MirrorCache
from sync.deciding import Goal


@dataclass(frozen=True, slots=True)
class Portion:
    """The items that moved between two generations of their sources, and so may move a key result."""

    since: Mapping[str, int]
    until: Mapping[str, int]
    touched: Mapping[str, Touched]
    """By source; of sources that did not move there is none."""


@dataclass(frozen=True, slots=True)
class Due:
    """A key result to measure; without a portion, by all its items."""

    goal: Goal
    portion: Portion | None = None


@dataclass(frozen=True, slots=True)
class Still:
    """Key results that nothing which moved their sources between two generations is of concern to."""

    since: Mapping[str, int]
    until: Mapping[str, int]
    names: tuple[str, ...]
    head: int
    """The last entry of the ledger then: whoever has a later one was measured since."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at all key results found."""

    due: tuple[Due, ...] = ()
    still: tuple[Still, ...] = ()


@dataclass(frozen=True, slots=True)
class _Watched:
    goal: Goal
    rule: Rule
    digest: str
    terms: str
    demands: Mapping[str, Demand]

    @classmethod
    def of(cls, goal: Goal, rule: Rule) -> "_Watched":
        digest, terms = rule_hash(rule_text(rule)), terms_text(goal.key_result.terms)
        return cls(goal, rule, digest, terms, {name: demand_of(rule, name) for name in rule.sources})

    def unchanged(self, state: KeyResultState) -> bool:
        """Whether the ledger has this rule and these terms on record."""
        return not state.retired and (state.rule, state.terms) == (self.digest, self.terms)

    def timely(self, state: KeyResultState, now: datetime) -> bool:
        """Whether time alone may have moved it: midnight, or the end of its cycle."""
        calendar, end = self.goal.calendar, self.rule.period.end
        if state.measured_at < end <= now:
            return True
        return self.rule.passes and calendar.day_of(state.measured_at) != calendar.day_of(now)


@dataclass(frozen=True)
class Watch:
    """All goals of a config, in the order of their ids."""

    goals: Sequence[Goal]
    containers: Mapping[str, tuple[str, ...]]
    """Names of the containers that the config gives each source."""

    @cached_property
    def _watched(self) -> Mapping[str, _Watched]:
        return {goal.key_result.id: _Watched.of(goal, goal.rule) for goal in self.goals if goal.rule is not None}

    @cached_property
    def interests(self) -> Interests:
        return interests_of({name: each.rule for name, each in self._watched.items()})

    def look(self, connection: Connection, cache: MirrorCache, now: datetime) -> Look:
        """Tell which key results are to be measured, and which are not though their sources moved."""
        states = ledger.states(connection)
        names = {source for state in states.values() for source in state.generations}
        looking = _Looking(connection, cache, self, sources.generations(connection, sorted(names)), now)
        due: list[Due] = []
        still: dict[tuple[tuple[str, int], ...], list[str]] = {}
        for goal in sorted(self.goals, key=lambda each: each.key_result.id):
            watched, state = self._watched.get(goal.key_result.id), states.get(goal.key_result.id)
            found = looking.at(watched, state) if watched is not None and state is not None else Due(goal)
            if isinstance(found, Due):
                due.append(found)
            elif found is not None:
                still.setdefault(tuple(sorted(found.items())), []).append(goal.key_result.id)
        head = ledger.head_of(connection).seq
        moves = ((dict(at), tuple(some)) for at, some in still.items())
        return Look(tuple(due), tuple(Still(at, looking.until(at), some, head) for at, some in moves))


@dataclass(frozen=True)
class _Looking:
    """One look, on one snapshot."""

    connection: Connection
    cache: MirrorCache
    watch: Watch
    generations: Mapping[str, int]
    now: datetime
    _concerned: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    _states: dict[str, sources.SourceState] = field(default_factory=dict)

    def until(self, names: Iterable[str]) -> dict[str, int]:
        return {name: self.generations[name] for name in names}

    def at(self, watched: _Watched, state: KeyResultState) -> Due | Mapping[str, int] | None:
        """Say what is to be done about a key result: measure it, move its generations on from these, or nothing."""
        if not watched.unchanged(state) or watched.timely(state, self.now):
            return Due(watched.goal)
        moved = [name for name, seen in state.generations.items() if self.generations[name] != seen]
        if not moved or not all(map(self._usable, watched.demands, watched.demands.values())):
            return None
        touched = {name: self._touched(name, state.generations[name]) for name in moved}
        known = {name: each for name, each in touched.items() if each is not None}
        if len(known) < len(touched):
            return Due(watched.goal)
        if not any(state.id in self._concerning(name, state.generations[name], each) for name, each in known.items()):
            return state.generations
        if not watched.rule.item_by_item or len(state.totals) != len(watched.rule.parts):
            return Due(watched.goal)
        return Due(watched.goal, Portion(state.generations, self.until(state.generations), known))

    def _touched(self, name: str, since: int) -> Touched | None:
        return self.cache.touched(self.connection, name, since, self.generations[name])

    def _concerning(self, name: str, since: int, touched: Touched) -> set[str]:
        """The key results that count one of these items, or select it now."""
        if (name, since) not in self._concerned:
            found = ledger.counting(self.connection, name, touched.ids)
            self._concerned[name, since] = found | self.watch.interests.of(name, touched.candidates, self.now)
        return self._concerned[name, since]

    def _usable(self, name: str, demand: Demand) -> bool:
        if name not in self.watch.containers:
            return False
        if name not in self._states:
            self._states[name] = sources.state_of(self.connection, name)
        return usable(self.connection, self._states[name], demand)
