"""Webhooks: a genuine one makes its source due at once, and is believed in nothing else."""

from collections.abc import Callable, Mapping
from datetime import datetime

from config.model import Config
from connectors.http import sendable
from connectors.logs import INFO, tell
from store import handshakes, schedule
from store.database import Database
from sync.hooks import Deliveries
from web.hooks import Verdict

_LONGEST_SECRET = 500


class Hooks:
    """Judges deliveries by the config as it runs now."""

    def __init__(self, database: Database, config: Callable[[], Config], clock: Callable[[], datetime]) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._deliveries = Deliveries()

    def greeted(self, source: str, ticket: str, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Give a tracker's secret back where a command that sets up a webhook waits for it; it is kept nowhere here."""
        settings = self._config().sources.get(source)
        header = settings.webhook.handshake if settings and settings.webhook else ""
        secret = headers.get(header, "") if header else ""
        if not sendable(secret) or len(secret) > _LONGEST_SECRET:
            return {}
        if not handshakes.take(self._database, source, ticket, self._clock()):
            return {}
        tell(INFO, "webhook set up", source=source)
        return {header: secret}

    def delivered(self, source: str, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Judge a delivery, and have the source read where it is genuine."""
        settings = self._config().sources.get(source)
        signature, secret = (settings.webhook, settings.webhook_secret) if settings else (None, None)
        if signature is None or secret is None:
            return Verdict.UNKNOWN
        if not signature.genuine(secret.get_secret_value(), headers, body):
            tell(INFO, "webhook refused", source=source)
            return Verdict.UNSIGNED
        if signature.says_nothing(body):
            return Verdict.HEARD
        due = self._deliveries.due(source, headers[signature.header], self._clock())
        if due is None:
            return Verdict.REPLAYED
        schedule.ask(self._database, [source], due, stopped=False)
        return Verdict.HEARD if signature.handshake else Verdict.TAKEN
