"""The chart: steps where the value moved, a pace that rests on free days, marks for what is no ticket."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from okrs.cycle import Calendar, Cycle
from okrs.ledger import Entry, EntryKind
from okrs.objective import Binary, Keep, KeyResult, Numeric, Terms
from store.views.course import Course
from tests.builders import at
from web.charts import Chart, chart
from web.showing import Clockface

CYCLE = Cycle("q", date(2026, 10, 1), date(2026, 12, 31))
NOW = at("2026-11-20T12:00")


def an_entry(
    seq: int, when: datetime, new: int | None, kind: EntryKind = EntryKind.AUTO, details: str | None = None
) -> Entry:
    value = None if new is None else Decimal(new)
    return Entry(seq, "kr", when, kind, None, value, details=details)


def drawn(
    *entries: Entry, terms: Terms | None = None, now: datetime = NOW, scope: tuple[tuple[datetime, int], ...] = ()
) -> Chart | None:
    key_result = KeyResult("kr", "o", "q", "KR", terms or Numeric(Decimal(0), Decimal(20)))
    return chart(key_result, CYCLE, Course(entries, scope, {}), Clockface(Calendar(), now), now)


def sure(found: Chart | None) -> Chart:
    assert found is not None
    return found


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (each.split(",") for each in text.split())]


BASE = an_entry(1, at("2026-10-10"), 2, EntryKind.BASELINE)
MOVED = an_entry(2, at("2026-11-01"), 10)


def test_nothing_measured_is_no_chart() -> None:
    assert drawn() is None
    assert drawn(an_entry(1, at("2026-10-10"), None, EntryKind.CHECKIN)) is None


def test_the_value_goes_in_steps_to_now() -> None:
    found = points(sure(drawn(BASE, MOVED)).value)
    assert [y for _, y in found] == [found[0][1], found[0][1], found[2][1], found[2][1]]
    assert found[1][0] == found[2][0]  # straight up
    assert found[2][1] < found[0][1]  # up is less
    assert sorted(found, key=lambda each: each[0]) == found
    assert sure(drawn(BASE, MOVED)).today == found[-1][0]


def test_the_pace_is_level_on_free_days_and_ends_at_the_target() -> None:
    told = sure(drawn(BASE))
    pace, target = points(told.expected), told.target
    assert target is not None
    assert pace[-1][1] == target.y
    assert pace[2][1] == pace[3][1] == pace[4][1] != pace[1][1]  # 2026-10-03 and 04 are a weekend
    assert [sure(drawn(BASE, terms=terms)).expected for terms in (Keep(Decimal(1), Decimal(3)), Binary())] == ["", ""]


def test_a_value_by_hand_lasts_until_the_next_word() -> None:
    begun = an_entry(3, at("2026-10-20"), 5, EntryKind.OVERRIDE)
    ended = an_entry(4, at("2026-11-05"), None, EntryKind.RESUME)
    [hand] = sure(drawn(BASE, begun, ended)).by_hand
    [(left, _), (right, _)] = points(hand)
    [still] = sure(drawn(BASE, begun)).by_hand
    assert left < right < points(still)[-1][0] == sure(drawn(BASE)).today
    assert [mark.text for mark in sure(drawn(BASE, begun, ended)).marks] == [
        "20 Oct 00:00: set by hand",
        "5 Nov 00:00: back to automatic",
    ]


def test_rebuilt_days_stand_apart() -> None:
    day = an_entry(5, at("2026-11-10"), 1, EntryKind.RECONSTRUCTED, '{"day": "2026-10-05"}')
    told = sure(drawn(BASE, day))
    assert points(told.rebuilt)[-1][0] == points(told.value)[0][0]
    assert len(points(told.value)) == 2


def test_a_correction_moves_nothing() -> None:
    late = an_entry(6, at("2026-11-10"), 19, EntryKind.CORRECTION)
    assert sure(drawn(BASE, late)).value == sure(drawn(BASE)).value


def test_everything_stays_in_its_box() -> None:
    wild = [an_entry(seq, at("2026-10-10") + timedelta(hours=seq), (seq * 7919) % 50 - 10) for seq in range(2, 900)]
    told = sure(drawn(BASE, *wild, scope=tuple((each.at, each.seq) for each in wild)))
    assert told.scope is not None
    lines = [told.value, told.expected, told.scope.points]
    assert all(0 <= x <= 720 and 0 <= y <= 260 for line in lines for x, y in points(line))
    assert len(points(told.value)) <= 2 * 400 + 2
    assert told.value_label is not None
    assert told.value_label.text == str(wild[-1].new).replace("-", "−")


def test_the_table_has_the_same_numbers() -> None:
    table = sure(drawn(BASE, MOVED)).table
    assert table[0] == ("4 Oct", "–", "0.61")
    assert table[1][:2] == ("11 Oct", "2")
    assert table[-1][:2] == ("20 Nov", "10")


def test_before_and_after_the_cycle_nothing_marks_today() -> None:
    assert sure(drawn(BASE, now=at("2027-02-01"))).today is None
    assert sure(drawn(BASE)).today is not None
