"""When a source is read because its tracker sent word: at once, but in a flood only every ten seconds."""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

REMEMBERED = timedelta(minutes=10)
"""How long a delivery is known again."""

APART = timedelta(seconds=10)
"""Between two reads of a source that webhooks asked for, at least."""

_MOST = 20_000
"""Deliveries that are remembered; whoever sends more than that in ten minutes knows the secret."""


class Deliveries:
    """What was delivered lately.  One of these for all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._asked: dict[str, datetime] = {}

    def due(self, source: str, signature: str, now: datetime) -> datetime | None:
        """Return when the source is to be read for a genuine delivery; None for one that came before."""
        with self._lock:
            while self._seen and (len(self._seen) >= _MOST or next(iter(self._seen.values())) <= now - REMEMBERED):
                self._seen.popitem(last=False)
            if (source, signature) in self._seen:
                return None
            self._seen[source, signature] = now
            asked = self._asked.get(source)
            if asked is None or asked <= now - APART or asked > now + APART:  # or the clock was wrong
                self._asked[source] = now
            elif asked <= now:
                self._asked[source] = asked + APART
            return self._asked[source]
