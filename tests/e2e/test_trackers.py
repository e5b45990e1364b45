"""From a config file to a value and its explanation, for what only some trackers have and for every way to sign in."""

from pathlib import Path
from typing import Literal

import pytest

from sandbox.github import GitHubApi
from sandbox.github_apps import App
from sandbox.jira import CLOUD_ID, WITH_SCOPES
from sandbox.records import Project, Tracker
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from tests.e2e.conftest import private_key
from tests.e2e.office import BEARER, GITHUB, JIRA, later, office


def some_bugs(world: World, project: Project) -> None:
    """Four bugs of five with the label, three of them done in the cycle: numbers 1 to 3."""
    later(world, 15)
    type_ = "Bug" if project.tracker == "jira" else ""
    for number in range(5):
        item = world.create(project, f"Bug {number}", type_, labels=("p1",) if number < 4 else ("p2",))
        if number != 3:
            world.close(item)


QUERIES = {
    "jira": ("project = PAY AND labels = p1 ORDER BY key", JIRA),
    "github": ("label:p1 is:issue", GITHUB),
}


@pytest.mark.parametrize("tracker", ["jira", "github"])
def test_a_query_in_the_trackers_own_language(tmp_path: Path, tracker: Tracker) -> None:
    query, lines = QUERIES[tracker]
    with office(tmp_path, tracker, some_bugs, f"where: {{query: '{query}'}}, measure: count", *lines) as made:
        sign = "#" if tracker == "github" else "-"
        assert made.value() == 3
        assert made.counted() == [f"{made.project.key}{sign}{number}" for number in (1, 2, 3)]
        assert made.excluded() == {f"{made.project.key}{sign}4": "open"}
        made.world.relabel(made.world.item(f"{made.project.key}{sign}5"), ["p1"])
        assert made.value() == 4
        assert f"{made.project.key}{sign}5" in made.counted()


def test_a_query_that_the_tracker_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    rule = "where: {query: 'nonsense = PAY'}, measure: count"
    with office(tmp_path, "jira", some_bugs, rule, *JIRA) as made:
        code, out, _ = made.headway.run("sync", "--json")
        assert (code, out["sources"][0]["state"]) == (0, "ok")
        [refused] = out["refused_queries"]
        assert (refused["key_result"], refused["query"]) == ("result", "nonsense = PAY")
        assert "Field 'nonsense' does not exist" in refused["error"]
        assert list(made.headway.values().values()) == [None]
        [told] = made.headway.run("status", "--json").out["refused_queries"]
        assert told == refused
        assert "Field 'nonsense' does not exist" in made.headway.run("status").out


def test_a_number_of_a_board(tmp_path: Path) -> None:
    def fill(world: World, project: Project) -> None:
        some_bugs(world, project)
        board = world.add_board("acme", "Roadmap", {"Points": "NUMBER", "Stage": "TEXT"})
        for item, points in zip(world.items.values(), (2.0, 0.5, 3.0, 8.0), strict=False):
            world.set_value(board, item, "Points", points)

    rule = "where: {label: p1}, measure: sum, by: Points"
    with office(tmp_path, "github", fill, rule, *GITHUB, "boards: [acme/1]") as made:
        assert made.value() == 5.5
        assert made.counted() == ["acme/web#1", "acme/web#2", "acme/web#3"]
        made.world.set_value(made.world.boards[0], made.world.item("acme/web#1"), "Points", 13.0)
        assert made.value() == 16.5


@pytest.mark.parametrize("jira_mode", ["cloud", "data_center"])
def test_sprints_are_counted(tmp_path: Path, jira_mode: Literal["cloud", "data_center"]) -> None:
    def fill(world: World, project: Project) -> None:
        sprints = [world.add_sprint(project, f"Sprint {number}") for number in range(4)]
        later(world, 15)
        for sprint in sprints[:2]:
            world.begin_sprint(sprint)
        world.end_sprint(sprints[0])

    rule = "where: {kind: sprint}, measure: percent"
    lines = JIRA if jira_mode == "cloud" else BEARER
    with office(tmp_path, "jira", fill, rule, *lines, jira_mode=jira_mode) as made:
        assert made.value() == 25
        first, *others = made.world.sprints
        assert made.counted() == [f"PAY/sprint/{first.id}"]
        assert made.excluded() == {f"PAY/sprint/{one.id}": "open" for one in others}
        made.world.end_sprint(others[0])
        assert made.value() == 50


@pytest.mark.parametrize("jira_mode", ["cloud", "data_center"])
def test_an_own_meaning_of_done_is_dated_by_histories(
    tmp_path: Path, jira_mode: Literal["cloud", "data_center"]
) -> None:
    """Jira dates only what it calls done itself; when a ticket came into another status, its history alone tells."""

    def fill(world: World, project: Project) -> None:
        early, late, _ = (world.create(project, f"Story {number}", "Story") for number in range(3))
        later(world, 1)
        world.start(early)
        later(world, 20)
        world.start(late)

    rule = "where: {project: PAY}, measure: count, done_when: {status: [In Progress]}, window: cycle"
    lines = JIRA if jira_mode == "cloud" else BEARER
    with office(tmp_path, "jira", fill, rule, *lines, jira_mode=jira_mode) as made:
        assert made.value() == 1
        assert made.counted() == ["PAY-2"]
        assert made.excluded() == {"PAY-1": "outside_window", "PAY-3": "open"}
        early = made.world.item("PAY-1")
        made.world.reopen(early)
        made.world.start(early)  # and again, within the cycle
        assert made.value() == 2


def test_a_github_app_signs_in_with_its_key_from_a_file(tmp_path: Path) -> None:
    def install(sandbox: Sandbox) -> None:
        github = sandbox.apis["github"]
        assert isinstance(github, GitHubApi)
        github.app = App("123", "77")

    (tmp_path / "app.pem").write_bytes(private_key())
    line = "app: {id: 123, installation: 77, private_key: '${file:app.pem}'}"
    rule = "where: {label: p1}, measure: count"
    with office(tmp_path, "github", some_bugs, rule, line, serve=install) as made:
        assert made.value() == 3
        assert made.counted() == ["acme/web#1", "acme/web#2", "acme/web#3"]
        assert made.headway.sandbox.requests["github", "installation token"] == 1
        [told] = made.headway.run("check", "--json").out
        assert told["ok"] is True
        assert "headway-reader" in told["who"]


WAYS: dict[str, tuple[tuple[str, ...], Literal["cloud", "data_center"]]] = {
    "a bearer token of Data Center": (BEARER, "data_center"),
    "a token with scopes": (
        (f"email: {JIRA_EMAIL}", "token: ${SCOPED}", f"cloud_id: {CLOUD_ID}", "gateway: GATEWAY"),
        "cloud",
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_other_ways_to_sign_in_to_jira(tmp_path: Path, name: str) -> None:
    lines, jira_mode = WAYS[name]
    rule = "where: {type: Bug, label: p1}, measure: percent"
    with office(tmp_path, "jira", some_bugs, rule, *lines, jira_mode=jira_mode) as made:
        assert made.value() == 75
        assert made.counted() == ["PAY-1", "PAY-2", "PAY-3"]
        assert made.excluded() == {"PAY-4": "open"}
        [told] = made.headway.run("check", "--json", SCOPED=WITH_SCOPES).out
        assert (told["ok"], told["sees"], told["lacks"]) == (True, ["PAY"], [])


@pytest.mark.parametrize(
    ("tracker", "lines", "mode"),
    [("jira", JIRA, "cloud"), ("jira", BEARER, "data_center"), ("github", GITHUB, "cloud")],
    ids=["cloud", "data center", "github"],
)
def test_what_lies_under_an_epic_elsewhere_is_told_as_not_read(
    tmp_path: Path, tracker: Tracker, lines: tuple[str, ...], mode: Literal["cloud", "data_center"]
) -> None:
    def fill(world: World, project: Project) -> None:
        other = world.add_project(tracker, "Operations", {"jira": "OPS", "github": "acme/ops"}[tracker])
        epic = world.create(project, "One click", "Epic")
        later(world, 15)
        for home in (project, other, other):
            world.close(world.create(home, f"For {home.key}", "Story", parent=epic))

    above, elsewhere = ("PAY-1", "OPS-1, OPS-2") if tracker == "jira" else ("acme/web#1", "acme/ops#1, acme/ops#2")
    rule = f"where: {{epic: '{above}'}}, measure: count"
    with office(tmp_path, tracker, fill, rule, *lines, jira_mode=mode) as made:
        assert made.value() == 1
        assert (
            f"Not read (2): {elsewhere} under {above}, where work does not read"
            in made.headway.run("explain", "result").out
        )
        told = f'2 of what lies under "{above}" are not read by "work", as {elsewhere}: add where they are'
        assert told in made.headway.run("validate").out
        key = "projects: [PAY" if tracker == "jira" else "repositories: [acme/web"
        made.headway.edit(key, f"{key}, {'OPS' if tracker == 'jira' else 'acme/ops'}")
        assert made.value() == 3
        assert "not read" not in made.headway.run("validate").out
        assert "Not read" not in made.headway.run("explain", "result").out
