"""The newest page as a probe: what it proves, and when its ETag may stand for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import MalformedAnswer
from connectors.github.probe import changed_rows, etag_of, kept, mark_of, settled, stamp

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "https://api.github.com/repos/acme/web/issues"


def rows(*minutes_ago: float) -> list[dict[str, Any]]:
    return [{"updated_at": stamp(NOW - timedelta(minutes=minutes))} for minutes in minutes_ago]


def since(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_a_page_that_reaches_back_holds_all_that_changed() -> None:
    page = rows(1, 2, 3, 60)
    assert changed_rows(page, since(30), more=True) == page[:3]
    assert changed_rows(page, since(2), more=True) == page[:2]  # the very second belongs to it
    assert changed_rows(page, since(0), more=True) == []


@pytest.mark.parametrize("page", [rows(1, 2, 3), rows(1, 2, 30), rows(1, 40, 3, 60), []])
def test_a_page_that_may_not_hold_everything_proves_nothing(page: list[dict[str, Any]]) -> None:
    """It does not reach back, or ends in the second in question, or is not sorted as asked."""
    assert changed_rows(page, since(30), more=True) is None


def test_the_only_page_holds_everything_whatever_its_order() -> None:
    assert changed_rows(rows(40, 1), since(30), more=False) == rows(1)


def test_half_seconds_of_the_cursor_are_rounded_down() -> None:
    assert changed_rows(rows(30), since(30) + timedelta(milliseconds=900), more=False) == rows(30)


def test_a_row_without_a_time_spoils_the_page() -> None:
    with pytest.raises(MalformedAnswer):
        changed_rows([{"updated_at": None}], NOW, more=False)


def test_a_page_is_settled_when_nothing_on_it_is_of_this_moment() -> None:
    assert settled(rows(1, 2), NOW)
    assert settled([], NOW)
    assert not settled(rows(0.1, 2), NOW)
    assert not settled(rows(1, 2), None)


def test_an_etag_serves_the_same_address_the_same_token_and_no_longer_window() -> None:
    mark = mark_of(URL, {"state": "all"}, "token")
    memo = kept({"etag": 'W/"abc"'}, mark, since(30))
    assert etag_of(memo, mark, since(30)) == etag_of(memo, mark, since(5)) == 'W/"abc"'
    assert etag_of(memo, mark, since(31)) == ""  # a wider window looks for what showed up late
    assert etag_of(memo, mark, None) == ""
    for other in (mark_of(URL, {"state": "all"}, "other"), mark_of(URL + "2", {}, "token"), mark_of(URL, {}, "token")):
        assert etag_of(memo, other, since(5)) == ""


def test_of_a_listing_that_is_read_whole_the_etag_serves_every_window() -> None:
    memo = kept({"etag": '"abc"'}, "m")
    assert etag_of(memo, "m", since(10_000)) == '"abc"'
    assert etag_of(memo, "m", None) == ""  # a complete read brings it all the same


@pytest.mark.parametrize("headers", [{}, {"etag": ""}, {"etag": "x" * 500}, {"etag": "a\nb"}, {"etag": "ü"}])
def test_what_is_no_etag_is_not_kept(headers: dict[str, str]) -> None:
    assert kept(headers, "m") == {}


def test_a_memo_never_holds_the_token() -> None:
    memo = kept({"etag": '"abc"'}, mark_of(URL, {}, "ghp_SeCrEt0123456789"))
    assert "SeCrEt" not in str(memo)
    assert len(str(memo)) < 80


@pytest.mark.parametrize("memo", [{"etag:m": ""}, {"etag:m": "nonsense"}, {}])
def test_a_memo_that_cannot_be_read_is_none(memo: dict[str, str]) -> None:
    assert etag_of(memo, "m", NOW) == ""
