"""How an issue stood at any time, out of changelogs of all kinds."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import MalformedAnswer
from connectors.jira.history import cut, steps
from okrs.work import State, Step

CREATED = datetime(2026, 10, 1, 8, tzinfo=UTC)
CATEGORIES = {"1": "new", "3": "indeterminate", "5": "done"}
NAMES = {"1": "Open", "3": "In Arbeit", "5": "Fertig"}
CANCELLED = frozenset({"won't do"})


def issue(status: str = "5", resolution: str | None = None, category: str | None = None) -> dict[str, Any]:
    told = {"id": status, "name": NAMES.get(status, "Gone"), "statusCategory": {"key": category or CATEGORIES[status]}}
    fields = {"created": "2026-10-01T10:00:00.000+0200", "status": told}
    return {"id": "1", "key": "PAY-1", "fields": fields | {"resolution": {"name": resolution} if resolution else None}}


def entry(hours: float, *items: dict[str, Any], created: object = None) -> dict[str, Any]:
    at = CREATED + timedelta(hours=hours)
    return {"id": "7", "created": at.isoformat() if created is None else created, "items": list(items)}


def status(old: str, new: str) -> dict[str, Any]:
    named = {"fromString": NAMES.get(old, "Gone"), "toString": NAMES.get(new, "Gone")}
    return {"field": "status", "fieldId": "status", "from": old, "to": new, **named}


def resolved(old: str | None, new: str | None) -> dict[str, Any]:
    ids = {"from": old and "9", "to": new and "9"}
    return {"field": "resolution", "fieldtype": "jira", "fromString": old, "toString": new, **ids}


def read(now: dict[str, Any], *log: dict[str, Any]) -> list[tuple[float, State, str | None, str | None]]:
    hours = timedelta(hours=1)
    return [
        ((step.at - CREATED) / hours, step.state, step.status, step.resolution)
        for step in steps(now, log, CATEGORIES, CANCELLED)
    ]


def dated(now: dict[str, Any], **hours: float) -> dict[str, Any]:
    """Return an issue with dates so many hours after its creation."""
    now["fields"] |= {name: (CREATED + timedelta(hours=after)).isoformat() for name, after in hours.items()}
    return now


@pytest.mark.parametrize("number", ["3", "5"])
@pytest.mark.parametrize("name", ["resolutiondate", "statuscategorychangedate"])
def test_what_moved_since_its_creation_has_no_history_without_a_change(number: str, name: str) -> None:
    assert read(dated(issue(number), **{name: 5})) == []
    assert read(dated(issue(number), **{name: 5}), entry(2, {"field": "summary", "toString": "b"})) == []
    assert len(read(dated(issue(number), **{name: 5}), entry(5, status("1", number)))) == 2


def test_what_stands_as_it_was_created_has_a_history_without_a_change() -> None:
    at_once = {"resolutiondate": 0.01, "statuscategorychangedate": 0.0}
    assert read(dated(issue("5"), **at_once)) == [(0, State.DONE, "Fertig", None)]
    imported = dated(issue("1"), statuscategorychangedate=5)  # to do as ever, though the import is dated later
    assert read(imported) == [(0, State.TODO, "Open", None)]


def test_a_whole_life() -> None:
    log = [
        entry(4, status("5", "1"), resolved("Won't Do", None)),
        entry(1, status("1", "3"), {"field": "assignee", "from": "a", "to": "b"}),
        entry(6, status("1", "5"), resolved(None, "Fixed")),
        entry(2, {"field": "summary", "fromString": "a", "toString": "b"}),
        entry(3, status("3", "5"), resolved(None, "Won't Do")),
    ]
    assert read(issue(resolution="Fixed"), *log) == [
        (0, State.TODO, "Open", None),
        (1, State.DOING, "In Arbeit", None),
        (3, State.CANCELLED, "Fertig", "Won't Do"),
        (4, State.TODO, "Open", None),
        (6, State.DONE, "Fertig", "Fixed"),
    ]


def test_an_issue_that_never_changed_stood_as_it_stands() -> None:
    assert read(issue("3")) == [(0, State.DOING, "In Arbeit", None)]
    assert read(issue(resolution="Won't Do")) == [(0, State.CANCELLED, "Fertig", "Won't Do")]


def test_a_resolution_set_in_a_change_of_its_own() -> None:
    assert read(issue(resolution="Won't Do"), entry(1, status("1", "5")), entry(2, resolved(None, "Won't Do"))) == [
        (0, State.TODO, "Open", None),
        (1, State.DONE, "Fertig", None),
        (2, State.CANCELLED, "Fertig", "Won't Do"),
    ]


def test_a_status_that_is_gone_counts_as_none_of_the_others_and_the_present_one_is_known_anyway() -> None:
    assert read(issue("77", category="done"), entry(1, status("88", "77"))) == [
        (0, State.TODO, "Gone", None),
        (1, State.DONE, "Gone", None),
    ]


def test_a_custom_field_called_status_is_not_the_status() -> None:
    other = {"field": "status", "fieldtype": "custom", "from": "1", "to": "2", "fromString": "a", "toString": "b"}
    cloud = {"field": "status", "fieldId": "customfield_1", "from": "1", "to": "2", "fromString": "a", "toString": "b"}
    assert read(issue(), entry(1, other), entry(2, cloud)) == [(0, State.DONE, "Fertig", None)]


@pytest.mark.parametrize("created", [1790845200, 1790845200000, "2026-10-01T09:00:00.000+0000"])
def test_a_change_may_be_dated_in_seconds_milliseconds_or_words(created: object) -> None:
    (_, second) = read(issue("3"), entry(0, status("1", "3"), created=created))
    assert second[0] == 1


@pytest.mark.parametrize("created", [True, 10**30, -(10**30), 1.5, "soon", [], "2026-10-01T09:00:00"])
def test_a_change_without_a_date_is_malformed(created: object) -> None:
    with pytest.raises(MalformedAnswer, match="created"):
        read(issue("3"), entry(0, status("1", "3"), created=created))


@pytest.mark.parametrize(
    "log",
    [
        {"created": "2026-10-01T09:00:00.000+0000"},
        {"created": "2026-10-01T09:00:00.000+0000", "items": ["status"]},
        {"created": "2026-10-01T09:00:00.000+0000", "items": [{"from": "1"}]},
        {"created": "2026-10-01T09:00:00.000+0000", "items": [{"field": "status", "from": 1}]},
    ],
)
def test_a_malformed_entry_is_refused(log: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        steps(issue(), [log], CATEGORIES, CANCELLED)


def test_an_issue_without_a_date_has_no_history() -> None:
    without = issue()
    del without["fields"]["created"]
    assert steps(without, [entry(1, status("1", "5"))], CATEGORIES, CANCELLED) == ()


@given(st.lists(st.sampled_from(["1", "3", "5"]), min_size=1, max_size=8), st.integers())
def test_any_walk_through_the_statuses_is_told_in_order(walk: list[str], seed: int) -> None:
    log = [entry(hour + 1, status(old, new)) for hour, (old, new) in enumerate(pairwise(walk))]
    Random(seed).shuffle(log)
    told = steps(issue(walk[-1]), log, CATEGORIES, CANCELLED)
    distinct = [walk[0], *[new for old, new in pairwise(walk) if new != old]]
    assert [step.status for step in told] == [NAMES[one] for one in distinct]
    assert told[0] == Step(CREATED, told[0].state, NAMES[walk[0]])
    assert [step.at for step in told] == sorted(step.at for step in told)


def test_a_cut_changelog_is_known_by_its_total() -> None:
    assert cut({"total": 101, "histories": [{}] * 100}, "it")
    assert not cut({"total": 100, "histories": [{}] * 100}, "it")
    assert not cut({"histories": [{}]}, "it")
