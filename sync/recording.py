"""record(): the one writer of values.

Measuring happens outside the write transaction, some key results on one snapshot.  Under the ledger head's lock each
one's last entry and its sources' generations are read again; if either moved, it is measured anew.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from connectors.logs import ERROR, tell
from mapping.attribution import Evidence, ItemId
from mapping.causes import Past
from mapping.codec import parse_rule, rule_hash, rule_text, scope_key
from mapping.demand import demands_of
from mapping.family import Candidate
from mapping.measure import NO_SCOPES, Scopes
from mapping.rule import Rule, Scope
from okrs.immutable import immutable, replace
from okrs.ledger import Entry
from okrs.objective import KeyResult
from store import finals, holds, ledger, renames, scopes, sources
from store.cache import MirrorCache
from store.database import Database
from store.facets import Touched
from store.moved import Moved, by_source
from store.readiness import Snapshot
from sync.deciding import Basis, Goal, Mirror, Recall, Verdict, decide, rename, retire
from sync.task import Progress
from sync.watching import Due, Portion, Still

_PATIENCE = 5
"""How often measuring is tried outside the lock before it is done inside."""

_UNWATCHED = Progress()

_AT_ONCE = 100
_ROWS_AT_ONCE = 2_000
"""Key results, and rows of the ledger, from which on they are written before more are judged."""


@immutable
class Run:
    """One run of the engine."""

    id: str
    containers: Mapping[str, tuple[str, ...]]
    """Names of the containers that the config gives each source."""


@immutable
class _Judged:
    """What there is to write of a key result, and what that was decided on."""

    goal: Goal
    basis: Basis
    verdict: Verdict

    @property
    def rows(self) -> int:
        return sum(1 + len(draft.deltas) for draft in self.verdict.drafts)


def record(
    database: Database,
    dues: Sequence[Due],
    run: Run,
    cache: MirrorCache,
    now: datetime,
    *,
    patience: int = _PATIENCE,
    progress: Progress = _UNWATCHED,
) -> list[Entry]:
    """Write what there is to say of these key results, if anything.  Returns the new entries.

    One whose numbers are absurd, so that no column holds their sum, is left as it is, and told of.
    """
    entries: list[Entry] = []
    again: list[Due] = []
    for some, measured in _judged(database, dues, run, cache, now):
        written, overtaken = _write_some(database, some, run, now) if some else ([], [])
        entries += written
        again += overtaken
        progress.measured(measured, len(dues))
    if not again:
        return entries
    if patience:
        return entries + record(database, again, run, cache, now, patience=patience - 1)
    return entries + [entry for due in again for entry in _record_locked(database, due, run, cache, now)]


def _judged(
    database: Database, dues: Iterable[Due], run: Run, cache: MirrorCache, now: datetime
) -> Iterator[tuple[list[_Judged], int]]:
    """Judge key results, each time as many as are well written together: on one snapshot, without a lock.

    Yields those of which there is something to write, and how many were measured for it.
    """
    waiting = deque(dues)
    while waiting:
        some, begun = list[_Judged](), len(waiting)
        with database.read() as connection:
            snapshot = Snapshot(connection, run.containers)
            snapshot.recall(each.goal.key_result.id for each in islice(waiting, _AT_ONCE))
            while waiting and sum(each.rows for each in some) < _ROWS_AT_ONCE and len(some) < _AT_ONCE:
                found = _judge(snapshot, waiting.popleft(), cache, now)
                some += [found] if found is not None else []
        yield some, begun - len(waiting)


def _judge(snapshot: Snapshot, due: Due, cache: MirrorCache, now: datetime) -> _Judged | None:
    basis = basis_of(snapshot, due.goal, due.portion)
    try:
        verdict = judge(snapshot, due.goal, basis, cache, now, portion=None if basis.whole else due.portion)
    except ArithmeticError:
        name = due.goal.key_result.id
        tell(ERROR, "key result cannot be measured: its numbers are too large", key_result=name)
        return None
    return None if verdict.silent(basis) else _Judged(due.goal, basis, verdict)


def _write_some(database: Database, some: Iterable[_Judged], run: Run, now: datetime) -> tuple[list[Entry], list[Due]]:
    """Write of key results in one transaction; returns the entries, and those that are to be measured anew."""
    with database.write() as connection:
        head = ledger.lock_head(connection)
        standing, overtaken = _standing(connection, list(some))
        entries = _write(connection, head, standing, run=run, now=now)
    return entries, [Due(each.goal) for each in overtaken]


def _record_locked(database: Database, due: Due, run: Run, cache: MirrorCache, now: datetime) -> list[Entry]:
    """Measure a key result with everybody else kept waiting."""
    with database.write() as connection:
        head = ledger.lock_head(connection)
        judged = _judge(Snapshot(connection, run.containers), due, cache, now)
        return _write(connection, head, [judged], run=run, now=now) if judged is not None else []


def settle(database: Database, stills: Sequence[Still]) -> None:
    """Note of key results that what moved their sources does not concern them, so that nobody asks again."""
    if stills:
        with database.write() as connection:
            for each in stills:
                ledger.still(connection, each.names, each.since, each.until, head=each.head)


def record_renamed(database: Database, key_results: Iterable[KeyResult], run: Run, now: datetime) -> list[Entry]:
    """Let key results that have another id in the config go on under that, each with an entry that says so."""
    named = [each for each in key_results if each.was]
    if not named:
        return []
    entries: list[Entry] = []
    with database.read() as connection:
        waiting = renames.pending(connection, named)
    for old, new in sorted(waiting.items()):
        with database.write() as connection:
            head = ledger.lock_head(connection)
            if renames.tells_of(connection, new) or not renames.tells_of(connection, old):
                continue
            renames.move(connection, old, new)
            verdict = rename(ledger.state_of(connection, new), old)
            entries += appended(connection, head, {new: verdict}, run=run, now=now)
    return entries


def record_retired(database: Database, left: Iterable[str], run: Run, now: datetime) -> list[Entry]:
    """Write a `retire` entry for each of these key results, which left the config."""
    entries: list[Entry] = []
    for name in left:
        with database.write() as connection:
            head = ledger.lock_head(connection)
            state = ledger.state_of(connection, name)
            if state is None or state.retired or name in finals.ended(connection).key_results:
                continue
            verdict = left_config(state, holds.hold_of(connection, name))
            entries += appended(connection, head, {name: verdict}, run=run, now=now)
    return entries


def left_config(state: ledger.KeyResultState, hold: holds.Hold | None = None) -> Verdict:
    """Decide about a key result that the config does not name any more."""
    return retire(state, "it was taken out of the config", hold)


def basis_of(snapshot: Snapshot, goal: Goal, portion: Portion | None = None) -> Basis:
    """Read what a decision about a key result rests on; of a portion, if it still is all that moved."""
    connection, name = snapshot.connection, goal.key_result.id
    state = snapshot.state(name)
    recorded = _recorded(connection, state, goal.rule)
    rules = [each for each in (recorded, goal.rule) if each is not None]
    generations = snapshot.generations({source for rule in rules for source in rule.sources})
    # One that has no value yet may have frozen a scope for a rule that is not the config's any more.
    asked = state is None or any(rule.freezes for rule in rules)
    frozen = scopes.of_key_result(connection, name) if asked else NO_SCOPES
    if recorded != goal.rule or not _covers(portion, state, recorded, generations, frozen):
        portion = None
    return Basis(
        state=state,
        recorded=recorded,
        evidence=_evidence(snapshot, state, portion),
        generations=generations,
        recorded_ready=recorded is not None and snapshot.usable(demands_of(recorded)),
        ready=goal.rule is not None and snapshot.ready(demands_of(goal.rule)),
        scopes=frozen,
        hold=snapshot.holds.get(name),
        stopped=snapshot.ended.stops(goal.key_result),
        final=name in snapshot.ended.key_results,
        whole=portion is None,
    )


def _covers(
    portion: Portion | None,
    state: ledger.KeyResultState | None,
    recorded: Rule | None,
    generations: Mapping[str, int],
    frozen: Scopes,
) -> bool:
    """Tell whether a portion is all that moved a key result since it was measured."""
    if portion is None or state is None or recorded is None or state.retired:
        return False
    if (portion.since, portion.until) != (state.generations, generations):
        return False
    if len(state.totals) != len(recorded.parts):  # from before they were kept
        return False
    return all(scope_key(recorded, part) in frozen for part in recorded.parts if part.scope is Scope.FROZEN)


def _recorded(connection: Connection, state: ledger.KeyResultState | None, rule: Rule | None) -> Rule | None:
    """The rule on record, which mostly is that of the config."""
    if state is None:
        return None
    if rule is not None and state.rule == rule_hash(rule_text(rule)):
        return rule
    return parse_rule(ledger.rule_text_of(connection, state.rule))


def _evidence(snapshot: Snapshot, state: ledger.KeyResultState | None, portion: Portion | None) -> tuple[Evidence, ...]:
    if state is None:
        return ()
    if portion is None:
        return tuple(ledger.evidence_of(snapshot.connection, state.id))
    parts = len(state.totals)
    return tuple(
        each
        for source, touched in portion.touched.items()
        for each in snapshot.moved.evidence(state.id, parts, source, touched.ids)
    )


def judge(
    snapshot: Snapshot,
    goal: Goal,
    basis: Basis,
    cache: MirrorCache,
    now: datetime,
    *,
    portion: Portion | None = None,
) -> Verdict:
    """Decide about a key result on a snapshot; nothing is written."""
    load, recall = readers(snapshot, basis, cache, now, portion)
    return decide(goal, basis, load, recall, now)


def readers(
    snapshot: Snapshot, basis: Basis, cache: MirrorCache, now: datetime, portion: Portion | None = None
) -> tuple[Mirror, Recall]:
    """Return how a decision reads the mirror, and the past of its items."""

    def load(rule: Rule) -> Mapping[str, Sequence[Candidate]]:
        return loaded(snapshot.connection, rule, basis, cache, now, portion=portion)

    def recall(ids: Iterable[ItemId], then: Mapping[str, int]) -> Mapping[ItemId, Past]:
        return _recall(snapshot.moved, ids, then, portion.touched if portion is not None else {})

    return load, recall


def loaded(
    connection: Connection, rule: Rule, basis: Basis, cache: MirrorCache, now: datetime, *, portion: Portion | None
) -> Mapping[str, Sequence[Candidate]]:
    """Return what a rule is measured on: what moved alone, where there is a portion."""
    if portion is None:
        return cache.of_rule(connection, rule, basis.seen(rule), now, basis.scopes)
    return cache.of_touched(connection, rule, portion.touched, portion.until, now)


def _recall(
    moved: Moved, ids: Iterable[ItemId], then: Mapping[str, int], touched: Mapping[str, Touched]
) -> dict[ItemId, Past]:
    past: dict[ItemId, Past] = {}
    for name, items in by_source(ids).items():
        among = touched[name].ids if name in touched else frozenset[str]()
        told = moved.past(name, items, then.get(name, 0), among)
        past.update({(name, item): told[item] for item in items})
    return past


def _standing(connection: Connection, some: Sequence[_Judged]) -> tuple[list[_Judged], list[_Judged]]:
    """Part those whose entries and sources are what they were when they were judged, and that were not closed since."""
    ended = finals.ended(connection)
    seqs = ledger.last_entries(connection, [each.goal.key_result.id for each in some])
    now = sources.generations(connection, {name for each in some for name in each.basis.generations})

    def stands(each: _Judged) -> bool:
        key_result, known = each.goal.key_result, each.basis.state
        return (
            ended.stops(key_result) == each.basis.stopped
            and seqs.get(key_result.id) == (known.seq if known else None)
            and all(now[name] == seen for name, seen in each.basis.generations.items())
        )

    parted: tuple[list[_Judged], list[_Judged]] = ([], [])
    for each in some:
        parted[0 if stands(each) else 1].append(each)
    return parted


def _write(
    connection: Connection, head: ledger.Head, some: Iterable[_Judged], *, run: Run, now: datetime
) -> list[Entry]:
    rules: dict[str, str] = {}
    verdicts: dict[str, Verdict] = {}
    for each in some:
        goal, verdict = each.goal, each.verdict
        known = verdict.scopes == each.basis.scopes
        verdicts[goal.key_result.id] = replace(verdict, scopes=None) if known else verdict
        if goal.rule is not None and verdict.drafts and not each.basis.stopped:
            text = rule_text(goal.rule)
            digest = rule_hash(text)
            if each.basis.state is None or each.basis.state.rule != digest:  # else its text is kept already
                rules[digest] = text
    ledger.keep_rules(connection, rules)
    return appended(connection, head, verdicts, run=run, now=now)


def appended(
    connection: Connection, head: ledger.Head, verdicts: Mapping[str, Verdict], *, run: Run, now: datetime
) -> list[Entry]:
    """Write the verdicts about key results behind the locked head, with all that is kept of them."""
    entries: list[Entry] = []
    states: list[ledger.KeyResultState] = []
    for name, verdict in verdicts.items():
        mine = ledger.chained(head, name, verdict.drafts, at=now, run=run.id)
        head = ledger.Head(mine[-1].seq, mine[-1].hash) if mine else head
        if verdict.scopes is not None:
            scopes.keep(connection, name, verdict.scopes)
        if verdict.held is not None:
            holds.keep(connection, name, verdict.held.hold)
        if verdict.state is not None:
            states.append(replace(verdict.state, seq=head.seq if mine else verdict.state.seq))
        entries += mine
    ledger.write(connection, entries)
    ledger.keep_states(connection, states)
    return entries
