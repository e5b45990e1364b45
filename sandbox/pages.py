"""What people see who follow a ticket's web address: a small page for each, for everybody and to read only."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from html import escape

from sandbox.exchange import Answer
from sandbox.records import Item, Milestone, Project, Tracker
from sandbox.world import World

_API_ROOT = "/api/1.0"
_NAMES = {"jira": "Jira", "asana": "Asana", "github": "GitHub"}
_STATES = {"todo": "to do", "doing": "in progress", "done": "done", "cancelled": "given up"}
_STYLE = "body{font:1rem/1.5 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}"
_Page = tuple[str, str, Mapping[str, str]]
"""Key, title, and what else is told, by its name."""


def github_page(base: str, item: Item) -> str:
    """Return where people look at an issue or a pull request of the GitHub whose API is at `base`."""
    return f"{base}/{item.project.key}/{'pull' if item.pull else 'issues'}/{item.number}"


def milestone_page(base: str, milestone: Milestone) -> str:
    """Return where people look at a milestone of the GitHub whose API is at `base`."""
    return f"{base}/{milestone.project.key}/milestone/{milestone.number}"


def asana_page(base: str, item: Item) -> str:
    """Return where people look at a task of the Asana whose API is at `base`: beside it, not below it."""
    return f"{base.removesuffix(_API_ROOT)}/1/1/task/{item.id}"


def page_at(world: World, path: str) -> Answer | None:
    """Return what a browser gets at a path of the server; None where no page for people can be."""
    for tracker, pattern, find in _PLACES:
        if match := re.fullmatch(pattern, path):
            with world.lock:
                found = find(world, *match.groups())
            return _answer(tracker, found)
    return None


def _issue_of_jira(world: World, key: str) -> _Page | None:
    project_key, _, number = key.rpartition("-")
    return _item_of(world, _project(world, "jira", project_key), number)


def _version_of_jira(world: World, key: str, number: str) -> _Page | None:
    mine = _milestones(world, _project(world, "jira", key))
    return next((_milestone(each) for each in mine if str(each.id) == number), None)


def _issue_of_github(world: World, key: str, number: str) -> _Page | None:
    project = _project(world, "github", key)
    moved = world.transferred.get((project.id, int(number))) if project else None
    return _item(moved) if moved else _item_of(world, project, number)


def _milestone_of_github(world: World, key: str, number: str) -> _Page | None:
    mine = _milestones(world, _project(world, "github", key))
    return next((_milestone(each) for each in mine if each.number == int(number)), None)


def _task_of_asana(world: World, gid: str) -> _Page | None:
    item = world.items.get(int(gid))
    return _item(item) if item and item.project.tracker == "asana" else None


_REPOSITORY = "(?!repos/|repositories/)([^/]+/[^/]+)"
"""GitHub gives nobody the names that its API begins with."""
_PLACES: tuple[tuple[Tracker, str, Callable[..., _Page | None]], ...] = (
    ("jira", "/jira/browse/([^/]+)", _issue_of_jira),
    ("jira", "/jira/projects/([^/]+)/versions/([0-9]{1,18})", _version_of_jira),
    ("github", f"/github/{_REPOSITORY}/(?:issues|pull)/([0-9]{{1,18}})", _issue_of_github),
    ("github", f"/github/{_REPOSITORY}/milestone/([0-9]{{1,18}})", _milestone_of_github),
    ("asana", "/asana/1/1/task/([0-9]{1,18})", _task_of_asana),
)


def _project(world: World, tracker: Tracker, key: str) -> Project | None:
    mine = (each for each in world.projects if each.tracker == tracker)
    return next((each for each in mine if key in (each.key, *each.former)), None)


def _item_of(world: World, project: Project | None, number: str) -> _Page | None:
    if project is None:
        return None
    return next((_item(each) for each in world.items_of(project) if str(each.number) == number), None)


def _milestones(world: World, project: Project | None) -> Iterator[Milestone]:
    return (each for each in world.milestones if each.project is project)


def _item(item: Item) -> _Page | None:
    told = {
        "State": _STATES[item.state] + (f" ({item.resolution})" if item.resolution else ""),
        "Type": "pull request" if item.pull else item.type.replace("_", " "),
        "Project": item.project.name,
        "Part of": f"{item.parent.key} {item.parent.title}" if item.parent and _shown(item.parent.project) else "",
        "Milestone": item.milestone.title if item.milestone else "",
        "Section": item.section.name if item.section else "",
        "Labels": ", ".join(item.labels),
        "Estimate": f"{item.points:.12g}" if item.points is not None else "",
        "Assignee": item.assignee.name if item.assignee else "",
        "Created": _time(item.created),
        "Closed": _time(item.closed),
    }
    return (item.key, item.title, told) if _shown(item.project) else None


def _milestone(milestone: Milestone) -> _Page | None:
    told = {
        "State": "closed" if milestone.closed else "open",
        "Project": milestone.project.name,
        "Due": milestone.due.isoformat() if milestone.due else "",
        "Closed": _time(milestone.closed),
    }
    return ("Milestone", milestone.title, told) if _shown(milestone.project) else None


def _shown(project: Project) -> bool:
    return not project.hidden and not project.barred


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _answer(tracker: Tracker, page: _Page | None) -> Answer:
    if page is None:
        text = "<h1>Not here</h1><p>It was deleted, or never was.</p>"
        return Answer(_document(tracker, "Not here", text), 404, _headers())
    key, title, told = page
    rows = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in told.items() if value)
    return Answer(_document(tracker, key, f"<h1>{_text(key)} {_text(title)}</h1><dl>{rows}</dl>"), 200, _headers())


def _document(tracker: Tracker, name: str, main: str) -> bytes:
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>{escape(name)}</title><style>{_STYLE}</style>'
    )
    foot = f"Headway's sandbox plays {_NAMES[tracker]} here, for an invented company. Nothing can be changed."
    body = f"{main}<p><small>{foot}</small></p>"
    document = f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>'
    return document.encode("utf-8", "replace")  # half a surrogate pair is no text


def _text(value: str) -> str:
    """A tracker's words, which must neither be markup nor turn the words beside them."""
    return f"<bdi>{escape(value)}</bdi>"


def _headers() -> dict[str, str]:
    """Nothing but the page's own style is ever loaded or run."""
    style = b64encode(sha256(_STYLE.encode()).digest()).decode()
    closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style}'; {closed}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
