"""Tables that are aligned on a terminal, and in a pipe one unbroken line a row, so that `grep` finds whole titles."""

from collections.abc import Callable, Iterable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from okrs.immutable import immutable

Cells = tuple[Text, ...]

_BETWEEN = "  "


def bare() -> Table:
    """A table without lines and heads."""
    return Table(box=None, pad_edge=False, show_header=False)


@immutable
class Rows:
    """Rows of cells; `table` makes the columns that a terminal shows them in."""

    rows: Iterable[Cells]
    table: Callable[[], Table] = bare
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not console.is_terminal:
            for cells in self.rows:
                yield line_of(cells, self.indent)
            return
        table = self.table()
        for cells in self.rows:
            table.add_row(*cells)
        yield Padding(table, (0, 0, 0, self.indent)) if self.indent else table


def line_of(cells: Cells, indent: int = 0) -> Text:
    """Return the cells that hold something on one line."""
    return Text(" " * indent) + Text(_BETWEEN).join(cell for cell in cells if cell.plain)
