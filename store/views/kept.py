"""What is kept of key results beside the ledger: is it what the entries say?  The last step of `verify`."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from mapping.codec import scope_key
from mapping.measure import Scopes
from mapping.rule import Rule, Scope
from mapping.totals import Total
from okrs.immutable import immutable
from store import ledger, scopes
from store.finals import finals
from store.holds import Hold, all_holds
from store.overrides import overrides
from store.tables import evidence
from store.views.replay import Replay


@immutable
class Different:
    """What is kept of a key result that is not what its entries say."""

    name: str
    last: int
    """The entry that says otherwise; 0 for none."""
    what: str = "What is kept of {} for speed differs from what its entries say."


_OTHER_END = "What is kept of the end of {} differs from what its entries say."


def different(
    connection: Connection, replays: Mapping[str, Replay], rules: Mapping[str, Rule | None]
) -> Different | None:
    """Hold what is kept, and of whom, against the replays; returns the first that differs."""
    states, holding = ledger.states(connection), all_holds(connection)
    by_hand, ends, frozen = overrides(connection), finals(connection), scopes.of_all(connection)
    named = set(connection.execute(select(evidence.c.key_result).distinct()).scalars())
    for name in sorted(replays.keys() | states.keys() | holding.keys() | by_hand.keys() | ends.keys() | named):
        replay, state = replays.get(name, Replay()), states.get(name)
        if ends.get(name) != replay.end:
            return Different(name, replay.end.seq if replay.end else 0, _OTHER_END)
        held = {each.key: each for each in ledger.evidence_of(connection, name)}
        if _state(state) != _told(replay) or held != replay.lines or not _adds_up(state, replay):
            return Different(name, replay.seq)
        if not _holds(holding.get(name), replay):
            return Different(name, replay.seq)
        rule = rules.get(replay.rule or "")
        if rule is not None and state is not None and not _rests(rule, state, frozen.get(name, {}), replay):
            return Different(name, replay.seq)
        if by_hand.get(name) != replay.override:
            return Different(name, replay.human)
    return None


def _state(state: ledger.KeyResultState | None) -> tuple[object, ...]:
    if state is None:
        return None, 0, None, None, False, None
    return state.value, state.seq, state.rule, state.terms, state.retired, state.moved_at


def _told(replay: Replay) -> tuple[object, ...]:
    return replay.value, replay.seq, replay.rule, replay.terms, replay.retired, replay.moved_at


def _adds_up(state: ledger.KeyResultState | None, replay: Replay) -> bool:
    return state is None or state.totals == _added(state, replay)


def _holds(known: Hold | None, replay: Replay) -> bool:
    """Tell whether a hold is what the entries say; that a rejected one is over, none of them tells."""
    return known == replay.hold or (known is None and not replay.waits)


def _rests(rule: Rule, state: ledger.KeyResultState, frozen: Scopes, replay: Replay) -> bool:
    """Tell whether it was measured by the sources of its rule, and its frozen scopes hold all that is on their lines.

    What else they hold, and what had been read by then, the ledger does not know.
    """
    keys = {number: scope_key(rule, part) for number, part in enumerate(rule.parts) if part.scope is Scope.FROZEN}
    if state.generations.keys() != set(rule.sources) or frozen.keys() != set(keys.values()):
        return False
    return all(each.item in frozen[keys[each.part]] for each in replay.lines.values() if each.part in keys)


def _added(state: ledger.KeyResultState, replay: Replay) -> tuple[Total, ...]:
    """What the evidence of the parts adds up to, of as many as sums are kept of."""
    found = [Total() for _ in state.totals]
    for line in replay.lines.values():
        if line.part < len(found):
            found[line.part] = found[line.part].moved(None, (line.weight, line.amount))
    return tuple(found)
