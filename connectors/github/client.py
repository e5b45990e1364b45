"""The GitHub connector: repositories by their immutable id, milestones whole, issues by what changed."""

from collections.abc import Callable
from datetime import UTC, datetime

from connectors.contract import (
    Account,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    Page,
    RateLimited,
    Stop,
    Unreadable,
)
from connectors.github import normalise
from connectors.github.paging import Listing, Place, next_link
from connectors.github.settings import DEFAULT_URL, Settings
from connectors.github.wire import PAGE_SIZE, Answer, Wire
from connectors.plain import Plain
from okrs.work import Ref, WorkItem

_NORMALISE: dict[Listing, Callable[[normalise.Payload, Ref], WorkItem]] = {
    Listing.MILESTONES: normalise.milestone,
    Listing.ISSUES: normalise.issue,
}


class GitHubConnector(Plain):
    """One open connection to one GitHub; used by one thread (a `Github` object mixes up the answers of two)."""

    def __init__(self, settings: Settings) -> None:
        self._names = settings.repositories
        self._wire = Wire(settings.url, settings.token.get_secret_value())
        self._known: dict[str, Ref] = {}

    @property
    def requests(self) -> int:
        return self._wire.sent

    def containers(self) -> tuple[Container | Unreadable, ...]:
        """Resolve the repositories; a renamed one is found and from then on asked under its new name."""
        found: list[Container | Unreadable] = []
        refused: list[CredentialsRefused] = []
        for name in self._names:
            what = f"the repository {name}"
            answer = self._lookup(f"/repos/{name}", what)
            if answer.status == 200:
                repo = self._remember(answer, what)
                found.append(Container(repo.id, name, called=repo.name))
                continue
            error = answer.error(what)
            # A 401 is about the token, not about the repository, and the other errors may pass.
            if answer.status == 401 or not isinstance(error, Stop):
                raise error
            if isinstance(error, CredentialsRefused):
                refused.append(error)
            found.append(Unreadable(name, str(error)))
        if refused and len(refused) == len(self._names):
            raise refused[0]
        return tuple(found)

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        """Return one page: first all milestones, then the issues and pull requests changed since the cursor."""
        if demand.fields:
            names = ", ".join(sorted(demand.fields))
            raise Stop(f"GitHub issues have no custom number fields: leave out {names} in rules on this source.")
        repo = self._repository(container)
        place = Place.read(cursor.resume)
        what = f"the {place.listing} of {container.name}"
        own = _query(place.listing, cursor.since)
        answer = self._wire.get(f"/repos/{repo.name}/{place.listing}", what, place.query(own))
        rows = normalise.rows(answer.json(what), what)
        after = place.after(next_link(answer.headers.get("link", ""), self._wire.owns, what), what)
        make = _NORMALISE[place.listing]
        return Page(tuple([make(row, repo) for row in rows]), () if after is None else (after.text(),))

    def check(self) -> Account:
        """Say whose token it is, what it sees and when it expires."""
        found = self.containers()
        answer = self._wire.get("/user", "the account of the token")
        return Account(
            who=_login(answer),
            sees=tuple([one.name for one in found if isinstance(one, Container)]),
            missing=tuple([one.name for one in found if isinstance(one, Unreadable)]),
            detail=self._detail(answer),
        )

    def close(self) -> None:
        self._wire.close()

    def _detail(self, answer: Answer) -> str:
        server = "GitHub" if self._wire.url == DEFAULT_URL else f"GitHub API at {self._wire.url}"
        # https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api: tokens that expire say so
        expires = answer.headers.get("github-authentication-token-expiration")
        return f"{server}; the token expires {expires}" if expires else server

    def _repository(self, container: Container) -> Ref:
        """Return what `containers` has found; a connection that was opened for one page asks by the id."""
        known = self._known.get(container.id)
        if known is not None:
            return known
        what = f"the repository {container.name}"
        return self._remember(self._lookup(f"/repositories/{container.id}", what), what)

    def _remember(self, answer: Answer, what: str) -> Ref:
        repo = normalise.repository(answer.json(what))
        self._known[repo.id] = repo
        return repo

    def _lookup(self, path: str, what: str) -> Answer:
        """Ask for one repository.  A renamed one answers 301 with its address by id; there is no query to lose."""
        answer = self._wire.get(path, what)
        location = answer.headers.get("location", "")
        if answer.status == 301 and self._wire.owns(location):
            return self._wire.get(location, what)
        return answer


def _login(answer: Answer) -> str:
    error = None if answer.status == 200 else answer.error("the account of the token")
    if answer.status == 403 and not isinstance(error, RateLimited):
        return "a token of an app (GitHub does not tell it a name)"
    who = answer.json("the account of the token")
    return str(who.get("login", "?")) if isinstance(who, dict) else "?"


def _query(listing: Listing, since: datetime | None) -> dict[str, str]:
    """Return our part of a listing's query.

    Issues are sorted by a key that never changes: sorted by `updated`, an issue that somebody touches while we read
    leaves its page, the next one slips into it unseen, and the next watermark is past it.  The first read has no
    `since`: with a very old one GitHub answers an empty list.
    """
    query = {"state": "all", "per_page": str(PAGE_SIZE)}
    if listing is Listing.ISSUES:
        query |= {"sort": "created", "direction": "asc"}
        if since is not None:
            query["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return query
