"""Progress: on a terminal bars on stderr; elsewhere nothing."""

from collections.abc import Callable, Iterator
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


@contextmanager
def counting_on(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of something are done, and of how many, for as long as it takes."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    from terminal.bars import counting

    with counting(console, what) as tell:
        yield tell
