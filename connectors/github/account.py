"""What `headway check` and `headway discover` tell of a GitHub."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.contract import (
    AccessDenied,
    Account,
    Container,
    CredentialsRefused,
    Listed,
    MalformedAnswer,
    RateLimited,
    Stop,
    Unreachable,
    Unreadable,
    What,
)
from connectors.github import boards, columns, normalise
from connectors.github.answer import Answer, Elsewhere
from connectors.github.credentials import InstalledApp
from connectors.github.paging import Listing, Place, links_of
from connectors.github.settings import DEFAULT_URL
from connectors.github.shared import Shared, containers, repository
from connectors.github.wire import PAGE_SIZE, Wire
from connectors.http import require
from connectors.plain import account_of, lasting
from connectors.times import utc_of

_ACCOUNT = "the account of the token"

_GRANTS = {"issues": "Issues", "pull_requests": "Pull requests", "metadata": "Metadata"}
"""Permissions of a GitHub App, as the API and as its page spell them."""


def check(wire: Wire, shared: Shared) -> Account:
    """Say who asks, what it sees, which rights it lacks and when it ends.  Raises ConnectorError."""
    found = containers(wire, shared)
    readable = [one for one in found if isinstance(one, Container)]
    missing = tuple([one.name for one in found if isinstance(one, Unreadable)])
    app = shared.credentials if isinstance(shared.credentials, InstalledApp) else None
    headers: Mapping[str, str] = {}
    if app is None:
        answer = wire.get("/user", _ACCOUNT)
        who, headers = _login(answer), answer.headers
        lacks = list(_lacking_scopes(headers, missing))
    else:
        who, lacks = _installation(wire, app), list(_lacking_grants(app))
    return account_of(
        who,
        found,
        detail="GitHub" if wire.url == DEFAULT_URL else f"GitHub API at {wire.url}",
        lacks=(*lacks, *_unreadable_issues(wire, shared, readable), *_unreadable_boards(wire, shared)),
        expires=expiry(headers.get("github-authentication-token-expiration", "")),
    )


def _login(answer: Answer) -> str:
    error = None if answer.status == 200 else answer.error(_ACCOUNT)
    if answer.status == 403 and not isinstance(error, RateLimited):
        return "a token of an app (GitHub does not tell it a name)"
    login = answer.object(_ACCOUNT).get("login")
    if not isinstance(login, str):
        raise MalformedAnswer(f"The answer for {_ACCOUNT} names nobody; nothing of it was used.")
    return login


def _installation(wire: Wire, app: InstalledApp) -> str:
    """https://docs.github.com/en/rest/apps/apps#get-an-installation-for-the-authenticated-app"""
    what = "the installation of the GitHub App"
    told = wire.get_as_app(app, f"/app/installations/{app.installation}", what).object(what)
    holder = told.get("account")
    login = holder.get("login", "?") if isinstance(holder, dict) else "?"
    return f"the App {told.get('app_slug', '?')}, installed at {login}"


def expiry(text: str) -> datetime | None:
    """Return when a token ends, None where GitHub does not say it in a way we know.

    https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api: 2026-12-24 10:00:00 UTC
    """
    return utc_of(text.strip().replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-"))


def _lacking_scopes(headers: Mapping[str, str], missing: Sequence[str]) -> Iterator[str]:
    """Classic tokens say their scopes; what a fine-grained one may do shows only when it is used."""
    told = headers.get("x-oauth-scopes")
    if told is not None and missing and "repo" not in {scope.strip() for scope in told.split(",")}:
        yield "The token has no scope `repo`, so private repositories stay hidden: give it the scope."


def _lacking_grants(app: InstalledApp) -> Iterator[str]:
    for name, shown in _GRANTS.items():
        if app.permissions.get(name) not in ("read", "write", "admin"):
            yield f"The GitHub App may not read {shown}: grant it in the App's settings, then accept it."


def _unreadable_issues(wire: Wire, shared: Shared, readable: Sequence[Container]) -> Iterator[str]:
    """Ask each repository for one issue, as a read will: that a token sees it says nothing of its issues."""
    for one in readable:
        what = f"the issues of {one.name}"
        path = f"/repos/{repository(wire, shared, one).name}/issues"
        try:
            wire.get(path, what, {"state": "all", "per_page": "1"}).rows(what)
        except Stop as error:
            yield _lacking(error)


def _unreadable_boards(wire: Wire, shared: Shared) -> Iterator[str]:
    for name in shared.settings.boards or ():
        try:
            boards.look_at(wire, name)
        except Stop as error:
            yield _lacking(error)


def _lacking(error: Stop) -> str:
    """Return the sentence of a refusal of one thing.  Raises what is the refusal of everything."""
    if isinstance(error, CredentialsRefused | Unreachable | Elsewhere):
        raise error
    return str(error)


def discover(wire: Wire, shared: Shared) -> Iterator[Listed]:
    """Yield what a config may name.  Raises ConnectorError."""
    found = [one for one in lasting(containers(wire, shared)) if isinstance(one, Container)]
    for one in found:
        yield Listed(What.PROJECT, one.name, one.called if one.called != one.name else "")
    known = {repo.name.casefold() for repo in shared.configured.values()}
    for row in _visible(wire, shared):
        name = normalise.repository(row).name
        if name.casefold() not in known:
            yield Listed(What.PROJECT, name, note="not in the config")
    for one in found:
        yield from _in_repository(wire, shared, one)
    yield from _types(wire, found)
    for name in shared.settings.boards or ():
        for field in boards.look_at(wire, name).fields.values():
            if field.kind in columns.KINDS:
                note = f"{columns.spoken(field.kind)} on the board {name}"
                yield Listed(What.FIELD, field.name, note=note, number=field.kind in columns.NUMBERS)


def _visible(wire: Wire, shared: Shared) -> Iterator[dict[str, Any]]:
    """Yield the repositories that the token sees."""
    if isinstance(shared.credentials, InstalledApp):
        yield from _all(wire, "/installation/repositories", "the repositories of the installation", "repositories")
    else:
        yield from _all(wire, "/user/repos", "the repositories of the token")


def _in_repository(wire: Wire, shared: Shared, one: Container) -> Iterator[Listed]:
    root = f"/repos/{repository(wire, shared, one).name}"
    for row in _all(wire, f"{root}/milestones", f"the milestones of {one.name}", state="all"):
        yield Listed(What.MILESTONE, str(row.get("title")), container=one.name, note=_stage(row))
    for row in _all(wire, f"{root}/labels", f"the labels of {one.name}"):
        yield Listed(What.LABEL, str(row.get("name")), container=one.name)


def _stage(milestone: Mapping[str, Any]) -> str:
    """Return `open` or `closed`, and whether an open one has no work left."""
    state = str(milestone.get("state", ""))
    over = milestone.get("open_issues") == 0 and bool(milestone.get("closed_issues"))
    return f"{state}, all done" if over and state == "open" else state


def _types(wire: Wire, found: Sequence[Container]) -> Iterator[Listed]:
    """Yield the issue types of the organisations; a person's repositories, and older servers, have none.

    https://docs.github.com/en/rest/orgs/issue-types
    """
    names: dict[str, None] = {}
    for owner in dict.fromkeys(one.called.partition("/")[0] for one in found):
        what = f"the issue types of {owner}"
        answer = wire.get(f"/orgs/{owner}/issue-types", what)
        if answer.status == 404 or (answer.status == 403 and isinstance(answer.error(what), AccessDenied)):
            continue
        names |= dict.fromkeys([str(row.get("name")) for row in answer.rows(what) if row.get("is_enabled", True)])
    for name in (*names, *[plain for plain in ("Issue", "Pull request") if plain not in names]):
        yield Listed(What.TYPE, name)


def _all(wire: Wire, path: str, what: str, key: str = "", **query: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a whole listing, page after page."""
    waiting = [Place(Listing.SEARCH, chained=True)]
    while waiting:
        place = waiting.pop()
        answer = wire.get(path, what, place.query({"per_page": str(PAGE_SIZE), **query}))
        yield from require(answer.json(what), key, what) if key else answer.rows(what)
        waiting += place.after(links_of(answer.headers.get("link", ""), wire.owns, what), what)
