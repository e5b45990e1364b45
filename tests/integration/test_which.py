"""What `which` says of a ticket: the same whether the mirror is large or small; also of one that moved or is gone."""

import io
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import update

from mapping.judging import Reason
from mapping.measure import measure
from mapping.rule import Combine, Counts, Measure, Regress, Rule, Scope
from okrs.immutable import replace
from okrs.work import State
from store import facets, queries, tables
from store.database import Database
from store.views.which import Places, which, which_json
from terminal import render
from tests.builders import NOW, SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World, two_projects
from tests.integration.test_store_totals import mirrored
from tests.unit.test_mapping_laws import SOURCES, Mirror, mirrors, rules


@pytest.fixture(params=[facets.LARGE, 0], ids=["small", "large"])
def world(database: Database, request: pytest.FixtureRequest) -> World:
    """Five open tickets in two projects, measured by one key result that counts open work."""
    return two_projects(database, large=request.param)


def asked(world: World, key: str) -> Places | None:
    with world.database.read() as connection:
        return which(connection, world._setup(), key, world.clock())


def document(world: World, key: str) -> dict[str, Any]:
    answer = asked(world, key)
    assert answer is not None
    (only,) = which_json(answer)
    return only


def text(world: World, key: str, zone: str = "UTC") -> str:
    answer, file = asked(world, key), io.StringIO()
    assert answer is not None
    shown = render.which(answer, key, {"open": "Open work"}, zone)
    Console(file=file, width=200, color_system=None, soft_wrap=True).print(shown)
    return file.getvalue()


@settings(max_examples=40, deadline=None)
@given(mirrors(), st.lists(rules(), min_size=1, max_size=4), st.booleans())
def test_a_ticket_alone_is_what_it_is_among_all(
    shared_database: Database, mirror: Mirror, some: list[Rule], large: bool
) -> None:
    mirrored(shared_database, mirror, NOW, some if large else ())
    world = World(shared_database, {name: FakeTracker(Clock(), "A") for name in SOURCES}, Clock())
    for number, rule in enumerate(some):
        world.feed(f"kr-{number}", rule)
    with shared_database.read() as connection:
        held = {name: queries.candidates_of(connection, name) for name in SOURCES}
        measured = {f"kr-{number}": measure(rule, held, NOW) for number, rule in enumerate(some)}
        for key in sorted({each.item.key for name in SOURCES for each in held[name]}):
            answer = which(connection, world._setup(), key, NOW)
            assert answer is not None
            for each in answer.parts:
                lines = measured[each.key_result].lines
                at = (each.part, *each.ticket.identity)
                line = next((one for one in lines if (one.part, one.source, one.item.id) == at), None)
                if line is None:
                    assert (each.counted, each.reason) == (False, Reason.NO_MATCH)
                else:
                    assert (each.counted, each.amount, each.reason) == (line.counted, line.amount, line.reason)


@pytest.mark.parametrize("once", [False, True], ids=["alone", "among all"])
def test_a_number_that_no_column_holds_leaves_every_ticket_to_be_told(world: World, once: bool) -> None:
    world.feed("huge", a_rule(a_part(counts=Counts.OPEN, once=once), base=Decimal(10**13)))
    world.sync()
    assert world.value("huge") is None
    answer = asked(world, "PAY-1")
    assert answer is not None
    told = [(each.key_result, each.counted, each.amount) for each in answer.parts]
    assert told == [("huge", True, Decimal(1)), ("open", True, Decimal(1))]


def rename(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", replace(tracker.projects["PAY"].items["id:PAY-1"], key="OPS-9"))
    world.sync()


def test_one_that_was_renamed_is_found_by_its_old_key(world: World) -> None:
    rename(world)
    assert document(world, "PAY-1")["key"] == "OPS-9"
    assert "PAY-1 is called OPS-9 today." in text(world, "PAY-1")
    assert "OPS-9 counts in Open work: +1 (part 1)" in text(world, "pay-1")
    assert "today" not in text(world, "OPS-9")


def test_who_has_a_key_today_is_meant_by_it(world: World) -> None:
    rename(world)
    world.trackers[SOURCE].put("PAY", replace(an_item("PAY-1", State.DONE), id="id:new"))
    world.sync()
    told = document(world, "PAY-1")
    assert (told["key"], told["reason"]) == ("PAY-1", "done")


@pytest.mark.parametrize("spelling", ["pay-1", " PAY-1 ", "Pay-1"])
def test_a_key_is_found_in_any_case(world: World, spelling: str) -> None:
    told = document(world, spelling)
    assert (told["key"], told["counted"], told["amount"], told["adds"]) == ("PAY-1", True, 1, True)
    assert "called" not in text(world, spelling)


@pytest.mark.parametrize("deleted", [True, False])
def test_one_that_is_gone_says_what_became_of_it(world: World, deleted: bool) -> None:
    tracker = world.trackers[SOURCE]
    held = tracker.drop("PAY", "PAY-1")
    tracker.deleted = {held.id} if deleted else set()
    for _ in range(2):
        world.sync(full=True)
    told = document(world, "PAY-1")
    assert (told["counted"], told["amount"], told["reason"]) == (False, None, "deleted" if deleted else "hidden")
    assert told["gone_at"] is not None
    said = text(world, "pay-1")
    assert ("PAY-1 was deleted in its tracker. A read found so on" in said) is deleted
    assert "It was last seen todo: About PAY-1" in said
    answer = asked(world, "PAY-1")
    assert answer is not None
    [ticket] = answer.tickets
    assert ticket.gone_at is not None
    there = ticket.gone_at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert f"{there:%Y-%m-%d %H:%M} JST." in text(world, "PAY-1", "Asia/Tokyo")


def test_a_key_that_nobody_ever_had_is_unknown(world: World) -> None:
    assert asked(world, "PAY-99") is None


APART: dict[str, tuple[Rule, bool]] = {
    "count": (a_rule(a_part(counts=Counts.OPEN)), True),
    "frozen": (a_rule(a_part(counts=Counts.OPEN, scope=Scope.FROZEN)), True),
    "percent": (a_rule(a_part(Measure.PERCENT, counts=Counts.OPEN)), False),
    "mean": (a_rule(a_part(Measure.MEAN, by="points", counts=Counts.OPEN)), False),
    "mean of parts": (a_rule(a_part(counts=Counts.OPEN), a_part(where=where(key="X")), combine=Combine.MEAN), False),
}


@pytest.mark.parametrize("name", APART)
def test_only_what_is_added_up_is_told_as_a_sum(world: World, name: str) -> None:
    rule, adds = APART[name]
    world.trackers[SOURCE].change("PAY", "PAY-1", fields=(("points", "1"),), created_at=None)
    world.feed("open", rule)
    world.sync(full=True)
    (first, *_) = text(world, "PAY-1").splitlines()
    assert first == f"PAY-1 counts in Open work{': +1' if adds else ''} (part 1)"


def ask_first(world: World) -> None:
    """Have every fall of the key result wait for a person, and let tickets be closed that it counts."""
    world.feed("open", a_rule(a_part(counts=Counts.OPEN), regress=Regress.ASK))
    world.sync()
    for key in ("PAY-1", "PAY-3"):
        world.trackers[SOURCE].change("PAY", key, state=State.DONE, closed_at=world.clock.now)
    world.sync()


def test_what_is_held_waits_with_the_update(world: World) -> None:
    ask_first(world)
    hold = world.status("open").hold
    assert hold is not None
    told = document(world, "PAY-1")
    assert (told["counted"], told["reason"], told["held"]) == (False, "done", {"id": hold.id, "rejected": False})
    said = f"still in the value: it waits with an update, which `headway holds` shows as {hold.id}"
    assert f"does not count in Open work (part 1): done, and this rule counts open work; {said}" in text(world, "PAY-1")
    assert document(world, "PAY-2")["held"] is None  # what it does is in the value that is shown
    assert "update" not in text(world, "PAY-2")
    world.trackers[SOURCE].put("PAY", an_item("PAY-9"))
    world.sync()
    assert document(world, "PAY-9")["held"] is not None
    assert "PAY-9 counts in Open work: +1 (part 1); not in the value: it waits with an update" in text(world, "PAY-9")
    with world.database.write() as connection:
        connection.execute(update(tables.hold).values(rejected=True))
    assert document(world, "PAY-1")["held"] == {"id": hold.id, "rejected": True}
    assert "; still in the value: the update with it was rejected" in text(world, "PAY-1")
    assert "; not in the value: the update with it was rejected" in text(world, "PAY-9")


def test_what_is_held_of_one_that_is_gone_waits_too(world: World) -> None:
    world.feed("open", a_rule(a_part(counts=Counts.OPEN), regress=Regress.ASK))
    world.sync()
    world.trackers[SOURCE].drop("PAY", "PAY-1")
    for _ in range(2):
        world.sync(full=True)
    told = document(world, "PAY-1")
    assert (told["reason"], told["held"] is None) == ("hidden", False)


def test_in_a_closed_cycle_it_is_what_it_was_then(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    world.close(early=True)
    assert document(world, "PAY-1")["closed"] == "cycle"
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock.now)
    tracker.change("PAY", "PAY-2", state=State.TODO, closed_at=None)
    tracker.put("PAY", an_item("PAY-9"))
    tracker.drop("PAY", "PAY-3")
    for _ in range(2):
        world.sync(full=True)
    told = {key: document(world, key) for key in ("PAY-1", "PAY-2", "PAY-3", "PAY-9")}
    assert {key: (each["counted"], each["amount"], each["reason"]) for key, each in told.items()} == {
        "PAY-1": (True, 1, None),
        "PAY-2": (False, 0, "done"),
        "PAY-3": (True, 1, None),
        "PAY-9": (False, None, "no_match"),
    }
    assert {each["closed"] for each in told.values()} == {"cycle"}
    said = text(world, "PAY-1")
    assert "PAY-1 counted in Open work: +1 (part 1) when cycle was closed; nothing moves that any more" in said
    said = text(world, "PAY-2")
    assert "PAY-2 did not count in Open work (part 1) when cycle was closed; nothing moves that any more: " in said


@pytest.mark.parametrize("measure", [Measure.COUNT, Measure.PERCENT])
def test_a_closed_one_is_told_as_explain_tells_it(world: World, measure: Measure) -> None:
    world.feed("open", a_rule(a_part(measure)))
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=world.clock.now)
    tracker.change("PAY", "PAY-2", state=State.CANCELLED, closed_at=world.clock.now)
    world.sync()
    world.close(early=True)
    world.clock.forward(days=3)
    tracker.change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    lines = {line.item.key: line for line in world.explain("open").measured.lines}
    for key in ("PAY-1", "PAY-2", "PAY-3"):
        told, line = document(world, key), lines.get(key)
        if line is None:  # it was not on the line, and why is known no more
            assert (told["counted"], told["amount"], told["reason"]) == (False, None, "no_match")
        else:
            reason = line.reason.value if line.reason else None
            assert (told["counted"], told["amount"], told["reason"]) == (line.counted, line.amount, reason)
    assert len(lines) >= 2
