"""JQL that means what was asked, whatever the texts in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Cursor
from connectors.jira.jql import of_project, of_types, quoted, window, with_ids

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
    query = of_project("PAY", window(Cursor(now=NOW, since=NOW - ago), 0.9))
    assert query == f'project = "PAY" AND updated >= "-{minutes}m" ORDER BY created ASC, key ASC'


def test_a_full_read_has_no_window() -> None:
    whole = 'project = "PAY" ORDER BY created ASC, key ASC'
    assert of_project("PAY", window(Cursor(now=NOW), 300)) == of_project("PAY") == whole


def test_the_window_reaches_back_to_the_cursor_however_long_ago_the_run_began() -> None:
    cursor = Cursor(now=NOW, since=NOW - timedelta(minutes=15))
    assert [window(cursor, passed) for passed in (0, 1, 60, 61, 1200)] == [15, 16, 16, 17, 35]


@given(st.text())
def test_a_quoted_text_cannot_leave_its_quotes(text: str) -> None:
    inside = quoted(text)[1:-1]
    read, rest = [], iter(inside)
    for char in rest:
        assert char != '"'
        read.append({"n": "\n", "r": "\r", "t": "\t"}.get(escaped := next(rest), escaped) if char == "\\" else char)
    assert "".join(read) == text


def test_lists_are_quoted_one_by_one() -> None:
    assert with_ids(["1", '2") OR (x = "']).startswith(r'id in (1, "2\") OR (x = \"") ORDER')
    assert of_types("PAY", ["10000"]) == 'project = "PAY" AND issuetype in ("10000") ORDER BY created DESC'
