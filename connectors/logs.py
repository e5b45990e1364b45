"""What Headway tells of its own work, as events with facts, for those who look for a fault or watch a service.

The logger is of a family of its own: the libraries' loggers, which tell addresses with their queries, and headers, are
switched off as a whole (`terminal.logs`), and that must not silence us.
"""

import logging
from logging import DEBUG, ERROR, INFO, WARNING

__all__ = ["DEBUG", "ERROR", "INFO", "WARNING", "announce", "log", "tell"]

log = logging.Manager(logging.RootLogger(logging.CRITICAL + 1)).getLogger("headway")
"""Silent until a command says where to."""


def tell(level: int, event: str, **facts: object) -> None:
    """Log an event.  Only sentences and facts of our own, never a library's words."""
    if log.isEnabledFor(level):
        log.log(level, event, extra={"facts": facts})


def announce(event: str, **facts: object) -> None:
    """Log an event that is wanted however quiet the log is: what the config asks for, and how the service does."""
    log.handle(log.makeRecord(log.name, INFO, __file__, 0, event, (), None, extra={"facts": facts}))
