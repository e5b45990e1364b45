"""Who moved the number: causes are named right, in the right order, and add up."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from mapping.attribution import Change, Standing, attribute, changes, whole
from mapping.causes import Past
from mapping.rule import (
    Cancelled,
    Combine,
    Counts,
    DoneWhen,
    LastDays,
    Measure,
    Missing,
    Moment,
    Part,
    Regress,
    Rule,
    Window,
    Within,
)
from mapping.totals import kept
from okrs.immutable import replace
from okrs.ledger import CauseKind, Delta
from okrs.work import Kind, Ref, State, WorkItem
from tests.builders import (
    AFTER,
    BEFORE,
    NOW,
    QUARTER,
    SOURCE,
    WITHIN,
    a_part,
    a_rule,
    an_item,
    at,
    evidence_of,
    measured,
    numbers,
    where,
)

COUNT, PERCENT, SUM = Measure.COUNT, Measure.PERCENT, Measure.SUM
DONE, TODO, DOING, CANCELLED = State.DONE, State.TODO, State.DOING, State.CANCELLED


def moved_by(
    rule: Rule,
    before: list[WorkItem],
    after: list[WorkItem],
    *,
    gone: CauseKind | None = None,
    times: tuple[datetime, datetime] = (NOW, NOW),
) -> tuple[Delta, ...]:
    """Measure twice and attribute the difference; every item of before and after is known."""
    old, new = measured(rule, *before, now=times[0]), measured(rule, *after, now=times[1])
    was, now = {item.id: item for item in before}, {item.id: item for item in after}
    past = {
        (SOURCE, name): Past(was.get(name), now.get(name), gone if name not in now else None)
        for name in was.keys() | now.keys()
    }
    standing = Standing(old.value, old.totals)
    rows = attribute(rule, standing, changes(evidence_of(old.lines), new.lines), past, times[1])
    value = kept(rule, old.value, new.value) or Decimal(0)
    assert sum((row.delta for row in rows), Decimal(0)) == value - (old.value or Decimal(0))
    return rows


def story(rows: tuple[Delta, ...]) -> list[str]:
    """Rows as short text: `closed +1`."""
    return [f"{row.cause} {row.delta.normalize() + 0:+f}" for row in rows]


def evidence(row: Delta) -> tuple[Decimal | None, ...]:
    return (row.old_weight, row.old_amount, row.new_weight, row.new_amount)


def card(state: State = TODO, points: str | None = "3", **facts: Any) -> WorkItem:
    return an_item("PAY-1", state, points=points, **{"labels": ("p1",), "projects": (Ref("PAY"),), **facts})


def other(state: State = TODO, **facts: Any) -> WorkItem:
    return an_item("PAY-2", state, **{"projects": (Ref("PAY"),), **facts})


P1 = where(label="p1")
COUNTED = a_part(COUNT, where=P1)
IN_CYCLE = a_part(COUNT, where=P1, window=Window.CYCLE)
POINTS = a_part(SUM, where=P1, by="points")
OPEN_ONES = a_part(COUNT, where=P1, counts=Counts.OPEN)
ALL_POINTS = a_part(SUM, where=P1, by="points", counts=Counts.ALL)
AS_DONE = a_part(COUNT, where=P1, cancelled=Cancelled.COMPLETE)
AS_OPEN = a_part(COUNT, where=P1, cancelled=Cancelled.OPEN)
SHIPPED = a_part(COUNT, where=P1, done_when=DoneWhen(status=("Shipped",)))
OF_PAY = a_part(COUNT, where=where(label="p1", project="PAY"))


@pytest.mark.parametrize(
    ("part", "before", "after", "causes"),
    [
        pytest.param(COUNTED, card(), card(DONE), ["closed +1"], id="closed"),
        pytest.param(OPEN_ONES, card(), card(DONE), ["closed -1"], id="closed, where open counts"),
        pytest.param(POINTS, card(), card(DONE), ["closed +3"], id="closed, by points"),
        pytest.param(SHIPPED, card(status="QA"), card(status="Shipped"), ["closed +1"], id="closed by done_when"),
        pytest.param(IN_CYCLE, card(), card(DONE, closed_at=BEFORE), ["closed +0"], id="closed before the window"),
        pytest.param(COUNTED, card(DONE), card(), ["reopened -1"], id="reopened"),
        pytest.param(OPEN_ONES, card(DONE), card(), ["reopened +1"], id="reopened, where open counts"),
        pytest.param(COUNTED, card(CANCELLED), card(), ["reopened +0"], id="taken up again after it was cancelled"),
        pytest.param(OPEN_ONES, card(CANCELLED), card(), ["reopened +1"], id="taken up again, where open counts"),
        pytest.param(AS_DONE, card(CANCELLED), card(), ["reopened -1"], id="taken up again, cancelled was complete"),
        pytest.param(
            COUNTED, card(CANCELLED), card(DONE), ["reopened +0", "closed +1"], id="cancelled before, now done"
        ),
        pytest.param(
            IN_CYCLE, card(DONE, closed_at=BEFORE), card(), ["reopened +0"], id="reopened from before the window"
        ),
        pytest.param(
            IN_CYCLE,
            card(DONE, closed_at=BEFORE),
            card(DONE),
            ["reopened +0", "closed +1"],
            id="reopened from before the window and closed again",
        ),
        pytest.param(COUNTED, None, card(), ["added +0"], id="created"),
        pytest.param(COUNTED, None, card(DONE), ["added +0", "closed +1"], id="created and closed"),
        pytest.param(OPEN_ONES, None, card(DONE), ["added +1", "closed -1"], id="created and closed, open counts"),
        pytest.param(ALL_POINTS, None, card(DONE), ["added +3"], id="created and closed, all counts"),
        pytest.param(COUNTED, card(labels=()), card(), ["added +0"], id="labelled"),
        pytest.param(COUNTED, card(DONE, labels=()), card(DONE), ["added +1"], id="labelled when it was done already"),
        pytest.param(
            IN_CYCLE, card(DONE, labels=()), card(DONE), ["added +1"], id="labelled when it was done in the window"
        ),
        pytest.param(COUNTED, card(labels=()), card(DONE), ["added +0", "closed +1"], id="labelled and closed"),
        pytest.param(COUNTED, card(DONE, labels=()), card(), ["added +0"], id="labelled and reopened"),
        pytest.param(
            replace(POINTS, missing=Missing.ONE),
            card(DONE, None, labels=()),
            card(DONE, None),
            ["added +1"],
            id="labelled without an estimate, which counts as 1",
        ),
        pytest.param(COUNTED, card(DONE), card(DONE, labels=()), ["removed -1"], id="label taken off"),
        pytest.param(OPEN_ONES, card(), card(CANCELLED), ["cancelled -1"], id="cancelled"),
        pytest.param(COUNTED, card(DONE), card(CANCELLED), ["cancelled -1"], id="cancelled after it was done"),
        pytest.param(AS_DONE, card(), card(CANCELLED), ["cancelled +1"], id="cancelled is as good as done"),
        pytest.param(AS_OPEN, card(DONE), card(CANCELLED), ["cancelled -1"], id="cancelled is still open"),
        pytest.param(POINTS, card(DONE), card(DONE, "5"), ["re_estimated +2"], id="re-estimated"),
        pytest.param(POINTS, card(), card(points="5"), ["re_estimated +0"], id="re-estimated while open"),
        pytest.param(POINTS, card(), card(DONE, "5"), ["closed +3", "re_estimated +2"], id="closed and re-estimated"),
        pytest.param(POINTS, card(DONE), card(DONE, None), ["re_estimated -3"], id="estimate taken off"),
        pytest.param(POINTS, card(DONE, None), card(DONE), ["re_estimated +3"], id="estimated at last"),
        pytest.param(
            POINTS, card(points=None), card(DONE), ["re_estimated +0", "closed +3"], id="estimated at last and closed"
        ),
        pytest.param(POINTS, card(DONE), card(DONE, "0"), ["re_estimated -3"], id="estimated to nothing"),
        pytest.param(POINTS, card(DONE, "0"), card(DONE), ["re_estimated +3"], id="estimated from nothing"),
        pytest.param(OF_PAY, card(DONE), card(DONE, projects=(Ref("OPS"),)), ["moved -1"], id="moved out"),
        pytest.param(OF_PAY, card(DONE, projects=(Ref("OPS"),)), card(DONE), ["moved +1"], id="moved in"),
        pytest.param(
            OF_PAY, card(projects=(Ref("OPS"),)), card(DONE), ["moved +0", "closed +1"], id="moved in and closed"
        ),
        pytest.param(
            COUNTED, card(), card(DONE, projects=(Ref("OPS"),)), ["closed +1"], id="moved, but selected as before"
        ),
        pytest.param(
            OPEN_ONES, card(), card(CANCELLED, projects=(Ref("OPS"),)), ["cancelled -1"], id="moved and cancelled"
        ),
        pytest.param(COUNTED, card(), card(title="Renamed", status="QA"), [], id="nothing that counts"),
    ],
)
def test_a_cause_has_its_right_name(
    part: Part, before: WorkItem | None, after: WorkItem | None, causes: list[str]
) -> None:
    rows = moved_by(a_rule(part), [before] if before else [], [after] if after else [])
    assert story(rows) == causes


@pytest.mark.parametrize("gone", [CauseKind.DELETED, CauseKind.HIDDEN, CauseKind.REMOVED])
def test_an_item_that_left_the_mirror(gone: CauseKind) -> None:
    (row,) = moved_by(a_rule(COUNTED), [card(DONE)], [], gone=gone)
    assert (row.cause, row.delta) == (gone, Decimal(-1))
    assert (row.new_weight, row.new_amount, row.version) == (None, None, "v1")


TOUCHED = card(DONE, closed_at=AFTER, updated_at=at("2027-01-06"))


@pytest.mark.parametrize("touched", [TOUCHED, replace(TOUCHED, updated_at=None)])
def test_the_end_of_the_cycle_is_time(touched: WorkItem) -> None:
    """It counted while the cycle ran; as of the end it was open.  The tracker's `updated` alone is no change."""
    rows = moved_by(a_rule(COUNTED), [TOUCHED], [touched], times=(QUARTER.end - timedelta(1), QUARTER.end))
    assert story(rows) == ["time -1"]


def test_an_item_created_after_the_end_leaves_by_time() -> None:
    late = card(DONE, created_at=QUARTER.end, closed_at=AFTER)
    rows = moved_by(a_rule(COUNTED), [late], [late], times=(QUARTER.end - timedelta(1), QUARTER.end))
    assert story(rows) == ["time -1"]


def test_a_neighbour_that_changes_adds_and_removes() -> None:
    """Somebody put the epic below another: its children did not change, but they are selected now."""
    rule = a_rule(a_part(COUNT, where=where(epic="TOP-1")))
    child = an_item("PAY-2", DONE, parent=Ref("", "PAY-1"))
    epic = an_item("PAY-1", kind=Kind.EPIC)
    lifted = replace(epic, parent=Ref("", "TOP-1"))
    assert story(moved_by(rule, [epic, child], [lifted, child])) == ["added +1"]
    assert story(moved_by(rule, [lifted, child], [epic, child])) == ["removed -1"]


def test_another_ones_estimate_moves_the_mean_of_those_without() -> None:
    rule = a_rule(a_part(SUM, by="points", missing=Missing.MEAN))
    guess, known = an_item("PAY-1", DONE), an_item("PAY-2", TODO, points="2")
    rows = moved_by(rule, [guess, known], [guess, replace(known, fields=(("points", "5"),))])
    assert [(row.item, row.cause, row.delta) for row in rows] == [
        ("id:PAY-1", CauseKind.RE_ESTIMATED, Decimal(3)),
        ("id:PAY-2", CauseKind.RE_ESTIMATED, Decimal(0)),
    ]


def test_a_duplicate_that_its_first_part_takes_leaves_the_second() -> None:
    rule = a_rule(a_part(where=where(label="a")), a_part(where=where(label="b")), combine=Combine.SUM)
    rows = moved_by(
        rule, [an_item(state=DONE, labels=("b",), updated_at=NOW)], [an_item(state=DONE, labels=("a", "b"))]
    )
    assert [(row.part, row.cause, row.delta) for row in rows] == [
        (0, CauseKind.ADDED, Decimal(1)),
        (1, CauseKind.REMOVED, Decimal(-1)),
    ]


def test_a_step_knows_what_was_and_what_is() -> None:
    closed, estimated = moved_by(a_rule(POINTS), [card()], [card(DONE, "5")])
    assert evidence(closed) == numbers(3, 0, 3, 3)
    assert evidence(estimated) == numbers(3, 3, 5, 5)


def test_percent_tells_growth_from_progress() -> None:
    """One of two was done.  A third came and the second was closed: the growth took 17 points, the work gave 33."""
    rule = a_rule(a_part(PERCENT))
    first, second = an_item("PAY-1", DONE), an_item("PAY-2", updated_at=at("2026-11-02"))
    third = an_item("PAY-3", updated_at=at("2026-11-01"))
    closed = replace(second, state=DONE, closed_at=WITHIN)
    rows = moved_by(rule, [first, second], [first, closed, third])
    assert [(row.item, str(row.cause), row.delta) for row in rows] == [
        ("id:PAY-3", "added", Decimal("-16.666667")),
        ("id:PAY-2", "closed", Decimal("33.333334")),
    ]


def test_rows_are_in_the_order_of_the_trackers_time_then_source_then_id() -> None:
    rule = a_rule(a_part(source="b"), a_part(source="a"), combine=Combine.SUM)

    def change(part: int, source: str, key: str, updated: str | None) -> tuple[Change, Past]:
        item = an_item(key, DONE, updated_at=at(updated) if updated else None)
        (line,) = measured(a_rule(), item).lines
        return Change(part, source, item.id, None, replace(line, part=part, source=source)), Past(None, item)

    made = [
        change(0, "b", "1", "2026-11-02"),
        change(1, "a", "9", "2026-11-02"),
        change(1, "a", "8", "2026-11-02"),
        change(0, "b", "7", "2026-11-01"),
        change(1, "a", "6", None),  # never told: first
    ]
    nothing = Standing(Decimal(0), measured(rule).totals)
    past = {(each.source, each.item): known for each, known in made}
    rows = attribute(rule, nothing, [each for each, _ in made], past, NOW)
    assert [(row.source, row.item) for row in rows if row.cause is CauseKind.CLOSED] == [
        ("a", "id:6"),
        ("b", "id:7"),
        ("a", "id:8"),
        ("a", "id:9"),
        ("b", "id:1"),
    ]
    again = attribute(rule, nothing, [each for each, _ in reversed(made)], past, NOW)
    assert again == rows


def test_an_item_nobody_remembers_was_added_or_removed() -> None:
    rule = a_rule(COUNTED)
    new = measured(rule, card(DONE))
    rows = attribute(rule, Standing(Decimal(0), measured(rule).totals), changes([], new.lines), {}, NOW)
    assert story(rows) == ["added +0", "closed +1"]
    rows = attribute(rule, Standing(new.value, new.totals), changes(evidence_of(new.lines), []), {}, NOW)
    assert story(rows) == ["removed -1"]


# --- changes ---------------------------------------------------------------------------------------------------


def test_nothing_changed() -> None:
    result = measured(a_rule(COUNTED, POINTS, combine=Combine.SUM), card(DONE), an_item("PAY-2", labels=("p1",)))
    assert changes(evidence_of(result.lines), result.lines) == []
    rewritten = [replace(each, weight=each.weight.normalize(), version="v9") for each in evidence_of(result.lines)]
    assert changes(rewritten, result.lines) == []


def test_what_was_never_on_the_line_is_no_change() -> None:
    result = measured(a_rule(COUNTED), card(CANCELLED))
    assert len(result.lines) == 1
    assert changes([], result.lines) == []


def test_changes_are_found_and_sorted() -> None:
    rule = a_rule(COUNTED, POINTS, combine=Combine.MEAN)
    old = measured(rule, card(DONE), an_item("PAY-2", DONE, points="1", labels=("p1",)))
    new = measured(rule, card(DONE, "4"), an_item("PAY-3", DONE, points="1", labels=("p1",)))
    found = changes(evidence_of(old.lines), new.lines)
    assert [(each.part, each.item, each.old is None, each.line is None) for each in found] == [
        (0, "id:PAY-2", False, True),
        (0, "id:PAY-3", True, False),
        (1, "id:PAY-1", False, False),
        (1, "id:PAY-2", False, True),
        (1, "id:PAY-3", True, False),
    ]


def test_an_entry_with_one_cause_writes_one_row_per_item_on_the_line() -> None:
    result = measured(a_rule(POINTS), card(DONE), an_item("PAY-2", CANCELLED, points="2", labels=("p1",)))
    (row,) = whole(changes([], result.lines), CauseKind.BASELINE)
    assert (row.item, row.cause, row.delta, row.version) == ("id:PAY-1", CauseKind.BASELINE, Decimal(0), "v1")
    assert evidence(row) == numbers(None, None, 3, 3)
    (row,) = whole(changes(evidence_of(result.lines), []), CauseKind.RULE)
    assert evidence(row) == numbers(3, 3, None, None)


# --- measures that are no sums -----------------------------------------------------------------------------------

AVERAGE = a_part(Measure.MEAN, by="points")
PACE = a_part(Measure.THROUGHPUT, window=Window.CYCLE)
SHARE = a_part(Measure.RATIO, counts=Counts.ALL, of=where(label="regression"))
HALVES = a_part(partial=((DOING, Decimal("0.5")),))
OPEN_AGES = a_part(Measure.MEAN, by="points", counts=Counts.OPEN)
OR_CANCELLED = a_part(Measure.MEAN, by="points", cancelled=Cancelled.COMPLETE)
NOT_DROPPED = a_part(Measure.MEAN, by="points", cancelled=Cancelled.OPEN)
LEAD = a_part(Measure.LEAD_TIME)
SHARE_DONE = a_part(Measure.RATIO, counts=Counts.ALL, of=where(state="done"))


def dropped(points: str) -> WorkItem:
    return other(CANCELLED, points=points)


@pytest.mark.parametrize(
    ("part", "before", "after", "told"),
    [
        (
            AVERAGE,
            [card(DONE, points="1"), other(points="3")],
            [card(DONE, points="1"), other(DONE, points="3")],
            ["closed +1"],
        ),
        (AVERAGE, [card(DONE, points="1")], [card(DONE, points="1"), other(DONE, points="3")], ["added +1"]),
        (
            AVERAGE,
            [card(DONE, points="1"), other(DONE, points="3")],
            [card(DONE, points="1"), other(points="3")],
            ["reopened -1"],
        ),
        (AVERAGE, [card(DONE, points="1")], [card(DONE, points="5")], ["re_estimated +4"]),
        (AVERAGE, [card(DONE, points="1")], [card(points="1")], ["reopened +0"]),  # of nothing the last value stays
        (SHARE, [card(), other()], [card(labels=("regression",)), other()], ["added +0.5"]),
        (SHARE, [card(labels=("regression",)), other()], [card(), other()], ["removed -0.5"]),
        (HALVES, [card()], [card(DOING)], ["closed +0.5"]),
        (HALVES, [card(DOING)], [card()], ["reopened -0.5"]),
        (HALVES, [card(DOING)], [card(DONE)], ["closed +0.5"]),
        # an average of what is open
        (OPEN_AGES, [card(points="1"), other(points="3")], [card(points="1"), other(DONE, points="3")], ["closed -1"]),
        (
            OPEN_AGES,
            [card(points="1"), other(DONE, points="3")],
            [card(points="1"), other(points="3")],
            ["reopened +1"],
        ),
        # cancelled is never called anything else
        (OR_CANCELLED, [card(DONE, "1"), other(points="3")], [card(DONE, "1"), dropped("3")], ["cancelled +1"]),
        (NOT_DROPPED, [card(DONE, "1"), other(DONE, points="3")], [card(DONE, "1"), dropped("3")], ["cancelled -1"]),
        (AVERAGE, [card(DONE, "1"), dropped("3")], [card(DONE, "1"), other(DONE, points="3")], ["closed +1"]),
        # closed again, at another time
        (LEAD, [card(DONE, closed_at=at("2026-10-02"))], [card(DONE, closed_at=at("2026-10-04"))], ["closed +2"]),
        (PACE, [card(DONE, closed_at=at("2026-11-24"))], [card(DONE, closed_at=at("2026-11-30"))], ["reopened -0.125"]),
        # a share of what is done and not: it is the label that counts
        (SHARE, [card(), other()], [card(DOING, labels=("regression",)), other()], ["added +0.5"]),
        (SHARE, [card(labels=("regression",))], [card(labels=("regression",)), other(DONE)], ["added -0.5"]),
        (SHARE, [card(labels=("regression",)), other()], [card(DONE), other()], ["removed -0.5"]),
        (SHARE_DONE, [card(), other()], [card(DONE), other()], ["closed +0.5"]),
    ],
)
def test_what_happened_to_a_measure_that_is_no_sum(
    part: Part, before: list[WorkItem], after: list[WorkItem], told: list[str]
) -> None:
    assert story(moved_by(a_rule(part), before, after)) == told


def test_a_week_that_ends_is_told_before_what_it_brings() -> None:
    """One ticket was closed in the first week, one in the second, of which nobody speaks before it is over."""
    closed = [card(DONE, closed_at=at("2026-10-06")), other(DONE, closed_at=at("2026-10-13"))]
    rows = moved_by(a_rule(PACE), closed, closed, times=(at("2026-10-14"), at("2026-10-19")))
    assert [(row.cause, row.item, row.delta) for row in rows] == [
        (CauseKind.TIME, "", Decimal("-0.5")),
        (CauseKind.TIME, closed[1].id, Decimal("0.5")),
    ]


def test_what_a_ratio_asks_for_may_pass_by_itself() -> None:
    """Time is named where a span moved on; where a neighbour or the tracker's query did it, the item joined or left."""
    lately = a_part(Measure.RATIO, counts=Counts.ALL, of=Within(Moment.CREATED, (LastDays(7),)))
    items = [card(created_at=at("2026-10-06"))]
    assert story(moved_by(a_rule(lately), items, items, times=(at("2026-10-07"), at("2026-10-20")))) == ["time -1"]
    below = a_part(Measure.RATIO, counts=Counts.ALL, where=where(label="p1"), of=where(epic="E-1"))
    child = card(parent=Ref("", "PAY-2"))
    story_ = other(parent=Ref("", "E-1"))
    assert story(moved_by(a_rule(below), [child, other()], [child, story_])) == ["added +1"]


def test_a_span_that_moves_on_is_time() -> None:
    rule = a_rule(a_part(where=Within(Moment.CLOSED, (LastDays(7),))))
    closed = [card(DONE, closed_at=at("2026-10-06"))]
    rows = moved_by(rule, closed, closed, times=(at("2026-10-07"), at("2026-10-20")))
    assert story(rows) == ["time -1"]
    assert story(moved_by(rule, closed, closed, times=(at("2026-10-06T12:00"), at("2026-10-07")))) == ["time +1"]


def test_the_best_value_hides_steps_that_lead_nowhere() -> None:
    """One is closed and one is reopened: the value stays, and so does the sum of the causes."""
    rule = a_rule(regress=Regress.RATCHET)
    before, after = [card(DONE), other()], [card(), other(DONE)]
    rows = moved_by(rule, before, after)
    assert sum(row.delta for row in rows) == 0
    assert story(moved_by(rule, [card(DONE)], [card()])) == ["reopened +0"]
