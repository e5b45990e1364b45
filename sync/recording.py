"""record(): the one writer of values.

Measuring happens outside the write transaction, on one snapshot.  Under the ledger head's lock the key result's last
entry and its sources' generations are read again; if either moved, everything is measured anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from mapping.attribution import ItemId
from mapping.causes import Past
from mapping.codec import parse_rule, rule_hash, rule_text
from mapping.demand import demand_of
from mapping.family import Candidate
from mapping.measure import Scopes
from mapping.rule import Rule
from okrs.ledger import CauseKind, Entry
from store import facets, ledger, lookup, queries, scopes, sources
from store.database import Database
from sync.deciding import Basis, Goal, Verdict, decide, retire

_PATIENCE = 5
"""How often measuring is tried outside the lock before it is done inside."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the engine."""

    id: str
    containers: Mapping[str, tuple[str, ...]]
    """Names of the containers that the config gives each source."""


class MirrorCache:
    """Candidates of each source, loaded once for as long as the source's generation stands.

    Of a large mirror every rule gets its own few, for as long as they are needed.
    """

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, list[Candidate]]] = {}
        self._indexes: dict[str, facets.Index] = {}

    def of_rule(
        self, connection: Connection, rule: Rule, generations: Mapping[str, int], held: Scopes, now: datetime
    ) -> dict[str, list[Candidate]]:
        """Return what a rule may select, or frozen scopes hold, of its sources as they are in this snapshot."""
        few = {}
        for name, generation in generations.items():
            index = self._index(connection, name, generation)
            found = facets.chosen(connection, index, rule, now, held) if index is not None else None
            if found is not None:
                few[name] = found
        return few | self.load(connection, {name: at for name, at in generations.items() if name not in few})

    def _index(self, connection: Connection, name: str, generation: int) -> facets.Index | None:
        held = self._indexes.get(name)
        if held is None or held.generation != generation:
            held = facets.index_of(connection, name)
            if held is None:
                return None
            self._indexes[name] = held
        return held

    def load(self, connection: Connection, generations: Mapping[str, int]) -> dict[str, list[Candidate]]:
        """Return the candidates of the named sources as they are in this connection's snapshot."""
        for name, generation in generations.items():
            if self._held.get(name, (-1, []))[0] != generation:
                self._held[name] = (
                    generation,
                    queries.candidates_of(connection, name),
                )
        return {name: self._held[name][1] for name in generations}

    def of(self, connection: Connection, name: str) -> list[Candidate]:
        """Return the candidates of one source as they are in this connection's snapshot."""
        return self.load(connection, sources.generations(connection, [name]))[name]


def record(database: Database, goal: Goal, run: Run, cache: MirrorCache, now: datetime) -> list[Entry]:
    """Write what there is to say of a key result, if anything.  Returns the new entries."""
    name = goal.key_result.id
    for _ in range(_PATIENCE):
        with database.read() as connection:
            basis = basis_of(connection, goal, run)
            verdict = judge(connection, goal, basis, cache, now)
        if verdict.silent(basis):
            return []
        with database.write() as connection:
            head = ledger.lock_head(connection)
            if _stands(connection, name, basis):
                return _write(connection, head, goal, verdict, run=run, now=now)
    with database.write() as connection:
        head = ledger.lock_head(connection)
        basis = basis_of(connection, goal, run)
        verdict = judge(connection, goal, basis, cache, now)
        return [] if verdict.silent(basis) else _write(connection, head, goal, verdict, run=run, now=now)


def record_retired(database: Database, keep: Iterable[str], run: Run, now: datetime) -> list[Entry]:
    """Write a `retire` entry for every key result that is on record and left the config."""
    entries: list[Entry] = []
    with database.read() as connection:
        left = [state.id for state in leaving(connection, keep)]
    for name in left:
        with database.write() as connection:
            head = ledger.lock_head(connection)
            state = ledger.state_of(connection, name)
            if state is None or state.retired:
                continue
            entries += _append(connection, head, name, left_config(state), run=run, now=now)
    return entries


def leaving(connection: Connection, keep: Iterable[str]) -> list[ledger.KeyResultState]:
    """Return the states of the key results that are on record, fed until now, and not among those to keep."""
    kept = set(keep)
    return [state for name, state in ledger.states(connection).items() if name not in kept and not state.retired]


def left_config(state: ledger.KeyResultState) -> Verdict:
    """Decide about a key result that the config does not name any more."""
    return retire(state, "it was taken out of the config")


def basis_of(connection: Connection, goal: Goal, run: Run) -> Basis:
    """Read what a decision about a key result rests on."""
    state = ledger.state_of(connection, goal.key_result.id)
    recorded = parse_rule(ledger.rule_text_of(connection, state.rule)) if state else None
    named = {*(recorded.sources if recorded else ()), *(goal.rule.sources if goal.rule else ())}
    return Basis(
        state=state,
        recorded=recorded,
        evidence=tuple(ledger.evidence_of(connection, goal.key_result.id)) if state else (),
        generations=sources.generations(connection, sorted(named)),
        recorded_ready=recorded is not None and _usable(connection, recorded, run.containers),
        ready=goal.rule is not None and ready(connection, goal.rule, run.containers),
        scopes=scopes.of_key_result(connection, goal.key_result.id),
    )


def _usable(connection: Connection, rule: Rule, containers: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether a rule on record can go on: a container that was added and not read yet does not stop it."""
    return all(
        name in containers
        and sources.state_of(connection, name).usable(demand_of(rule, name))
        and _answered(connection, rule, name)
        for name in rule.sources
    )


def ready(connection: Connection, rule: Rule, containers: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether every source of a rule is configured and was read completely with what the rule needs."""
    return all(
        name in containers
        and sources.state_of(connection, name).ready(containers[name], demand_of(rule, name))
        and _answered(connection, rule, name)
        for name in rule.sources
    )


def _answered(connection: Connection, rule: Rule, name: str) -> bool:
    """Tell whether every query that a rule asks of a source was answered once."""
    asked = demand_of(rule, name).queries
    return not asked or asked <= queries.hits(connection, name).keys()


def judge(connection: Connection, goal: Goal, basis: Basis, cache: MirrorCache, now: datetime) -> Verdict:
    """Decide about a key result on this connection's snapshot; nothing is written."""

    def load(rule: Rule) -> Mapping[str, Sequence[Candidate]]:
        return cache.of_rule(connection, rule, basis.seen(rule), basis.scopes, now)

    def recall(ids: Iterable[ItemId], then: Mapping[str, int]) -> Mapping[ItemId, Past]:
        return _recall(connection, ids, then)

    return decide(goal, basis, load, recall, now)


def _recall(connection: Connection, ids: Iterable[ItemId], then: Mapping[str, int]) -> dict[ItemId, Past]:
    by_source: dict[str, list[str]] = defaultdict(list)
    for name, item in ids:
        by_source[name].append(item)
    past: dict[ItemId, Past] = {}
    for name, items in by_source.items():
        known = lookup.look_up(connection, name, items)
        was = lookup.before(connection, name, items, then.get(name, 0))
        for item in items:
            now_item, gone = known.get(item, (None, None))
            past[name, item] = Past(was.get(item), None if gone else now_item, CauseKind(gone) if gone else None)
    return past


def _stands(connection: Connection, name: str, basis: Basis) -> bool:
    state = ledger.state_of(connection, name)
    return (state.seq if state else None) == (basis.state.seq if basis.state else None) and sources.generations(
        connection, basis.generations
    ) == dict(basis.generations)


def _write(
    connection: Connection, head: ledger.Head, goal: Goal, verdict: Verdict, *, run: Run, now: datetime
) -> list[Entry]:
    if goal.rule is not None and verdict.drafts:
        text = rule_text(goal.rule)
        ledger.keep_rule(connection, rule_hash(text), text)
    return _append(connection, head, goal.key_result.id, verdict, run=run, now=now)


def _append(
    connection: Connection, head: ledger.Head, name: str, verdict: Verdict, *, run: Run, now: datetime
) -> list[Entry]:
    entries = ledger.append(connection, head, name, verdict.drafts, at=now, run=run.id)
    if verdict.scopes is not None:
        scopes.keep(connection, name, verdict.scopes)
    if verdict.state is not None:
        seq = entries[-1].seq if entries else verdict.state.seq
        ledger.keep_state(connection, replace(verdict.state, seq=seq))
    return entries
