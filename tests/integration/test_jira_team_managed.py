"""Team-managed projects of Jira Cloud have fields of their own: what a name means depends on the project."""

from collections.abc import Iterator

import pytest

from connectors.contract import Demand, Fate, FieldsRefused, Listed, What
from okrs.work import Ref
from sandbox.custom_fields import jira_id
from sandbox.records import Project
from sandbox.server import Sandbox
from sandbox.world import World
from tests.integration.jira_sandbox import jira, new_world, only, read

EFFORT = Demand(fields=frozenset({"Effort"}), numbers=frozenset({"Effort"}))


@pytest.fixture
def world() -> World:
    """PAY and PLAT are managed by the company, SHOP and CREW by their teams."""
    world = new_world()
    for name, key in (("Shop", "SHOP"), ("Crew", "CREW")):
        world.add_project("jira", name, key).team_managed = True
    return world


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    with Sandbox(world) as sandbox:
        yield sandbox


def with_effort(world: World, key: str, points: float, kind: str = "float") -> Project:
    """Give a project a field of that name, and an issue with a value in it."""
    project = world.project(key)
    world.add_field(project, "Effort", kind)
    world.fill(world.create(project, f"Work of {key}", "Task"), "Effort", points)
    return project


def effort(sandbox: Sandbox, key: str, *others: str, demand: Demand = EFFORT) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the values of a project's issues, read from a source with others."""
    with jira(sandbox, projects=[key, *others]) as connector:
        return {title: item.fields for title, item in read(connector, demand)[0].items()}


def test_the_field_of_a_project_that_is_not_read_makes_no_name_ambiguous(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "PAY", 3)
    with_effort(world, "SHOP", 5)
    assert effort(sandbox, "PAY") == {"Work of PAY": (("Effort", "3"),)}
    assert effort(sandbox, "PAY", "PLAT") == {"Work of PAY": (("Effort", "3"),)}


def test_the_field_of_a_project_that_is_not_read_is_none_to_name(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "SHOP", 5)
    world.create(world.project("PAY"), "Plain", "Task")
    with pytest.raises(FieldsRefused, match="Jira has no field 'Effort'"):
        effort(sandbox, "PAY")
    with pytest.raises(FieldsRefused, match=r"no field 'Efforts'.*: write its id"):
        effort(sandbox, "PAY", demand=Demand(frozenset({"Efforts"})))


def test_a_project_s_own_field_goes_before_one_of_the_site(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "PAY", 3)
    with_effort(world, "SHOP", 5)
    assert effort(sandbox, "SHOP", "PAY") == {"Work of SHOP": (("Effort", "5"),)}
    assert effort(sandbox, "PAY", "SHOP") == {"Work of PAY": (("Effort", "3"),)}


def test_each_project_means_its_own_field(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "SHOP", 5)
    with_effort(world, "CREW", 8)
    assert effort(sandbox, "SHOP", "CREW") == {"Work of SHOP": (("Effort", "5"),)}
    assert effort(sandbox, "CREW", "SHOP") == {"Work of CREW": (("Effort", "8"),)}


def test_a_project_without_the_field_is_fine_while_another_one_has_it(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "SHOP", 5)
    world.create(world.project("PAY"), "Plain", "Task")
    assert effort(sandbox, "PAY", "SHOP") == {"Plain": ()}
    assert effort(sandbox, "SHOP", "PAY") == {"Work of SHOP": (("Effort", "5"),)}


@pytest.mark.parametrize("status", [503, 404])
def test_a_project_without_the_field_is_fine_while_the_one_that_has_it_is_in_trouble(
    world: World, sandbox: Sandbox, status: int
) -> None:
    """No remedy would help: the name is right, and the project that has it is told as unreadable by itself."""
    with_effort(world, "SHOP", 5)
    world.create(world.project("PAY"), "Plain", "Task")
    sandbox.faults.status(status, tracker="jira", path="/project/SHOP", times=100)
    assert effort(sandbox, "PAY", "SHOP") == {"Plain": ()}
    with pytest.raises(FieldsRefused, match="Jira has no field 'Efforts'"):
        effort(sandbox, "PAY", "SHOP", demand=Demand(frozenset({"Efforts"})))
    sandbox.faults.clear()
    with pytest.raises(FieldsRefused, match="Jira has no field 'Effort'"):
        effort(sandbox, "PAY", "PLAT")


def test_what_a_project_in_trouble_calls_so_makes_no_name_of_the_others_ambiguous(
    world: World, sandbox: Sandbox
) -> None:
    with_effort(world, "PAY", 3)
    with_effort(world, "SHOP", 5)
    with_effort(world, "CREW", 8)
    sandbox.faults.status(503, tracker="jira", path="/project/SHOP", times=100)
    assert effort(sandbox, "PAY", "SHOP") == {"Work of PAY": (("Effort", "3"),)}
    assert effort(sandbox, "CREW", "SHOP") == {"Work of CREW": (("Effort", "8"),)}


def test_an_estimate_of_the_site_is_found_where_another_project_has_its_own(world: World, sandbox: Sandbox) -> None:
    world.add_field(world.project("SHOP"), "Story Points", "float")
    world.fill(world.create(world.project("SHOP"), "Work of SHOP", "Task"), "Story Points", 5)
    world.create(world.project("PAY"), "Work of PAY", "Task", points=3)
    points = Demand(frozenset({"Story Points"}))
    assert effort(sandbox, "SHOP", "PAY", demand=points) == {"Work of SHOP": (("Story Points", "5"),)}
    assert effort(sandbox, "PAY", "SHOP", demand=points) == {"Work of PAY": (("Story Points", "3"),)}


def test_two_fields_of_one_project_are_still_never_guessed_between(world: World, sandbox: Sandbox) -> None:
    shop = with_effort(world, "SHOP", 5)
    world.add_field(shop, "effort", "float")
    own = jira_id("Effort", shop)
    with pytest.raises(FieldsRefused, match=rf"2 fields that could be 'Effort' \(Effort \({own}\), effort "):
        effort(sandbox, "SHOP")


def test_the_field_of_one_project_alone_may_hold_no_numbers(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "SHOP", 5)
    world.add_field(world.project("CREW"), "Effort", "datepicker")
    world.add_field(world.project("PLAT"), "Size", "float")
    assert effort(sandbox, "SHOP", "CREW") == {"Work of SHOP": (("Effort", "5"),)}
    with pytest.raises(FieldsRefused, match=r"Effort \(customfield_\d+\) holds no numbers \(date\)") as raised:
        effort(sandbox, "CREW", "PAY")
    assert jira_id("Effort", world.project("SHOP")) not in str(raised.value)
    assert jira_id("Size") in str(raised.value)


def test_an_issue_that_moved_is_read_as_those_where_it_is_now(world: World, sandbox: Sandbox) -> None:
    with_effort(world, "SHOP", 5)
    crew = with_effort(world, "CREW", 8)
    world.add_field(world.project("PLAT"), "Effort", "datepicker")
    moved, left = world.item("SHOP-1"), world.create(world.project("SHOP"), "Left", "Task")
    world.move_project(moved, crew)
    world.move_project(left, world.project("PLAT"))
    with jira(sandbox, projects=["SHOP", "CREW", "PLAT"]) as connector:
        found = connector.look_up(only(connector), [Ref(str(moved.id)), Ref(str(left.id))], EFFORT)
    assert {one.fate for one in found.values()} == {Fate.MOVED}
    told = [one.item for one in found.values() if one.item]
    assert [(item.key, item.fields) for item in told] == [("CREW-2", (("Effort", "5"),)), ("PLAT-1", ())]


def test_discover_lists_the_fields_of_the_projects_that_are_read(world: World, sandbox: Sandbox) -> None:
    shop, crew = world.project("SHOP"), world.project("CREW")
    with_effort(world, "PAY", 3)
    with_effort(world, "SHOP", 5)
    with_effort(world, "CREW", 8)
    with jira(sandbox, projects=["SHOP"]) as connector:
        found = [one for one in connector.discover() if one.name == "Effort"]
    own = Listed(What.FIELD, jira_id("Effort", shop), "Effort", container="SHOP", note="number")
    assert sorted(found, key=lambda one: one.container) == [
        Listed(What.FIELD, jira_id("Effort"), "Effort", note="number"),
        own,
    ]
    assert jira_id("Effort", crew) not in {one.value for one in found}
