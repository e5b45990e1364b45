"""How Asana shows things: records as dicts, and what `opt_fields` leaves of them."""

from collections.abc import Sequence
from datetime import datetime

from sandbox.custom_fields import asana_field, asana_values
from sandbox.pages import asana_page
from sandbox.records import Event, Item, Project, Section, User
from sandbox.world import World

POINTS_FIELD = "1204999900000001"
WORKSPACE = {"gid": "1204000000000000", "resource_type": "workspace", "name": "Acme"}
_COMPACT = frozenset(("gid", "name", "resource_type", "resource_subtype"))


def task(world: World, item: Item, base: str) -> dict[str, object]:
    """Return a task of the API at `base` in full.

    It shows the projects it is in by itself, of those that the token may see.
    """
    homes = [home for home in world.homes(item) if not home[0].hidden]
    approval = {"approval_status": _approval(item)} if item.type == "approval" else {}
    separator = {"is_rendered_as_separator": item.separator} if item.type == "default_task" else {}
    return (
        approval
        | separator
        | {
            "gid": str(item.id),
            "resource_type": "task",
            "resource_subtype": item.type,
            "name": item.title,
            "completed": item.state in ("done", "cancelled"),
            "completed_at": stamp(item.closed) if item.closed else None,
            "created_at": stamp(item.created),
            "modified_at": stamp(item.updated),
            "num_subtasks": len(world.children(item)),
            "parent": _compact(item.parent) if item.parent else None,
            "memberships": [_membership(*home) for home in homes],
            "projects": [project(home) for home, _ in homes],
            "tags": [tag(name) for name in item.labels],
            "assignee": user(item.assignee) | {"email": item.assignee.email} if item.assignee else None,
            "custom_fields": _custom_fields(world, item),
            "dependencies": [{"gid": str(one.id), "resource_type": "task"} for one in item.blocked_by],
            "workspace": WORKSPACE,
            "permalink_url": asana_page(base, item),
        }
    )


def event(world: World, one: Event) -> dict[str, object]:
    """Return an event; only of `added` and `removed` it says to and from what."""
    item = world.items.get(one.item) or world.trash.get(one.item)
    resource: dict[str, object] = {"gid": str(one.item), "resource_type": one.kind}
    record: dict[str, object] = {"type": one.kind, "action": one.action, "created_at": stamp(one.at)}
    record["resource"] = resource | ({"resource_subtype": item.type, "name": item.title} if item else {})
    if one.action in ("added", "removed"):
        kind, gid = ("task", one.parent) if one.parent else ("project", one.project)
        record["parent"] = {"gid": str(gid), "resource_type": kind}
    if one.action == "changed":
        record["change"] = {"field": "name", "action": "changed"}
    return record


def project(one: Project) -> dict[str, object]:
    return {"gid": one.key, "resource_type": "project", "name": one.name}


def section(one: Section) -> dict[str, object]:
    return {"gid": str(one.id), "resource_type": "section", "name": one.name}


def user(one: User) -> dict[str, object]:
    return {"gid": user_gid(one), "resource_type": "user", "name": one.name}


def tag(name: str) -> dict[str, object]:
    gid = 1_205_000_000_000_000 + int.from_bytes(name.encode()[:6])
    return {"gid": str(gid), "resource_type": "tag", "name": name}


def user_gid(one: User) -> str:
    return str(1_203_000_000_000_000 + one.id)


def field_settings(home: Project) -> list[dict[str, object]]:
    """Return the custom fields that a project shows."""
    shared: dict[str, object] = {
        "resource_type": "custom_field_setting",
        "project": project(home),
        "is_important": True,
    }
    fields = [_field(home)] if home.estimate else []
    fields += [asana_field(name, kind) for name, kind in home.fields.items()]
    return [
        shared | {"gid": str(home.id + number * 1_000_000_000), "custom_field": one}
        for number, one in enumerate(fields, 1)
    ]


def stamp(moment: datetime) -> str:
    """Return a time as Asana writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def shown(record: dict[str, object], wanted: str | None) -> dict[str, object]:
    """Return a record of a list: what `opt_fields` asks of it, else the compact form."""
    if wanted:
        return pick(record, wanted.split(","))
    return {name: value for name, value in record.items() if name in _COMPACT}


def pick(record: dict[str, object], names: Sequence[str]) -> dict[str, object]:
    """Return what `opt_fields` asks of a record: always the gid; a nested object without names of its own is a stub."""
    deeper: dict[str, list[str]] = {"gid": []}
    for name in names:
        head, _, rest = name.strip().removeprefix("this.").partition(".")
        deeper.setdefault(head, []).extend([rest] if rest else [])
    return {name: _picked(record[name], inner) for name, inner in deeper.items() if name in record}


def _picked(value: object, names: Sequence[str]) -> object:
    if isinstance(value, list):
        return [_picked(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    if names:
        return pick(value, names)
    if "gid" in value:
        return {name: value[name] for name in ("gid", "resource_type") if name in value}
    return {name: _picked(inner, ()) for name, inner in value.items()}


def _approval(item: Item) -> str:
    return {"done": "approved", "cancelled": "rejected"}.get(item.state, "pending")


def _field(home: Project) -> dict[str, object]:
    record: dict[str, object] = {"gid": POINTS_FIELD, "resource_type": "custom_field", "name": home.estimate}
    return record | {"type": "number", "resource_subtype": "number", "precision": 1}


def _custom_fields(world: World, item: Item) -> list[dict[str, object]]:
    """Return the fields of a task: a sub-task has those of the project that it would be in."""
    homes = list(dict.fromkeys([item.project, *[home for home, _ in world.homes(item)]]))
    return ([_points(item)] if item.project.estimate else []) + asana_values(item, homes, user)


def _points(item: Item) -> dict[str, object]:
    value = None if item.points is None else f"{item.points:g}"
    return _field(item.project) | {"number_value": item.points, "display_value": value}


def _compact(item: Item) -> dict[str, object]:
    record: dict[str, object] = {"gid": str(item.id), "resource_type": "task", "resource_subtype": item.type}
    return record | {"name": item.title}


def _membership(home: Project, within: Section | None) -> dict[str, object]:
    column = within or next(iter(home.sections), None)
    return {"project": project(home), "section": section(column) if column else None}
