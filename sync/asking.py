"""The trackers' own queries: asked for their ids in every run, kept whole or not at all (`store.queries`)."""

from collections.abc import Iterable, Sequence

from connectors.contract import Connector, ConnectorError, IdPage, QueryRefused
from store import queries
from sync.task import Tally, Task
from sync.walking import Walk


def asking(task: Task, wanted: Iterable[str], tally: Tally) -> list[Walk[IdPage]]:
    """Return the walks that ask each query; one that is refused keeps what it found last."""
    return [_asking(task, query, tally) for query in sorted(wanted)]


def leave_unasked(task: Task, wanted: Iterable[str], lost: Sequence[str], tally: Tally) -> None:
    """Keep what queries found last: an answer without the containers that are `lost` would lose their items."""
    for query in sorted(wanted):
        error = f"Queries are not asked while {' and '.join(lost)} cannot be read; what they found last stays."
        queries.note_error(task.database, task.lease, query, error, task.clock())
        tally.fail(f"query {query}", error)


def _asking(task: Task, query: str, tally: Tally) -> Walk[IdPage]:
    found: set[str] = set()

    def ask(connector: Connector, resume: str | None) -> IdPage:
        return connector.matching(query, resume)

    def done() -> None:
        tally.changed += queries.replace_hits(task.database, task.lease, query, found, task.clock())

    def failed(error: ConnectorError) -> None:
        if isinstance(error, QueryRefused):  # one rule's mistake; the source is as good as it was
            queries.note_refused(task.database, task.lease, query, str(error), task.clock())
            return
        queries.note_error(task.database, task.lease, query, str(error), task.clock())
        tally.fail(f"query {query}", error)

    return Walk(
        f"the query {query}", ask, lambda page: found.update(ref.id for ref in page.refs), done=done, failed=failed
    )
