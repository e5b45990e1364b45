"""`history --csv`: a table for spreadsheets, in which no text becomes a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from okrs.ledger import timestamp
from okrs.numbers import plain
from okrs.plaintext import harmless
from store.views.history import ShownCause, ShownEntry

COLUMNS = (
    "seq", "at", "kind", "old", "new", "cause", "key", "url", "delta", "run", "rule", "by", "why", "hash", "details",
)  # fmt: skip
"""Scripts rely on them and on their order; more may be added behind."""

_FORMULA = re.compile(r"(^|[;|])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet may see a formula begin: in a cell, or behind what some take for the end of one."""


def history_csv(entries: Iterable[ShownEntry]) -> str:
    """Return a header and one row for each cause, oldest first; an entry without causes has one row, too."""
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    sheet.writerow(COLUMNS)
    sheet.writerows(row for entry in entries for row in _rows(entry))
    return written.getvalue()


def _rows(entry: ShownEntry) -> Iterator[list[str]]:
    for cause in entry.causes or (None,):
        yield [_cell(each) for each in _row(entry, cause)]


def _row(shown: ShownEntry, cause: ShownCause | None) -> tuple[str | int | Decimal | None, ...]:
    entry, item = shown.entry, cause.item if cause else None
    return (
        entry.seq,
        timestamp(entry.at),
        entry.kind.value,
        entry.old,
        entry.new,
        cause.cause.kind.value if cause else None,
        item.key if item else None,
        item.url if item else None,
        cause.cause.delta if cause else None,
        entry.run,
        entry.rule,
        shown.by,
        entry.why,
        entry.hash,
        entry.details,
    )


def _cell(value: str | int | Decimal | None) -> str:
    """Write a cell: numbers are ours and stay numbers, texts may be a tracker's and stay texts."""
    match value:
        case None:
            return ""
        case Decimal():
            return plain(value)
        case int():
            return str(value)
    return _FORMULA.sub(r"\1'\2", harmless(value, max(1, len(value))))
