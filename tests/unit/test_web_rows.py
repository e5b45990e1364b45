"""What is said of an objective by its key results."""

from decimal import Decimal

import pytest

from okrs.cycle import Calendar
from okrs.immutable import replace
from okrs.objective import KeyResult, Numeric, Objective
from okrs.progress import Standing, Status
from store.views.status import KeyResultStatus, ObjectiveStatus
from tests.builders import NOW
from web.rows import NO_WEEK, block, row
from web.showing import Clockface

KR = KeyResult("kr", "o", "Q4", "KR", Numeric(Decimal(0), Decimal(9)))
STALE = Standing(Decimal(0), Decimal(0), Status.STALE, Status.ON_TRACK)
UNREAD = KeyResultStatus(KR, None, STALE, stale=True, reading=True, mapped=True, updated_at=None)
BY_HAND = replace(UNREAD, value=Decimal(4), updated_at=NOW)
REFUSED = replace(BY_HAND, refused=("no such field",))
MEASURED = replace(BY_HAND, automatic=Decimal(3))


@pytest.mark.parametrize(
    ("status", "key_results", "word"),
    [
        (Status.STALE, [UNREAD], "not read yet"),
        (Status.STALE, [UNREAD, BY_HAND], "tickets not read yet"),
        (Status.STALE, [UNREAD, MEASURED], "stale"),
        (Status.STALE, [REFUSED], "stale"),
        (Status.ACHIEVED, [BY_HAND], "reached"),
        (Status.NOT_STARTED, [BY_HAND], "not started"),
        (Status.STALE, [], "stale"),
    ],
)
def test_an_objective_is_not_read_where_none_of_its_key_results_is(
    status: Status, key_results: list[KeyResultStatus], word: str
) -> None:
    face = Clockface(Calendar("UTC"), NOW)
    rows = [row(each, {}, (), NO_WEEK, face) for each in key_results]
    told = ObjectiveStatus(Objective("o", "Q4", "Objective"), Decimal(0), status)
    assert block(told, None, 0, (), rows).badge.word == word
