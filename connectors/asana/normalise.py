"""A task as Asana shows it, turned into a work item.  Pure: no requests, no clock.

Shapes and meanings: Asana's OpenAPI document, schema `TaskResponse`; kinds and states: DESIGN 2.
"""

from collections.abc import Mapping
from typing import Any

from connectors.asana.payload import count, gid_of, objects, text, time, wrong
from connectors.asana.values import NOTHING, Wanted, values_of
from connectors.contract import MalformedAnswer
from okrs.work import Kind, Ref, State, WorkItem

FIELDS = (
    "name,resource_subtype,completed,completed_at,created_at,modified_at,approval_status,num_subtasks,parent,"
    "memberships.project.name,memberships.section.name,tags.name,assignee.name,assignee.email,dependencies,"
    "is_rendered_as_separator,permalink_url"
)
"""What is asked of each task; every object brings its gid unasked."""

IDENTITY = "resource_subtype,is_rendered_as_separator,num_subtasks"
"""What a census asks of each task besides its gid: headings are no items, and sub-tasks must be walked."""


def work_item(task: Mapping[str, Any], fields: Wanted = NOTHING, parent: str | None = None) -> WorkItem | None:
    """Return the item, None for a heading.

    `parent` is the gid of the task it was found under.  A sub-task has no project of its own: selectors take its
    ancestors', so that a task in two projects reads the same through both.  Raises MalformedAnswer when the
    payload is not a task, Stop when a field that is added up is ambiguous.
    """
    gid = text(task, "gid")
    if not gid:
        raise MalformedAnswer("The answer holds a task without a gid; nothing of it was used.")
    subtype = text(task, "resource_subtype")
    if _is_heading(task):
        return None
    parent = gid_of(task.get("parent"), gid, "parent") or parent
    kind = _kind(subtype, parent)
    state = _state(task, subtype)
    completed_at = time(task, "completed_at")
    memberships = objects(task, "memberships")
    return WorkItem(
        id=gid,
        key=gid,
        kind=kind,
        type=subtype,
        title=text(task, "name"),
        url=_link(task),
        state=state,
        created_at=time(task, "created_at"),
        updated_at=time(task, "modified_at"),
        closed_at=completed_at if state.closed else None,
        parent=Ref(parent, parent) if parent else None,  # a task's key is its gid
        projects=_refs(gid, memberships, "project"),
        members=tuple(sorted({text(one, "gid") for one in objects(task, "dependencies")}))
        if kind is Kind.MILESTONE
        else (),
        labels=tuple(sorted({text(tag, "name") for tag in objects(task, "tags")})),
        sections=_refs(gid, memberships, "section"),
        assignees=_people(task),
        fields=values_of(task, fields) if fields.spellings else (),
        children=count(task, "num_subtasks"),
    )


def identity(task: Mapping[str, Any]) -> tuple[Ref, int] | None:
    """Return who a task is and how many sub-tasks it has, None for a heading.  Raises MalformedAnswer."""
    gid = text(task, "gid")
    if not gid:
        raise MalformedAnswer("The answer holds a task without a gid; nothing of it was used.")
    return None if _is_heading(task) else (Ref(gid, gid), count(task, "num_subtasks"))


def _is_heading(task: Mapping[str, Any]) -> bool:
    """Tell whether it only stands between tasks: a section, or a separator, of which Asana says so by itself."""
    separator = task.get("is_rendered_as_separator")
    if separator is not None and not isinstance(separator, bool):
        raise wrong(task, "is_rendered_as_separator", "true or false")
    return text(task, "resource_subtype") == "section" or separator is True


def homes(task: Mapping[str, Any]) -> list[str]:
    """Return the gids of the projects that a task is in by itself.  Raises MalformedAnswer."""
    gid = text(task, "gid")
    found = [gid_of(one.get("project"), gid, "project") for one in objects(task, "memberships")]
    return [home for home in dict.fromkeys(found) if home is not None]


def parent_of(task: Mapping[str, Any]) -> str | None:
    """Return the gid of the task above, None at the top.  Raises MalformedAnswer."""
    return gid_of(task.get("parent"), text(task, "gid"), "parent")


def _kind(subtype: str, parent: str | None) -> Kind:
    if subtype == "milestone":
        return Kind.MILESTONE  # also with a parent
    return Kind.SUBTASK if parent else Kind.ISSUE


def _state(task: Mapping[str, Any], subtype: str) -> State:
    # A rejected approval says completed: true as well; `changes_requested` does too, and counts as done.
    if subtype == "approval" and task.get("approval_status") == "rejected":
        return State.CANCELLED
    completed = task.get("completed")
    if not isinstance(completed, bool):
        raise wrong(task, "completed", "true or false")
    return State.DONE if completed else State.TODO


def _people(task: Mapping[str, Any]) -> tuple[str, ...]:
    person = task.get("assignee")
    if person is None:
        return ()
    if not isinstance(person, dict):
        raise wrong(task, "assignee", "an object")
    # Guests and removed people may come without an e-mail address or a name.
    return tuple(sorted({one for key in ("email", "name") if isinstance(one := person.get(key), str) and one}))


def _refs(gid: str, memberships: list[dict[str, Any]], key: str) -> tuple[Ref, ...]:
    names: dict[str, str] = {}
    for membership in memberships:
        one = membership.get(key)
        if (id_ := gid_of(one, gid, key)) is not None:
            names.setdefault(id_, text(one, "name") if isinstance(one, dict) else "")
    return tuple(Ref(*pair) for pair in sorted(names.items()))


def _link(task: Mapping[str, Any]) -> str:
    """Return the page of the task; an address that a browser would run instead of open is none."""
    url = task.get("permalink_url")
    if url is not None and not isinstance(url, str):
        raise wrong(task, "permalink_url", "text")
    return url if url and url.startswith(("https://", "http://")) else ""
