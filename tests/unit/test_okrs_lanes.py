"""Which value is shown, and whose entries are whose."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okrs.lanes import Lane, lane_of, shown_value
from okrs.ledger import EntryKind
from tests.builders import NOW

VALUES = st.none() | st.integers(-5, 5).map(Decimal)


@dataclass(frozen=True)
class Set:
    value: Decimal
    until: datetime | None

    def active(self, now: datetime) -> bool:
        return self.until is None or now < self.until


@dataclass(frozen=True)
class End:
    value: Decimal | None


def sets() -> st.SearchStrategy[Set]:
    untils = st.none() | st.integers(-2, 2).map(lambda hours: NOW + timedelta(hours=hours))
    return st.builds(Set, st.integers(-5, 5).map(Decimal), untils)


@given(VALUES, st.none() | sets(), st.none() | st.builds(End, VALUES))
def test_the_end_is_shown_before_what_is_set_and_that_before_what_is_measured(
    automatic: Decimal | None, override: Set | None, final: End | None
) -> None:
    shown = shown_value(automatic, override, final, NOW)
    if final:
        assert shown == final.value
    elif override and (override.until is None or override.until > NOW):
        assert shown == override.value
    else:
        assert shown == automatic


@pytest.mark.parametrize("kind", EntryKind)
def test_only_what_people_set_is_of_the_human_lane(kind: EntryKind) -> None:
    human, aside = {EntryKind.OVERRIDE, EntryKind.RESUME}, {EntryKind.CHECKIN, EntryKind.CLOSE}
    assert (lane_of(kind) is Lane.HUMAN) is (kind in human)
    assert (lane_of(kind) is Lane.ASIDE) is (kind in aside)
