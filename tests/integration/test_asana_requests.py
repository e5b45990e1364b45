"""Every request that the Asana connector sends is one that Asana's OpenAPI document promises."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.asana import normalise
from connectors.contract import Connector, Cursor, Demand, Fate, Stop
from okrs.work import Ref
from tests.integration.asana_client import NOTHING, NOW, Launch, Mirror, census, launched, walked
from tests.integration.spec_requests import SPECS, Sent, problems

DOCUMENT = SPECS / "asana.json"
ROOT = "/api/1.0"
BEYOND = ("opt_fields: 'assignee.email' is not one of", "opt_fields: 'custom_fields.people_value.email' is not one of")
"""The document lists only names of related people; that `opt_fields` reaches whatever a related object has is said in
https://developers.asana.com/docs/inputoutput-options, and that a user has an `email` in the schema `UserResponse`."""
EVERYTHING = Demand(fields=frozenset({"Effort"}), histories=True, sprints=True, refs=True)

pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="the OpenAPI documents are not beside the repository")


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        launch.world.add_user("Ada Okafor", "ada")
        launch.sandbox.faults.page_caps["asana"] = 3  # so that every listing has several pages
        yield launch


def wrong(launch: Launch) -> list[str]:
    """Return what is wrong with all that was asked so far."""
    sent = [Sent(method, ROOT + target, body) for _, method, target, body in launch.sandbox.log]
    return [
        problem for one in sent for problem in problems(DOCUMENT, one) if not any(text in problem for text in BEYOND)
    ]


def ask_everything(launch: Launch, connector: Connector) -> None:
    """Ask whatever a connector can be asked, in a project in which something of everything happens."""
    world, mirror = launch.world, Mirror(launch.container)
    elsewhere = world.add_project("asana", "Elsewhere")
    tops = [launch.task(f"top {number}", section="Ideas", labels=("p1",)) for number in range(5)]
    leaves = [launch.task(f"leaf {number}", parent=tops[0]) for number in range(5)]
    launch.task("deep", parent=leaves[0])
    world.block(launch.task("Beta", "milestone"), tops[:2])
    gone, back, moved = tops[1], tops[2], tops[3]
    assert list(connector.containers()) == [launch.container]
    mirror.read(connector, NOW, EVERYTHING)
    world.delete(back)
    launch.clock.advance(timedelta(hours=1))
    mirror.read(connector, launch.clock.now(), EVERYTHING)
    launch.clock.advance(timedelta(hours=1))
    mirror.read(connector, launch.clock.now())  # quiet
    for leaf in leaves:
        world.close(leaf)
    world.restore(back)
    world.move_project(moved, elsewhere)
    world.delete(gone)
    mirror.read(connector, launch.clock.now(), EVERYTHING)  # events by the page, a walk, and a task by itself
    launch.sandbox.faults.status(403, path="/subtasks")
    mirror.read(connector, launch.clock.now() + timedelta(days=1))  # a parent out of sight: the project is asked for
    assert len(census(connector, launch.container)) == len(world.items) - 1
    refs = [Ref(item.key, item.key) for item in (gone, moved, leaves[0])]
    found = connector.look_up(launch.container, refs, EVERYTHING)
    assert [found[ref.id].fate for ref in refs] == [Fate.DELETED, Fate.MOVED, Fate.HERE]
    connector.look_up(launch.container, refs, NOTHING)
    with pytest.raises(Stop):
        connector.matching("assignee = me", None)
    connector.check()
    connector.discover()


def test_whatever_is_asked_is_promised(launch: Launch) -> None:
    ask_everything(launch, launch.connect())
    assert wrong(launch) == []
    asked = {name for _, name in launch.sandbox.requests}
    assert asked == {
        "user", "workspaces", "projects", "project", "sections", "custom fields", "tasks", "subtasks", "task", "events",
    }  # fmt: skip
    assert {method for _, method, *_ in launch.sandbox.log} == {"GET"}
    for name in ("offset=", "modified_since=", "sync=", "archived=", "custom_fields.number_value"):
        assert any(name in target.replace("%2C", ",") for _, _, target, _ in launch.sandbox.log), name


@pytest.mark.parametrize("misspelt", ["taggs.name", "memberships.section.title", "resource_sub_type"])
def test_a_misspelt_field_of_the_connector_is_found(
    launch: Launch, monkeypatch: pytest.MonkeyPatch, misspelt: str
) -> None:
    monkeypatch.setattr("connectors.asana.reading.FIELDS", f"{normalise.FIELDS},{misspelt}")
    walked(launch.connect(), launch.container, Cursor(now=NOW))
    (problem,) = wrong(launch)
    assert f"opt_fields: {misspelt!r} is not one of" in problem


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/tasks?project=1&modifiedSince=2026-11-02T08:00:00Z", "no parameter 'modifiedSince'"),
        ("/tasks?project=1&limit=101", "limit: 101"),
        ("/tasks?project=1&limit=many", "limit: 'many'"),
        ("/tasks?project=1&project=2", "given 2 times"),
        ("/tasks?project=1&opt_fields=name,colour", "'colour'"),
        ("/tasks?project=1&opt_fields=name,memberships.project.title", "'memberships.project.title'"),
        ("/tasks?project=1&opt_fields=%5B%27name%27%5D", "opt_fields"),  # a list as Python writes it
        ("/tasks/1/subtasks?modified_since=2026-11-02T08:00:00Z", "no parameter 'modified_since'"),
        ("/tasks/1?limit=100", "no parameter 'limit'"),
        ("/events?sync=s1", "'resource' is required"),
        ("/events?resource=1&limit=100", "no parameter 'limit'"),
        ("/workspaces/1/projects?archived=no", "archived: 'no'"),
        ("/project/1", "no such path"),
        ("/tasks/1/sub_tasks", "no such path"),
    ],
)
def test_the_check_itself_finds_a_wrong_request(target: str, told: str) -> None:
    (problem,) = problems(DOCUMENT, Sent("GET", ROOT + target))
    assert told in problem


def test_the_check_itself_finds_a_wrong_method() -> None:
    (problem,) = problems(DOCUMENT, Sent("PATCH", f"{ROOT}/tasks/1"))
    assert "only delete, get" in problem
