"""Which key results to look at, and at what of them: most runs change a few tickets, and so concern a few key results.

Watch     what is asked of every goal at every look, worked out once
Due       a key result to measure: wholly, or where only a portion of its items moved, by that portion
Still     those that the moves of their sources do not concern
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from functools import cached_property

from sqlalchemy import Connection

from mapping.codec import rule_hash, rule_text
from mapping.demand import Demands, demands_of
from mapping.interest import Interests, interests_of
from mapping.rule import Rule
from okrs.immutable import immutable
from okrs.objective import terms_text
from store import ledger, sources
from store.cache import MirrorCache
from store.facets import Touched
from store.ledger import OnRecord
from store.readiness import Snapshot
from store.tables import from_micros, micros
from sync.deciding import Goal


@immutable
class Portion:
    """The items that moved between two generations of their sources, and so may move a key result."""

    since: Mapping[str, int]
    until: Mapping[str, int]
    touched: Mapping[str, Touched]
    """By source; of sources that did not move there is none."""


@immutable
class Due:
    """A key result to measure; without a portion, by all its items."""

    goal: Goal
    portion: Portion | None = None


@immutable
class Still:
    """Key results that nothing which moved their sources between two generations is of concern to."""

    since: Mapping[str, int]
    until: Mapping[str, int]
    names: tuple[str, ...]
    head: int
    """The last entry of the ledger then: whoever has a later one was measured since."""


@immutable
class Look:
    """What one look at all key results found."""

    due: tuple[Due, ...] = ()
    still: tuple[Still, ...] = ()
    others: tuple[str, ...] = ()
    """Key results that are on record, fed until now, and no goal, in order."""


@immutable
class _Watched:
    """A goal, with what every look asks of it."""

    due: Due
    rule: Rule
    told: tuple[str, str, bool]
    """How the ledger has it on record where rule and terms are these, and it is not retired."""
    demands: Demands
    """Of the sources of the rule; the same object for all who demand the same."""
    end: int
    """Of its cycle, in microseconds since 1970."""
    passes: bool
    """Midnight alone may move it."""

    @classmethod
    def of(cls, goal: Goal, rule: Rule, shared: dict[Demands, Demands]) -> "_Watched":
        demands = demands_of(rule)
        return cls(
            Due(goal),
            rule,
            (rule_hash(rule_text(rule)), terms_text(goal.key_result.terms), False),
            shared.setdefault(demands, demands),
            micros(rule.period.end),
            rule.passes,
        )

    def timely(self, measured_at: int, now: datetime, instant: int) -> bool:
        """Whether time alone may have moved it: midnight, or its cycle's end.  `instant` is now in microseconds."""
        if measured_at < self.end <= instant:
            return True
        return self.passes and self._day_of(from_micros(measured_at)) != self._day_of(now)

    def _day_of(self, instant: datetime) -> date:
        return self.due.goal.calendar.day_of(instant)


@immutable
class Watch:
    """All goals of a config, and what is asked of them at every look, worked out once."""

    goals: Sequence[Goal]
    containers: Mapping[str, tuple[str, ...]]
    """Names of the containers that the config gives each source."""

    @cached_property
    def _watched(self) -> Mapping[str, _Watched]:
        shared: dict[Demands, Demands] = {}
        fed = ((goal, goal.rule) for goal in self.goals if goal.rule is not None)
        return {goal.key_result.id: _Watched.of(goal, rule, shared) for goal, rule in fed}

    @cached_property
    def _unfed(self) -> list[Due]:
        return [Due(goal) for goal in self.goals if goal.rule is None]

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(goal.key_result.id for goal in self.goals)

    @cached_property
    def interests(self) -> Interests:
        return interests_of({name: each.rule for name, each in self._watched.items()})

    def look(self, connection: Connection, cache: MirrorCache, now: datetime) -> Look:
        """Tell which key results are to be measured, and which are not though their sources moved."""
        recorded = ledger.on_record(connection)
        moves = _moves(connection, recorded.values())
        snapshot = Snapshot(connection, self.containers)
        due, same = self._sorted_out(recorded, now)
        looking, still = _Looking(connection, cache, self, now, snapshot), list[Still]()
        head = ledger.head_of(connection).seq
        for generations, some in same.items():
            move = moves[generations]
            if not move.moved:
                continue
            concerned, untouched = looking.at(move, some)
            due += concerned
            if untouched:
                still.append(Still(move.since, move.until, tuple(untouched), head))
        due.sort(key=lambda each: each.goal.key_result.id)
        # One whose cycle is closed may leave the config: its end is on record, and stays.
        left = recorded.keys() - self._named - snapshot.ended.key_results
        others = sorted(name for name in left if not recorded[name].retired)
        return Look(tuple(due), tuple(still), tuple(others))

    def _sorted_out(
        self, recorded: Mapping[str, OnRecord], now: datetime
    ) -> tuple[list[Due], dict[str, list[_Watched]]]:
        """Return which key results are to be measured whatever moved, and all others by their generations.

        There are many of them in every look, so nothing is called for one that is as it was.
        """
        due, same, instant = list(self._unfed), dict[str, list[_Watched]](), micros(now)
        for name, watched in self._watched.items():
            known = recorded.get(name)
            if known is None or (known.rule, known.terms, known.retired) != watched.told:
                due.append(watched.due)
                continue
            at = known.measured_at
            if (watched.passes or at < watched.end <= instant) and watched.timely(at, now, instant):
                due.append(watched.due)
            else:
                same.setdefault(known.generations, []).append(watched)
        return due, same


@immutable
class _Move:
    """From which generations of its sources to which."""

    since: Mapping[str, int]
    until: Mapping[str, int]
    moved: tuple[str, ...]
    """Those that did move."""

    @classmethod
    def of(cls, since: Mapping[str, int], now: Mapping[str, int]) -> "_Move":
        moved = tuple(name for name, seen in since.items() if now[name] != seen)
        return cls(since, {name: now[name] for name in since}, moved)


def _moves(connection: Connection, recorded: Iterable[OnRecord]) -> dict[str, _Move]:
    """What moved since each of the generations that key results were measured at, by their text."""
    since = {text: ledger.generations_of(text) for text in {each.generations for each in recorded}}
    now = sources.generations(connection, sorted({name for each in since.values() for name in each}))
    return {text: _Move.of(each, now) for text, each in since.items()}


@immutable
class _Looking:
    """One look, on one snapshot; what many key results ask is answered once."""

    connection: Connection
    cache: MirrorCache
    watch: Watch
    now: datetime
    snapshot: Snapshot
    _usable: dict[int, bool] = field(default_factory=dict)

    def at(self, move: _Move, some: Iterable[_Watched]) -> tuple[list[Due], list[str]]:
        """Return which of these the move of their sources is of concern to, and the names of those it is not."""
        able = [each for each in some if self._can_go_on(each.demands)]
        concerned = self._concerning(move) if able else None
        if concerned is None:
            return [each.due for each in able], []
        touched, names = concerned
        portion = Portion(move.since, move.until, touched)
        due = [
            Due(each.due.goal, portion) if each.rule.item_by_item else each.due
            for each in able
            if each.due.goal.key_result.id in names
        ]
        return due, [name for each in able if (name := each.due.goal.key_result.id) not in names]

    def _can_go_on(self, demands: Demands) -> bool:
        """Looked up by the object: comparing the demands of every key result takes longer than all the rest."""
        known = self._usable.get(id(demands))
        if known is None:
            known = self._usable[id(demands)] = self.snapshot.usable(demands)
        return known

    def _concerning(self, move: _Move) -> tuple[Mapping[str, Touched], set[str]] | None:
        """What moved, and the key results that count some of it or select it now; None where that is not known."""
        found: dict[str, Touched] = {}
        names: set[str] = set()
        for name in move.moved:
            touched = self.cache.touched(self.connection, name, move.since[name], move.until[name])
            if touched is None:
                return None
            found[name] = touched
            names |= ledger.counting(self.connection, name, touched.ids)
            names |= self.watch.interests.of(name, touched.candidates, self.now)
        return found, names
