"""What `explain` and `history` say of key results that are no plain counts, as people read it."""

import dataclasses
import io
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from mapping.rule import Combine, Counts, Measure, Regress, Rule, Scale, Scope, Window
from okrs.immutable import replace
from okrs.objective import Numeric
from okrs.work import State
from store import facets
from store.database import Database
from store.views.explain import explain_json
from store.views.history import history
from store.views.waiting import Waiting, Why, waiting
from terminal import render
from terminal.explaining import explained
from tests.builders import SOURCE, a_part, a_rule, an_item, at, where
from tests.integration.fakes import Clock, FakeTracker, World

LABELLED = where(label="x")
SCALED = a_rule(
    a_part(Measure.LEAD_TIME, window=Window.CYCLE, rank=50),
    scale=Scale(Decimal(60), Decimal(10), Decimal(0), Decimal(100)),
)


@pytest.fixture(params=[facets.LARGE, 0], ids=["small", "large"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Of three labelled tickets one was closed on 10 November; it is Friday, 20 November."""
    clock = Clock(at("2026-11-20T08:00"))
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1", State.DONE, closed_at=at("2026-11-10"), created_at=at("2026-10-31")))
    tracker.put("PAY", an_item("PAY-2", labels=("x",)), an_item("PAY-3", State.DOING, labels=("x",)))
    return World(database, {SOURCE: tracker}, clock, large=request.param)


def text(shown: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=200, color_system=None, soft_wrap=True).print(shown)
    return file.getvalue()


def explanation(world: World) -> str:
    return text(explained(world.explain("kr"), world.goals["kr"].key_result))


def past(world: World) -> str:
    with world.database.read() as connection:
        return text(render.history(history(connection, "kr"), "UTC"))


def close(world: World, key: str) -> None:
    world.trackers[SOURCE].change("PAY", key, state=State.DONE, closed_at=world.clock())


def reopen(world: World, key: str) -> None:
    world.trackers[SOURCE].change("PAY", key, state=State.TODO, closed_at=None)


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (
            a_rule(a_part(Measure.THROUGHPUT, window=Window.CYCLE)),
            ["throughput = 0.17 (1 in 6 weeks)", "PAY-2  About PAY-2  not of a whole week that is over"],
        ),
        (
            a_rule(a_part(Measure.RATIO, counts=Counts.ALL, of=LABELLED)),
            ["ratio = 0.67 (2 of 3)", "PAY-1  About PAY-1  does not match `of`"],
        ),
        (SCALED, ["38.1667, scaled from 60 … 10 to 0 … 100, = 43.67", "lead_time (median, days) = 38.17"]),
        (a_rule(a_part(partial=((State.DOING, Decimal("0.5")),))), ["count = 2.5", "PAY-3  About PAY-3  0.5"]),
        (a_rule(a_part(scope=Scope.FROZEN)), ["count = 1", "PAY-1  About PAY-1  came in after the scope was frozen"]),
    ],
)
def test_a_measure_explains_itself(world: World, rule: Rule, lines: list[str]) -> None:
    world.feed("kr", rule)
    close(world, "PAY-2")
    world.sync()
    told = explanation(world)
    assert [line for line in lines if line not in told] == [], told


def test_the_best_value_is_told_beside_the_measured_one(world: World) -> None:
    world.feed("kr", a_rule(regress=Regress.RATCHET))
    world.sync()
    reopen(world, "PAY-1")
    world.sync()
    assert "kr  1\nIt measures 0; the best value of the cycle is kept." in explanation(world)
    assert "1 → 1  its tickets changed, and the value stays" in past(world)


def test_a_week_that_is_over_is_told(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.THROUGHPUT, window=Window.CYCLE)))
    world.sync()
    world.clock.forward(hours=24 * 7)
    world.sync()
    assert "0.17 → 0.14  another week is over (-0.02)" in past(world)


def test_a_target_that_the_scale_leads_to_is_told(world: World) -> None:
    world.feed("kr", SCALED, Numeric(Decimal(0), Decimal(100)))
    world.sync()
    half = replace(SCALED, scale=Scale(Decimal(60), Decimal(10), Decimal(0), Decimal(50)))
    world.feed("kr", half, Numeric(Decimal(0), Decimal(50)))
    world.sync()
    told = past(world)
    assert "100 → 50  its start or target changed, and the mapping leads to them" in told
    assert "50 → 50  the target changed: now from" in told
    assert world.verify().ok


def test_where_nothing_can_be_measured_yet_no_sync_is_advised(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.MEAN, by="points")))

    def why() -> Why | None:
        with world.database.read() as connection:
            told = waiting(connection, world._setup(), "kr", world.clock())
        return told.why if told else None

    assert why() is Why.SYNC
    world.sync()
    assert why() is Why.NOTHING


def test_a_number_that_no_column_holds_is_what_a_value_waits_for(world: World) -> None:
    world.feed("kr", a_rule(base=Decimal(10**13)))
    world.sync()
    with world.database.read() as connection:
        assert waiting(connection, world._setup(), "kr", world.clock()) == Waiting(Why.TOO_LARGE)
    with pytest.raises(OverflowError):
        world.explain("kr")


def test_a_value_on_record_is_explained_though_its_next_one_is_too_large(world: World) -> None:
    steep = Scale(Decimal(0), Decimal("0.000001"), Decimal(0), Decimal(10**12))
    world.feed("kr", a_rule(a_part(where=LABELLED), scale=steep))
    world.sync()
    world.trackers[SOURCE].change("PAY", "PAY-2", state=State.DONE)
    world.sync()
    told = world.explain("kr")
    assert told.value == told.measured.value == 0
    assert [(line.item.key, line.counted) for line in told.measured.lines] == [("PAY-2", False), ("PAY-3", False)]


def test_a_part_that_a_label_alone_feeds_is_told_in_the_sum_when_it_does(world: World) -> None:
    linked = replace(a_part(Measure.PERCENT, where=where(label="kr:kr")), linked=True)
    world.feed("kr", a_rule(a_part(Measure.PERCENT), linked, combine=Combine.MEAN))
    world.sync()
    assert "/ 2 =" not in explanation(world)
    assert "no ticket bears its label yet" in explanation(world)
    assert "selects nothing" not in explanation(world)
    assert [each["selects_nothing"] for each in explain_json(world.explain("kr"))["parts"]] == [False, False]
    world.trackers[SOURCE].change("PAY", "PAY-2", labels=("kr:kr",))
    world.sync()
    assert "(33.3333 + 0) / 2 = 16.67" in explanation(world)


def test_where_labels_alone_feed_a_key_result_one_that_nobody_uses_selects_nothing(world: World) -> None:
    world.feed("kr", a_rule(replace(a_part(where=where(label="kr:kr")), linked=True)))
    world.sync()
    assert "no ticket of tracker bears its label yet, and labels alone feed it" in explanation(world)
    assert [each["selects_nothing"] for each in explain_json(world.explain("kr"))["parts"]] == [True]


def test_work_that_may_be_an_earlier_part_s_is_marked(world: World) -> None:
    other, web = FakeTracker(world.clock, "OTHER"), FakeTracker(world.clock, "WEB")
    other.put("OTHER", an_item("PAY-1", url="https://other.example/PAY-1"))
    web.put("WEB", an_item("acme/web#7", State.DONE, refs=("PAY-1",), closed_at=at("2026-11-11")))
    world = dataclasses.replace(world, trackers={**world.trackers, "other": other, "web": web})
    parts = (a_part(), a_part(source="other"), replace(a_part(source="web"), once=True))
    world.feed("kr", a_rule(*parts, combine=Combine.SUM))
    world.sync()
    told = explain_json(world.explain("kr"))["parts"]
    assert [[each.get("ambiguous", False) for each in part["counted"]] for part in told] == [[False], [], [True]]
    assert world.value("kr") == 2
