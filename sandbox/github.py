"""GitHub, as far as Headway reads it: routes and rendering only; GraphQL and search have modules of their own."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TypeVar
from urllib.parse import urlencode

from sandbox import graphql
from sandbox.exchange import Answer, Refused, Request, Route, whole_number
from sandbox.github_apps import App
from sandbox.github_graphql import Ability, pull_id, root
from sandbox.github_search import search
from sandbox.github_shapes import label_record, repository_record, user_record
from sandbox.pages import github_page, milestone_page
from sandbox.records import Item, Milestone, Project, User
from sandbox.world import World

_T = TypeVar("_T")
_LIMIT = 5000
_REPOSITORY = "(?:/repos/([^/]+/[^/]+)|/repositories/([0-9]+))"
_PAGING = frozenset(("per_page", "page"))
_ADVANCED = (3, 18)
"""The Enterprise Server that searches by the grammar of today, when asked to: https://github.com/cli/cli/pull/11638"""
_SORTS: dict[str, Callable[[Item], datetime]] = {
    "created": lambda item: item.created,
    "updated": lambda item: item.updated,
}


class GitHubApi:
    """Answers for the GitHub API at `base`."""

    name = "github"

    def __init__(self, world: World, base: str, token: str) -> None:
        self._world, self._base, self._token = world, base, token
        self._used = 0
        listing = _PAGING | {"state", "sort", "direction"}
        self.routes: tuple[Route, ...] = (
            Route("user", "/user", self._user),
            Route("repository", _REPOSITORY, self._repository),
            Route("issues", f"{_REPOSITORY}/issues", self._issues, listing | {"since"}),
            Route("milestones", f"{_REPOSITORY}/milestones", self._milestones, _PAGING | {"state"}),
            Route("issue", f"{_REPOSITORY}/issues/([0-9]+)", self._one_issue),
            Route("sub-issues", f"{_REPOSITORY}/issues/([0-9]+)/sub_issues", self._sub_issues, _PAGING),
            Route("milestone", f"{_REPOSITORY}/milestones/([0-9]+)", self._one_milestone),
            Route("labels", f"{_REPOSITORY}/labels", self._labels, _PAGING),
            Route("issue types", "/orgs/([^/]+)/issue-types", self._issue_types),
            Route("search", "/search/issues", self._search, _PAGING | {"q", "sort", "order", "advanced_search"}),
            Route("visible repositories", "/user/repos", self._visible, _PAGING),
            Route("installed repositories", "/installation/repositories", self._installed, _PAGING),
            Route("installation token", "/app/installations/([0-9]+)/access_tokens", self._grant, methods=("POST",)),
            Route("installation", "/app/installations/([0-9]+)", self._installation),
            Route("graphql", "/graphql", self._graphql, methods=("POST",)),
        )
        self.app: App | None = None
        """A GitHub App that may sign in, too."""
        self.scopes: str | None = None
        """Scopes of a classic token, with a comma between them; None for a fine-grained one, which does not tell."""
        self.expires: str | None = None
        """When the token ends, in GitHub's words."""
        self.strict_search = False
        """Whether a search must name issues or pull requests."""
        self.boards = Ability()
        self.server = ""
        """Version of an Enterprise Server, as "3.17.2"; "" for github.com."""

    def authorised(self, request: Request) -> bool:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if self.app and request.path.startswith("/app/"):
            return scheme.lower() == "bearer" and self.app.signed(value)
        known = value == self._token or (self.app is not None and self.app.holds(value, self._world.clock.now()))
        return scheme.lower() in ("token", "bearer") and known

    def refusal(self, status: int, message: str) -> Answer:
        texts = {401: "Bad credentials", 403: "Resource not accessible by personal access token", 404: "Not Found"}
        text = message or texts.get(status, "The request failed.")
        body = {"message": text, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
        return Answer(body, status, self._limits())

    def _user(self, request: Request) -> Answer:
        user = self._world.users[0]
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        texts = dict.fromkeys(("company", "location", "hireable", "bio"))
        profile = {"name": user.name, "email": user.email, "blog": "", "created_at": "2020-01-06T09:00:00Z"}
        profile |= {"updated_at": "2026-01-05T09:00:00Z", "user_view_type": "public"}
        return self._answer(request, user_record(self._base, user) | counts | texts | profile)

    def _repository(self, request: Request, name: str | None, number: str | None) -> Answer:
        project = self._find(name, number)
        if isinstance(project, Answer):
            return project
        entries = sum(item.state in ("todo", "doing") for item in self._world.items_of(project))
        return self._answer(request, repository_record(self._base, project, entries))

    def _issues(self, request: Request, name: str | None, number: str | None) -> Answer:
        project = self._find(name, number, "/issues", request)
        if isinstance(project, Answer):
            return project
        wanted = _choice(request, "state", ("open", "closed", "all"))
        items = [item for item in self._world.items_of(project) if wanted in ("all", _state(item))]
        since = request.one("since")
        if since is not None:
            items = _since(items, since)
        if since is not None or request.one("sort") == "updated":
            items = [item for item in items if self._world.shown(item)]
        sort = _SORTS[_choice(request, "sort", tuple(_SORTS))]
        descending = _choice(request, "direction", ("desc", "asc")) == "desc"
        items.sort(key=lambda item: (sort(item).replace(microsecond=0), item.number), reverse=descending)
        return self._page(request, f"/repositories/{project.id}/issues", items, self._issue)

    def _milestones(self, request: Request, name: str | None, number: str | None) -> Answer:
        project = self._find(name, number, "/milestones", request)
        if isinstance(project, Answer):
            return project
        wanted = _choice(request, "state", ("open", "closed", "all"))
        mine = [one for one in self._world.milestones if one.project is project]
        mine = [one for one in mine if wanted in ("all", "closed" if one.closed else "open")]
        mine.sort(key=lambda one: (one.due or date.max, one.number))
        return self._page(request, f"/repositories/{project.id}/milestones", mine, self._milestone)

    def _one_issue(self, request: Request, name: str | None, number: str | None, issue: str) -> Answer:
        project = self._find(name, number, f"/issues/{issue}")
        if isinstance(project, Answer):
            return project
        place = (project.id, int(issue))
        moved = self._world.transferred.get(place)
        if moved is not None and not moved.project.hidden:
            return self._moved(f"/repositories/{moved.project.id}/issues/{moved.number}")
        if place in self._world.deleted:
            raise Refused(410, "This issue was deleted")
        for item in self._world.items_of(project):
            if item.number == int(issue):
                return self._answer(request, self._issue(item))
        raise Refused(404, "")

    def _sub_issues(self, request: Request, name: str | None, number: str | None, issue: str) -> Answer:
        project = self._find(name, number, f"/issues/{issue}/sub_issues", request)
        if isinstance(project, Answer):
            return project
        moved = self._world.transferred.get((project.id, int(issue)))
        if moved is not None and not moved.project.hidden:
            return self._moved(f"/repositories/{moved.project.id}/issues/{moved.number}/sub_issues")
        for item in self._world.items_of(project):
            if item.number == int(issue):
                seen = [one for one in self._world.children(item) if not one.project.hidden]
                path = f"/repositories/{project.id}/issues/{issue}/sub_issues"
                return self._page(request, path, seen, self._sub_issue)
        raise Refused(404, "")

    def _sub_issue(self, item: Item) -> dict[str, object]:
        below = self._world.children(item)
        done = sum(_state(one) == "closed" for one in below)
        share = 100 * done // len(below) if below else 0
        return self._issue(item) | {
            "sub_issues_summary": {"total": len(below), "completed": done, "percent_completed": share}
        }

    def _one_milestone(self, request: Request, name: str | None, number: str | None, milestone: str) -> Answer:
        project = self._find(name, number, f"/milestones/{milestone}")
        if isinstance(project, Answer):
            return project
        for one in self._world.milestones:
            if one.project is project and one.number == int(milestone):
                return self._answer(request, self._milestone(one))
        raise Refused(404, "")

    def _labels(self, request: Request, name: str | None, number: str | None) -> Answer:
        project = self._find(name, number, "/labels", request)
        if isinstance(project, Answer):
            return project
        names = sorted({label for item in self._world.items_of(project) for label in item.labels})
        path = f"/repositories/{project.id}/labels"
        return self._page(request, path, names, lambda label: label_record(self._base, project, label))

    def _issue_types(self, request: Request, owner: str) -> Answer:
        mine = [item for item in self._world.items.values() if item.project.key.startswith(f"{owner}/")]
        if not mine:
            raise Refused(404, "")
        types = {item.type: _type(item) for item in mine if item.type}
        return self._answer(request, [types[name] for name in sorted(types)])

    def _search(self, request: Request) -> Answer:
        wished = request.one("advanced_search") == "true"
        if wished and self.server and _version(self.server) < _ADVANCED:
            raise Refused(400, "The sandbox does not know the parameter advanced_search on this server.")
        advanced = wished or not self.server
        found = search(self._world, request.one("q") or "", strict=self.strict_search, advanced=advanced)
        page = self._page(
            request, "/search/issues", found[:1000], lambda item: self._issue(item) | {"score": 1.0, "body": ""}
        )
        body = {"total_count": len(found), "incomplete_results": False, "items": page.body, "search_type": "lexical"}
        return replace(page, body=body)

    def _repositories(self) -> list[Project]:
        return [one for one in self._world.projects if one.tracker == self.name and not one.hidden]

    def _visible(self, request: Request) -> Answer:
        return self._page(
            request, "/user/repos", self._repositories(), lambda one: repository_record(self._base, one, 0)
        )

    def _installed(self, request: Request) -> Answer:
        page = self._visible(request)
        return replace(page, body={"total_count": len(self._repositories()), "repositories": page.body})

    def _grant(self, _: Request, installation: str) -> Answer:
        if self.app is None or self.app.installation != installation:
            raise Refused(404, "")
        return Answer(self.app.grant(self._world.clock.now()), 201, self._limits())

    def _installation(self, _: Request, installation: str) -> Answer:
        if self.app is None or self.app.installation != installation:
            raise Refused(404, "")
        holder = user_record(self._base, User(0, self.app.account, self.app.account, ""))
        return Answer({"id": int(installation), "account": holder, "app_slug": self.app.slug}, 200, self._limits())

    def _graphql(self, request: Request) -> Answer:
        """Answer 200 whatever happens, as GitHub does: what went wrong stands in `errors`."""
        headers = self._limits() | {"X-RateLimit-Resource": "graphql"}
        try:
            asked = json.loads(request.body)
            known = root(self._world, self.scopes, self.boards, request)
            data = graphql.answer(asked["query"], asked.get("variables", {}), known)
        except graphql.Refusal as refusal:
            more = {"type": refusal.kind, "extensions": refusal.extensions}
            error = {"message": str(refusal)} | {name: value for name, value in more.items() if value}
            return Answer({"data": None, "errors": [error]}, 200, headers)
        except (ValueError, KeyError, TypeError):
            raise Refused(400, "Problems parsing JSON") from None
        return Answer({"data": data}, 200, headers)

    def _moved(self, path: str) -> Answer:
        url = f"{self._base}{path}"
        body = {"message": "Moved Permanently", "url": url, "documentation_url": "https://docs.github.com/rest"}
        return Answer(body, 301, self._limits() | {"Location": url})

    def _find(
        self, name: str | None, number: str | None, rest: str = "", request: Request | None = None
    ) -> Project | Answer:
        """Return the repository, or the redirect that stands at a name it had before.  Raises Refused (404).

        A former name that another repository took since then is that one's.
        """
        mine = [one for one in self._world.projects if one.tracker == self.name and not one.hidden]
        for project in mine:
            if number == str(project.id) or (name or "").casefold() == project.key.casefold():
                return project
        for project in mine:
            if name in project.former:
                asked = urlencode(request.query, doseq=True) if request else ""
                return self._moved(f"/repositories/{project.id}{rest}{'?' if asked else ''}{asked}")
        raise Refused(404, "")

    def _page(
        self,
        request: Request,
        path: str,
        found: Sequence[_T],
        render: Callable[[_T], dict[str, object]],
    ) -> Answer:
        """Answer with one page; the links name the repository by its number, as GitHub's do."""
        size = min(100, max(1, whole_number(request.one("per_page"), 30, "per_page must be a number.")))
        size = min(size, request.page_cap or size)
        page = max(1, whole_number(request.one("page"), 1, "page must be a number."))
        last = max(1, -(-len(found) // size))
        address = self._base + path
        asked = {name: values[-1] for name, values in request.query.items()}
        relations = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        useful = [
            rel
            for rel in relations
            if (rel in ("prev", "first") and page > 1) or (rel in ("next", "last") and page < last)
        ]
        links = [f'<{address}?{urlencode(asked | {"page": str(relations[rel])})}>; rel="{rel}"' for rel in useful]
        answer = self._answer(
            request, [render(one) for one in found[request.begin((page - 1) * size) : page * size]], links
        )
        return replace(answer, headers={**answer.headers, "Link": ", ".join(links)}) if links else answer

    def _answer(self, request: Request, body: object, links: Sequence[str] = ()) -> Answer:
        """Answer with an ETag; the same one sent back is a 304, which costs nothing of the limit."""
        etag = f'W/"{hashlib.sha256(json.dumps([body, *links]).encode()).hexdigest()}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(None, 304, self._limits() | {"ETag": etag})
        self._used += 1
        return Answer(body, 200, self._limits() | {"ETag": etag})

    def _limits(self) -> dict[str, str]:
        """The limit is told and counts down, and is made anew instead of ever being reached: faults do the refusing."""
        used = self._used % _LIMIT
        reset = int(self._world.clock.now().timestamp()) + 3600
        limits = {"Limit": _LIMIT, "Remaining": _LIMIT - used, "Used": used, "Reset": reset, "Resource": "core"}
        told = {f"X-RateLimit-{name}": str(value) for name, value in limits.items()}
        if self.server:
            told["X-GitHub-Enterprise-Version"] = self.server
        if self.scopes is not None:
            told["X-OAuth-Scopes"] = self.scopes
        if self.expires is not None:
            told["github-authentication-token-expiration"] = self.expires
        return told

    def _issue(self, item: Item) -> dict[str, object]:
        url = f"{self._base}/repos/{item.project.key}/issues/{item.number}"
        page = github_page(self._base, item)
        assignees = [user_record(self._base, item.assignee)] if item.assignee else []
        record: dict[str, object] = {
            "url": url,
            "repository_url": f"{self._base}/repos/{item.project.key}",
            "labels_url": url + "/labels{/name}",
            "comments_url": url + "/comments",
            "events_url": url + "/events",
            "html_url": page,
            "id": item.id,
            "node_id": pull_id(item) if item.pull else f"I_{item.id}",
            "number": item.number,
            "title": item.title,
            "user": user_record(self._base, self._world.users[item.number % len(self._world.users)]),
            "labels": [label_record(self._base, item.project, name) for name in item.labels],
            "state": _state(item),
            "state_reason": item.resolution,
            "locked": False,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": self._milestone(item.milestone) if item.milestone else None,
            "comments": 0,
            "created_at": stamp(item.created),
            "updated_at": stamp(item.updated),
            "closed_at": stamp(item.closed) if item.closed else None,
            "author_association": "MEMBER",
            "body": None,
        }
        if item.parent is not None:
            above = item.parent
            record["parent_issue_url"] = f"{self._base}/repos/{above.project.key}/issues/{above.number}"
        return record | (_pull_request(item, page) if item.pull else {"type": _type(item)})

    def _milestone(self, milestone: Milestone) -> dict[str, object]:
        repository, number = milestone.project.key, milestone.number
        url = f"{self._base}/repos/{repository}/milestones/{number}"
        states = [_state(item) for item in self._world.items_of(milestone.project) if item.milestone is milestone]
        due = datetime.combine(milestone.due, time(7), UTC) if milestone.due else None
        return {
            "url": url,
            "html_url": milestone_page(self._base, milestone),
            "labels_url": url + "/labels",
            "id": milestone.id,
            "node_id": f"MI_{milestone.id}",
            "number": number,
            "title": milestone.title,
            "description": None,
            "creator": user_record(self._base, self._world.users[0]),
            "open_issues": states.count("open"),
            "closed_issues": states.count("closed"),
            "state": "closed" if milestone.closed else "open",
            "created_at": stamp(milestone.created),
            "updated_at": stamp(milestone.updated),
            "closed_at": stamp(milestone.closed) if milestone.closed else None,
            "due_on": stamp(due) if due else None,
        }


def stamp(moment: datetime) -> str:
    """Return a time as GitHub writes it, in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _version(server: str) -> tuple[int, ...]:
    return tuple([int(part) for part in server.split(".")])


def _state(item: Item) -> str:
    return "closed" if item.closed else "open"


def _since(items: list[Item], text: str) -> list[Item]:
    """The epoch as `since` brings nothing at all, as GitHub does."""
    try:
        since = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(422, f"Validation Failed: since is no time: {text}") from error
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return [item for item in items if since.timestamp() > 0 and item.updated.replace(microsecond=0) >= since]


def _choice(request: Request, name: str, choices: Sequence[str]) -> str:
    """Return a parameter that is one of the choices, by default the first.  Raises Refused (422)."""
    value = request.one(name) or choices[0]
    if value not in choices:
        raise Refused(422, f"Validation Failed: {name} must be one of {', '.join(choices)}.")
    return value


def _type(item: Item) -> dict[str, object] | None:
    if not item.type:
        return None
    number = int.from_bytes(item.type.encode()[:4])
    return {"id": number, "node_id": f"IT_{number}", "name": item.type, "description": None, "is_enabled": True}


def _pull_request(item: Item, page: str) -> dict[str, object]:
    merged = stamp(item.closed) if item.closed and item.state == "done" else None
    links = {"url": page, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch"}
    return {"draft": item.draft, "pull_request": links | {"merged_at": merged}}
