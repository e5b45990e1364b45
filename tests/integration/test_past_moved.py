"""A key result that the config took out of a closed cycle: of past times it is told in the cycle that it had then."""

from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from okrs.immutable import replace
from okrs.objective import KeyResult, Objective
from okrs.work import State
from store.database import Database
from store.views.setup import Setup
from store.views.status import status, status_json
from store.views.status_past import status_at, status_then_json
from terminal.past import status_then
from tests.builders import SOURCE, a_rule, an_item, at
from tests.integration.fakes import Clock, FakeTracker, World

OPEN, CLOSED = at("2026-12-01T09:00"), at("2027-02-01T09:00")
"""Times before and after the end of the cycle, and of its being closed."""


@pytest.fixture
def world(database: Database) -> World:
    """A cycle with two key results, each at 2, that was closed on the 4th of January."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number}", State.DONE) for number in (1, 2)))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("moved", a_rule())
    world.feed("stays", a_rule())
    world.sync()
    clock.now = at("2027-01-04T09:00")
    world.sync()
    world.close()
    clock.now = at("2027-03-01T09:00")
    return world


def config(world: World, *objectives: Objective, **key_results: str) -> Setup:
    """What the config says by now: objectives, and under which of them its key results stand."""
    cycles = {each.id: each.cycle for each in objectives}
    terms = world.goals["moved"].key_result.terms
    named = tuple(KeyResult(name, of, cycles[of], f"Of {name}s", terms) for name, of in key_results.items())
    return replace(world._setup(), objectives=objectives, key_results=named)


NOW, THEN = Objective("objective", "next", "Objective"), Objective("objective", "cycle", "Objective")
OTHER = Objective("other", "next", "Other", supports=("objective",))


def told(world: World, setup: Setup, when: datetime, cycle: str | None = None) -> dict[str, Any]:
    """What `status --at` says, in short."""
    with world.database.read() as connection:
        answer = status_at(connection, setup, when, cycle)
    document = status_then_json(answer)
    file = StringIO()
    Console(file=file, width=200, color_system=None, soft_wrap=True).print(status_then(answer, "UTC"))
    text = file.getvalue()
    for each in document["key_results"]:
        assert text.count(f"  {each['id']}  ") == 1, text
    found: dict[str, Any] = {
        each["id"]: (each["cycle"], each["value"], each["grade"], each["belongs_to"])
        for each in document["key_results"]
    }
    return found | {"objectives": [(each["id"], each["cycle"], each["grade"]) for each in document["objectives"]]}


def test_as_a_whole_with_its_objective(world: World) -> None:
    setup = config(world, NOW, moved="objective", stays="objective", later="objective")
    then = {"moved": ("cycle", 2, None, None), "stays": ("cycle", 2, None, None)}
    objectives = [("objective", "cycle", None), ("objective", "next", None)]
    later = {"later": ("next", None, None, None)}
    assert told(world, setup, OPEN) == {**then, **later, "objectives": objectives}
    assert told(world, setup, OPEN, "cycle") == {**then, "objectives": objectives[:1]}
    assert told(world, setup, OPEN, "next") == {**later, "objectives": objectives[1:]}
    ended = dict.fromkeys(then, ("cycle", 2, 0.1, None))
    assert told(world, setup, CLOSED, "cycle") == {**ended, "objectives": [("objective", "cycle", 0.1)]}
    nothing = dict.fromkeys(then, ("next", None, None, "cycle"))
    for cycle in (None, "next"):
        assert told(world, setup, CLOSED, cycle) == {**nothing, **later, "objectives": objectives[1:]}


def test_where_nothing_came_in_its_place_its_objective_is_told_once(world: World) -> None:
    setup = config(world, NOW, OTHER, moved="objective", stays="objective", new="other")
    assert told(world, setup, OPEN)["objectives"] == [("objective", "cycle", None), ("other", "next", None)]


def test_alone_under_another_objective(world: World) -> None:
    setup = config(world, THEN, OTHER, moved="other", stays="objective", new="other")
    then = told(world, setup, OPEN)
    assert (then["moved"], then["stays"]) == (("cycle", 2, None, None),) * 2
    assert then["objectives"] == [("objective", "cycle", None), ("other", "next", None)]
    ended = told(world, setup, CLOSED, "cycle")
    assert (ended["moved"], ended["objectives"]) == (("cycle", 2, 0.1, None), [("objective", "cycle", 0.1)])
    assert told(world, setup, CLOSED)["moved"] == ("next", None, None, "cycle")


def test_of_an_objective_that_is_no_more_the_id_is_told(world: World) -> None:
    setup = config(world, replace(OTHER, supports=()), moved="other", stays="other")
    assert told(world, setup, OPEN)["objectives"] == [("objective", "cycle", None)]
    renamed = config(world, replace(NOW, id="called so now", was="objective"), moved="called so now")
    assert told(world, renamed, OPEN)["objectives"] == [("called so now", "cycle", None)]


def test_as_of_now_it_is_what_status_says(world: World) -> None:
    setup = config(world, NOW, OTHER, moved="objective", stays="objective", new="other")
    with world.database.read() as connection:
        now = status_json(status(connection, setup, world.clock.now))
        then = status_then_json(status_at(connection, setup, world.clock.now))
    lost = ("reading", "error", "quarantined", "updated_at", "mapped")
    for one, other in zip(now["key_results"], then["key_results"], strict=True):
        assert {name: one[name] for name in one if name not in lost} == {
            name: other[name] for name in one if name not in lost
        }
    assert then["objectives"] == now["objectives"]
    assert Decimal(str(now["objectives"][0]["progress"])) == 0
