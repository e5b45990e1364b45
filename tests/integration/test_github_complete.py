"""A complete read brings everything, whatever memo comes with it: no 304 makes it less."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Connector, Container, Cursor, Demand
from okrs.immutable import replace
from okrs.work import WorkItem
from sandbox.clock import SimulatedClock
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import items, memo_of, opened, pages

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
NARROW, POINTS = Demand(), Demand(fields=frozenset({"points"}))
EVERYTHING = Demand(fields=frozenset({"points"}), refs=True)


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    project = world.add_project("github", "web", "acme/web")
    release = world.add_milestone(project, "v1")
    for number in range(1, 8):
        world.create(project, f"Issue {number}", pull=number == 5, milestone=release)
    board = world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    for number in (2, 5):
        world.set_value(board, world.item(f"acme/web#{number}"), "Points", 3.0)
    world.clock.advance(timedelta(hours=1))
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        running.faults.page_caps["github"] = 3
        yield running


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    connector = opened(sandbox.urls["github"], token=sandbox.tokens["github"], boards=("acme/1",))
    yield connector
    connector.close()


def read(github: Connector, cursor: Cursor, demand: Demand) -> tuple[list[WorkItem], dict[str, str]]:
    """Read as a run does: it resolves the repository first."""
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    found = pages(github, cursor, box, demand)
    return items(found), memo_of(found)


def memo_that_serves(github: Connector, world: World, demand: Demand) -> dict[str, str]:
    """Return the memo of a poll that was answered 304 throughout."""
    everything, memo = read(github, Cursor(world.clock.now()), demand)
    held = {item.id: item for item in everything}
    for _ in range(3):
        since = world.clock.now()
        world.clock.advance(timedelta(hours=1))
        cursor = Cursor(world.clock.now(), since, memo=memo, held=lambda ids: {one: held[one] for one in ids})
        changed, memo = read(github, cursor, demand)
    assert changed == []
    assert len([name for name in memo if name.startswith("etag:")]) == 2
    return memo


def _nothing(world: World) -> None:
    """Leave every ETag as good as it was."""


def _rename(world: World) -> None:
    world.rename_project(world.project("acme/web"), "acme/shop")


@pytest.mark.parametrize("between", [_nothing, _rename])
@pytest.mark.parametrize(
    ("before", "after"),
    [(NARROW, NARROW), (POINTS, POINTS), (NARROW, EVERYTHING), (EVERYTHING, NARROW), (POINTS, EVERYTHING)],
)
def test_a_complete_read_brings_everything_whatever_its_memo(
    github: Connector, world: World, before: Demand, after: Demand, between: Callable[[World], None]
) -> None:
    memo = memo_that_serves(github, world, before)
    between(world)
    bare, left = read(github, Cursor(world.clock.now()), after)
    assert len(bare) == 7 + 1
    given, left_too = read(github, Cursor(world.clock.now(), memo=memo), after)
    assert sorted(given, key=lambda item: item.id) == sorted(bare, key=lambda item: item.id)
    assert left_too == left


def test_every_page_of_a_complete_read_is_asked_without_an_etag(github: Connector, world: World) -> None:
    """Pages are asked in any order, on their own, each with the same memo."""
    memo = memo_that_serves(github, world, NARROW)
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    cursor = Cursor(world.clock.now(), memo=memo)
    first = github.changed(box, cursor, NARROW)
    assert len(first.following) == 3
    assert [len(github.changed(box, replace(cursor, resume=one), NARROW).items) for one in first.following] == [1, 3, 1]
