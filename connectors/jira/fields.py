"""Which field of Jira a name means.  Two that fit are never guessed between."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from connectors.contract import MalformedAnswer, Stop
from connectors.jira.payload import Json, maybe, needed
from okrs.work import fold_name

_CUSTOM_ID = re.compile(r"customfield_\d+")
_EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"


def is_id(spelled: str) -> bool:
    """Tell whether this is a custom field's id, which needs no list of fields to be understood."""
    return _CUSTOM_ID.fullmatch(spelled) is not None


def field_list(answer: object) -> list[Json]:
    """Return the fields of `GET /field`.  Raises MalformedAnswer unless it is a list of objects."""
    if not isinstance(answer, list) or not all(isinstance(field, dict) for field in answer):
        raise MalformedAnswer("Jira's answer for the list of fields is no list; nothing of it was used.")
    return answer


def field_id(spelled: str, known: Sequence[Json]) -> str:
    """Return the id of the field that is spelled by its id or its name.  Raises Stop unless exactly one fits."""
    names = [(needed(field, "id", str, "a field"), needed(field, "name", str, "a field")) for field in known]
    if any(spelled == number for number, _ in names):
        return spelled
    fitting = [number for number, name in names if fold_name(name) == fold_name(spelled)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise Stop(
            f"Jira has {len(fitting)} fields called {spelled!r} ({', '.join(fitting)}): "
            "write the right one's id under `fields:` of the source."
        )
    close = get_close_matches(fold_name(spelled), {fold_name(name): name for _, name in names}, n=3)
    near = [f"{name} ({number})" for number, name in names if fold_name(name) in close]
    raise Stop(
        f"Jira has no field {spelled!r}, or this token may not see it: "
        + (f"did you mean {' or '.join(near)}?" if near else "write its id under `fields:` of the source.")
    )


def epic_link(known: Sequence[Json]) -> str | None:
    """Return the id of Data Center's Epic Link, found by its schema as names are translated; None without one."""
    for field in known:
        schema = maybe(field, "schema", dict, "a field") or {}
        if schema.get("custom") == _EPIC_LINK:
            return needed(field, "id", str, "a field")
    return None
