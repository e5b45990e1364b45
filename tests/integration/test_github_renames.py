"""A renamed repository is followed under the name that the config has, and everything says what it is called now."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import Connector, Container, Cursor, Demand, Fate
from okrs.work import Ref, WorkItem
from sandbox.clock import SimulatedClock
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.github_server import items, opened, pages

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
EVERYTHING = Demand(fields=frozenset({"points"}), refs=True)
NOW_CALLED = [f"acme/shop#{number}" for number in range(1, 5)]


@pytest.fixture
def world() -> World:
    world = World(SimulatedClock(START))
    world.add_user("Mira", "mira")
    web, api = (world.add_project("github", name.partition("/")[2], name) for name in ("acme/web", "acme/api"))
    world.add_milestone(web, "v1")
    first = world.create(web, "One")
    world.create(web, "Two", parent=first)
    world.create(web, "Three")
    pull = world.create(web, "Merge #3", pull=True)
    world.link(pull, world.item("acme/web#3"))
    world.create(api, "Other")
    board = world.add_board("acme", "Roadmap", {"Points": "NUMBER"})
    world.set_value(board, first, "Points", 3.0)
    world.clock.advance(timedelta(hours=1))
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as running:
        yield running


@pytest.fixture
def github(sandbox: Sandbox) -> Iterator[Connector]:
    token = sandbox.tokens["github"]
    connector = opened(sandbox.urls["github"], "acme/web", "acme/api", token=token, boards=("acme/1",))
    yield connector
    connector.close()


def web_of(github: Connector) -> Container:
    box = github.containers()[0]
    assert isinstance(box, Container)
    return box


def rename(world: World) -> None:
    world.rename_project(world.project("acme/web"), "acme/shop")


def everything(github: Connector, world: World, box: Container) -> dict[str, WorkItem]:
    return {item.key: item for item in items(pages(github, Cursor(world.clock.now()), box, EVERYTHING))}


def test_the_container_keeps_its_id_and_the_name_of_the_config(github: Connector, world: World) -> None:
    before = web_of(github)
    assert (before.name, before.called) == ("acme/web", "acme/web")
    rename(world)
    after = web_of(github)
    assert (after.id, after.name, after.called) == (before.id, "acme/web", "acme/shop")


@pytest.mark.parametrize("known", [False, True], ids=["found renamed", "renamed between two runs"])
def test_everything_is_called_as_the_repository_is_now(
    sandbox: Sandbox, github: Connector, world: World, known: bool
) -> None:
    if known:
        everything(github, world, web_of(github))
    rename(world)
    sandbox.log.clear()
    box = web_of(github)
    read = everything(github, world, box)
    assert sorted(read) == [*NOW_CALLED, "acme/shop/milestone/1"]
    assert {item.projects for item in read.values()} == {(Ref(box.id, "acme/shop"),)}
    assert read["acme/shop/milestone/1"].aliases == ("acme/shop#1",)
    assert read["acme/shop#1"].fields == (("points", "3"),)
    assert read["acme/shop#2"].parent == Ref("", "acme/shop#1")
    assert read["acme/shop#4"].refs == ("acme/shop#3",)

    identities = [ref for page in _census(github, box) for ref in page]
    assert sorted(ref.name for ref in identities) == sorted(read)
    assert {ref.id for ref in identities} == {item.id for item in read.values()}

    old = [Ref(item.id, key.replace("shop", "web")) for key, item in read.items()]  # as the mirror holds them
    found = github.look_up(box, old, EVERYTHING)
    assert {one.fate for one in found.values()} == {Fate.HERE}
    assert {one.item.key: one.item for one in found.values() if one.item} == read

    hits = github.matching("is:issue", None).refs
    assert sorted(ref.name for ref in hits) == ["acme/api#1", *NOW_CALLED[:3]]
    asked = [path for _, _, path, _ in sandbox.log if path.startswith("/repos/acme/web")]
    assert asked == ["/repos/acme/web"]  # which leads to the id


def _census(github: Connector, box: Container) -> Iterator[tuple[Ref, ...]]:
    asked: list[str | None] = [None]
    while asked:
        page = github.census(box, EVERYTHING, asked.pop())
        yield page.refs
        asked += page.following


@pytest.mark.parametrize("query", ["repo:acme/web is:issue", 'is:issue repo:"Acme/Web"'])
def test_a_query_may_name_a_repository_as_the_config_does(github: Connector, world: World, query: str) -> None:
    rename(world)
    web_of(github)
    assert sorted(ref.name for ref in github.matching(query, None).refs) == NOW_CALLED[:3]


def test_a_name_that_was_given_away_means_the_new_owner(github: Connector, world: World) -> None:
    """GitHub redirects from an old name only until somebody takes it."""
    old = web_of(github)
    rename(world)
    fresh = world.add_project("github", "web", "acme/web")
    world.create(fresh, "Begun anew")
    box = web_of(github)
    assert box.id == str(fresh.id) != old.id
    assert (box.name, box.called) == ("acme/web", "acme/web")
    assert [item.title for item in everything(github, world, box).values()] == ["Begun anew"]


def test_a_transfer_into_a_name_that_was_given_away_is_no_transfer_to_the_old_owner(
    github: Connector, world: World
) -> None:
    """A repository that somebody met in the last run may be called otherwise in this one."""
    other = world.add_project("github", "store", "acme/store")
    box, first, second = web_of(github), world.item("acme/web#1"), world.item("acme/web#3")
    one, two = (Ref(str(item.id), item.key) for item in (first, second))
    world.transfer(first, other)
    assert github.look_up(box, [one], EVERYTHING)[one.id].fate is Fate.MOVED
    world.rename_project(other, "acme/old-store")
    fresh = world.add_project("github", "store", "acme/store")
    world.transfer(second, fresh)
    box = web_of(github)
    found = github.look_up(box, [two], EVERYTHING)[two.id]
    assert found.item is not None
    assert found.item.projects == (Ref(str(fresh.id), "acme/store"),)
