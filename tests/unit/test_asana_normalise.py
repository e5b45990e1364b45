"""Golden payloads beside their expected items, and every way in which a payload can be malformed."""

from copy import deepcopy
from datetime import UTC
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.asana.normalise import work_item
from connectors.asana.values import wanted
from connectors.contract import MalformedAnswer, Stop
from connectors.golden import golden
from okrs.demand import Demand
from okrs.work import Kind, Ref, State, WorkItem

GOLDEN = Path(__file__).parent / "golden" / "asana"
NUMBERS = frozenset({"effort", "Effort ", "Share"})
SHARE = frozenset({"Share"})
FIELDS = wanted(Demand(fields=NUMBERS | {"priority", "unknown"}, numbers=NUMBERS))


def load(name: str) -> Any:
    return orjson.loads((GOLDEN / name).read_bytes())


def tasks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load("tasks.json")["data"]
    return found


def read(task: dict[str, Any], parent: str | None = None) -> WorkItem:
    item = work_item(task, FIELDS, parent)
    assert item is not None
    return item


def test_tasks_become_the_expected_items() -> None:
    items = [item for task in tasks() if (item := work_item(task, FIELDS)) is not None]
    assert golden(items) == load("tasks.items.json")
    times = [time for item in items for time in (item.created_at, item.updated_at, item.closed_at) if time]
    assert times
    assert all(time.tzinfo is UTC for time in times)


def test_a_section_is_no_item() -> None:
    assert work_item(tasks()[2], FIELDS) is None


@pytest.mark.parametrize("said", [None, False, True])
def test_a_separator_is_no_item(said: object) -> None:
    item = work_item({**tasks()[0], "is_rendered_as_separator": said}, FIELDS)
    assert (item is None) == bool(said)


def test_what_is_said_of_separators_is_never_guessed() -> None:
    with pytest.raises(MalformedAnswer, match="is_rendered_as_separator"):
        work_item({**tasks()[0], "is_rendered_as_separator": "no"}, FIELDS)


@pytest.mark.parametrize(
    ("subtype", "approval", "completed", "state"),
    [
        ("default_task", None, False, State.TODO),
        ("default_task", None, True, State.DONE),
        ("default_task", "rejected", True, State.DONE),
        ("milestone", None, True, State.DONE),
        ("approval", "pending", False, State.TODO),
        ("approval", "approved", True, State.DONE),
        ("approval", "changes_requested", True, State.DONE),
        ("approval", "rejected", True, State.CANCELLED),
    ],
)
def test_states(subtype: str, approval: str | None, completed: bool, state: State) -> None:
    item = read({**tasks()[0], "resource_subtype": subtype, "approval_status": approval, "completed": completed})
    assert item.state is state
    assert (item.closed_at is not None) is completed


@pytest.mark.parametrize(
    ("subtype", "parent", "kind"),
    [
        ("default_task", None, Kind.ISSUE),
        ("approval", None, Kind.ISSUE),
        ("milestone", None, Kind.MILESTONE),
        ("default_task", {"gid": "7"}, Kind.SUBTASK),
        ("approval", {"gid": "7"}, Kind.SUBTASK),
        ("milestone", {"gid": "7"}, Kind.MILESTONE),
    ],
)
def test_kinds(subtype: str, parent: dict[str, str] | None, kind: Kind) -> None:
    item = read({**tasks()[0], "resource_subtype": subtype, "parent": parent})
    assert (item.kind, item.type) == (kind, subtype)
    assert item.parent == (Ref("7", "7") if parent else None)
    assert item.members == (("1204000000000104",) if kind is Kind.MILESTONE else ())


def test_a_task_found_under_a_parent_is_a_subtask_without_a_project_of_its_own() -> None:
    task = {**tasks()[4]}
    del task["parent"]
    item = read(task, parent="1204000000000101")
    assert (item.kind, item.parent) == (Kind.SUBTASK, Ref("1204000000000101", "1204000000000101"))
    assert item.projects == ()


def test_order_in_the_answer_makes_no_difference() -> None:
    task = tasks()[0]
    turned = deepcopy(task)
    for key in ("memberships", "tags", "custom_fields"):
        turned[key].reverse()
    assert read(turned) == read(task)
    milestone = tasks()[1]
    assert read({**milestone, "dependencies": milestone["dependencies"][::-1]}) == read(milestone)


@pytest.mark.parametrize(
    ("number", "text"),
    [(3, "3"), (3.0, "3"), (-0.5, "-0.5"), (0.1, "0.1"), (1e22, "1e+22"), (12345678901234567, "12345678901234567")],
)
def test_numbers_are_exact_text(number: float, text: str) -> None:
    field = {"gid": "1", "name": "Effort", "number_value": number, "display_value": "about that"}
    item = read({**tasks()[0], "custom_fields": [field]})
    assert item.fields == (("Effort ", text), ("effort", text))


ADA = {"gid": "1", "name": "Ada Okafor", "email": "ada@acme.example"}


@pytest.mark.parametrize(
    ("kind", "held", "texts"),
    [
        ("text", {"text_value": " Berlin ", "display_value": " Berlin "}, [" Berlin "]),
        ("enum", {"enum_value": {"gid": "5", "name": "High"}, "display_value": "High"}, ["High"]),
        (
            "multi_enum",
            {"multi_enum_values": [{"gid": "5", "name": "DE"}, {"gid": "6", "name": "AT"}], "display_value": "DE, AT"},
            ["AT", "DE"],
        ),
        ("multi_enum", {"multi_enum_values": [], "display_value": ""}, []),
        ("multi_enum", {"display_value": "DE"}, ["DE"]),
        ("date", {"date_value": {"date": "2026-10-01"}, "display_value": "2026-10-01T00:00:00.000Z"}, ["2026-10-01"]),
        ("date", {"date_value": None, "display_value": None}, []),
        ("people", {"people_value": [ADA], "display_value": "Ada Okafor"}, ["Ada Okafor", "ada@acme.example"]),
        ("people", {"people_value": [{"gid": "1"}], "display_value": "Private User"}, ["Private User"]),
        ("reference", {"reference_value": [{"gid": "7", "name": "Launch"}], "display_value": "Launch"}, ["Launch"]),
        ("number", {"number_value": 0.5, "display_value": "50%"}, ["0.5"]),
        ("something new", {"display_value": "whatever"}, ["whatever"]),
    ],
)
def test_what_people_see_is_what_is_compared(kind: str, held: dict[str, object], texts: list[str]) -> None:
    field = {"gid": "11", "name": "Place", "resource_subtype": kind, **held}
    item = work_item({**tasks()[0], "custom_fields": [field]}, wanted(Demand(fields=frozenset({"place"}))))
    assert item is not None
    assert item.fields == tuple(("place", text) for text in texts)


def test_of_two_fields_of_one_name_the_number_is_added_and_all_are_compared() -> None:
    number = {"gid": "11", "name": "Size", "resource_subtype": "number", "number_value": 5, "display_value": "5"}
    words = {"gid": "12", "name": "size", "resource_subtype": "text", "display_value": "3"}
    sizes = frozenset({"Size"})
    for numbers in (sizes, frozenset[str]()):
        item = work_item(
            {**tasks()[0], "custom_fields": [words, number]}, wanted(Demand(fields=sizes, numbers=numbers))
        )
        assert item is not None
        assert item.fields == (("Size", "5"), ("Size", "3"))
        assert item.number("Size") == 5


def test_two_number_fields_of_one_name_may_be_compared() -> None:
    fields = [{"gid": gid, "name": "Effort", "number_value": value} for gid, value in (("11", 1), ("12", 2))]
    task = {**tasks()[0], "custom_fields": fields}
    item = work_item(task, wanted(Demand(fields=frozenset({"effort"}))))
    assert item is not None
    assert item.fields == (("effort", "1"), ("effort", "2"))


def test_two_fields_of_one_name_are_told_apart_by_a_person() -> None:
    fields = [{"gid": gid, "name": name, "number_value": 1} for gid, name in (("11", "Effort"), ("12", "EFFORT "))]
    with pytest.raises(Stop, match="11 and 12"):
        read({**tasks()[0], "custom_fields": fields})
    assert (
        work_item(
            {**tasks()[0], "custom_fields": fields},
            wanted(Demand(fields=SHARE, numbers=SHARE)),
        )
        is not None
    )


@pytest.mark.parametrize("key", ["gid", "name", "resource_subtype", "completed"])
@pytest.mark.parametrize("value", [None, 5, [], "absent"])
def test_what_every_task_has_must_be_there(key: str, value: object) -> None:
    task = tasks()[0]
    if value == "absent":
        del task[key]
    else:
        task[key] = value
    with pytest.raises(MalformedAnswer):
        work_item(task, FIELDS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gid", ""),
        ("created_at", "yesterday"),
        ("created_at", 1700000000),
        ("modified_at", "2026-10-01T08:00:00"),
        ("completed_at", "0001-01-01T00:00:00+14:00"),
        ("parent", "1204"),
        ("parent", {"gid": 1204}),
        ("parent", {}),
        ("num_subtasks", "2"),
        ("num_subtasks", -1),
        ("num_subtasks", True),
        ("tags", {"gid": "1"}),
        ("tags", ["p1"]),
        ("tags", [{"gid": "1", "name": None}]),
        ("memberships", [None]),
        ("memberships", [{"project": "Launch"}]),
        ("memberships", [{"section": {"gid": None, "name": "x"}}]),
        ("memberships", [{"section": {"gid": "1"}}]),
        ("assignee", "Ada"),
        ("permalink_url", 5),
        ("custom_fields", [{"gid": "1"}]),
        ("custom_fields", [{"name": "Effort", "number_value": 1}]),
        ("custom_fields", [{"gid": "1", "name": "Effort", "number_value": "3"}]),
        ("custom_fields", [{"gid": "1", "name": "Effort", "number_value": True}]),
        ("custom_fields", [{"gid": "1", "name": "Effort", "display_value": 3}]),
        ("custom_fields", [{"gid": "1", "name": "Effort", "resource_subtype": "date", "date_value": {"date": 3}}]),
        ("custom_fields", [{"gid": "1", "name": "Effort", "resource_subtype": "people", "people_value": "Ada"}]),
    ],
)
def test_wrong_types_are_malformed(key: str, value: object) -> None:
    with pytest.raises(MalformedAnswer):
        work_item({**tasks()[0], key: value}, FIELDS)


def test_dependencies_of_a_milestone_must_have_gids() -> None:
    with pytest.raises(MalformedAnswer, match="gid"):
        work_item({**tasks()[1], "dependencies": [{"resource_type": "task"}]}, FIELDS)


def test_what_is_optional_may_be_missing() -> None:
    item = read({"gid": "7", "name": "x", "resource_subtype": "default_task", "completed": False})
    assert (item.url, item.labels, item.assignees, item.sections, item.fields, item.children) == ("", (), (), (), (), 0)
    assert item.projects == ()
