"""A small office for the end-to-end tests: one tracker with a history, one source, one rule."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sandbox.clock import RealClock, SimulatedClock
from sandbox.jira import WITH_SCOPES
from sandbox.records import Project, Tracker
from sandbox.server import JIRA_EMAIL, Sandbox
from sandbox.world import World
from tests.e2e.conftest import TOKENS, Headway

DAY = timedelta(days=1)
BEFORE, CYCLE = 40, 30
"""How many days ago the history begins, and the cycle."""

CONFIG = """\
version: 1
database: sqlite:///headway.db
timezone: Europe/Berlin
cycles: [{{id: now, start: {start}, end: {end}}}]
sources:
  work:
    connector: {connector}
    url: {url}
{keys}
objectives:
  - id: one
    cycle: now
    title: One
    owner: mira@acme.example
    team: payments
    key_results: [{{id: result, title: The result, unit: things, start: 0, target: 100}}]
mappings:
  - key_result: result
    from: [{{source: work, {rule}}}]
"""

_KEYS = {"jira": "PAY", "github": "acme/web", "asana": ""}
"""Keys of the project; an Asana project gets its own."""

Fill = Callable[[World, Project], object]


@dataclass
class Office:
    """One source, one rule."""

    headway: Headway
    world: World
    project: Project

    explained: Mapping[str, Any] = field(default_factory=dict)
    """What `headway explain` said last."""

    def value(self) -> Any:
        """Sync, and return the value; what explains it must say the same."""
        code, out, err = self.headway.run("sync", "--json", SCOPED=WITH_SCOPES)
        assert (code, err) == (0, ""), out
        [update] = out["updates"]
        self.explained = self.headway.run("explain", "result", "--json").out
        assert self.explained["value"] == update["new"]
        return update["new"]

    def counted(self) -> list[str]:
        return sorted(each["key"] for part in self.explained["parts"] for each in part["counted"])

    def excluded(self) -> dict[str, str]:
        return {each["key"]: each["reason"] for part in self.explained["parts"] for each in part["excluded"]}


@contextmanager
def office(
    folder: Path,
    tracker: Tracker,
    fill: Fill,
    rule: str,
    *lines: str,
    jira_mode: Literal["cloud", "data_center"] = "cloud",
    serve: Callable[[Sandbox], object] = lambda _: None,
) -> Iterator[Office]:
    """Serve a small world whose history is filled from 40 days ago on; `lines` are more keys of the source."""
    now = datetime.now(UTC)
    world = World(SimulatedClock(now - BEFORE * DAY))
    world.add_user("Mira Albrecht", "mira")
    project = world.add_project(tracker, "Payments", _KEYS[tracker])
    fill(world, project)
    world.clock = RealClock()
    names = f"repositories: [{project.key}]" if tracker == "github" else f"projects: [{project.key}]"
    with Sandbox(world, tokens=TOKENS, jira_mode=jira_mode) as sandbox:
        serve(sandbox)
        headway = Headway(sandbox, folder)
        start, end = (now - CYCLE * DAY).date(), (now + 60 * DAY).date()
        keys = "\n".join(f"    {line}" for line in (names, *lines)).replace("GATEWAY", sandbox.urls["jira"])
        config = CONFIG.format(start=start, end=end, connector=tracker, url=sandbox.urls[tracker], keys=keys, rule=rule)
        headway.config.write_text(config, encoding="utf-8")
        yield Office(headway, world, project)


JIRA = (f"email: {JIRA_EMAIL}", "token: ${HEADWAY_SANDBOX_JIRA_TOKEN}")
BEARER = ("token: ${HEADWAY_SANDBOX_JIRA_TOKEN}",)
ASANA = ("token: ${HEADWAY_SANDBOX_ASANA_TOKEN}",)
GITHUB = ("token: ${HEADWAY_SANDBOX_GITHUB_TOKEN}",)


def later(world: World, days: int) -> None:
    world.clock.advance(days * DAY)
