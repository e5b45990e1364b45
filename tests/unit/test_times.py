"""Times as trackers write them, in UTC or not at all."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.times import utc_of


@pytest.mark.parametrize(
    "text", ["2026-11-22T10:00:00Z", "2026-11-22T12:00:00.000+0200", "2026-11-22T10:00:00+00:00", "20261122T100000Z"]
)
def test_a_time_with_a_zone_is_told_in_utc(text: str) -> None:
    assert utc_of(text) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [None, 1790000000, True, [], "", "yesterday", "2026-11-22", "2026-11-22T10:00:00", "0001-01-01T00:00:00+14:00"],
)
def test_anything_else_is_none(text: object) -> None:
    assert utc_of(text) is None


@given(st.one_of(st.text(), st.text("0123456789-:T+Z. ", max_size=30)))
def test_no_text_is_too_hostile(text: str) -> None:
    time = utc_of(text)
    assert time is None or time.tzinfo is UTC
