"""Reading one container: pages are put aside, and after the last one the mirror takes them (`store.mirror`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count

from connectors.contract import Connector, ConnectorError, Container, Cursor, Page
from okrs.demand import Demand
from okrs.immutable import replace
from okrs.work import WorkItem
from store import lookup, mirror
from store.aside import encoded_of
from store.items import Encoded, Row
from store.mirror import Reach, Read
from store.sources import ContainerState
from store.tables import storable
from sync.task import Granted, Tally, Task
from sync.walking import Walk

OVERLAP = timedelta(minutes=15)
"""Read again what changed shortly before the last read: indexes of trackers lag, clocks differ."""

COMPLETE_AGAIN = timedelta(days=7)
"""Once a week everything is listed: names that stand inside items (a section, a label, a status) are changed without
touching the items, and no poll tells of it."""

_KEPT_AT_ONCE = 1000
_KEPT_AFTER = timedelta(seconds=10)
"""So many items, or as many as came in so long, are put aside together.  A lease lives several times longer."""

_MOST_IN_MEMORY = 12_000
"""So many items of a source wait in memory, some 25 MB: those of a first read until it is whole.  With more, what comes
is put aside at once."""

WIDE_EVERY = timedelta(days=1)
WIDE_OVERLAP = 2 * WIDE_EVERY
"""Once a day the read goes back that far, for what became visible later than `OVERLAP`.

As far as the time between two such reads and the longest delay together, a day each: what was not visible yet when one
of them looked must not be too old for the next one.
"""


def listing(
    task: Task, known: Container, held: ContainerState | None, told: datetime | None, tally: Tally
) -> Walk[Page]:
    """Return the walk that reads a container; `held` is what we have of it, `told` the tracker's own time.

    The tally says what it is read for.  Where the tracker refuses fields, it says what is left without them, and
    nothing else has happened: then it is for the caller to read it so.

    The watermark is when the read began, by whichever of the two clocks is behind: what a tracker whose clock runs
    late calls "now" must not be read past.
    """
    now = task.clock()
    granted = tally.granted.get(known.id) or _asked(task, known, held, now)
    tally.granted[known.id] = granted
    cursor = _cursor(task, known, held, now, granted.demand)
    reach = Reach(
        demand=granted.demand,
        refused=granted.refused,
        late=granted.late,
        watermark=min(now, told) if told else now,
        complete=cursor.since is None,
        wide=_wide_due(held, now),
    )
    memo: dict[str, str] = {}
    pages = count()
    aside = _Aside(task, known, tally, at_first=held is None or held.watermark is None)

    def ask(connector: Connector, resume: str | None) -> Page:
        return connector.changed(known, replace(cursor, resume=resume), granted.demand)

    def page(page: Page) -> None:
        next(pages)
        memo.update(page.memo)
        aside.put(page.items, task.clock())
        task.progress.page(task.source.name, known.name, len(page.items), page.total)

    def done() -> None:
        read = aside.ended(replace(reach, memo=memo))
        if read.first and not reach.complete:
            tally.small.append(read)  # taken together: nothing is measured before all are read
            if sum(len(each.rest) for each in tally.small) >= _KEPT_AT_ONCE:
                tally.take_small(task)
            return
        try:
            tally.take(task, [read])
        except mirror.SuddenlyEmptyError:
            tally.doubted.add(known.name)

    def failed(error: ConnectorError) -> None:
        aside.close()
        left = granted.less(error, late=next(pages) > 0)
        if left is not None:
            tally.granted[known.id] = left
            return
        task.note(known.name, str(error))
        tally.fail(known.name, error)

    return Walk(known.name, ask, page, done, failed, aside.give_up)


@dataclass
class _Aside:
    """Items on their way into `mirror.gather`: some pages at once, since a transaction costs as much as many rows.

    They are written by a thread, one transaction after the other, so that asking for pages does not rest meanwhile.
    Those of a first read wait for its end, if they are not too many: the mirror takes them without another copy then.
    """

    task: Task
    known: Container
    tally: Tally
    at_first: bool
    some: list[Encoded] = field(default_factory=list)
    """What is not put aside yet."""
    kept_at: datetime | None = None
    """When rows were put aside last, or the first page came."""
    _begun: bool = False
    _writing: Future[None] | None = None
    _writer: ThreadPoolExecutor | None = None

    def put(self, items: Sequence[WorkItem], now: datetime) -> None:
        """Take a page; slow pages are kept one by one, for that is also what renews the lease."""
        self.some += encoded_of(self.task.source.name, self.known.id, items)
        self.tally.in_memory += len(items)
        self.kept_at = self.kept_at or now
        slow = now - self.kept_at >= _KEPT_AFTER
        many = len(self.some) >= _KEPT_AT_ONCE and not (self.at_first and not self._begun)
        if slow or many or self.tally.in_memory > _MOST_IN_MEMORY:
            self.keep(now)
        if slow:
            self._wait()

    def keep(self, now: datetime) -> None:
        """Write what came since the last time, after what came before.  Raises LeaseLostError of that."""
        self._wait()
        self._writer = self._writer or ThreadPoolExecutor(1, thread_name_prefix="aside")
        to, first = (self.task.database, self.task.lease, self.known), not self._begun
        self._writing = self._writer.submit(mirror.gather, *to, _rows(self._handed_over()), now, first=first)
        self.kept_at, self._begun = now, True

    def ended(self, reach: Reach) -> Read:
        """Return what the mirror is to take.  Raises LeaseLostError."""
        rest = self._handed_over()
        self.close()
        if self.at_first and not self._begun:
            self.task.fresh.keep(self.task.source.name, rest)
        return Read(self.known, reach, _rows(rest), first=not self._begun)

    def _handed_over(self) -> list[Encoded]:
        some, self.some = self.some, []
        self.tally.in_memory -= len(some)
        return some

    def close(self) -> None:
        """Wait until all is written, before the container is taken, or read anew.  Raises LeaseLostError."""
        try:
            self._wait()
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Let no thread stay behind, whatever became of what it wrote; what is gathered of no take is thrown away."""
        self._handed_over()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.shutdown()

    def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()


def _rows(some: Iterable[Encoded]) -> list[Row]:
    return [row for row, _ in some]


def unobserved(task: Task, known: Container, tally: Tally) -> None:
    """A container shows none of its items all at once: they stay as last seen, and the source has failed."""
    error = (
        f"{known.name} suddenly lists none of its items; they are kept as last seen. "
        "If the token lost access, give it back; if everything was deleted, take it out of the config."
    )
    task.note(known.name, error, unobserved=True)
    tally.fail(known.name, error)


def _asked(task: Task, known: Container, held: ContainerState | None, now: datetime) -> Granted:
    """Everything that is demanded; without what was refused late, where not everything is listed anyhow."""
    again = Granted.again(task.source.demand, held)
    if again.late and _cursor(task, known, held, now, again.demand).since is None:
        return Granted(task.source.demand)
    return again


def _cursor(task: Task, known: Container, held: ContainerState | None, now: datetime, demand: Demand) -> Cursor:
    """From a little before the last complete read.

    Or everything: at first, in full, for a wider demand, under a new name, after it could not be seen, once a week.
    """
    everything = Cursor(now=now, held=_held(task), memo=held.memo if held else {})
    if held is None or held.watermark is None or task.full:
        return everything
    if held.called != storable(known.called) or not held.demand.covers(demand):
        return everything
    if held.full_at is None or now - held.full_at >= COMPLETE_AGAIN:
        return everything
    parents = cache(lambda: _parents(task, known))
    overlap = WIDE_OVERLAP if _wide_due(held, now) else OVERLAP
    return replace(everything, since=held.watermark - overlap, parents=parents)


def _parents(task: Task, known: Container) -> tuple[str, ...]:
    with task.database.read() as connection:
        return lookup.parents_of(connection, task.source.name, known.id)


def _wide_due(held: ContainerState | None, now: datetime) -> bool:
    return held is None or held.wide_at is None or now - held.wide_at >= WIDE_EVERY


def _held(task: Task) -> Callable[[Iterable[str]], Mapping[str, WorkItem]]:
    def held(ids: Iterable[str]) -> Mapping[str, WorkItem]:
        with task.database.read() as connection:
            known = lookup.look_up(connection, task.source.name, ids)
        return {name: item for name, (item, gone) in known.items() if gone is None}

    return held
