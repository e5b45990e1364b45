"""`webhooks`: have a tracker that makes webhooks by its API alone send them.

The secret is the tracker's choice, so it must be kept: in a file that the config names, as any other secret, and
nowhere else.  The tracker asks the address first; the service, which answers there, is told by a ticket in the database
that it is waited for, gives the secret back and forgets it.  What is kept came in the tracker's own answer, so that
nobody who sends something to the address can choose a secret for us.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from connectors import registry
from connectors.contract import ConnectorError
from connectors.registry import Subscribe
from connectors.settings import SourceSettings, tracker_root
from okrs.immutable import immutable
from store import handshakes
from store.database import Database
from sync.engine import AUTHORS_HELP
from terminal.answers import Subscribed, Subscribing
from terminal.failures import Failure
from usecases.ground import Ground, database_of, require_sources

_WAIT = timedelta(minutes=2)
"""As long as a tracker may take to ask the address."""


def subscribe(ground: Ground, config: Path, wish: Subscribing) -> Subscribed:
    """Set up a webhook for each container, and keep its secret.  Raises Failure."""
    known = ground.load(config, connect=True, only=[wish.source])
    require_sources(known, [wish.source])
    settings = known.sources[wish.source]
    names, address = _chosen(wish, settings), _address(wish)
    errand = _Errand(ground, wish.source, settings, _subscribe_of(wish, settings))
    folder = config if config.is_dir() else config.parent
    done: list[str] = []
    with database_of(known) as database, _kept(folder / wish.secrets) as keep:
        for name in names:
            try:
                keep(errand.do(database, name, address))
            except Failure as error:
                raise _after(error, done) from None
            done.append(name)
    return Subscribed(wish.source, tuple(done), address, wish.secrets, settings.webhook_secret is not None)


def _after(error: Failure, done: Sequence[str]) -> Failure:
    """Say what was done before it failed."""
    return Failure(f"{error} Set up before: {', '.join(done)}; go on with --only for the others.") if done else error


@immutable
class _Errand:
    """One source, and how its tracker is asked."""

    ground: Ground
    source: str
    settings: SourceSettings
    ask: Subscribe

    def do(self, database: Database, name: str, address: str) -> str:
        """Set up one webhook, for which the service waits meanwhile; returns its secret.  Raises Failure."""
        ticket, now = secrets.token_urlsafe(32), self.ground.clock()
        handshakes.expect(database, self.source, ticket, now, now + _WAIT)
        try:
            return self.ask(self.settings, name, f"{address}/{ticket}")
        except ConnectorError as error:
            failed = str(error)
        except Exception as error:  # of a connector, which may be anybody's: its words may quote a token
            self.ground.debug(self.source, self.settings, error)
            failed = f"Setting up a webhook failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
        finally:
            handshakes.withdraw(database, ticket)
        raise Failure(f"{self.source}: {failed}")


def _subscribe_of(wish: Subscribing, settings: SourceSettings) -> Subscribe:
    found = registry.find(settings.connector).subscribe
    if found is None:
        how = "give it the address, and `webhook_secret` the same secret" if settings.webhook else "none are taken"
        raise Failure(f"{wish.source}: webhooks of {settings.connector} are not set up from here: {how}.")
    return found


def _address(wish: Subscribing) -> str:
    try:
        root = tracker_root(wish.url, "the address under which trackers reach this Headway")
    except ValueError as error:
        raise Failure(f"--url: {error}.") from None
    return f"{root}/hooks/{quote(wish.source)}"


def _chosen(wish: Subscribing, settings: SourceSettings) -> tuple[str, ...]:
    strange = [each for each in wish.only if each not in settings.container_names]
    if strange:
        raise Failure(
            f"{wish.source} does not read {', '.join(strange)}; it reads {', '.join(settings.container_names)}."
        )
    return tuple(wish.only) or settings.container_names


@contextmanager
def _kept(path: Path) -> "Iterator[_Keep]":
    """Open the file before anything is asked: a secret that cannot be kept is lost.  Only its owner may read it."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise Failure(f"The secrets cannot be kept in {path}: {error.strerror}. Nothing was set up.") from None
    try:
        yield _Keep(file)
    finally:
        os.close(file)
        if not path.stat().st_size:
            path.unlink()


class _Keep:
    def __init__(self, file: int) -> None:
        self._file = file

    def __call__(self, secret: str) -> None:
        os.write(self._file, f"{secret}\n".encode())
        os.fsync(self._file)
