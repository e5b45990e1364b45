"""The chart: steps where the value moved, a pace that rests on free days, marks for what is no ticket."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

from okrs.cycle import Calendar, Cycle
from okrs.immutable import replace
from okrs.ledger import Entry, EntryKind
from okrs.objective import Binary, Keep, KeyResult, Numeric, Terms
from store.views.course import Course
from tests.builders import at
from web.charts import NARROW, Chart, chart
from web.foreseeing import forecast_words, foreseen
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


def test_the_table_tells_of_rebuilt_days_and_of_what_people_set() -> None:
    days = [
        an_entry(number, at("2026-11-10"), value, EntryKind.RECONSTRUCTED, json.dumps({"day": day}))
        for number, (day, value) in enumerate([("2026-10-03", 1), ("2026-10-04", 3), ("2026-10-12", 4)], 5)
    ]
    by_hand = an_entry(8, at("2026-11-10T12:00"), 12, EntryKind.OVERRIDE)
    again = an_entry(9, at("2026-11-16"), None, EntryKind.RESUME)
    table = sure(drawn(replace(BASE, at=at("2026-10-20")), MOVED, *days, by_hand, again)).table
    assert [row[:2] for row in table] == [
        ("4 Oct", "3 (rebuilt)"), ("11 Oct", "3 (rebuilt)"), ("18 Oct", "4 (rebuilt)"), ("25 Oct", "2"),
        ("1 Nov", "10"), ("8 Nov", "10"), ("15 Nov", "10, set to 12 by hand"), ("20 Nov", "10"),
    ]  # fmt: skip
    assert sure(drawn(by_hand, now=NOW)).table[-1][1] == "–, set to 12 by hand"


def test_before_and_after_the_cycle_nothing_marks_today() -> None:
    assert sure(drawn(BASE, now=at("2027-02-01"))).today is None
    assert sure(drawn(BASE)).today is not None


FACE = Clockface(Calendar(), NOW)


def weeks_of(*deltas: int, began: int = 2, kind: EntryKind = EntryKind.BASELINE) -> list[Entry]:
    """A key result that moves by so much each week, the last time three days ago."""
    value, first = began, NOW - timedelta(days=3) - timedelta(weeks=len(deltas) - 1)
    entries = [an_entry(1, first - timedelta(days=9), value, kind)]
    for number, delta in enumerate(deltas):
        old, value = value, value + delta
        at_ = first + timedelta(weeks=number)
        entries.append(Entry(number + 2, "kr", at_, EntryKind.AUTO, Decimal(old), Decimal(value)))
    return entries


def ahead(*entries: Entry, terms: Terms | None = None, unit: str = "", by_hand: bool = False) -> str:
    key_result = KeyResult("kr", "o", "q", "KR", terms or Numeric(Decimal(0), Decimal(20)), unit=unit)
    told = foreseen(key_result, CYCLE, Course(entries, (), {}), FACE, NOW)
    return forecast_words(key_result, CYCLE, told, FACE, by_hand=by_hand) if told else ""


def test_a_forecast_is_told_in_words() -> None:
    assert ahead(*weeks_of(1, 1, 1, 1, 1), unit="bugs") == (
        "At the pace of the last 5 weeks: 12.9 bugs by 31 Dec, and a chance of less than 1 % to reach 20."
    )
    told = ahead(*weeks_of(0, 3, 1, 4, 0), by_hand=True)
    assert told.startswith("Its tickets, at the pace of the last 5 weeks: 1")
    assert " to " in told
    assert ahead(*weeks_of(5, 5, 5, 5)) == "At the pace of the last 4 weeks: 51.6 by 31 Dec."
    assert ahead(*weeks_of(0, 0, 0, 0), terms=Keep(Decimal(1), Decimal(3))) == (
        "At the pace of the last 4 weeks: 2 by 31 Dec, and a chance of more than 99 % to be between 1 and 3."
    )


def test_nothing_is_forecast_of_too_little_of_a_yes_or_no_and_of_another_rule() -> None:
    assert ahead(*weeks_of(1, 1, 1)) == ""
    assert ahead(*weeks_of(1, 1, 1, 1), terms=Binary()) == ""
    changed = an_entry(9, NOW - timedelta(days=10), 40, EntryKind.RULE)
    assert ahead(*weeks_of(1, 1, 1, 1, 1), changed) == ""


def test_no_future_has_less_than_no_bugs_or_more_than_all() -> None:
    assert "0 by 31 Dec" in ahead(*weeks_of(-5, -5, -5, -5, began=40))
    assert "100 % by 31 Dec" in ahead(*weeks_of(20, 20, 20, 20), terms=Numeric(Decimal(0), Decimal(100)), unit="%")


def test_the_band_begins_at_the_value_and_widens_to_the_end_of_the_cycle() -> None:
    key_result = KeyResult("kr", "o", "q", "KR", Numeric(Decimal(0), Decimal(20)))
    course = Course(tuple(weeks_of(0, 3, 1, 4, 0)), (), {})
    told = foreseen(key_result, CYCLE, course, FACE, NOW)
    found = sure(chart(key_result, CYCLE, course, FACE, NOW, told=told))
    assert found.ahead is not None
    area, middle = points(found.ahead.area), points(found.ahead.middle)
    assert middle[0] == points(found.value)[-1] == area[0] == area[-1]
    above, below = area[: len(middle)], area[len(middle) :][::-1]
    gaps = [low[1] - high[1] for high, low in zip(above, below, strict=True)]
    assert gaps[0] == 0
    assert gaps[-1] > gaps[1] > 0
    assert found.ahead.table[-1][0] == "31 Dec"
    assert drawn(BASE) is not None
    assert sure(drawn(BASE)).ahead is None


def test_an_update_that_waits_is_marked_once_and_says_why() -> None:
    def asks(seq: int, day: str, hold: str) -> Entry:
        told = an_entry(seq, at(day), 10, EntryKind.HOLD, json.dumps({"hold": hold, "new": "4"}))
        return replace(told, why="15 tickets went out of sight.")

    found = sure(
        drawn(BASE, MOVED, asks(3, "2026-11-02", "a1"), asks(4, "2026-11-03", "a1"), asks(5, "2026-11-09", "b2"))
    )
    assert [each.text for each in found.marks] == [
        "2 Nov 00:00: held: 15 tickets went out of sight.",
        "9 Nov 00:00: held: 15 tickets went out of sight.",
    ]


def test_for_a_phone_it_is_nearly_as_high_as_wide_and_names_do_not_run_into_each_other() -> None:
    course = Course((BASE, MOVED), ((at("2026-10-10"), 20), (at("2026-11-01"), 30)), {})
    key_result = KeyResult("kr", "o", "q", "KR", Numeric(Decimal(0), Decimal(20)))
    late = Cycle("q", date(2026, 9, 21), date(2026, 12, 20))
    found = sure(chart(key_result, late, course, FACE, NOW, box=NARROW))
    assert NARROW.height >= NARROW.width * 0.75
    shown = points(found.value) + points(found.expected)
    assert all(NARROW.left <= x <= NARROW.right and NARROW.top <= y <= NARROW.bottom for x, y in shown)
    assert [each.text for each in found.months] == ["21 Sep", "Nov", "Dec"]
    assert [each.text for each in sure(chart(key_result, late, course, FACE, NOW)).months] == [
        "21 Sep",
        "Oct",
        "Nov",
        "Dec",
    ]
