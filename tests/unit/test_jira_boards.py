"""Sprints as Cloud and Data Center write them, and what is remembered of boards between two reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import Cursor, MalformedAnswer
from connectors.jira import boards
from connectors.jira.paging import Sprints
from okrs.work import Kind, Ref, State

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
WRITTEN = "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=7,rapidViewId=3,state=ACTIVE,name=One, id=9]"
OTHERWISE = "com.atlassian.greenhopper.service.sprint.Sprint@1f[rapidViewId=3,state=ACTIVE,id=7]"
SPRINT: dict[str, Any] = {"id": 7, "state": "closed", "name": "Sprint 1", "originBoardId": 3}


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (None, ()),
        ([], ()),
        ([{"id": 7, "name": "A", "state": "active"}, {"id": 8}, {"id": 7}], ("sprint:7", "sprint:8")),
        ([WRITTEN], ("sprint:7",)),
        ([OTHERWISE, WRITTEN.replace("=7", "=12")], ("sprint:7", "sprint:12")),
    ],
)
def test_the_sprints_of_an_issue(value: object, ids: tuple[str, ...]) -> None:
    assert boards.sprints_of({"customfield_10020": value}, "customfield_10020", "PAY-1") == ids


@pytest.mark.parametrize("value", ["Sprint 1", [{"name": "A"}], ["Sprint 1"], [None], {"id": 7}])
def test_a_sprint_that_cannot_be_told_is_malformed(value: object) -> None:
    with pytest.raises(MalformedAnswer):
        boards.sprints_of({"customfield_10020": value}, "customfield_10020", "PAY-1")


def test_a_sprint_becomes_an_item() -> None:
    ended = SPRINT | {"completeDate": "2026-11-01T10:00:00.000+01:00", "createdDate": "2026-10-01T10:00:00.000Z"}
    item = boards.sprint_item(ended, "PAY", "https://acme.atlassian.net")
    assert (item.id, item.key, item.kind, item.title) == ("sprint:7", "PAY/sprint/7", Kind.SPRINT, "Sprint 1")
    assert (item.state, item.closed_at) == (State.DONE, datetime(2026, 11, 1, 9, tzinfo=UTC))
    assert (item.projects, item.url) == ((Ref("PAY"),), "https://acme.atlassian.net/secure/RapidBoard.jspa?rapidView=3")
    assert boards.sprint_item(ended | {"state": "active"}, "PAY", "").closed_at is None
    assert boards.sprint_item(SPRINT | {"state": "FUTURE"}, "PAY", "").state is State.TODO


@pytest.mark.parametrize("change", [{"id": "7"}, {"state": None}, {"name": None}, {"originBoardId": "3"}])
def test_a_malformed_sprint_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        boards.sprint_item({**SPRINT, **change}, "PAY", "")


def test_kanban_boards_have_no_sprints_and_a_board_lives_in_one_project() -> None:
    known = [
        {"id": 1, "type": "scrum", "location": {"projectKey": "PLAT"}},
        {"id": 2, "type": "kanban"},
        {"id": 3, "type": "simple"},
    ]
    assert boards.with_sprints(known, "PAY") == [Sprints(1, "PLAT"), Sprints(3, "PAY")]


def kept(*told: tuple[int, int | None]) -> dict[str, str]:
    """Return the memo of a full read that found boards, with how many closed sprints led each."""
    listed = [Sprints(number, "PAY") for number, _ in told]
    memo = dict(boards.memo_of(listed, Cursor(now=NOW)))
    for board, (_, closed) in zip(listed, told, strict=True):
        memo |= boards.memo_of_one(board, closed)
    return memo


def test_a_poll_goes_on_at_the_first_sprint_that_may_change() -> None:
    cursor = Cursor(now=NOW, since=NOW - timedelta(minutes=15), memo=kept((1, 130), (2, None), (3, 4)))
    known = boards.remembered(cursor)
    assert known == [Sprints(1, "PAY", 120), Sprints(3, "PAY", 0)]
    again = boards.memo_of(known, cursor) | boards.memo_of_one(known[0], 131) | boards.memo_of_one(known[1], 4)
    assert boards.remembered(Cursor(now=NOW, since=NOW, memo=again)) == [
        Sprints(1, "PAY", 121),
        Sprints(3, "PAY", 0),
    ]


def test_boards_are_listed_anew_on_a_new_day_and_by_a_full_read() -> None:
    memo = kept((1, 3))
    assert boards.remembered(Cursor(now=NOW, memo=memo)) is None
    assert boards.remembered(Cursor(now=NOW, since=NOW)) is None
    tomorrow = NOW + timedelta(days=1)
    assert boards.remembered(Cursor(now=tomorrow, since=NOW, memo=memo)) is None
    assert boards.remembered(Cursor(now=NOW, since=NOW, memo=memo)) == [Sprints(1, "PAY")]
    assert boards.remembered(Cursor(now=NOW, since=NOW, memo=kept())) == []


def page(*states: str, last: bool = False) -> dict[str, object]:
    return {"values": [SPRINT | {"state": state} for state in states], "isLast": last}


def test_closed_sprints_that_lead_the_list_are_counted_over_all_pages() -> None:
    _, second, _ = boards.after(page("closed", "closed"), Sprints(1, "PAY"), "it")
    assert second == Sprints(1, "PAY", 2)
    _, third, _ = boards.after(page("closed", "active"), second, "it")
    assert third == Sprints(1, "PAY", 4, open=3)
    rows, end, closed = boards.after(page("closed", last=True), third, "it")
    assert (len(rows), end, closed) == (1, None, 3)
    assert boards.after(page("closed", last=True), Sprints(1, "PAY", 5), "it")[2] == 6


@pytest.mark.parametrize("wrong", [{}, {"values": []}, {"values": [], "isLast": False}, {"isLast": True}])
def test_a_list_of_sprints_without_an_end_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        boards.after(wrong, Sprints(1, "PAY"), "it")
