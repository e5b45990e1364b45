"""`check` and `discover`: what a connection says of itself, and what a config may name on it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from connectors.contract import Connector, ConnectorError, Listed
from connectors.settings import SourceSettings
from sync.engine import AUTHORS_HELP
from terminal.answers import Checked, Discovered
from terminal.failures import Failure
from usecases.ground import Ground, require_sources

_CHECKED_AT_ONCE = 8
"""Sources checked at the same time."""


def check(ground: Ground, config: Path, source: str | None) -> list[Checked]:
    """Try the connections, all or one."""
    only = [source] if source else []
    known = ground.load(config, connect=True, only=only)
    require_sources(known, only)
    chosen = [(name, each) for name, each in known.sources.items() if source in (None, name)]
    pool = ThreadPoolExecutor(max_workers=_CHECKED_AT_ONCE, thread_name_prefix="check")
    try:
        answers = list(pool.map(lambda each: checked(ground, *each), chosen))  # a dead one takes its seconds
    except BaseException:  # above all Ctrl-C: nobody waits for the rest
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return answers


def discover(ground: Ground, config: Path, source: str) -> Discovered:
    """List what a config may name on a source."""
    known = ground.load(config, connect=True, only=[source])
    require_sources(known, [source])
    settings = known.sources[source]
    found = listed(ground, source, settings)
    fields = dict(getattr(settings, "fields", {})) if "fields" in type(settings).model_fields else None
    return Discovered(source, _containers_key(settings), settings.container_names, fields, found)


def listed(ground: Ground, name: str, settings: SourceSettings) -> tuple[Listed, ...]:
    """List what a config may name.  Raises Failure."""
    try:
        with closing(ground.connect(settings)) as connector:
            return tuple(connector.discover())
    except ConnectorError as error:
        raise Failure(f"{name}: {error}") from None
    except Exception as error:  # of a connector, which may be anybody's: its words may quote a token
        ground.debug(name, settings, error)
        sentence = f"Listing it failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
        raise Failure(f"{name}: {sentence}") from None


def checked(ground: Ground, name: str, settings: SourceSettings) -> Checked:
    """Try one connection; whatever goes wrong with it, the other sources are to be told, too."""
    try:
        with closing(ground.connect(settings)) as connector:
            return _tried(ground, name, settings, connector)
    except ConnectorError as error:
        failed = str(error)
    except Exception as error:  # of a connector, which may be anybody's: its words may quote a token
        ground.debug(name, settings, error)
        failed = f"Checking it failed unexpectedly ({type(error).__name__}). {AUTHORS_HELP}"
    return Checked(name, settings.connector, None, failed, ground.clock())


def _tried(ground: Ground, name: str, settings: SourceSettings, connector: Connector) -> Checked:
    account, failed = None, None
    try:
        account = connector.check()
    except ConnectorError as error:
        failed = str(error)
    now = ground.clock()
    skew = None if connector.told is None else now - connector.told
    return Checked(name, settings.connector, account, failed, now, connector.quota, skew)


def _containers_key(settings: SourceSettings) -> str | None:
    """Return the key under which a source lists its containers, as `projects`; None where none does, as with a file."""
    fields = type(settings).model_fields.items()
    names = settings.container_names
    return next((field.alias or key for key, field in fields if getattr(settings, key) == names), None)
