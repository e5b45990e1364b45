"""Fields of boards (Projects v2): read whole, put onto issues, and followed without the issues being touched."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.contract import (
    Connector,
    ConnectorError,
    Container,
    Cursor,
    Demand,
    FieldsRefused,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
)
from connectors.github import graphql
from connectors.patience import Pacer, Patient
from okrs.immutable import replace
from okrs.work import Ref, WorkItem
from sandbox.clock import SimulatedClock
from sandbox.records import Item
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import GitHubServer, Reply, items, memo_of, opened, pages

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
KINDS = {"Points": "NUMBER", "Due": "DATE", "Note": "TEXT", "Status": "SINGLE_SELECT", "Sprint": "ITERATION"}
POINTS = Demand(fields=frozenset({"points"}), numbers=frozenset({"points"}))


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    for name in ("acme/web", "acme/api"):
        project = world.add_project("github", name.partition("/")[2], name)
        for number in range(1, 6):
            world.create(project, f"Issue {number}", pull=number == 5)
    board = world.add_board("acme", "Roadmap", KINDS)
    world.set_value(board, at(world, 1), "Points", 3.0)
    world.set_value(board, at(world, 5), "Points", 0.5)
    world.clock.advance(timedelta(hours=1))
    return world


def at(world: World, number: int, name: str = "acme/web") -> Item:
    return world.item(f"{name}#{number}")


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        yield running


def connected(sandbox: Sandbox, *names: str, boards: tuple[str, ...] = ("acme/1",)) -> Connector:
    return opened(sandbox.urls["github"], *names, token=sandbox.tokens["github"], boards=boards)


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    connector = connected(sandbox)
    yield connector
    connector.close()


class Poller:
    """A mirror of one container, with its memo and watermark."""

    def __init__(self, github: Connector, world: World, demand: Demand = POINTS) -> None:
        self.github, self.world, self.demand = github, world, demand
        self.items: dict[str, WorkItem] = {}
        self.memo: dict[str, str] = {}
        self.since: datetime | None = None

    def poll(self) -> list[WorkItem]:
        (box,) = [one for one in self.github.containers() if isinstance(one, Container)]

        def held(ids: Any) -> dict[str, WorkItem]:
            return {one: self.items[one] for one in ids if one in self.items}

        cursor = Cursor(self.world.clock.now(), self.since, memo=self.memo, held=held)
        read = pages(self.github, cursor, box, self.demand)
        self.items |= {item.id: item for item in items(read)}
        self.memo, self.since = memo_of(read), self.world.clock.now() - timedelta(minutes=15)
        self.world.clock.advance(timedelta(hours=1))
        return [item for item in items(read) if item.kind != "milestone"]


def test_values_come_under_the_spelling_of_the_rule(github: Connector, world: World) -> None:
    board = world.boards[0]
    for name, value in {"Due": "2026-11-01", "Note": "a b", "Status": "Doing", "Sprint": "Week 7"}.items():
        world.set_value(board, at(world, 1), name, value)
    names = frozenset({"points", "DUE", "Note", "status", "Sprint"})
    found = {item.key: item.fields for item in Poller(github, world, Demand(fields=names)).poll()}
    assert dict(found["acme/web#1"]) == {
        "points": "3",
        "DUE": "2026-11-01",
        "Note": "a b",
        "status": "Doing",
        "Sprint": "Week 7",
    }
    assert found["acme/web#5"] == (("points", "0.5"),)
    assert found["acme/web#2"] == ()


def test_two_spellings_of_one_field_both_have_its_value(github: Connector, world: World) -> None:
    found = Poller(github, world, Demand(fields=frozenset({"Points", "points"}))).poll()
    assert found[0].fields == (("Points", "3"), ("points", "3"))


def test_a_value_changes_without_the_issue_being_touched(github: Connector, world: World) -> None:
    mirror = Poller(github, world)
    mirror.poll()
    board = world.boards[0]
    world.clock.advance(timedelta(hours=1))
    assert mirror.poll() == []
    world.set_value(board, at(world, 1), "Points", 8.0)
    world.set_value(board, at(world, 2), "Points", 1.0)  # comes onto the board
    world.set_value(board, at(world, 5), "Points", None)
    changed = mirror.poll()
    assert {item.key: item.fields for item in changed} == {
        "acme/web#1": (("points", "8"),),
        "acme/web#2": (("points", "1"),),
        "acme/web#5": (),
    }
    assert [item.updated_at for item in changed] == [START] * 3
    assert mirror.poll() == []


def test_what_is_taken_off_a_board_loses_its_values_once_a_day(github: Connector, world: World) -> None:
    """Until then it could as well have been archived there."""
    mirror = Poller(github, world)
    mirror.poll()
    world.take_off(world.boards[0], at(world, 1))
    world.take_off(world.boards[0], at(world, 5))
    world.retitle(at(world, 5), "Touched")
    assert [(item.key, item.fields) for item in mirror.poll()] == [("acme/web#5", (("points", "0.5"),))]
    world.clock.advance(timedelta(days=1))
    assert {item.key: item.fields for item in mirror.poll()} == {"acme/web#1": (), "acme/web#5": ()}
    world.clock.advance(timedelta(days=1))
    assert mirror.poll() == []


def test_a_pull_request_that_comes_onto_the_board_is_asked_for_its_id(sandbox: Sandbox, world: World) -> None:
    github = connected(sandbox, "acme/api")
    mirror = Poller(github, world)
    mirror.poll()
    mirror.poll()
    world.set_value(world.boards[0], at(world, 5, "acme/api"), "Points", 2.0)
    assert [(item.key, item.fields) for item in mirror.poll()] == [("acme/api#5", (("points", "2"),))]
    before = sandbox.total("github")
    assert mirror.poll() == []
    github.close()
    assert sandbox.total("github") - before == 4  # three and the board: its id is kept


def test_many_pull_requests_that_come_onto_the_board_are_not_asked_one_by_one(sandbox: Sandbox, world: World) -> None:
    project = world.project("acme/web")
    pulls = [world.create(project, f"Pull {number}", pull=True) for number in range(150)]
    later = [world.create(project, f"Issue {number}") for number in range(150)]
    world.clock.advance(timedelta(days=1))
    github = connected(sandbox, "acme/web")
    mirror = Poller(github, world, POINTS)
    mirror.poll()
    mirror.poll()
    for item in (*pulls, *later[:50]):
        world.set_value(world.boards[0], item, "Points", 2.0)
    before = sandbox.total("github")
    mirror.poll()
    cost = sandbox.total("github") - before
    assert cost == 3 + 3 + 2  # as ever, the pages of the board, and the pages with all these pull requests
    held = {item.key: item.fields for item in mirror.items.values()}
    assert {held[item.key] for item in (*pulls, *later[:50])} == {(("points", "2"),)}
    assert mirror.poll() == []
    github.close()


def test_a_changed_issue_has_its_new_fields_and_content(github: Connector, world: World) -> None:
    mirror = Poller(github, world)
    mirror.poll()
    mirror.poll()
    world.retitle(at(world, 1), "New title")
    world.set_value(world.boards[0], at(world, 1), "Points", 13.0)
    (changed,) = mirror.poll()
    assert (changed.title, changed.fields) == ("New title", (("points", "13"),))


def test_a_board_is_read_once_a_run_for_all_containers_and_twins(sandbox: Sandbox, world: World) -> None:
    for number in range(150):
        world.set_value(world.boards[0], world.create(world.project("acme/web"), f"More {number}"), "Points", 1.0)
    github = connected(sandbox, "acme/web", "acme/api")
    for _ in range(2):
        boxes = [one for one in github.containers() if isinstance(one, Container)]
        for box in boxes:
            twin = github.twin()
            pages(twin, Cursor(START), box, POINTS)
            twin.close()
    github.close()
    assert sandbox.requests["github", "graphql"] == 2 * 2  # 152 items are two pages


def test_a_board_that_fails_halfway_goes_on_where_it_was(sandbox: Sandbox, github: Connector, world: World) -> None:
    for number in range(150):
        world.set_value(world.boards[0], world.create(world.project("acme/web"), f"More {number}"), "Points", 1.0)
    (box,) = github.containers()
    assert isinstance(box, Container)
    github.changed(box, Cursor(START), Demand())
    sandbox.faults.status(502, tracker="github", path="/graphql")
    with pytest.raises(TryLater):
        github.changed(box, Cursor(START), POINTS)
    page = github.changed(box, Cursor(START), POINTS)
    assert page.items[0].fields == (("points", "3"),)
    assert sandbox.requests["github", "graphql"] == 3


def sizes(sandbox: Sandbox) -> list[int]:
    """How many items of a board were asked for, request by request."""
    return [json.loads(body)["variables"]["first"] for _, _, path, body in sandbox.log if path == "/graphql"]


def put_away(world: World, *numbers: int) -> None:
    for number in numbers:
        world.put_away(world.boards[0], at(world, number))


def test_what_is_archived_on_a_board_keeps_its_values(github: Connector, world: World) -> None:
    """GitHub archives what was closed by itself: done work must not lose its points for it."""
    mirror = Poller(github, world)
    mirror.poll()
    put_away(world, 1, 5)
    assert mirror.poll() == []
    world.bring_back(world.boards[0], at(world, 1))
    assert mirror.poll() == []
    held = {item.key: item.fields for item in mirror.items.values()}
    assert (held["acme/web#1"], held["acme/web#5"]) == ((("points", "3"),), (("points", "0.5"),))


def full_of_archived(world: World, name: str = "acme/web") -> list[Item]:
    """Put 250 issues onto the board and away there."""
    every = [world.create(world.project(name), f"Done {number}") for number in range(250)]
    for item in every:
        world.set_value(world.boards[0], item, "Points", 1.0)
        world.put_away(world.boards[0], item)
    world.clock.advance(timedelta(hours=1))
    return every


def test_what_is_archived_on_a_board_is_read_once_a_day(sandbox: Sandbox, world: World) -> None:
    every = full_of_archived(world)
    github = connected(sandbox, "acme/web")
    mirror = Poller(github, world)
    costs = []
    for _ in range(16):  # from eleven o'clock on, hour by hour
        before = sandbox.requests["github", "graphql"]
        mirror.poll()
        costs.append(sandbox.requests["github", "graphql"] - before)
    assert costs == [3, *[1] * 12, 3, 1, 1]
    github.close()
    held = {item.key: item.fields for item in mirror.items.values()}
    assert {held[item.key] for item in every} == {(("points", "1"),)}


def test_one_question_of_a_run_is_for_all_containers_with_what_is_archived(sandbox: Sandbox, world: World) -> None:
    full_of_archived(world)
    github = connected(sandbox, "acme/web", "acme/api")
    for cost, since in ((3, None), (1, START)):
        before = sandbox.requests["github", "graphql"]
        for box in [one for one in github.containers() if isinstance(one, Container)]:
            memo = {"archived": world.clock.now().date().isoformat()}
            cursor = Cursor(world.clock.now(), since, memo=memo if since else {}, held=lambda _: {})
            pages(github, cursor, box, POINTS)
        assert sandbox.requests["github", "graphql"] - before == cost
    github.close()


def test_what_was_archived_keeps_its_values_when_it_is_touched(github: Connector, world: World) -> None:
    mirror = Poller(github, world)
    mirror.poll()
    put_away(world, 1, 5)
    world.retitle(at(world, 1), "Touched")
    assert [(item.title, item.fields) for item in mirror.poll()] == [("Touched", (("points", "3"),))]
    for number in range(2, 5):  # more than the newest page shows
        world.retitle(at(world, number), "Touched")
    world.retitle(at(world, 5), "Touched")
    assert {item.key: item.fields for item in mirror.poll()}["acme/web#5"] == (("points", "0.5"),)


def test_what_was_archived_keeps_its_values_in_a_listing_of_changes(
    sandbox: Sandbox, github: Connector, world: World
) -> None:
    mirror = Poller(github, world)
    mirror.poll()
    put_away(world, 1, 5)
    for number in range(150):
        world.create(world.project("acme/web"), f"More {number}")
    world.retitle(at(world, 1), "Touched")
    before = sandbox.requests["github", "graphql"]
    found = {item.key: item.fields for item in mirror.poll()}
    assert (len(found), found["acme/web#1"]) == (151, (("points", "3"),))
    assert sandbox.requests["github", "graphql"] - before == 1


def test_what_changed_before_it_was_archived_is_seen_once_a_day(github: Connector, world: World) -> None:
    mirror = Poller(github, world)
    mirror.poll()
    world.set_value(world.boards[0], at(world, 1), "Points", 8.0)
    put_away(world, 1)
    assert mirror.poll() == []
    world.clock.advance(timedelta(days=1))
    assert [(item.key, item.fields) for item in mirror.poll()] == [("acme/web#1", (("points", "8"),))]


def test_a_pull_request_that_was_archived_is_asked_for_its_id_no_more(sandbox: Sandbox, world: World) -> None:
    github = connected(sandbox)
    mirror = Poller(github, world)
    mirror.poll()
    put_away(world, 5)
    mirror.poll()
    world.bring_back(world.boards[0], at(world, 5))
    world.set_value(world.boards[0], at(world, 5), "Points", 2.0)
    before = sandbox.total("github")
    assert [(item.key, item.fields) for item in mirror.poll()] == [("acme/web#5", (("points", "2"),))]
    assert sandbox.total("github") - before == 4
    github.close()


def looked_up(github: Connector, *items: WorkItem) -> list[tuple[tuple[str, str], ...]]:
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    found = github.look_up(box, [Ref(item.id, item.key) for item in items], POINTS)
    return [one.item.fields for item in items if (one := found[item.id]).item is not None]


def test_what_was_archived_keeps_its_values_when_it_is_looked_up(sandbox: Sandbox, world: World) -> None:
    full_of_archived(world)
    github = connected(sandbox)
    mirror = Poller(github, world)
    mirror.poll()
    put_away(world, 1)
    by_key = {item.key: item for item in mirror.items.values()}
    before = sandbox.requests["github", "graphql"]
    assert looked_up(github, by_key["acme/web#5"]) == [(("points", "0.5"),)]
    assert sandbox.requests["github", "graphql"] - before == 1
    found = looked_up(github, *[by_key[f"acme/web#{number}"] for number in (1, 2, 7, 8)])
    assert found == [(("points", "3"),), (), (("points", "1"),), (("points", "1"),)]
    assert sandbox.requests["github", "graphql"] - before == 1 + 1 + 3
    github.close()


def test_what_is_archived_on_one_of_two_boards_keeps_its_values_there(sandbox: Sandbox, world: World) -> None:
    """A field of one board alone is known from it; one of both is asked for where it changed."""
    other = world.add_board("acme", "Other", {"Size": "NUMBER", "Status": "TEXT"})
    world.set_value(other, at(world, 1), "Size", 5.0)
    world.set_value(other, at(world, 1), "Status", "Shipped")
    world.set_value(world.boards[0], at(world, 1), "Status", "Doing")
    world.set_value(world.boards[0], at(world, 2), "Status", "Doing")
    github = connected(sandbox, boards=("acme/1", "acme/2"))
    names = frozenset({"points", "size", "status"})
    mirror = Poller(github, world, Demand(fields=names))
    mirror.poll()
    world.put_away(other, at(world, 1))
    costs = []

    def poll() -> dict[str, tuple[str, ...]]:
        before = sandbox.requests["github", "graphql"]
        found = {item.key: tuple([text for _, text in item.fields]) for item in mirror.poll()}
        costs.append(sandbox.requests["github", "graphql"] - before)
        return found

    assert poll() == {}
    world.set_value(world.boards[0], at(world, 1), "Points", 8.0)
    assert poll() == {"acme/web#1": ("8", "5", "Doing", "Shipped")}
    world.set_value(world.boards[0], at(world, 1), "Status", "Done")
    assert poll() == {"acme/web#1": ("8", "5", "Done", "Shipped")}
    world.set_value(world.boards[0], at(world, 3), "Status", "Doing")
    assert poll() == {"acme/web#3": ("Doing",)}
    assert costs == [2, 2, 2 + 2, 2]
    github.close()


def test_archived_items_of_a_first_read_have_their_values(github: Connector, world: World) -> None:
    put_away(world, 1)
    found = {item.key: item.fields for item in Poller(github, world).poll()}
    assert found["acme/web#1"] == (("points", "3"),)


def test_a_server_that_knows_no_archived_items_is_asked_once_a_day(sandbox: Sandbox, world: World) -> None:
    for number in range(150):
        world.set_value(world.boards[0], world.create(world.project("acme/web"), f"More {number}"), "Points", 1.0)
    world.add_board("acme", "Other", {"Size": "NUMBER"})
    put_away(world, 1)
    sandbox.apis["github"].boards.archived = False  # type: ignore[attr-defined]
    github = connected(sandbox, boards=("acme/1", "acme/2"))
    mirror = Poller(github, world)
    for refused in (1, 0):
        before = sandbox.requests["github", "graphql"]
        mirror.poll()
        assert sandbox.requests["github", "graphql"] - before == refused + 3  # two pages and one
    held = {item.key: item.fields for item in mirror.items.values()}
    assert (held["acme/web#1"], held["acme/web#5"]) == ((), (("points", "0.5"),))
    github.close()


@pytest.mark.parametrize(
    ("trouble", "asked"),
    [
        (("Resource limits for this query exceeded.", "RESOURCE_LIMITS_EXCEEDED"), [100, 33, 11, *[11] * 13]),
        (("Something went wrong while executing your query.", ""), [100, 100, 33, 11, *[11] * 13]),
    ],
)
def test_a_board_too_large_for_one_answer_comes_in_smaller_ones(
    sandbox: Sandbox, world: World, trouble: tuple[str, str], asked: list[int]
) -> None:
    """The place is the same, so that nothing is read twice; one hiccup makes nothing smaller."""
    for number in range(150):
        world.set_value(world.boards[0], world.create(world.project("acme/web"), f"More {number}"), "Points", 1.0)
    ability = sandbox.apis["github"].boards  # type: ignore[attr-defined]
    ability.most, ability.trouble = 20, trouble
    pauses: list[float] = []
    github = Patient(connected(sandbox), Pacer(sleep=pauses.append))
    found = {item.key: item.fields for item in Poller(github, world).poll()}
    github.close()
    assert found["acme/web#1"] == (("points", "3"),)
    assert sum(fields != () for fields in found.values()) == 152
    assert sizes(sandbox) == asked
    assert pauses == [1.0, 2.0, 4.0][: asked.index(11)]


def test_a_board_that_no_page_is_small_enough_for_refuses_its_fields_with_a_true_sentence(sandbox: Sandbox) -> None:
    sandbox.apis["github"].boards.most = 3  # type: ignore[attr-defined]
    github = Patient(connected(sandbox), Pacer(sleep=lambda _: None))
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    with pytest.raises(FieldsRefused, match="for the board acme/1, not even for 10 of its items at once") as caught:
        github.changed(box, Cursor(START), POINTS)
    assert list(caught.value.refused) == ["points"]
    assert sizes(sandbox) == [100, 33, 11, 10]
    assert len(github.changed(box, Cursor(START), Demand()).items) == 5
    github.close()


def test_trouble_that_may_pass_refuses_no_field_in_the_smallest_pages(sandbox: Sandbox) -> None:
    ability = sandbox.apis["github"].boards  # type: ignore[attr-defined]
    ability.most, ability.trouble = 3, ("Something went wrong while executing your query.", "")
    github = connected(sandbox)
    (box,) = [one for one in github.containers() if isinstance(one, Container)]
    for _ in range(8):
        with pytest.raises(TryLater):
            github.changed(box, Cursor(START), POINTS)
    assert sizes(sandbox)[-2:] == [10, 10]
    ability.most = 100
    assert github.changed(box, Cursor(START), POINTS).items
    github.close()


def test_the_next_run_of_a_connection_begins_with_the_pages_that_came(sandbox: Sandbox, world: World) -> None:
    for number in range(20):
        world.set_value(world.boards[0], world.create(world.project("acme/web"), f"More {number}"), "Points", 1.0)
    ability = sandbox.apis["github"].boards  # type: ignore[attr-defined]
    ability.most = 20
    github = Patient(connected(sandbox), Pacer(sleep=lambda _: None))
    mirror = Poller(github, world)
    mirror.poll()
    assert sizes(sandbox) == [100, 33, 11, 11]
    github.containers()  # a run that asks for no board
    mirror.poll()
    assert sizes(sandbox)[4:] == [11, 11]
    github.close()


def test_a_limit_of_requests_makes_no_page_smaller(sandbox: Sandbox) -> None:
    ability = sandbox.apis["github"].boards  # type: ignore[attr-defined]
    ability.most, ability.trouble = 50, ("API rate limit exceeded", "RATE_LIMITED")
    github = connected(sandbox)
    (box,) = github.containers()
    assert isinstance(box, Container)
    for _ in range(3):
        with pytest.raises(RateLimited):
            github.changed(box, Cursor(START), POINTS)
    ability.most = 100
    github.changed(box, Cursor(START), POINTS)
    github.close()
    assert set(sizes(sandbox)) == {100}


def test_a_board_of_small_pages_that_overlap_is_read_whole(sandbox: Sandbox, github: Connector, world: World) -> None:
    for number in range(2, 5):
        world.set_value(world.boards[0], at(world, number), "Points", float(number))
    sandbox.faults.page_caps["github"] = 2
    sandbox.faults.overlaps.add("github")
    found = {item.key: item.fields for item in Poller(github, world).poll()}
    told = [found[f"acme/web#{number}"] for number in range(1, 6)]
    assert told == [(("points", value),) for value in ("3", "2", "3", "4", "0.5")]
    assert sandbox.requests["github", "graphql"] == 3


def test_what_comes_beside_errors_is_not_used(sandbox: Sandbox, github: Connector, world: World) -> None:
    (box,) = github.containers()
    assert isinstance(box, Container)
    sandbox.faults.partly("Something went wrong while executing your query.", tracker="github", path="/graphql")
    with pytest.raises(TryLater):
        github.changed(box, Cursor(START), POINTS)
    page = github.changed(box, Cursor(START), POINTS)
    assert [item.fields for item in page.items if item.key == "acme/web#1"] == [(("points", "3"),)]


def test_a_name_that_fits_no_field_or_two_is_refused_with_candidates(sandbox: Sandbox, world: World) -> None:
    world.add_board("acme", "Other", {"points": "NUMBER", "Size": "NUMBER"})
    two = connected(sandbox, boards=("acme/1", "acme/2"))
    (box,) = two.containers()
    assert isinstance(box, Container)
    with pytest.raises(Stop, match="'points' is on the boards acme/1 and acme/2"):
        two.changed(box, Cursor(START), POINTS)
    with pytest.raises(Stop, match="No board of this source has a field 'velocity': write one of Due, Note, Points"):
        two.changed(box, Cursor(START), Demand(fields=frozenset({"velocity"})))
    assert two.changed(box, Cursor(START), Demand(fields=frozenset({"size"}))).items
    two.close()


def test_a_name_on_several_boards_is_compared_on_all_of_them(sandbox: Sandbox, world: World) -> None:
    other = world.add_board("acme", "Other", {"points": "TEXT", "Stage": "SINGLE_SELECT"})
    world.set_value(other, at(world, 1), "points", "many")
    world.set_value(other, at(world, 2), "points", "few")
    two = connected(sandbox, boards=("acme/2", "acme/1"))
    for demand in (POINTS, Demand(fields=POINTS.fields)):
        mirror = Poller(two, world, demand)
        mirror.poll()
        found = {item.key: item for item in mirror.items.values()}
        assert found["acme/web#1"].fields == (("points", "3"), ("points", "many"))
        assert found["acme/web#2"].fields == (("points", "few"),)
        assert found["acme/web#1"].number("points") == 3
    two.close()


@pytest.mark.parametrize(("name", "kind"), [("Due", "date"), ("note", "text"), ("Sprint", "iteration")])
def test_what_is_added_up_must_hold_numbers(github: Connector, name: str, kind: str) -> None:
    (box,) = github.containers()
    assert isinstance(box, Container)
    names = frozenset({name})
    with pytest.raises(Stop) as caught:
        github.changed(box, Cursor(START), Demand(fields=names, numbers=names))
    assert str(caught.value) == (
        f"The field {name!r} of the board acme/1 is a {kind}, and `by` needs a number: write one of Points, Status."
    )
    assert github.changed(box, Cursor(START), Demand(fields=names)).items


def test_an_unknown_board_and_a_missing_scope_are_named(sandbox: Sandbox) -> None:
    for board in ("acme/9", "nobody/1"):
        github = connected(sandbox, boards=(board,))
        (box,) = github.containers()
        assert isinstance(box, Container)
        with pytest.raises(FieldsRefused, match=f"the board {board}"):
            github.changed(box, Cursor(START), POINTS)
        github.close()
    sandbox.apis["github"].scopes = "repo"  # type: ignore[attr-defined]
    github = connected(sandbox)
    (box,) = github.containers()
    assert isinstance(box, Container)
    with pytest.raises(FieldsRefused, match="read:project") as caught:
        github.changed(box, Cursor(START), POINTS)
    assert list(caught.value.refused) == ["points"]
    github.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"data": {"repositoryOwner": null}, "errors": [{"type": "FORBIDDEN", "message": "no"}]}', FieldsRefused),
        ('{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}', RateLimited),
        ('{"data": null, "errors": [{"type": "NOT_FOUND", "message": "?"}]}', FieldsRefused),
        ('{"errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits exceeded"}]}', graphql.TooMuch),
        ('{"errors": [{"message": "Something went wrong while executing your query."}]}', TryLater),
        ('{"errors": [{"message": "Field \'projectV2\' doesn\'t exist"}]}', FieldsRefused),
        ('{"errors": "all"}', FieldsRefused),
        ('{"data": null}', MalformedAnswer),
        ("[]", MalformedAnswer),
        ('{"data": {"repositoryOwner": {"projectV2": {"fields": {"nodes": []}}}}}', MalformedAnswer),
        ('{"data": {"repositoryOwner": {"projectV2": {"fields": {}, "items": {"nodes": []}}}}}', MalformedAnswer),
    ],
)
def test_errors_in_a_200_are_never_an_empty_board(body: str, expected: type[ConnectorError]) -> None:
    with GitHubServer() as server:
        server.always = lambda asked: Reply(200, body) if asked.path == "/graphql" else None
        github = opened(server.url, boards=("acme/1",))
        (box,) = github.containers()
        assert isinstance(box, Container)
        with pytest.raises(ConnectorError) as caught:
            github.changed(box, Cursor(START), POINTS)
        github.close()
    assert type(caught.value) is expected


def test_branches_and_closed_issues_cost_one_request_a_page(sandbox: Sandbox, github: Connector, world: World) -> None:
    pull = at(world, 5)
    world.retitle(pull, "PAY-7: faster (acme/api#2)")
    pull.branch = "feature/pay-12-coupons"
    world.link(pull, at(world, 1))
    (box,) = github.containers()
    assert isinstance(box, Container)
    refs = {item.key: item.refs for item in items(pages(github, Cursor(START), box, Demand(refs=True)))}
    assert refs["acme/web#5"] == ("acme/web#1", "PAY-7", "acme/api#2", "PAY-12")
    assert refs["acme/web#1"] == ()
    assert sandbox.requests["github", "graphql"] == 1
    plain = {item.key: item.refs for item in items(pages(github, Cursor(START), box))}
    assert plain["acme/web#5"] == ("PAY-7", "acme/api#2")
    assert sandbox.requests["github", "graphql"] == 1


def test_what_texts_name_takes_no_place_of_what_the_tracker_says(github: Connector, world: World) -> None:
    pull = at(world, 5)
    world.retitle(pull, "PAY-1, PAY-2, PAY-3 and PAY-4")
    pull.branch = "pay-5-pay-6"
    world.link(pull, at(world, 1))
    (box,) = github.containers()
    assert isinstance(box, Container)
    refs = {item.key: item.refs for item in items(pages(github, Cursor(START), box, Demand(refs=True)))}
    assert refs["acme/web#5"] == ("acme/web#1", "PAY-1", "PAY-2", "PAY-3", "PAY-4")


def test_a_board_that_pages_in_a_circle_ends() -> None:
    page = (
        '{"data": {"repositoryOwner": {"projectV2": {"title": "R", "fields": {"nodes": [{"id": "F", "name": "points", '
        '"dataType": "NUMBER"}]}, "items": {"nodes": [], '
        '"pageInfo": {"hasNextPage": true, "endCursor": "same"}}}}}}'
    )
    with GitHubServer() as server:
        server.always = lambda asked: Reply(200, page) if asked.path == "/graphql" else None
        github = opened(server.url, boards=("acme/1",))
        (box,) = github.containers()
        assert isinstance(box, Container)
        with pytest.raises(MalformedAnswer, match="never end"):
            github.changed(box, replace(Cursor(START)), POINTS)
        github.close()
