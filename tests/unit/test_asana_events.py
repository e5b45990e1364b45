"""What events say, and what a poll therefore asks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asana.events import (
    MOST_DELETED,
    Errands,
    Hints,
    Told,
    day,
    errands,
    remembered,
    told,
    walks_all,
)
from connectors.contract import MalformedAnswer
from okrs.work import Kind, Ref, State, WorkItem

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROJECT = "1204"
WHAT = "the events of the project 1204"


def event(action: str, gid: str = "1", parent: Mapping[str, object] | None = None, kind: str = "task") -> object:
    return {"action": action, "type": kind, "resource": {"gid": gid, "resource_type": kind}, "parent": parent}


def task(gid: str) -> Mapping[str, object]:
    return {"gid": gid, "resource_type": "task"}


HOME = {"gid": PROJECT, "resource_type": "project"}
SECTION = {"gid": "88", "resource_type": "section"}


def hints(*rows: object) -> Hints:
    return Hints().after(told({"data": list(rows), "sync": "s"}, 200, WHAT).tasks, PROJECT)


def held(gid: str, parent: str | None = None) -> WorkItem:
    above = Ref(parent, parent) if parent else None
    return WorkItem(gid, gid, Kind.SUBTASK if parent else Kind.ISSUE, "default_task", gid, "", State.TODO, parent=above)


MIRROR = {"1": held("1"), "2": held("2", "1"), "3": held("3", "2"), "4": held("4", "9")}
KNOWN = ("1", "2")


@pytest.mark.parametrize(
    ("rows", "walks", "awaited"),
    [
        ([], [], []),
        ([event("changed", "1")], [], ["1"]),
        ([event("changed", "2")], ["1"], []),
        ([event("changed", "4")], [], ["9"]),  # its parent is new to us
        ([event("changed", "77")], [], ["77"]),  # whatever it is
        ([event("added", "77", HOME), event("changed", "77")], [], ["77"]),
        ([event("added", "77", task("1")), event("changed", "77")], ["1"], []),
        ([event("added", "77", task("78"))], [], ["78"]),
        ([event("removed", "3", task("2")), event("added", "3", task("1"))], ["2", "1"], []),
        ([event("removed", "1", HOME)], [], []),
        ([event("removed", "1", HOME), event("changed", "2")], [], []),  # it left with its sub-tasks
        ([event("removed", "1", HOME), event("added", "1", HOME)], [], ["1"]),
        ([event("removed", "1", SECTION), event("added", "1", SECTION)], [], ["1"]),
        ([event("changed", "1"), event("removed", "1", SECTION)], [], ["1"]),  # it left a section alone
        ([event("changed", "77"), event("removed", "77", task("1"))], ["1"], ["77"]),
        ([event("deleted", "2")], ["1"], []),
        ([event("deleted", "2"), event("deleted", "1")], [], []),
        ([event("changed", "3"), event("deleted", "2")], ["1"], []),
        ([event("deleted", "1"), event("undeleted", "1"), event("changed", "1")], ["1"], ["1"]),
        ([event("undeleted", "77")], [], ["77"]),
        ([event("undeleted", "2")], ["1", "2"], []),
        ([event("added", "5", task("1"), kind="story"), event("changed", PROJECT, kind="project")], [], []),
    ],
)
def test_errands(rows: list[object], walks: list[str], awaited: list[str]) -> None:
    assert errands(hints(*rows), MIRROR, KNOWN) == Errands(tuple(walks), tuple(awaited))


LETTERS = st.dictionaries(st.text("0123456789", min_size=1), st.sampled_from("csrdu"), max_size=5)


@given(tasks=LETTERS, parents=st.lists(st.text("0123456789", min_size=1), max_size=5))
def test_hints_survive_their_texts(tasks: dict[str, str], parents: list[str]) -> None:
    found = Hints(tasks, dict.fromkeys(parents))
    assert Hints.of(found.texts()) == found


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({"errors": [], "sync": "new"}, 412, Told("new", renewed=True)),
        ({"errors": []}, 412, Told("", renewed=True)),
        ([], 412, Told("", renewed=True)),
        ({"data": [], "sync": "new", "has_more": True}, 200, Told("new", more=True)),
        ({"data": [], "has_more": True}, 200, Told("")),  # more, but no way to ask for it
        ({"data": [event("changed", "1")], "sync": "new"}, 200, Told("new", tasks=(("c", "1", ""),))),
        (
            {"data": [{"action": "added", "resource": {"gid": "1"}, "type": "task"}]},
            200,
            Told("", tasks=(("a", "1", ""),)),
        ),
        ({"data": [{"action": "added", "resource": {"gid": 1}, "type": "task"}, {"resource": None}]}, 200, Told("")),
    ],
)
def test_answers(answer: object, status: int, expected: Told) -> None:
    assert told(answer, status, WHAT) == expected


@pytest.mark.parametrize(
    ("kind", "action", "more", "renamed"),
    [
        ("section", "changed", {"change": {"field": "name", "action": "changed"}}, True),
        ("section", "changed", {}, True),  # it does not say what
        ("section", "changed", {"change": {"action": "changed"}}, True),
        ("tag", "changed", {"change": {"field": "name", "action": "changed"}}, True),
        ("tag", "changed", {"change": {"field": "color", "action": "changed"}}, False),
        ("section", "added", {}, False),  # no task is in it yet
        ("task", "changed", {"change": {"field": "name", "action": "changed"}}, False),
        ("project", "changed", {"change": {"field": "name", "action": "changed"}}, False),  # `containers` sees it
    ],
)
def test_other_names_of_sections_and_tags_are_noticed(
    kind: str, action: str, more: Mapping[str, object], renamed: bool
) -> None:
    row = {"action": action, "resource": {"gid": "88", "resource_type": kind}, "parent": None, **more}
    deprecated = {"action": action, "resource": {"gid": "88"}, "type": kind, "parent": None, **more}
    for one in (row, deprecated):
        assert told({"data": [event("changed"), one], "sync": "new"}, 200, WHAT).renamed is renamed


@pytest.mark.parametrize("answer", [None, [], {}, {"data": None}, {"data": ["1"]}, {"data": [], "sync": 5}])
def test_an_answer_that_is_none_is_malformed(answer: object) -> None:
    with pytest.raises(MalformedAnswer):
        told(answer, 200, WHAT)


@pytest.mark.parametrize(
    ("since", "walked", "all_parents"),
    [
        (None, "2026-11-02", True),
        (NOW - timedelta(minutes=15), "2026-11-02", False),
        (NOW - timedelta(minutes=15), "2026-11-01", True),
        (NOW - timedelta(minutes=15), "", True),
        (NOW - timedelta(hours=20), "2026-11-02", False),
        (NOW - timedelta(hours=20, seconds=1), "2026-11-02", True),
    ],
)
def test_when_all_parents_are_walked(since: datetime | None, walked: str, all_parents: bool) -> None:
    assert walks_all(NOW, since, walked) is all_parents


def test_the_day_is_that_of_utc() -> None:
    assert day(datetime(2026, 11, 3, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-02"


def test_deleted_tasks_are_remembered_until_they_are_seen_again() -> None:
    assert remembered("7 8", hints(event("deleted", "9"), event("undeleted", "7"))) == ("8", "9")
    assert remembered("7", hints(event("added", "7", HOME))) == ()
    assert remembered("7", hints(event("undeleted", "7"), event("removed", "7", HOME))) == ()  # it lives elsewhere
    many = " ".join(str(number) for number in range(MOST_DELETED))
    kept = remembered(many, hints(event("deleted", "new")))
    assert (len(kept), kept[0], kept[-1]) == (MOST_DELETED, "1", "new")
