"""Progress bars of a sync: a line for each source, then for what takes long after it is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Lines

from sync.task import Outcome, Progress, SourceReport
from terminal.text import harmless

_MARKS = {Outcome.OK: "✓", Outcome.FAILED: "✗", Outcome.UNAUTHENTICATED: "✗", Outcome.SKIPPED: "–"}


_MANY = 100
"""Key results from which on measuring them has a line of its own."""


class Bars(Progress):
    """Shows how many items came in, and how far what follows is."""

    def __init__(self, console: Console) -> None:
        self._rich = Lines(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} {task.fields[what]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._over: set[TaskID] = set()
        """Lines of what is done, and counts anew when it comes again."""

    def __enter__(self) -> "Bars":
        self._rich.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rich.stop()

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        """Advance the source's bar; `total` None makes it a bar without an end."""
        task = self._begun(source)
        self._rich.update(task, description=f"{harmless(source)} · {harmless(container)}", total=total, advance=items)

    def done(self, report: SourceReport) -> None:
        """Finish the source's bar."""
        task = self._task(report.name)
        label = f"{_MARKS[report.state]} {harmless(report.name)}"
        self._rich.update(task, description=label, total=report.seen or 1, completed=report.seen or 1)
        self._over.add(task)

    def indexed(self, source: str, items: int, total: int) -> None:
        """Advance the line of the source's index."""
        self._advance(f"index of {source}", "items", items, total)

    def measured(self, key_results: int, total: int) -> None:
        """Advance the line of the key results, where they are many."""
        if total >= _MANY:
            self._advance("measuring", "key results", key_results, total)

    def _advance(self, name: str, what: str, many: int, total: int) -> None:
        task = self._begun(name, what)
        self._rich.update(task, total=total, advance=many)
        if next(each for each in self._rich.tasks if each.id == task).finished:
            self._over.add(task)

    def _begun(self, name: str, what: str = "items") -> TaskID:
        task = self._task(name, what)
        if task in self._over:
            self._over.remove(task)
            self._rich.reset(task, total=None)
        return task

    def _task(self, name: str, what: str = "items") -> TaskID:
        if (name, what) not in self._tasks:
            self._tasks[name, what] = self._rich.add_task(harmless(name), total=None, what=what)
        return self._tasks[name, what]


@contextmanager
def counting(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show one bar, which is gone when all is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Lines(*columns, console=console, transient=True) as lines:
        task = lines.add_task(what, total=None)
        yield lambda done, total: lines.update(task, completed=done, total=total)
