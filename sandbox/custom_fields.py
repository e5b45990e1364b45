"""Custom fields beside the estimate: their kinds, and how Asana and Jira write their values down."""

import zlib
from collections.abc import Callable

from sandbox.records import Item, Project, User, Value

Json = dict[str, object]

_JIRA_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"
JIRA_KINDS: dict[str, Json] = {
    "select": {"type": "option"},
    "multiselect": {"type": "array", "items": "option"},
    "cascadingselect": {"type": "option-with-child"},
    "userpicker": {"type": "user"},
    "multiuserpicker": {"type": "array", "items": "user"},
    "labels": {"type": "array", "items": "string"},
    "textfield": {"type": "string"},
    "datepicker": {"type": "date"},
    "float": {"type": "number"},
}
"""Schemas by the last word of Jira's name for the type."""


def number_of(name: str) -> int:
    """Return the number in a field's id, the same in every world."""
    return 20_000 + zlib.crc32(name.encode()) % 10_000


# Asana


def asana_field(name: str, kind: str) -> Json:
    record: Json = {"gid": f"12049999000{number_of(f'{name} {kind}')}", "resource_type": "custom_field", "name": name}
    return record | {"type": kind, "resource_subtype": kind}


def asana_values(item: Item, homes: list[Project], person: Callable[[User], Json]) -> list[Json]:
    """Return the fields of the projects that a task is in, also those that are empty."""
    fields = dict.fromkeys([pair for home in homes for pair in home.fields.items()])
    return [asana_field(*field) | _asana_value(item.values.get(field[0]), field[1], person) for field in fields]


def _asana_value(value: Value | None, kind: str, person: Callable[[User], Json]) -> Json:
    several = _several(value)
    shown = ", ".join([one.name if isinstance(one, User) else f"{one}" for one in several]) or None
    match kind:
        case "multi_enum":
            return {"display_value": shown, "multi_enum_values": [_option(one) for one in several]}
        case "enum":
            return {"display_value": shown, "enum_value": _option(several[0]) if several else None}
        case "people":
            people = [one for one in several if isinstance(one, User)]
            return {"display_value": shown, "people_value": [person(one) | {"email": one.email} for one in people]}
        case "date":
            day = {"date": value, "date_time": None} if value else None
            return {"display_value": f"{value}T00:00:00.000Z" if value else None, "date_value": day}
    return {"display_value": shown, "text_value": value}


def _option(one: object) -> Json:
    return {"gid": f"1207{zlib.crc32(str(one).encode()):012}", "resource_type": "enum_option", "name": one}


# Jira


def jira_id(name: str, project: Project | None = None) -> str:
    """Return the id of a field of the site, or of the field that a team-managed project has of its own."""
    return f"customfield_{_jira_number(name, project)}"


def _jira_number(name: str, project: Project | None) -> int:
    return number_of(f"{project.id} {name}" if project and project.team_managed else name)


def jira_field(name: str, kind: str, project: Project) -> Json:
    """Return a field as the list of fields has it: one of a team-managed project says whose it is."""
    custom = {"custom": f"{_JIRA_TYPES}:{kind}", "customId": _jira_number(name, project)}
    scope: Json = {"scope": {"type": "PROJECT", "project": {"id": str(project.id)}}}
    record: Json = {"id": jira_id(name, project), "name": name, "schema": JIRA_KINDS[kind] | custom}
    return record | (scope if project.team_managed else {})


def jira_values(item: Item, person: Callable[[User], Json]) -> Json:
    """Return the fields of an issue's project by id; one that is empty is null."""
    return {
        jira_id(name, item.project): _jira_value(item.values.get(name), kind, person)
        for name, kind in item.project.fields.items()
    }


def _jira_value(value: Value | None, kind: str, person: Callable[[User], Json]) -> object:
    if value is None:
        return None
    shown: list[object] = [person(one) if isinstance(one, User) else one for one in _several(value)]
    match kind:
        case "select":
            return _jira_option(shown[0])
        case "multiselect":
            return [_jira_option(one) for one in shown]
        case "cascadingselect":
            above, *below = [_jira_option(one) for one in shown]
            return above | ({"child": below[0]} if below else {})
        case "multiuserpicker" | "labels":
            return shown
    return shown[0]


def _jira_option(one: object) -> Json:
    return {"value": one, "id": str(zlib.crc32(str(one).encode()))}


def _several(value: Value | None) -> list[str | float | User]:
    if value is None:
        return []
    return list(value) if isinstance(value, tuple) else [value]
