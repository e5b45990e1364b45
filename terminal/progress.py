"""Progress of a sync: on a terminal bars on stderr, one line a source; elsewhere nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from sync.task import Progress


@contextmanager
def bars_on(console: Console) -> Iterator[Progress]:
    """Show how many items came in, for as long as it takes."""
    if not console.is_terminal:
        yield Progress()
        return
    from terminal.bars import Bars  # Rich's progress loads slowly, and cron looks at no bars

    with Bars(console) as bars:
        yield bars
