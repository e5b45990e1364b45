"""The custom fields of a task as text: what people see is what rules compare, and numbers are exact."""

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.asana.fields import NO_NUMBERS
from connectors.asana.payload import objects, text, wrong
from connectors.contract import Demand, FieldsRefused
from okrs.immutable import immutable
from okrs.work import fold_name

_PARTS = (
    "name,resource_subtype,number_value,display_value,date_value.date,multi_enum_values.name,people_value.name,"
    "people_value.email,reference_value.name"
)
CUSTOM_FIELDS = "".join([f",custom_fields.{part}" for part in _PARTS.split(",")])
"""Asked of each task when a mapping demands custom fields: they make an answer several times larger."""

_SEVERAL = {"multi_enum": "multi_enum_values", "people": "people_value", "reference": "reference_value"}
"""Kinds that hold several values, and where those stand."""


@immutable
class Wanted:
    """Demanded custom fields."""

    spellings: Mapping[str, tuple[str, ...]]
    """Folded name or gid → its spellings in mappings."""
    numbers: frozenset[str]
    """Those of the spellings that are added up."""


def wanted(demand: Demand) -> Wanted:
    """Return the demanded fields in the form in which tasks are searched for them."""
    spellings: dict[str, tuple[str, ...]] = {}
    for name in sorted(demand.fields):
        spellings[fold_name(name)] = (*spellings.get(fold_name(name), ()), name)
    return Wanted(spellings, demand.numbers)


NOTHING = wanted(Demand())


def values_of(task: Mapping[str, Any], wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """Return the demanded fields, each under every spelling; a field is named by its name or by its gid.

    Raises FieldsRefused where two fields may be meant by what is added up, MalformedAnswer.
    """
    adding: dict[str, str] = {}
    found: set[tuple[str, bool, str]] = set()
    for field in objects(task, "custom_fields"):
        gid, numeric = text(field, "gid"), field.get("resource_subtype") not in NO_NUMBERS
        names = {fold_name(text(field, "name")), gid} & wanted.spellings.keys()
        for spelling in [one for name in names for one in wanted.spellings[name]]:
            if numeric and spelling in wanted.numbers and adding.setdefault(spelling, gid) != gid:
                told = (
                    f"Task {task['gid']} has two custom fields named {spelling!r}, {adding[spelling]} and {gid}: "
                    "name the one you mean by its gid, or rename the other one in Asana."
                )
                raise FieldsRefused({spelling: told})
            found.update((spelling, not numeric, one) for one in _shown(field))
    return tuple([(spelling, one) for spelling, _, one in sorted(found)])


def _shown(field: Mapping[str, Any]) -> list[str]:
    """Return the values of a field: each ticked option, a person by name and by e-mail address, a date by its day."""
    kind = field.get("resource_subtype")
    several = list(_named(field, _SEVERAL[kind])) if kind in _SEVERAL else []
    day = _day(field) if kind == "date" else None
    one = day or _number(field) or _display(field)
    return several or ([one] if one else [])


def _named(field: Mapping[str, Any], key: str) -> Iterator[str]:
    """Yield how people call what a field holds; what this token may not see comes without a name."""
    for one in objects(field, key):
        yield from (word for part in ("name", "email") if isinstance(word := one.get(part), str) and word)


def _day(field: Mapping[str, Any]) -> str | None:
    value = field.get("date_value")
    if value is None:
        return None
    day = value.get("date") if isinstance(value, dict) else value
    if day is not None and not isinstance(day, str):
        raise wrong(field, "date_value", "a day")
    return day


def _number(field: Mapping[str, Any]) -> str | None:
    number = field.get("number_value")
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise wrong(field, "number_value", "a number")
    # 3 and 3.0 are one value and must not look like a change; from 2**53 on floats are not exact anyway.
    whole = isinstance(number, float) and number.is_integer() and abs(number) < 2**53
    return str(int(number) if whole else number)


def _display(field: Mapping[str, Any]) -> str | None:
    shown = field.get("display_value")
    if shown is not None and not isinstance(shown, str):
        raise wrong(field, "display_value", "text")
    return shown
