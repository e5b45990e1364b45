"""From GitHub's JSON to work items.  Pure; the field names are those of the REST API, version 2022-11-28.

https://docs.github.com/en/rest/issues/issues#list-repository-issues (pull requests are among the issues) and
https://docs.github.com/en/rest/issues/milestones#list-milestones.
"""

import re
from datetime import datetime

from connectors.contract import MalformedAnswer
from connectors.github.payload import Payload, as_object, entries, malformed, moment, text, whole
from connectors.github.settings import FULL_NAME
from connectors.naming import first_refs, named_in_title
from okrs.work import Kind, Ref, State, WorkItem

CANCELLED_REASONS = frozenset({"not_planned", "duplicate"})

_PARENT = re.compile(r"/repos/([^/]+/[^/]+)/issues/([0-9]+)\Z")
_HOME = re.compile(r"/repos/([^/]+/[^/]+)\Z")


def repository(payload: object) -> Ref:
    """Return a repository: its immutable id, and its canonical name, which a rename changes.

    Raises MalformedAnswer.
    """
    if not isinstance(payload, dict):
        raise MalformedAnswer("GitHub answered something else than a repository.")
    name = text(payload, "full_name")
    if FULL_NAME.fullmatch(name) is None:
        raise MalformedAnswer("GitHub named a repository by something else than owner/name.")
    return Ref(str(whole(payload, "id")), name)


def has_issues(payload: object) -> bool:
    """Tell whether the repository has its issues switched on: without them GitHub answers 410 for each."""
    return not (isinstance(payload, dict) and payload.get("has_issues") is False)


def home(payload: Payload) -> str:
    """Return the owner/name of the repository that an issue says it is in.  Raises MalformedAnswer."""
    match = _HOME.search(text(payload, "repository_url"))
    if match is None:
        raise malformed("repository_url")
    return match[1]


def reference(payload: Payload, repo: Ref) -> Ref:
    """Return the identity of an issue or a pull request alone.  Raises MalformedAnswer."""
    return Ref(str(whole(payload, "id")), f"{repo.name}#{whole(payload, 'number')}")


def milestone_reference(payload: Payload, repo: Ref) -> Ref:
    """Return the identity of a milestone alone.  Raises MalformedAnswer."""
    return Ref(f"milestone:{whole(payload, 'id')}", f"{repo.name}/milestone/{whole(payload, 'number')}")


def issue(payload: Payload, repo: Ref, fields: tuple[tuple[str, str], ...] = ()) -> WorkItem:
    """Return the item of an issue or a pull request, with its fields on boards.  Raises MalformedAnswer."""
    pull = payload.get("pull_request")
    status = _status(payload)
    reason = text(payload, "state_reason") if payload.get("state_reason") is not None else None
    if pull is None:
        kind, state = Kind.ISSUE, _issue_state(status, reason)
    else:
        kind, state = Kind.PULL_REQUEST, _pull_state(status, payload, pull)
    milestone = payload.get("milestone")
    own, title = reference(payload, repo), text(payload, "title")
    return WorkItem(
        id=own.id,
        key=own.name,
        kind=kind,
        type=_type(payload, pull is not None),
        title=title,
        url=text(payload, "html_url"),
        state=state,
        status=status,
        resolution=reason if pull is None else None,
        created_at=moment(payload, "created_at"),
        updated_at=moment(payload, "updated_at"),
        closed_at=_closed_at(payload, status),
        parent=_parent(payload.get("parent_issue_url")),
        projects=(repo,),
        milestones=() if milestone is None else (f"milestone:{whole(as_object(milestone, 'milestone'), 'id')}",),
        labels=tuple([_label(label) for label in entries(payload, "labels")]),
        assignees=tuple([text(as_object(who, "assignees"), "login") for who in entries(payload, "assignees")]),
        fields=fields,
        refs=() if pull is None else first_refs(named_in_title(title, repo.name), own.name),
    )


def milestone(payload: Payload, repo: Ref) -> WorkItem:
    """Return the item of a milestone.  Its number is not an issue's number; rules name it `owner/name#3`."""
    own, status = milestone_reference(payload, repo), _status(payload)
    return WorkItem(
        id=own.id,
        key=own.name,
        kind=Kind.MILESTONE,
        type="milestone",
        title=text(payload, "title"),
        url=text(payload, "html_url"),
        state=State.DONE if status == "closed" else State.TODO,
        status=status,
        created_at=moment(payload, "created_at"),
        updated_at=moment(payload, "updated_at"),
        closed_at=_closed_at(payload, status),
        projects=(repo,),
        aliases=(f"{repo.name}#{whole(payload, 'number')}",),
    )


def _status(payload: Payload) -> str:
    status = text(payload, "state")
    if status not in ("open", "closed"):
        raise malformed("state")
    return status


def _issue_state(status: str, reason: str | None) -> State:
    if status == "open":
        return State.TODO
    return State.CANCELLED if reason in CANCELLED_REASONS else State.DONE


def _pull_state(status: str, payload: Payload, pull: object) -> State:
    if status == "open":
        return State.TODO if payload.get("draft") is True else State.DOING
    # Without the key nobody knows whether the work was merged or thrown away, and a guess would move a number.
    told = as_object(pull, "pull_request")
    if "merged_at" not in told:
        raise malformed("pull_request.merged_at")
    return State.CANCELLED if told["merged_at"] is None else State.DONE


def _type(payload: Payload, is_pull: bool) -> str:
    kind = payload.get("type")
    if kind is not None:
        return text(as_object(kind, "type"), "name")
    return "Pull request" if is_pull else "Issue"


def _parent(url: object) -> Ref | None:
    """Return the parent by its key: GitHub tells its address only, not its id."""
    if url is None:
        return None
    match = _PARENT.search(url) if isinstance(url, str) else None
    if match is None:
        raise malformed("parent_issue_url")
    return Ref("", f"{match[1]}#{match[2]}")


def _label(label: object) -> str:
    """Labels are objects; the API description also allows bare names."""
    return label if isinstance(label, str) else text(as_object(label, "labels"), "name")


def _closed_at(payload: Payload, status: str) -> datetime | None:
    if status == "open" or payload.get("closed_at") is None:
        return None
    return moment(payload, "closed_at")
