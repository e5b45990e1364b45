"""The end of a cycle: what its key results are worth, whether that can be said already, and saying it for ever.

    cards = one for each key result of the cycle: what is shown of it, by the terms on record, and its grade
    nothing waits, and nothing that was read or configured would still move them?
    under the ledger's lock: are they still as they were shown?
        write one entry for each, all behind the same head, in one transaction

Behind that `sync.deciding` records nothing but corrections.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from mapping.codec import rule_hash, rule_text
from mapping.demand import demand_of
from mapping.rule import Rule
from okrs.closing import Ending, grade_of
from okrs.cycle import Cycle
from okrs.immutable import immutable
from okrs.ledger import Entry, EntryKind
from okrs.objective import KeyResult, Objective, Terms, parse_terms
from okrs.progress import progress
from store import holds, ledger, overrides, people, queries, sources
from store.cache import MirrorCache
from store.database import Database
from store.finals import Final, finals, keep_finals
from store.holds import Hold
from store.ledger import Draft
from store.readiness import Snapshot
from store.renames import pending
from store.views.setup import Setup
from store.views.status import stale
from sync.deciding import Basis, Goal
from sync.holding import Act
from sync.recording import basis_of, judge

_FEW = 3
"""Key results that are named, of those of which the same is said."""


class ClosedError(Exception):
    """The cycle was closed before."""

    def __init__(self, at: datetime) -> None:
        super().__init__("the cycle is closed")
        self.at = at


class UnclosableError(Exception):
    """It cannot be closed now."""


class MovedError(Exception):
    """What was shown is not any more what is there."""


@immutable
class Wish:
    """Which cycle is to be closed, and how."""

    cycle: str
    grades: Mapping[str, Decimal] = field(default_factory=dict)
    """What people give key results, by id, whatever their values say."""
    early: bool = False
    """Before its last day is over."""
    stale: bool = False
    """Also by numbers that may not be of its end."""


@immutable
class Card:
    """How a key result would end."""

    key_result: KeyResult
    terms: Terms
    """Those on record."""
    automatic: Decimal | None
    value: Decimal | None
    """What is shown: the override in force, else the automatic value."""
    grade: Decimal
    graded: bool
    """A person graded otherwise."""
    rule: str | None
    unread: str = ""
    """Why the value may not be that of the end, as the rest of a sentence behind "it is"; empty when it is that."""
    unsettled: str = ""
    """What is still to be recorded of it, as the end of a sentence; empty when nothing is."""

    @property
    def progress(self) -> Decimal:
        return progress(self.terms, self.value)


@immutable
class Closing:
    """A cycle as it would be closed now."""

    cycle: Cycle
    cards: tuple[Card, ...]
    """In the order of the config."""
    objectives: tuple[Objective, ...]
    over: bool
    """Its last day is over."""
    holds: tuple[Hold, ...] = ()
    """Updates of it that wait for a person."""
    begun: bool = True
    renamed: Mapping[str, str] = field(default_factory=dict)
    """New names by old ones, of key results that no run has renamed yet."""

    def refusals(self, wish: Wish) -> tuple[str, ...]:
        """Say why it cannot be closed so, in sentences; none when it can."""
        return tuple(_refusals(self, wish))


def _refusals(closing: Closing, wish: Wish) -> Iterable[str]:
    if not closing.cards:
        yield f"{closing.cycle.id} has no key results: there is nothing to grade."
    if not closing.begun:
        yield f"{closing.cycle.id} begins on {closing.cycle.start}: there is nothing to close before."
    elif not closing.over and not wish.early:
        yield f"{closing.cycle.id} ends with {closing.cycle.end}: --early closes it before."
    for name in sorted(wish.grades.keys() - {each.key_result.id for each in closing.cards}):
        yield f"{closing.cycle.id} has no key result {name} that could be graded."
    for held in closing.holds:
        yield f"An update of {held.key_result} waits: `headway approve {held.id}` or `headway reject {held.id}`."
    for old, new in closing.renamed.items():
        yield f"{old} is called {new} in the config, and not on record yet: run `headway sync`."
    yield from (f"{each.key_result.id} {each.unsettled}" for each in closing.cards if each.unsettled)
    if not wish.stale:
        yield from _unread(closing.cards)


def _unread(cards: Iterable[Card]) -> Iterator[str]:
    """Say once of all that the same sources feed that these were not read."""
    late: dict[str, list[str]] = {}
    for each in cards:
        if each.unread and not each.unsettled:
            late.setdefault(each.unread, []).append(each.key_result.id)
    for told, names in late.items():
        if len(names) == 1:
            yield f"{names[0]} is {told}: run `headway sync`, or take its number as it is with --stale."
            continue
        few = ", ".join(names if len(names) <= _FEW else [*names[:_FEW], "…"])
        remedy = "run `headway sync`, or take their numbers as they are with --stale."
        yield f"{len(names)} key results ({few}) are {told}: {remedy}"


def closing(connection: Connection, setup: Setup, goals: Iterable[Goal], wish: Wish, now: datetime) -> Closing:
    """Look how a cycle would end now.  Raises KeyError for one that is not configured, and ClosedError."""
    cycle = next((each for each in setup.cycles if each.id == wish.cycle), None)
    if cycle is None:
        raise KeyError(wish.cycle)
    ends = finals(connection)
    if was := [each.at for each in ends.values() if each.cycle == cycle.id]:
        raise ClosedError(min(was))
    mine = [goal for goal in goals if goal.key_result.cycle == cycle.id and goal.key_result.id not in ends]
    grading = _Grading(connection, Snapshot(connection, setup.containers), setup, cycle, wish, now)
    names = {goal.key_result.id for goal in mine}
    waiting = tuple(each for each in holds.open_holds(connection) if each.key_result in names)
    objectives = tuple(each for each in setup.objectives if each.cycle == cycle.id)
    renamed = pending(connection, (goal.key_result for goal in mine))
    return Closing(cycle, tuple(map(grading.card, mine)), objectives, grading.over, waiting, grading.begun, renamed)


@immutable
class _Grading:
    """What the cards of a cycle rest on."""

    connection: Connection
    snapshot: Snapshot
    setup: Setup
    cycle: Cycle
    wish: Wish
    now: datetime
    cache: MirrorCache = field(default_factory=MirrorCache)

    @property
    def end(self) -> datetime:
        return self.cycle.period(self.setup.calendar).end

    @property
    def begun(self) -> bool:
        return self.now >= self.cycle.period(self.setup.calendar).start

    @property
    def over(self) -> bool:
        return self.now >= self.end

    def card(self, goal: Goal) -> Card:
        basis, name = basis_of(self.snapshot, goal), goal.key_result.id
        state, human = basis.state, overrides.override_of(self.connection, name)
        automatic = state.value if state else None
        value = human.value if human is not None and human.active(self.now) else automatic
        terms = parse_terms(state.terms) if state else goal.key_result.terms
        followed = grade_of(terms, value)
        grade = self.wish.grades.get(name, followed)
        return Card(
            key_result=goal.key_result,
            terms=terms,
            automatic=automatic,
            value=value,
            grade=grade,
            graded=grade != followed,
            rule=state.rule if state else None,
            unread=self._unread(goal.rule) if goal.rule else "",
            unsettled=self._unsettled(goal, basis),
        )

    def _unread(self, rule: Rule) -> str:
        late = [name for name in rule.sources if not self._is_read(name)]
        since = "lately" if not self.over else f"since {self.cycle.id} ended"
        if late:
            return f"fed by {' and '.join(late)}, not read completely {since}"
        asked = [name for name in rule.sources if not self._is_answered(name, demand_of(rule, name).queries)]
        return f"fed by a query of {' and '.join(asked)}, not answered {since}" if asked else ""

    def _is_read(self, name: str) -> bool:
        """Tell whether what is known of a source is that of the cycle's end; before it, that of today."""
        known = sources.state_of(self.connection, name)
        if not self.over:
            return not any(stale(each, known, self.now) for each in self.setup.sources if each.name == name)
        read = known.read_as(self.setup.containers[name])
        return all(each is not None and each.watermark is not None and each.watermark >= self.end for each in read)

    def _is_answered(self, name: str, wanted: Iterable[str]) -> bool:
        """Tell whether what queries of a source found is that of the cycle's end, too; one that fails fails the source.

        Before the end that is enough: then the source is stale.
        """
        if not self.over:
            return True
        told = queries.answered_at(self.connection, name) if wanted else {}
        return all(text in told and told[text] >= self.end for text in wanted)

    def _unsettled(self, goal: Goal, basis: Basis) -> str:
        try:
            verdict = judge(self.snapshot, goal, basis, self.cache, self.now)
        except ArithmeticError:
            return "cannot be measured: its numbers are too large. Look at the estimates and the scale of its mapping."
        if verdict.drafts:
            return "is not recorded yet as the config and its tickets have it: run `headway sync`."
        if goal.rule and basis.state and not basis.recorded_ready:
            return "waits for what its trackers refuse or were not read for: `headway status` says why."
        if goal.rule and basis.state and basis.state.rule != rule_hash(rule_text(goal.rule)):
            return "waits for a read that its changed mapping needs: run `headway sync`, or take the change back."
        return ""


def close_cycle(
    database: Database,
    setup: Setup,
    goals: Sequence[Goal],
    wish: Wish,
    act: Act,
    *,
    shown: Closing | None = None,
) -> tuple[Entry, ...]:
    """Grade and freeze a cycle, with everybody else kept waiting.  Returns the entries, in the order of their names.

    Raises KeyError, ClosedError, UnclosableError, and MovedError where it is not any more as it was shown.
    """
    with database.write() as connection:
        head = ledger.lock_head(connection)
        now = closing(connection, setup, goals, wish, act.now)
        if now.refusals(wish):
            raise UnclosableError
        if shown is not None and now.cards != shown.cards:
            raise MovedError
        who = people.person_id(connection, act.who)
        entries = list[Entry]()
        for card in sorted(now.cards, key=lambda each: each.key_result.id):
            behind = ledger.Head(entries[-1].seq, entries[-1].hash) if entries else head
            ending = _ending(card, head.hash)
            draft = Draft(
                EntryKind.CLOSE, card.automatic, card.automatic, card.rule, why=act.why, details=ending.details, by=who
            )
            name = card.key_result.id
            entries += ledger.append(connection, behind, name, [draft], at=act.now, run=act.run.id)
            seq = entries[-1].seq
            keep_finals(connection, [Final(name, ending.cycle, ending.value, ending.grade, act.now, ending.head, seq)])
            holds.keep(connection, name, None)  # one that was rejected is never asked about again
            overrides.keep_override(connection, name, None)
        return tuple(entries)


def _ending(card: Card, head: str) -> Ending:
    return Ending(
        cycle=card.key_result.cycle,
        objective=card.key_result.objective,
        terms=card.terms,
        weight=card.key_result.weight,
        value=card.value,
        head=head,
        grade=card.grade,
        graded=card.graded,
        unread=bool(card.unread),
    )
