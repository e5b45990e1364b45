"""Who the token is, what it sees, and what it lacks."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.contract import AccessDenied, Account, Container, CredentialsRefused, MalformedAnswer, Stop, Unreadable
from connectors.http import require
from connectors.jira.agile import SCOPES
from connectors.jira.jql import of_project
from connectors.jira.payload import Json, maybe, moment, needed
from connectors.jira.site import Site
from connectors.jira.transport import AGILE, TOKENS
from connectors.plain import account_of


def account(site: Site, found: Sequence[Container | Unreadable]) -> Account:
    """Return what `headway check` tells.  Raises ConnectorError."""
    what = "the account of the token"
    server, me = site.server(), site.ask("myself", what).object(what)
    name = maybe(me, "displayName", str, what) or needed(me, "name", str, what)
    email = maybe(me, "emailAddress", str, what)
    version = maybe(server, "version", str, "the server") or ""
    scoped = ", a token with scopes" if site.settings.cloud_id is not None and site.settings.email else ""
    readable = [one for one in found if isinstance(one, Container)]
    return account_of(
        f"{name} <{email}>" if email else name,
        found,
        detail=f"Jira {_SPOKEN.get(server['deploymentType'], server['deploymentType'])} {version}".strip() + scoped,
        lacks=(*_unreadable(site, readable), *_boardless(site, readable)),
        expires=None if site.cloud or site.settings.email else _expiry(site),
    )


_SPOKEN = {"DataCenter": "Data Center"}


def _unreadable(site: Site, readable: Sequence[Container]) -> Iterator[str]:
    """Yield a sentence for every project that shows itself and hides its issues: it would look empty, or fail."""
    for one in readable:
        if (_browsable_on_cloud if site.cloud else _browsable)(site, one):
            yield from _unsearchable(site, one)
        else:
            yield (
                f"The account sees the project {one.name} and not its issues: give it the permission Browse Projects "
                "there."
            )


def _unsearchable(site: Site, container: Container) -> Iterator[str]:
    """Ask for one issue, as a read will: that a token sees a project says nothing of the search.

    Through the gateway a scope that a token lacks is a 401, and the account was told to it a moment ago.
    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
    """
    what, key = f"the issues of {container.name}", container.called or container.name
    answer = site.search(of_project(key), site.start(key), ("summary",), what, size=1)
    error = answer.error(what)
    if isinstance(error, AccessDenied | CredentialsRefused):
        scope = site.settings.cloud_id is not None
        remedy = "it the scope read:jira-work" if scope else "its account the permission Browse Projects there"
        yield f"The token may not read {what} ({answer.status}): give {remedy}."
    elif isinstance(error, Stop) and answer.status >= 400:
        yield str(error)
    else:
        require(answer.object(what), "issues", what)


def _browsable_on_cloud(site: Site, container: Container) -> bool:
    what = f"the permissions in {container.name}"
    page = site.ask("project/search", what, {"id": container.id, "action": "browse"}).object(what)
    return any(one.get("id") == container.id for one in require(page, "values", what))


def _browsable(site: Site, container: Container) -> bool:
    what = f"the permissions in {container.name}"
    told = site.ask("mypermissions", what, {"projectId": container.id}).object(what)
    granted = needed(told, "permissions", dict, what).get("BROWSE_PROJECTS")
    return not isinstance(granted, dict) or maybe(granted, "havePermission", bool, what) is not False


def _boardless(site: Site, readable: Sequence[Container]) -> Iterator[str]:
    """Yield a sentence where the boards are refused; one project is asked for all, as it is the token's right."""
    for one in readable[:1]:
        what = f"the boards of {one.name}"
        answer = site.ask("board", what, {"projectKeyOrId": one.id, "maxResults": 1}, AGILE)
        error = answer.error(what)
        if isinstance(error, AccessDenied | CredentialsRefused):
            yield (
                f"The token may not read boards ({answer.status}), which only mappings with `sprint` need: give it the "
                f"scopes {SCOPES}."
            )
        elif answer.status not in (400, 404):  # without Jira Software there are no boards
            require(answer.object(what), "values", what)


def _expiry(site: Site) -> datetime | None:
    """Return when a personal access token ends.  It is not told which of several is ours, so only one is clear."""
    answer = site.ask("tokens", "the account's tokens", api=TOKENS)
    if answer.status != 200:
        return None
    try:
        tokens: list[Json] = answer.rows("the account's tokens")
        ends = [moment(one, "expiringAt", "a token") for one in tokens]
    except MalformedAnswer:
        return None
    return ends[0] if len(ends) == 1 else None
