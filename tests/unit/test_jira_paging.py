"""JQL that means what was asked, and pages that come to an end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Cursor, MalformedAnswer
from connectors.jira import paging
from connectors.jira.paging import Place, jql, quoted

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "minutes"),
    [
        (timedelta(minutes=15), 15),
        (timedelta(minutes=15, microseconds=1), 16),
        (timedelta(seconds=1), 1),
        (timedelta(0), 1),
        (timedelta(minutes=-3), 1),
        (timedelta(days=1), 1440),
    ],
)
def test_the_window_is_relative_and_rounded_up(ago: timedelta, minutes: int) -> None:
    query = jql("PAY", Cursor(now=NOW, since=NOW - ago))
    assert query == f'project = "PAY" AND updated >= "-{minutes}m" ORDER BY created ASC, key ASC'


def test_a_full_read_has_no_window() -> None:
    assert jql("PAY", Cursor(now=NOW)) == 'project = "PAY" ORDER BY created ASC, key ASC'


@given(st.text())
def test_a_quoted_text_cannot_leave_its_quotes(text: str) -> None:
    inside = quoted(text)[1:-1]
    read, rest = [], iter(inside)
    for char in rest:
        assert char != '"'
        read.append({"n": "\n", "r": "\r", "t": "\t"}.get(escaped := next(rest), escaped) if char == "\\" else char)
    assert "".join(read) == text


@given(st.builds(Place, st.text(), st.integers(1, 9), st.integers(0, 9), st.none() | st.text(), st.none() | st.text()))
def test_a_place_survives_as_text(place: Place) -> None:
    assert Place.parse(place.text()) == place


def follow(tokens: Iterator[int]) -> int:
    """Follow page tokens until one is refused; return how many answers were taken before."""
    place: Place | None = Place("PAY")
    for taken, token in enumerate(tokens):
        assert place is not None
        try:
            place = place.following({"nextPageToken": f"t{token}"}, 1, cloud=True)
        except MalformedAnswer:
            return taken
    raise AssertionError("the listing was followed to its end")


@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("lead", [0, 1, 5])
def test_a_circle_of_any_length_is_noticed(lead: int, length: int) -> None:
    circle = islice(chain(range(lead), cycle(range(lead, lead + length))), 1000)
    assert lead + length <= follow(circle) <= 4 * (lead + length) + 4


def test_a_listing_of_ever_new_tokens_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 5)
    assert follow(iter(range(100))) == 4


@pytest.mark.parametrize(
    "answer", [{}, {"isLast": True}, {"nextPageToken": None}, {"nextPageToken": "", "isLast": True}]
)
def test_no_token_is_the_end(answer: dict[str, object]) -> None:
    assert Place("PAY").following(answer, 3, cloud=True) is None
