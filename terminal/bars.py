"""Progress bars of a sync, one line a source."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from sync.task import Outcome, SourceReport
from terminal.text import harmless

_MARKS = {Outcome.OK: "✓", Outcome.FAILED: "✗", Outcome.UNAUTHENTICATED: "✗", Outcome.SKIPPED: "–"}


class Bars:
    """Shows how many items came in."""

    def __init__(self, console: Console) -> None:
        self._rich = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed} items"),
            TimeElapsedColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._rich.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._rich.stop()

    def page(self, source: str, container: str, items: int, total: int | None) -> None:
        """Advance the source's bar; `total` None makes it a bar without an end."""
        task = self._task(source)
        self._rich.update(task, description=f"{harmless(source)} · {harmless(container)}", total=total, advance=items)

    def done(self, report: SourceReport) -> None:
        """Finish the source's bar."""
        task = self._task(report.name)
        label = f"{_MARKS[report.state]} {harmless(report.name)}"
        self._rich.update(task, description=label, total=report.seen or 1, completed=report.seen or 1)

    def _task(self, source: str) -> TaskID:
        if source not in self._tasks:
            self._tasks[source] = self._rich.add_task(harmless(source), total=None)
        return self._tasks[source]
