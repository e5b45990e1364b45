"""What a census of an Asana project shows, what look-ups say of tasks, and how several homes and a trash read."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.contract import Connector, Container, Demand, Fate, MalformedAnswer, RateLimited, Stop, TryLater
from okrs.work import Kind, Ref, State
from sandbox.asana_shapes import POINTS_FIELD
from sandbox.records import Item, Project
from tests.integration.asana_client import (
    CONTAINER,
    EXPIRED,
    NOTHING,
    TOKEN,
    Launch,
    Mirror,
    census,
    launched,
    pages,
    reply,
    row,
    scripted,
    tasks,
    titles,
)


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        yield launch


@pytest.fixture
def other(launch: Launch) -> Project:
    return launch.world.add_project("asana", "Research", sections=("Asked",))


def fate(connector: Connector, launch: Launch, item: Item) -> tuple[Fate, str | None]:
    """Return what one look-up says: the fate, and the container where one is named."""
    found = connector.look_up(launch.container, [Ref(item.key)], NOTHING)[item.key]
    assert (found.item is None) == (found.fate in (Fate.HIDDEN, Fate.DELETED))
    assert found.item is None or (found.item.id, found.item.title) == (item.key, item.title)
    return found.fate, found.container


# headings between tasks


def test_a_separator_is_no_work(launch: Launch) -> None:
    top = launch.task("top")
    launch.task("leaf", parent=top)
    for parent in (top, None):
        launch.world.separate(launch.task("Heading:", parent=parent))
    launch.task("plain:")  # a colon alone says nothing
    connector = launch.connect()
    assert sorted(titles(pages(connector, launch.container))) == ["leaf", "plain:", "top"]
    assert len(census(connector, launch.container)) == 3


def test_a_task_that_becomes_a_separator_leaves_and_one_that_is_work_again_comes_back(launch: Launch) -> None:
    top = launch.task("top")
    leaf, task = launch.task("leaf", parent=top), launch.task("task")
    connector, mirror = launch.connect(), Mirror(launch.container)
    launch.clock.advance(timedelta(hours=1))
    mirror.read(connector, launch.clock.now())
    for item in (leaf, task):
        launch.world.separate(item)
    before = connector.requests
    assert mirror.read(connector, launch.clock.now()) == set()
    assert connector.requests == before + 2 + 1  # events, tasks, and the sub-tasks of the one that changed there
    assert census(connector, launch.container) == [top.key]
    assert fate(connector, launch, leaf) == fate(connector, launch, task) == (Fate.HIDDEN, None)
    for item in (leaf, task):
        launch.world.separate(item, separator=False)
    assert mirror.read(connector, launch.clock.now()) == {leaf.key, task.key}


# look-ups


def test_a_moved_task_is_followed_to_a_configured_project_alone(launch: Launch, other: Project) -> None:
    top = launch.task("top")
    leaf = launch.task("leaf", parent=top)
    launch.world.move_project(top, other)
    both, one = launch.connect(launch.project.key, other.key), launch.connect()
    for item in (top, leaf):
        assert fate(both, launch, item) == (Fate.MOVED, other.key)
        assert fate(one, launch, item) == (Fate.MOVED, None)


def test_of_several_new_homes_the_configured_one_is_named(launch: Launch, other: Project) -> None:
    third = launch.world.add_project("asana", "Third")
    task = launch.task("task")
    launch.world.move_project(task, other)
    launch.world.add_home(task, third)
    assert fate(launch.connect(launch.project.key, third.key), launch, task) == (Fate.MOVED, third.key)


def test_a_subtask_lives_where_a_task_above_it_lives(launch: Launch) -> None:
    top = launch.task("top")
    middle = launch.task("middle", parent=top)
    leaves = [launch.task(f"leaf {number}", parent=middle) for number in range(3)]
    connector = launch.connect()
    found = connector.look_up(launch.container, [Ref(leaf.key) for leaf in leaves], NOTHING)
    assert [found[leaf.key].fate for leaf in leaves] == [Fate.HERE] * 3
    assert connector.requests == 3 + 2  # who is above them is asked once


@pytest.mark.parametrize("status", [403, 404])
def test_a_subtask_below_something_out_of_sight_is_hidden(launch: Launch, status: int) -> None:
    top = launch.task("top")
    leaf = launch.task("leaf", parent=top)
    launch.sandbox.faults.status(status, path=f"/tasks/{top.key}?")
    connector = launch.connect()
    found = connector.look_up(launch.container, [Ref(leaf.key)], NOTHING)
    assert found[leaf.key].fate is Fate.HIDDEN


@pytest.mark.parametrize("status", [403, 404])
def test_a_task_that_cannot_be_seen_is_hidden_and_the_others_are_answered(launch: Launch, status: int) -> None:
    private, task = launch.task("private"), launch.task("task")
    launch.sandbox.faults.status(status, path=f"/tasks/{private.key}")
    found = launch.connect().look_up(launch.container, [Ref(private.key), Ref(task.key), Ref("1")], NOTHING)
    assert {gid: one.fate for gid, one in found.items()} == {
        private.key: Fate.HIDDEN,
        task.key: Fate.HERE,
        "1": Fate.HIDDEN,
    }


@pytest.mark.parametrize(
    ("status", "error"), [(400, Stop), (401, Stop), (402, Stop), (429, RateLimited), (500, TryLater)]
)
def test_whatever_else_fails_is_no_fate(launch: Launch, status: int, error: type[Exception]) -> None:
    task = launch.task("task")
    launch.sandbox.faults.status(status, path="/tasks/")
    with pytest.raises(error):
        launch.connect().look_up(launch.container, [Ref(task.key)], NOTHING)


def test_a_circle_of_parents_ends_a_look_up() -> None:
    first, second = row("1", parent={"gid": "2"}), row("2", parent={"gid": "1"})
    with scripted(reply({"data": first}), reply({"data": second})) as server:
        found = server.connect().look_up(CONTAINER, [Ref("1")], NOTHING)
    assert found["1"].fate is Fate.MOVED


def test_a_section_is_no_item_in_a_look_up() -> None:
    with scripted(reply({"data": row("1", resource_subtype="section")})) as server:
        assert server.connect().look_up(CONTAINER, [Ref("1")], NOTHING)["1"].fate is Fate.HIDDEN


def test_a_deletion_is_known_from_the_events_of_this_run_alone(launch: Launch) -> None:
    gone = launch.task("gone")
    mirror, connector = Mirror(launch.container), launch.connect()
    mirror.read(connector, launch.clock.now())
    launch.world.delete(gone)
    assert fate(connector, launch, gone) == (Fate.HIDDEN, None)
    launch.clock.advance(timedelta(minutes=5))
    mirror.read(connector, launch.clock.now())
    assert fate(connector, launch, gone) == (Fate.DELETED, None)
    assert fate(launch.connect(), launch, gone) == (Fate.HIDDEN, None)  # a run that read no events
    launch.world.restore(gone)
    assert fate(connector, launch, gone) == (Fate.HERE, None)


def test_who_came_back_and_left_is_not_called_deleted(launch: Launch, other: Project) -> None:
    task = launch.task("task")
    mirror, connector = Mirror(launch.container), launch.connect()
    mirror.read(connector, launch.clock.now())
    launch.world.delete(task)
    mirror.read(connector, launch.clock.now())
    launch.world.restore(task)
    launch.world.move_project(task, other)
    mirror.read(connector, launch.clock.now())
    other.hidden = True
    assert fate(connector, launch, task) == (Fate.HIDDEN, None)


# the census


def test_a_census_begins_again_where_its_page_token_expired() -> None:
    first, second = tasks(row("1"), offset="old"), tasks(row("1"), offset="new")
    with scripted(first, EXPIRED, second, tasks(row("2"))) as server:
        assert census(server.connect(), CONTAINER) == ["1", "1", "2"]
        assert [server.query(index).get("offset") for index in range(4)] == [None, ["old"], None, ["new"]]


def test_a_census_asks_little_and_shows_no_section() -> None:
    rows = [row("1", num_subtasks=1), row("2", resource_subtype="section")]
    with scripted(tasks(*rows), tasks(row("3", num_subtasks=1)), tasks(row("4"))) as server:
        assert census(server.connect(), CONTAINER) == ["1", "3", "4"]
        assert server.query(0)["opt_fields"] == ["resource_subtype,is_rendered_as_separator,num_subtasks"]
        assert "modified_since" not in server.query(0)


def test_a_census_begins_nowhere_but_at_its_own_pages(launch: Launch) -> None:
    connector = launch.connect()
    with pytest.raises(Stop, match="not one of a census"):
        connector.census(launch.container, NOTHING, '{"at":"events"}')
    with pytest.raises(Stop, match="begin again"):
        connector.census(launch.container, NOTHING, "nonsense")


@pytest.mark.parametrize("broken", [{"gid": ""}, {"gid": 5}, {"num_subtasks": "1"}, {"resource_subtype": None}])
def test_a_census_of_what_is_no_task_is_malformed(broken: dict[str, object]) -> None:
    with scripted(tasks(row("1") | broken)) as server, pytest.raises(MalformedAnswer):
        census(server.connect(), CONTAINER)


# several homes


def test_a_task_in_two_projects_reads_the_same_through_both(launch: Launch, other: Project) -> None:
    task = launch.task("task", section="Shipped")
    launch.world.add_home(task, other)
    connector = launch.connect(launch.project.key, other.key)
    second = Container(other.key, other.key)
    assert list(connector.containers()) == [launch.container, second]
    [(_, [here])], [(_, [there])] = (pages(connector, box) for box in (launch.container, second))
    assert here == there
    assert here.projects == (Ref(launch.project.key, "Launch"), Ref(other.key, "Research"))
    assert sorted(section.name for section in here.sections) == ["Asked", "Shipped"]
    for box in (launch.container, second):
        assert census(connector, box) == [task.key]
        assert connector.look_up(box, [Ref(task.key)], NOTHING)[task.key].fate is Fate.HERE


def test_a_task_that_leaves_one_of_two_projects_has_moved(launch: Launch, other: Project) -> None:
    task = launch.task("task")
    launch.world.add_home(task, other)
    connector = launch.connect(launch.project.key, other.key)
    mirror = Mirror(launch.container)
    mirror.read(connector, launch.clock.now())
    launch.clock.advance(timedelta(hours=1))
    launch.world.drop_home(task, launch.project)
    assert mirror.read(connector, launch.clock.now()) == set()
    assert census(connector, launch.container) == []
    assert fate(connector, launch, task) == (Fate.MOVED, other.key)


# what else tasks are


def test_a_custom_field_is_named_by_its_gid(launch: Launch) -> None:
    launch.task("task", points=2.5)
    for demand in (Demand(fields=frozenset({POINTS_FIELD})), Demand(fields=frozenset({POINTS_FIELD, "effort"}))):
        [(_, [item])] = pages(launch.connect(), launch.container, demand)
        assert dict(item.fields) == dict.fromkeys(demand.fields, "2.5")
    found = launch.connect().look_up(launch.container, [Ref(item.id)], demand)
    assert found[item.id].item == item


def test_two_fields_of_one_name_are_told_apart_by_their_gids() -> None:
    fields = [{"gid": gid, "name": "Effort", "number_value": int(gid)} for gid in ("11", "12")]
    listing = tasks(row("1", custom_fields=fields))
    with scripted(TOKEN, listing) as server:
        [(_, [item])] = pages(server.connect(), CONTAINER, Demand(fields=frozenset({"12"})))
    assert item.fields == (("12", "12"),)
    with scripted(TOKEN, listing) as server, pytest.raises(Stop, match="11 and 12"):
        pages(server.connect(), CONTAINER, Demand(fields=frozenset({"Effort"}), numbers=frozenset({"Effort"})))


def test_approvals_and_what_blocks_a_milestone(launch: Launch) -> None:
    terms, claims, price = (launch.task(title, "approval") for title in ("terms", "claims", "price"))
    beta = launch.task("Beta", "milestone")
    launch.world.block(beta, [terms, claims])
    launch.world.close(terms)
    launch.world.cancel(claims)
    [(_, items)] = pages(launch.connect(), launch.container)
    read = {item.id: item for item in items}
    states = [read[one.key].state for one in (terms, claims, price, beta)]
    assert states == [State.DONE, State.CANCELLED, State.TODO, State.TODO]
    assert read[claims.key].closed_at is not None
    assert read[beta.key].kind is Kind.MILESTONE
    assert read[beta.key].members == tuple(sorted([terms.key, claims.key]))
