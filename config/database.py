"""Where the ledger is kept: the `database` key as a URL that does not depend on the working directory."""

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import URL

from config.interpolation import Resolver, has_placeholder, well_formed
from config.problems import Problems
from config.tree import Spot

_POSTGRES = "postgresql+psycopg"
_SQLITE = ("sqlite", "sqlite+pysqlite")


def read_database(root: Spot, resolver: Resolver, problems: Problems, *, opens: bool = True) -> str | None:
    """Return the URL; None, with the problem added, when there is none to use.

    Of one that nobody `opens` placeholders stay as they are written.
    """
    spot = root.get("database")
    if spot is None or spot.text is None:
        return None  # the schema says so
    url = spot.text.strip()
    if has_placeholder(url):
        if not well_formed(spot, problems):
            return None
        if not opens:
            return url
        resolved = resolver.resolve(spot, problems)
        if resolved is None:
            return None
        url = resolved.strip()
    elif _password(url):
        problems.warning(spot, "the database's password stands here in plain: write ${NAME} for the whole URL")
    complaint = _complaint(url)
    if complaint:
        problems.error(spot, complaint)
        return None
    return _absolute(url, resolver.folder)


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # brackets that hold no address; the database's own driver will say so
        return None


def _complaint(url: str) -> str | None:
    """Say what is wrong with the URL without showing it: it may hold a password."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return f"this is no database URL: write sqlite:///headway.db or {_POSTGRES}://user@host/name"
    if scheme in ("postgresql", "postgres"):
        return f"begin the URL with {_POSTGRES}://"
    if scheme == _POSTGRES:
        return None if rest else f"host and name are missing: write {_POSTGRES}://user@host/name"
    if scheme not in _SQLITE:
        return f"this kind of database is not known: write sqlite:///headway.db or {_POSTGRES}://user@host/name"
    path = rest.partition("?")[0]
    if path in ("", "/", "/:memory:"):
        return "an in-memory database forgets every number: name a file, as sqlite:///headway.db"
    return (
        None if path.startswith("/") else "a SQLite URL has three slashes before a relative path: sqlite:///headway.db"
    )


def _absolute(url: str, folder: Path) -> str:
    scheme, _, rest = url.partition("://")
    if scheme not in _SQLITE:
        return url
    path, _, options = rest[1:].partition("?")
    # Put together by SQLAlchemy, for a folder's name may hold signs that mean something in a URL.
    absolute = URL.create(scheme, database=str(folder / unquote(path)), query=dict(parse_qsl(options)))
    return absolute.render_as_string(hide_password=False)
