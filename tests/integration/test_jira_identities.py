"""Which items there are, what became of those that are missing, and what an admin's own query finds."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.contract import (
    Connector,
    CredentialsRefused,
    Demand,
    ExtraRefused,
    Family,
    Fate,
    Found,
    MalformedAnswer,
    QueryRefused,
    RateLimited,
    Stop,
    TryLater,
)
from okrs.work import Ref, State
from sandbox.jira_shapes import Shapes
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.jira_sandbox import EVERYTHING, MODES, Mode, ids, jira, new_world, only, read

SPRINTS = Demand(sprints=True)


@pytest.fixture
def world() -> World:
    return new_world()


@pytest.fixture(params=MODES)
def sandbox(world: World, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(world, jira_mode=request.param) as sandbox:
        yield sandbox


def looked_up(sandbox: Sandbox, *refs: object, demand: Demand | None = None, **more: Any) -> dict[str, Found]:
    with jira(sandbox, **more) as connector:
        asked = [Ref(str(getattr(ref, "id", ref))) for ref in refs]
        return dict(connector.look_up(only(connector), asked, demand or Demand()))


def test_a_census_names_everything_that_a_read_brings(world: World, sandbox: Sandbox) -> None:
    project = world.project("PAY")
    world.add_milestone(project, "One-click v1")
    for number in range(60):
        world.add_sprint(project, f"Sprint {number}")
    for number in range(120):
        world.create(project, f"Story {number}", "Story")
    world.create(project, "Part", "Sub-task", parent=world.item("PAY-1"))
    with jira(sandbox) as connector:
        container = only(connector)
        before = connector.requests
        found = ids(lambda resume: connector.census(container, SPRINTS, resume))
        asked = connector.requests - before
        assert sorted(found) == sorted(item.id for item in read(connector, SPRINTS)[0].values())
        assert len(ids(lambda resume: connector.census(container, Demand(), resume))) == 122
    assert len(set(found)) == len(found) == 182
    cloud = sandbox.jira_mode == "cloud"
    assert asked == (1 + 1 if cloud else 1) + 1 + 2  # the issues and their count; boards; two pages of sprints


def test_a_census_of_several_pages_ends(world: World, sandbox: Sandbox) -> None:
    for number in range(23):
        world.create(world.project("PAY"), f"Story {number}", "Story")
    sandbox.faults.page_caps["jira"] = 5
    with jira(sandbox) as connector:
        container = only(connector)
        found = ids(lambda resume: connector.census(container, Demand(), resume))
    assert sorted(map(int, found)) == sorted(item.id for item in world.items.values())


def test_a_census_that_is_cut_short_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        world.create(world.project("PAY"), f"Story {number}", "Story")
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        api = sandbox.apis["jira"]
        whole = api.select  # type: ignore[attr-defined]  # the sandbox's own Jira
        shown = iter([35, 40])
        monkeypatch.setattr(api, "select", lambda query: whole(query)[: next(shown)])
        container = only(connector)
        with pytest.raises(MalformedAnswer, match="cut the list of the issues of PAY short"):
            connector.census(container, Demand(), None)


def test_what_became_of_every_item_is_told(world: World, sandbox: Sandbox) -> None:
    project, platform = world.project("PAY"), world.project("PLAT")
    version, gone_version = world.add_milestone(project, "One-click v1"), world.add_milestone(project, "Old")
    sprint = world.add_sprint(project, "Sprint 1")
    here, archived, moved, deleted = [world.create(project, f"Story {number}", "Story") for number in range(4)]
    world.archive(archived)
    world.move_project(moved, platform)
    world.delete(deleted)
    world.delete_milestone(gone_version)
    names = [f"version:{version.id}", f"version:{gone_version.id}", f"sprint:{sprint.id}", "sprint:1", "nonsense"]
    with jira(sandbox) as connector:
        shown = ids(lambda resume: connector.census(only(connector), SPRINTS, resume))
    assert str(here.id) in shown
    assert {str(archived.id), str(moved.id), str(deleted.id)} & set(shown) == set()
    for projects, container in ((["PAY"], None), (["PAY", "PLAT"], str(platform.id))):
        found = looked_up(sandbox, here, archived, moved, deleted, *names, projects=projects, demand=EVERYTHING)
        assert [one.fate for one in found.values()] == [
            Fate.HERE,
            Fate.HERE,
            Fate.MOVED,
            Fate.HIDDEN,
            Fate.HERE,
            Fate.HIDDEN,
            Fate.HERE,
            Fate.HIDDEN,
            Fate.HIDDEN,
        ]
        told = found[str(moved.id)]
        assert (told.item and told.item.key, told.container) == ("PLAT-1", container)
    with jira(sandbox) as connector:
        items, _ = read(connector, EVERYTHING)
    assert found[str(here.id)].item == items["Story 0"]
    assert found[names[0]].item == items["One-click v1"]
    assert found[names[2]].item == items["Sprint 1"]


def test_a_hidden_project_hides_its_items_and_nothing_is_called_deleted(world: World, sandbox: Sandbox) -> None:
    moved = world.create(world.project("PAY"), "Secret", "Story")
    world.move_project(moved, world.project("PLAT"))
    world.project("PLAT").hidden = True
    assert looked_up(sandbox, moved)[str(moved.id)] == Found(Fate.HIDDEN)


def test_many_items_are_looked_up_a_hundred_at_a_time(world: World, sandbox: Sandbox) -> None:
    items = [world.create(world.project("PAY"), f"Story {number}", "Story") for number in range(230)]
    world.clock.advance(items[0].updated - items[0].created)
    with jira(sandbox) as connector:
        container = only(connector)
        before = connector.requests
        found = connector.look_up(container, [Ref(str(item.id)) for item in items], Demand())
        lists = 0 if sandbox.jira_mode == "cloud" else 1  # the Epic Link's field has to be found
        assert connector.requests - before == 3 + lists
    assert {one.fate for one in found.values()} == {Fate.HERE}
    assert found[str(items[7].id)].item is not None


def test_an_issue_that_jira_stumbles_over_is_asked_for_alone(world: World) -> None:
    item = world.create(world.project("PAY"), "Heavy", "Story")
    with Sandbox(world) as sandbox:
        api = sandbox.apis["jira"]
        (route,) = [one for one in api.routes if one.name == "bulk issues"]
        stumble = {"issues": [], "issueErrors": [{"id": str(item.id), "errorMessage": "too large"}]}
        broken = route.__class__(
            route.name, route.pattern, lambda _: type(api.refusal(1, ""))(stumble), methods=("POST",)
        )
        api.routes = tuple([broken if one is route else one for one in api.routes])
        found = looked_up(sandbox, item, 424242)
    assert found[str(item.id)].fate is Fate.HERE
    assert found["424242"].fate is Fate.HIDDEN


@pytest.mark.parametrize(
    ("status", "wait", "kind"),
    [
        (401, None, CredentialsRefused),
        (429, 3, RateLimited),
        (403, 3, RateLimited),
        (500, None, TryLater),
        (503, None, TryLater),
    ],
)
@pytest.mark.parametrize("path", ["/issue/", "/version/", "/agile/1.0/sprint/"])
def test_trouble_says_nothing_of_an_item(
    sandbox: Sandbox, path: str, status: int, wait: int | None, kind: type[Exception]
) -> None:
    sandbox.faults.status(status, retry_after=wait, tracker="jira", path=path)
    right_of_its_own = path.endswith("/sprint/") and kind is CredentialsRefused
    with pytest.raises(ExtraRefused if right_of_its_own else kind):
        looked_up(sandbox, 4242, "version:42", "sprint:42")


def test_a_query_finds_ids_in_any_project(world: World, sandbox: Sandbox) -> None:
    for number in range(7):
        world.create(world.project("PAY"), f"Bug {number}", "Bug", labels=("p1",) if number % 2 else ())
    other = world.create(world.project("PLAT"), "Crash", "Bug", labels=("p1",))
    sandbox.faults.page_caps["jira"] = 2
    with jira(sandbox) as connector:
        found = ids(lambda resume: connector.matching("issuetype = Bug AND labels = p1", resume))
        assert ids(lambda resume: connector.matching("labels = none", resume)) == []
    assert sorted(found) == sorted([str(world.item(f"PAY-{n}").id) for n in (2, 4, 6)] + [str(other.id)])


def test_a_refused_query_stops_with_jiras_own_words(world: World, sandbox: Sandbox) -> None:
    for query, told in (
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("nonsense", "it ends too early"),
        ("", "Unbounded"),
    ):
        with jira(sandbox) as connector, pytest.raises(QueryRefused, match=told):
            connector.matching(query, None)
    with jira(sandbox) as connector, pytest.raises(QueryRefused) as raised:
        connector.matching("\x1b[31m" + "x" * 900 + " = 1", None)
    assert len(str(raised.value)) < 500
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("mode", MODES)
def test_data_center_refuses_ids_that_are_gone_unless_told_not_to_look(world: World, mode: Mode) -> None:
    with Sandbox(world, jira_mode=mode) as sandbox, jira(sandbox) as connector:
        if mode == "data_center":
            with pytest.raises(Stop, match="does not exist"):
                connector.matching("id in (424242)", None)
        else:
            assert connector.matching("id in (424242)", None).refs == ()


def test_a_state_seen_by_a_look_up_is_the_present_one(world: World, sandbox: Sandbox) -> None:
    item = world.create(world.project("PAY"), "Pay", "Story")
    world.archive(item)
    world.close(item)
    found = looked_up(sandbox, item, demand=EVERYTHING)[str(item.id)].item
    assert found is not None
    assert found.state is State.DONE
    assert [step.state for step in found.history] == [State.TODO, State.DONE]


def outside(connector: Connector, above: str, *, deep: bool = True) -> list[str]:
    names = {}
    waiting: list[str | None] = [None]
    asked: set[str | None] = {None}
    while waiting:
        page = connector.outside(Family(above, deep), waiting.pop())
        names.update({ref.id: ref.name for ref in page.refs})
        waiting += sorted({*page.following, *page.also} - asked)
        asked |= {*page.following, *page.also}
    return sorted(names.values())


def test_children_in_projects_that_are_not_configured_are_told(world: World, sandbox: Sandbox) -> None:
    """Data Center puts issues under epics alone; Cloud has levels above them, too."""
    pay, ops = world.project("PAY"), world.add_project("jira", "Operations", "OPS")
    epic = world.create(pay, "Epic", "Epic")
    for number in range(5):
        world.create(ops if number else pay, f"Story {number}", "Story", parent=epic)
    sandbox.faults.page_caps["jira"] = 2
    with jira(sandbox) as connector:
        assert outside(connector, epic.key) == [f"OPS-{number}" for number in range(1, 5)]
        assert outside(connector, f" {epic.id} ", deep=False) == [f"OPS-{number}" for number in range(1, 5)]
        assert outside(connector, world.item("PAY-2").key) == []


def test_levels_above_epics_are_asked_for_theirs() -> None:
    world = new_world()
    pay, ops = world.project("PAY"), world.add_project("jira", "Operations", "OPS")
    initiative = world.create(pay, "Initiative", "Epic")  # the sandbox has no level above epics; the way is the same
    ours, theirs = (world.create(home, "Epic", "Epic", parent=initiative) for home in (pay, ops))
    for above in (ours, theirs):
        world.create(ops, f"Under {above.key}", "Story", parent=above)
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        assert outside(connector, initiative.key) == ["OPS-1", "OPS-2", "OPS-3"]
        assert outside(connector, initiative.key, deep=False) == ["OPS-1"]


def test_data_center_without_epics_has_nothing_elsewhere(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shapes, "fields", lambda _: [{"id": "summary", "name": "Summary"}])
    with Sandbox(world, jira_mode="data_center") as sandbox, jira(sandbox) as connector:
        assert outside(connector, "PAY-1") == []


def test_what_nobody_reads_is_told_with_its_sub_tasks(world: World, sandbox: Sandbox) -> None:
    pay, ops = world.project("PAY"), world.add_project("jira", "Operations", "OPS")
    epic = world.create(pay, "Epic", "Epic")
    for home in (pay, ops):
        story = world.create(home, "Story", "Story", parent=epic)
        world.create(home, "Part", "Sub-task", parent=story)
    with jira(sandbox) as connector:
        assert outside(connector, epic.key) == ["OPS-1", "OPS-2"]
        assert outside(connector, epic.key, deep=False) == ["OPS-1"]


def test_an_epic_that_jira_does_not_know_is_told_in_its_words(sandbox: Sandbox) -> None:
    told = "An issue with key 'PAY-404' does not exist for field 'parent'. Name the epic or the parent by its key"
    with jira(sandbox) as connector, pytest.raises(Stop, match=told):
        outside(connector, "PAY-404")


def test_one_of_a_deeper_level_that_is_gone_hides_none_of_the_others() -> None:
    world = new_world()
    pay, ops = world.project("PAY"), world.add_project("jira", "Operations", "OPS")
    epic = world.create(pay, "Epic", "Epic")
    stories = [world.create(ops, f"Story {number}", "Story", parent=epic) for number in range(3)]
    for story in stories:
        world.create(ops, "Part", "Sub-task", parent=story)
    with Sandbox(world) as sandbox, jira(sandbox) as connector:
        first = connector.outside(Family(epic.key, deep=True), None)
        world.delete(stories[0])
        (below,) = first.also
        alone = connector.outside(Family(epic.key, deep=True), below).also
        pages = [connector.outside(Family(epic.key, deep=True), each) for each in alone]
    assert [ref.name for page in pages for ref in page.refs] == ["OPS-5", "OPS-6"]
    assert [ref.name for ref in first.refs] == ["OPS-1", "OPS-2", "OPS-3"]
