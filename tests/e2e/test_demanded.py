"""From a config file to a value, for what rules ask beyond the plain items: fields, sprints, histories, and links."""

from pathlib import Path
from typing import Literal

import pytest

from sandbox.records import Project
from sandbox.world import World
from tests.e2e.office import ASANA, BEARER, GITHUB, JIRA, later, office

Mode = Literal["cloud", "data_center"]
MODES: tuple[Mode, ...] = ("cloud", "data_center")


def ways(mode: Mode) -> tuple[str, ...]:
    return JIRA if mode == "cloud" else BEARER


# custom fields


def jira_fields(world: World, project: Project) -> None:
    """Three done stories and an open one: numbers 1 to 4."""
    kinds = {"Market": "multiselect", "Region": "cascadingselect", "Reviewer": "userpicker", "Note": "textfield"}
    for name, kind in kinds.items():
        world.add_field(project, name, kind)
    later(world, 15)
    one, two, three, four = (world.create(project, f"Story {number}", "Story", points=3) for number in range(4))
    for story in (one, four):
        world.fill(story, "Market", ("Germany", "Austria"))
    world.fill(two, "Market", ("Belgium",))
    world.fill(two, "Region", ("Europe", "Belgium"))
    world.fill(three, "Reviewer", world.users[0])
    world.fill(three, "Note", " Ask Legal ")
    for story in (one, two, three):
        world.close(story)


JIRA_RULES = {
    "one of several options": ("field.Market: austria", ["PAY-1"], {"PAY-4": "open"}),
    "any of two options": ("field.market: [Belgium, Germany]", ["PAY-1", "PAY-2"], {"PAY-4": "open"}),
    "the upper of two options": ("field.Region: Europe", ["PAY-2"], {}),
    "both of two options": ("field.Region: Europe - Belgium", ["PAY-2"], {}),
    "a person": ("field.Reviewer: MIRA@acme.example", ["PAY-3"], {}),
    "a text": ("field.Note: ask legal", ["PAY-3"], {}),
    "a number": ("field.story_points: 3", ["PAY-1", "PAY-2", "PAY-3"], {"PAY-4": "open"}),
    "what must not be": ("not: {field.Market: [Austria, Belgium]}", ["PAY-3"], {}),
}


@pytest.mark.parametrize("name", JIRA_RULES)
def test_fields_of_jira(tmp_path: Path, name: str) -> None:
    clause, counted, excluded = JIRA_RULES[name]
    mode = MODES[len(name) % 2]
    with office(
        tmp_path, "jira", jira_fields, f"where: {{{clause}}}, measure: count", *ways(mode), jira_mode=mode
    ) as made:
        assert made.value() == len(counted)
        assert (made.counted(), made.excluded()) == (counted, excluded)


def test_a_field_of_jira_that_is_filled_in_later_moves_the_number(tmp_path: Path) -> None:
    with office(tmp_path, "jira", jira_fields, "where: {field.Market: Austria}, measure: count", *JIRA) as made:
        assert made.value() == 1
        made.world.fill(made.world.item("PAY-3"), "Market", ("Austria",))
        assert made.value() == 2
        made.world.fill(made.world.item("PAY-1"), "Market", None)
        made.world.fill(made.world.item("PAY-3"), "Market", None)
        assert made.value() == 0


def asana_fields(world: World, project: Project) -> None:
    """Three done tasks and an open one."""
    for name, kind in {"Market": "multi_enum", "Risk": "enum", "Due": "date", "Lawyer": "people"}.items():
        world.add_field(project, name, kind)
    later(world, 15)
    one, two, three, four = (world.create(project, title, "default_task") for title in ("one", "two", "three", "four"))
    for task in (one, four):
        world.fill(task, "Market", ("Germany", "Austria"))
    world.fill(two, "Risk", "High")
    world.fill(two, "Due", "2026-10-01")
    world.fill(three, "Lawyer", (world.users[0],))
    for task in (one, two, three):
        world.close(task)


@pytest.mark.parametrize(
    ("clause", "titles"),
    [
        ("field.market: austria", ["one"]),
        ("field.Risk: [high, severe]", ["two"]),
        ("field.Due: 2026-10-01", ["two"]),
        ("field.Lawyer: Mira Albrecht", ["three"]),
        ("field.Lawyer: mira@acme.example", ["three"]),
        ("any: [{field.Market: Germany}, {field.Risk: High}]", ["one", "two"]),
    ],
)
def test_fields_of_asana(tmp_path: Path, clause: str, titles: list[str]) -> None:
    with office(tmp_path, "asana", asana_fields, f"where: {{{clause}}}, measure: count", *ASANA) as made:
        assert made.value() == len(titles)
        named = {str(task.id): task.title for task in made.world.items_of(made.project)}
        assert sorted(named[key] for key in made.counted()) == titles


def test_a_field_that_asana_does_not_have_is_told_with_what_may_be_meant(tmp_path: Path) -> None:
    with office(tmp_path, "asana", asana_fields, "where: {field.Markets: Austria}, measure: count", *ASANA) as made:
        code, out, _ = made.headway.run("sync", "--json")
        assert (code, out["sources"][0]["error"]) == (0, None)
        (refused,) = out["refused_fields"]
        assert "has a custom field 'Markets' (any more)" in refused["error"]
        assert "did you mean 'Market' (" in refused["error"]


def github_fields(world: World, project: Project) -> None:
    """Three closed issues and an open one."""
    kinds = {"Stage": "SINGLE_SELECT", "Week": "ITERATION", "Due": "DATE", "Note": "TEXT", "Points": "NUMBER"}
    board = world.add_board("acme", "Roadmap", kinds)
    later(world, 15)
    for number in range(1, 5):
        item = world.create(project, f"Issue {number}")
        if number < 4:
            world.close(item)
    values: dict[str, str | float] = {
        "Stage": "Beta",
        "Week": "Week 7",
        "Due": "2026-10-01",
        "Note": "Ask Legal",
        "Points": 3.0,
    }
    for name, value in values.items():
        world.set_value(board, world.item("acme/web#2"), name, value)
    world.set_value(board, world.item("acme/web#4"), "Stage", "Beta")


@pytest.mark.parametrize(
    "clause",
    ["field.stage: BETA", "field.Week: week 7", "field.Due: 2026-10-01", "field.note: ask legal", "field.Points: 3"],
)
def test_fields_of_github_boards(tmp_path: Path, clause: str) -> None:
    rule = f"where: {{{clause}}}, measure: count"
    with office(tmp_path, "github", github_fields, rule, *GITHUB, "boards: [acme/1]") as made:
        assert made.value() == 1
        assert made.counted() == ["acme/web#2"]
        if "stage" in clause:
            made.world.set_value(made.world.boards[0], made.world.item("acme/web#1"), "Stage", "Beta")
            assert made.value() == 2


# sprints and histories


@pytest.mark.parametrize("mode", MODES)
def test_what_was_planned_for_a_sprint(tmp_path: Path, mode: Mode) -> None:
    def fill(world: World, project: Project) -> None:
        sprints = [world.add_sprint(project, f"Sprint {number}") for number in (7, 8)]
        later(world, 15)
        stories = [world.create(project, f"Story {number}", "Story") for number in range(5)]
        for number, story in enumerate(stories[:4]):
            world.plan(story, sprints[number == 3])
        for story in (stories[0], stories[4]):
            world.close(story)
        world.plan(stories[1], sprints[1])  # taken along into the next one

    rule = "where: {sprint: sprint 7}, measure: percent"
    with office(tmp_path, "jira", fill, rule, *ways(mode), jira_mode=mode) as made:
        assert made.value() == pytest.approx(100 / 3)
        assert (made.counted(), made.excluded()) == (["PAY-1"], {"PAY-2": "open", "PAY-3": "open"})
        made.world.plan(made.world.item("PAY-5"), made.world.sprints[0])
        assert made.value() == 50


@pytest.mark.parametrize("mode", MODES)
def test_how_long_work_took(tmp_path: Path, mode: Mode) -> None:
    def fill(world: World, project: Project) -> None:
        later(world, 15)
        quick, slow, unseen, _ = (world.create(project, f"Bug {number}", "Bug") for number in range(4))
        later(world, 1)
        world.start(quick)
        world.start(slow)
        later(world, 2)
        world.close(quick)
        later(world, 4)
        world.close(slow)
        world.close(unseen)  # nobody ever began it

    rule = "where: {type: Bug}, measure: cycle_time"
    with office(tmp_path, "jira", fill, rule, *ways(mode), jira_mode=mode) as made:
        assert made.value() == 4  # the median of 2 and 6
        assert made.counted() == ["PAY-1", "PAY-2"]
        assert made.excluded() == {"PAY-3": "no_history", "PAY-4": "open"}


# one piece of work in two sources


def test_work_that_two_sources_show_counts_once(tmp_path: Path) -> None:
    """A pull request names its ticket in its title, in its branch, or in neither; an issue is linked to another's."""

    def fill(world: World, project: Project) -> None:
        web, plat = world.add_project("github", "web", "acme/web"), world.add_project("jira", "Platform", "PLAT")
        later(world, 15)
        stories = [world.create(project, f"Story {number}", "Story") for number in range(1, 4)]
        titled, branched, alone = (
            world.create(web, title, pull=True) for title in ("PAY-1: coupons", "Basket", "Docs")
        )
        branched.branch = "feature/pay-2-basket"
        linked, free = (world.create(plat, title, "Story") for title in ("Move", "Stay"))
        world.link(linked, stories[2])
        for item in (*stories, titled, branched, alone, linked, free):
            world.close(item)

    pulls = "{source: code, where: {kind: pull_request}, measure: count, once: true}"
    rule = f"measure: count}}, {pulls}, {{source: plat, measure: count, once: true"
    with office(tmp_path, "jira", fill, rule, *JIRA) as made:
        urls = made.headway.sandbox.urls
        code = f"connector: github, url: {urls['github']}, repositories: [acme/web], {GITHUB[0]}"
        plat = f"connector: jira, url: {urls['jira']}, projects: [PLAT], {', '.join(JIRA)}"
        code, plat = (text.replace("${", "'${").replace("}", "}'") for text in (code, plat))
        made.headway.edit("objectives:\n", f"  code: {{{code}}}\n  plat: {{{plat}}}\nobjectives:\n")
        made.headway.edit("    from:", "    combine: sum\n    from:")
        assert made.value() == 5
        assert made.counted() == ["PAY-1", "PAY-2", "PAY-3", "PLAT-2", "acme/web#3"]
        assert made.excluded() == dict.fromkeys(["PLAT-1", "acme/web#1", "acme/web#2"], "duplicate")
