"""What `headway check` and `headway discover` tell of an Asana account."""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.asana import asking
from connectors.asana.asking import Asking
from connectors.asana.fields import NO_NUMBERS
from connectors.asana.payload import objects, text
from connectors.contract import Account, Container, Listed, Unreadable, What
from connectors.plain import account_of

_TASK = "name,resource_subtype,completed,tags.name"
_FIELD = "custom_field.name,custom_field.resource_subtype"


def account(ask: Asking, found: Sequence[Container | Unreadable]) -> Account:
    """Say who the token is, and what it sees.  Raises ConnectorError."""
    me = ask.one(asking.me(), "name,email")
    seen = [one for one in found if isinstance(one, Container)]
    return account_of(
        _called(me.get("name"), me.get("email")),
        found,
        detail="Asana" + "".join(f", {one.name}: {one.called}" for one in seen),
        lacks=[sentence for one in seen for sentence in _lacking(ask, one)],
    )


def _lacking(ask: Asking, project: Container) -> Iterator[str]:
    """Ask for one task, as a read will: that a token sees a project says nothing of its tasks.  And for events."""
    if refusal := ask.refusal(project.id):
        yield refusal
    if ask.events(project.id, "") is None:
        yield _no_events(project)


def _called(name: object, email: object) -> str:
    """Return a person as all connectors show one: `Mira Albrecht <mira@acme.example>`."""
    known = [text for text in (name, email) if isinstance(text, str) and text]
    return f"{known[0]} <{known[1]}>" if len(known) > 1 else "".join(known)


def _no_events(project: Container) -> str:
    return (
        f"Asana tells this token no events of the project {project.called} ({project.name}), so every task "
        "with sub-tasks is asked in every run: make the account a member of the project."
    )


def listed(ask: Asking, found: Sequence[Container | Unreadable]) -> Sequence[Listed]:
    """List the projects that the token sees, and what the configured ones hold.  Raises ConnectorError."""
    configured = {one.name for one in found}
    rows: list[Listed] = []
    for workspace in ask.every(asking.workspaces(), "name"):
        for project in ask.every(asking.projects(text(workspace, "gid")), "name"):
            gid = text(project, "gid")
            note = "" if gid in configured else "not in the config"
            rows.append(Listed(What.PROJECT, gid, text(project, "name"), note=note))
    for one in found:
        if isinstance(one, Container):
            rows += _of_project(ask, one)
    return rows


def _of_project(ask: Asking, home: Container) -> Iterator[Listed]:
    for section in ask.every(asking.sections(home.id), "name"):
        yield Listed(What.SECTION, text(section, "name"), container=home.name)
    tasks = list(ask.every(asking.tasks(home.id), _TASK))
    for task in tasks:
        if text(task, "resource_subtype") == "milestone":
            note = f"{'completed' if task.get('completed') is True else 'open'}, gid {text(task, 'gid')}"
            yield Listed(What.MILESTONE, text(task, "name"), container=home.name, note=note)
    for tag in sorted({text(tag, "name") for task in tasks for tag in objects(task, "tags")}):
        yield Listed(What.LABEL, tag, container=home.name)
    for subtype in sorted({text(task, "resource_subtype") for task in tasks} - {"section"}):
        yield Listed(What.TYPE, subtype, container=home.name)
    for setting in ask.every(asking.custom_fields(home.id), _FIELD):
        field: Any = setting.get("custom_field")
        if isinstance(field, dict):
            kind = text(field, "resource_subtype")
            gid, name = text(field, "gid"), text(field, "name")
            yield Listed(What.FIELD, gid, name, home.name, note=kind, number=kind not in NO_NUMBERS)
