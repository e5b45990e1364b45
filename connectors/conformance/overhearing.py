"""What a connector says beside its answers: on standard output and error, and to `logging`."""

import io
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from connectors.conformance.secrecy import holds

_USUAL = frozenset(vars(logging.makeLogRecord({}))) - {"msg", "args", "exc_info", "exc_text", "stack_info"}
"""What stands in every record, and says where and when it was made."""


class Heard(logging.Handler):
    """Every record, whatever its level, and every text that was printed."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.records: list[logging.LogRecord] = []
        self.out = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def of(self, secrets: Collection[str]) -> str:
        """Return what was printed, or which logger was told a secret; "" when nothing and none."""
        told = [record for record in self.records if holds(_facts(record), secrets)]
        return self.out.getvalue() or next((f"the token, to the logger {record.name}" for record in told), "")


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


@contextmanager
def overheard() -> Iterator[Heard]:
    """Listen while something is asked."""
    heard, root = Heard(), logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(heard.out), redirect_stderr(heard.out):
            yield heard
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
