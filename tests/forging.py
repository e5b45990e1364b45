"""A forger who may write to the database and knows our code: what comes out is whole by itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from mapping.codec import parse_rule
from okrs.ledger import Entry, EntryKind
from store import ledger
from store.ledger import Draft, Head, KeyResultState
from store.tables import evidence, key_result, ledger_delta, ledger_entry, ledger_head
from store.views.replay import Replay


def forge(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write another ledger in the place of this one, by our own code: everything in it fits."""
    for table in (ledger_delta, ledger_entry, evidence, key_result, ledger_head):
        connection.execute(delete(table))
    head, terms, replays = ledger.lock_head(connection), dict[str, str](), dict[str, Replay]()
    for each in entries:
        draft = Draft(each.kind, each.old, each.new, each.rule, each.why, each.details, each.deltas)
        (written,) = ledger.append(connection, head, each.key_result, [draft], at=each.at, run=each.run)
        head = Head(written.seq, written.hash)
        if each.kind in (EntryKind.BASELINE, EntryKind.TARGET):
            terms[each.key_result] = each.details or ""
        name, rule = each.key_result, each.rule or ""
        replays.setdefault(name, Replay()).take(written)
        moved = replays[name].moved_at or each.at
        read = dict.fromkeys(parse_rule(ledger.rule_text_of(connection, rule)).sources, 1)
        state = KeyResultState(name, each.new, written.seq, rule, terms[name], each.at, moved, read)
        ledger.keep_states(connection, [state])
