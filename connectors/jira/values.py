"""A field's value as the texts that people see: what rules compare."""

from connectors.contract import Stop
from connectors.jira.payload import Json

_PERSON = ("displayName", "emailAddress", "name", "accountId")
"""How a person may be called: Cloud has an account id and may hide the e-mail, Data Center a login."""

_CALLED = ("value", "name", "key")
"""Where the name of anything else stands: of an option, of a version or team, of an issue."""


def value_texts(value: object, what: str) -> tuple[str, ...]:
    """Return the texts of a value, each once; none where the field is empty.

    Numbers come exactly and shortest, each of several options by itself, and the lower of two cascading options also
    behind the upper one, as Jira shows it.  Raises Stop for a value without words: `what` says of which field.
    """
    return tuple(dict.fromkeys(text for text in _texts(value, what) if text.strip()))


def _texts(value: object, what: str) -> list[str]:
    match value:
        case None:
            return []
        case str():
            return [value]
        case bool() | int() | float():
            return [repr(value).lower().removesuffix(".0")]
        case list():
            return [text for one in value for text in _texts(one, what)]
        case {"value": str(above), "child": {"value": str(below)}}:
            return [above, below, f"{above} - {below}"]
        case dict():
            if texts := _words(value):
                return texts
    raise Stop(
        f"Jira holds {what} in a form of its own, which cannot be compared: name another field in the mapping, or one "
        "that an automation fills with its text."
    )


def _words(value: Json) -> list[str]:
    keys = _PERSON if "displayName" in value else _CALLED
    found = [text for key in keys if isinstance(text := value.get(key), str)]
    return found if keys is _PERSON else found[:1]
