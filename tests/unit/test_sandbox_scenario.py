"""The fictional company: the same from the same seed, named as its config names it, and moving its key results."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml

from sandbox.clock import RealClock, SimulatedClock
from sandbox.company import HISTORY, build
from sandbox.records import Item
from sandbox.scenario import config_text, environment
from sandbox.server import JIRA_EMAIL, TOKENS
from sandbox.streams import ASANA_PROJECTS, CHECKLIST_GID, EPIC_KEY, LAUNCH_CHECKLIST, LAUNCH_MILESTONE, ONE_CLICK
from sandbox.team import work
from sandbox.world import World
from tests.unit.docs_pages import ROOT

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
URLS = {name: f"http://127.0.0.1:9/{name}" for name in ("jira", "asana", "github")}
CONFIG: Mapping[str, Any] = yaml.safe_load(config_text(URLS, NOW))


def kind(item: Item) -> str:
    """What DESIGN 2 calls a work item's kind."""
    if item.pull:
        return "pull_request"
    if item.type in ("Epic", "milestone"):
        return {"Epic": "epic", "milestone": "milestone"}[item.type]
    return "subtask" if item.type == "Sub-task" or (item.parent and item.project.tracker == "asana") else "issue"


def in_milestone(item: Item, title: str, world: World) -> bool:
    blocking = [one.blocked_by for one in world.items.values() if one.type == "milestone" and one.title == title]
    return any(item in ones for ones in blocking) or (item.milestone is not None and item.milestone.title == title)


SELECTORS: dict[str, Callable[[Item, Any, World], bool]] = {
    "project": lambda item, value, _: item.project.key == value,
    "type": lambda item, value, _: item.type == value,
    "kind": lambda item, value, _: kind(item) == value,
    "label": lambda item, value, _: bool(set(item.labels) & set([value] if isinstance(value, str) else value)),
    "state": lambda item, value, _: item.state == value,
    "milestone": in_milestone,
    "epic": lambda item, value, _: item.parent is not None and item.parent.key == value,
    "parent": lambda item, value, _: item.parent is not None and item.parent.key == value,
    "section": lambda item, value, _: item.section is not None and item.section.name == value,
    "not": lambda item, value, world: not matches(item, value, world),
    "any": lambda item, value, world: any(matches(item, one, world) for one in value),
    "all": lambda item, value, world: all(matches(item, one, world) for one in value),
}


def matches(item: Item, where: Mapping[str, Any], world: World) -> bool:
    return all(SELECTORS[name](item, value, world) for name, value in where.items())


def keys_in(where: Any) -> set[str]:
    if isinstance(where, list):
        return {name for one in where for name in keys_in(one)}
    if not isinstance(where, dict):
        return set()
    return set(where) | {name for value in where.values() for name in keys_in(value)}


def measured(world: World, part: Mapping[str, Any]) -> float:
    """A plain reading of DESIGN 4, as far as this config goes: cycle windows, estimates and cancelled work included."""
    tracker = part["source"].removeprefix("acme-")
    asked = keys_in(part["where"]) & {"type", "kind", "key", "parent"}
    items = [
        one for one in world.items.values() if one.project.tracker == tracker and matches(one, part["where"], world)
    ]
    line = [one for one in items if (asked or kind(one) == "issue") and one.state != "cancelled"]
    if part.get("cancelled") == "open":
        line = [one for one in items if asked or kind(one) == "issue"]
    weights = {one: (one.points or 0.0) if "by" in part else 1.0 for one in line}
    if part.get("counts") == "open":
        return sum(weight for one, weight in weights.items() if one.closed is None)
    done = {one: weight for one, weight in weights.items() if one.state == "done"}
    if part["measure"] == "percent":
        return 100 * sum(done.values()) / sum(weights.values())
    begin = datetime.combine(CONFIG["cycles"][0]["start"], datetime.min.time(), UTC)
    return sum(weight for one, weight in done.items() if one.closed and one.closed >= begin)


def values(world: World) -> dict[str, tuple[float, ...]]:
    """Return the measured parts of every key result."""
    return {one["key_result"]: tuple(measured(world, part) for part in one["from"]) for one in CONFIG["mappings"]}


def snapshot(world: World) -> list[tuple[object, ...]]:
    return [
        (item.id, item.key, item.title, item.state, item.created, item.updated, item.closed, item.points, item.draft)
        for item in world.items.values()
    ]


def test_whoever_serves_it_alone_is_told_what_a_config_wants() -> None:
    """`python -m sandbox` prints addresses, Jira's e-mail and the tokens."""
    served = [sys.executable, "-m", "sandbox"]
    with subprocess.Popen(served, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(7)]
        process.terminate()
    assert told[3] == f"jira    email: {JIRA_EMAIL}\n"
    assert "".join(told[4:]) == "".join(f"export {name}={value}\n" for name, value in environment(TOKENS).items())


def test_the_same_seed_makes_the_same_company_and_the_same_days() -> None:
    one, same, other = build(7, NOW), build(7, NOW), build(8, NOW)
    assert snapshot(one) == snapshot(same)
    assert snapshot(one) != snapshot(other)
    assert work(one, 3, seed=5) == work(same, 3, seed=5)
    assert snapshot(one) == snapshot(same)
    assert work(one, 3, seed=5) != work(same, 3, seed=6)


def test_the_history_fills_eight_weeks_and_ends_now() -> None:
    world = build(1, NOW)
    stamps = [item.created for item in world.items.values()]
    assert min(stamps) == NOW - HISTORY
    assert max(item.updated for item in world.items.values()) <= NOW == world.clock.now()
    assert 550 <= len(stamps) <= 700
    for item in world.items.values():
        assert item.closed is None or item.created < item.closed <= item.updated
        assert (item.closed is None) == (item.state in ("todo", "doing"))
        assert item.type != "Sub-task" or item.parent


@pytest.mark.parametrize("seed", range(1, 6))
def test_what_the_config_names_is_there_whatever_the_seed(seed: int) -> None:
    world = build(seed, NOW)
    assert world.item(EPIC_KEY).title == ONE_CLICK
    assert world.item(CHECKLIST_GID).title == LAUNCH_CHECKLIST
    assert tuple(one.key for one in world.projects if one.tracker == "asana") == ASANA_PROJECTS
    milestones = {one.title for one in world.milestones} | {LAUNCH_MILESTONE}
    for mapping in CONFIG["mappings"]:
        for part in mapping["from"]:
            assert part["where"].get("milestone", LAUNCH_MILESTONE) in milestones
            tracker = part["source"].removeprefix("acme-")
            count = sum(
                one.project.tracker == tracker and matches(one, part["where"], world) for one in world.items.values()
            )
            assert count >= 5, (mapping["key_result"], count)


def test_the_config_is_twelve_key_results_of_three_teams_in_a_quarter() -> None:
    (cycle,) = CONFIG["cycles"]
    assert (cycle["start"], cycle["end"]) == (date(2026, 9, 28), date(2026, 12, 27))
    assert cycle["start"].weekday() == 0
    key_results = [one["id"] for objective in CONFIG["objectives"] for one in objective["key_results"]]
    assert len(set(key_results)) == 12
    assert [one["key_result"] for one in CONFIG["mappings"]] == key_results
    assert {one["team"] for one in CONFIG["objectives"]} == {"payments", "storefront", "launch"}
    for name, source in CONFIG["sources"].items():
        tracker = name.removeprefix("acme-")
        assert source["url"] == URLS[tracker]
        assert source["token"].strip("${}") in environment(TOKENS)


@pytest.mark.parametrize("seed", range(1, 9))
def test_two_weeks_of_work_move_the_key_results(seed: int) -> None:
    world = build(seed, NOW)
    before = values(world)
    work(world, 14, seed)
    after = values(world)
    moved = {name for name in before if before[name] != after[name]}
    assert len(moved) >= 10, set(before) - moved
    for tracker in URLS:
        fed = {
            mapping["key_result"]
            for mapping in CONFIG["mappings"]
            for index, part in enumerate(mapping["from"])
            if part["source"] == f"acme-{tracker}"
            and before[mapping["key_result"]][index] != after[mapping["key_result"]][index]
        }
        assert len(fed) >= 2, tracker


def test_the_team_lives_in_the_time_of_the_world() -> None:
    world = build(1, NOW)
    log = work(world, 14, seed=2)
    assert world.clock.now() == NOW + timedelta(days=14)
    words = {line.rsplit(" ", 1)[1] for line in log}
    assert {"closed", "opened", "reopened", "merged", "begun"} <= words
    assert [line for line in log if line.split(" ", 1)[0].isdigit()] == []  # a task of Asana is called by its title
    late = build(1, NOW, SimulatedClock(NOW, lambda: NOW + timedelta(hours=1)))
    work(late, 2, seed=2)
    assert max(item.updated for item in late.items.values()) == NOW + timedelta(hours=1)


def test_with_a_real_clock_the_work_happens_now() -> None:
    began = datetime.now(UTC)
    world = build(1, began, RealClock())
    work(world, 2, seed=2)
    assert began <= max(item.updated for item in world.items.values()) <= datetime.now(UTC)
