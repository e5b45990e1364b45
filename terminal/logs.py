"""Logs: on stderr, for people on a terminal or as JSON lines for machines; silent but for warnings unless asked."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.http import redacted
from connectors.logs import DEBUG, INFO, WARNING, log
from terminal.text import harmless

_LEVELS = (WARNING, INFO, DEBUG)
"""By how often `-v` was given: what went wrong, what is done, every request."""

_LONGEST_FACT = 1000


def configure(*, verbose: int, as_json: bool) -> None:
    """Send our events to stderr.  Only sentences of our own are ever logged, never a library's.

    The libraries' loggers are switched off as a whole: they tell addresses with their queries, and headers, and
    some bring handlers of their own.
    """
    logging.disable(logging.CRITICAL)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(as_json=as_json))
    log.handlers = [handler]
    log.setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])


class _Lines(logging.Formatter):
    """One line for each event: `TIME level event fact=value …`, or the same as a JSON object."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        level, facts = record.levelname.lower(), _harmless(getattr(record, "facts", {}))
        if self._as_json:
            told = {**facts, "event": record.getMessage(), "level": level, "timestamp": at}
            return json.dumps(told, ensure_ascii=False)
        shown = [f"{name}={value!r}" if isinstance(value, str) else f"{name}={value}" for name, value in facts.items()]
        return " ".join([at, f"{level:7}", record.getMessage(), *shown])


def _harmless(facts: Mapping[str, object]) -> dict[str, object]:
    """Names and titles come from trackers; what looks like a credential is struck out, should one ever get here."""
    return {
        name: harmless(redacted(value), _LONGEST_FACT) if isinstance(value, str) else value
        for name, value in facts.items()
    }
