"""Logs: on stderr, for people on a terminal or as JSON lines for machines; silent but for warnings unless asked."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from connectors.http import redacted
from terminal.text import harmless

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
"""By how often `-v` was given: what went wrong, what is done, every request."""


def configure(*, verbose: int, as_json: bool) -> None:
    """Send structured logs to stderr.  Only sentences of our own are ever logged, never a library's.

    The libraries' loggers are switched off as a whole: they tell addresses with their queries, and headers, and
    some bring handlers of their own.
    """
    logging.disable(logging.CRITICAL)
    renderer: Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _harmless_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[min(verbose, 2)]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _harmless_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Names and titles come from trackers; what looks like a credential is struck out, should one ever get here."""
    return {name: harmless(redacted(value), 1000) if isinstance(value, str) else value for name, value in event.items()}
