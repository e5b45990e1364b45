"""What one page of events says, and how far events are trusted."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from connectors.asana.events import Told, day, told, walks_all
from connectors.contract import MalformedAnswer

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROJECT = "1204"
WHAT = "the events of the project 1204"


def event(action: str, gid: str = "1", parent: Mapping[str, object] | None = None, kind: str = "task") -> object:
    return {"action": action, "type": kind, "resource": {"gid": gid, "resource_type": kind}, "parent": parent}


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ({"errors": [], "sync": "new"}, 412, Told("new", renewed=True)),
        ({"errors": []}, 412, Told("", renewed=True)),
        ([], 412, Told("", renewed=True)),
        ({"data": [], "sync": "new", "has_more": True}, 200, Told("new", more=True)),
        ({"data": [event("added", kind="story"), event("changed", PROJECT, kind="project")]}, 200, Told("")),
        ({"data": [], "has_more": True}, 200, Told("")),  # more, but no way to ask for it
        ({"data": [event("changed", "1")], "sync": "new"}, 200, Told("new", tasks=(("c", "1", ""),))),
        (
            {"data": [event("added", "2", {"gid": "1", "resource_type": "task"})]},
            200,
            Told("", tasks=(("a", "2", "task:1"),)),
        ),
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
