"""`headway discover` against real HTTP: rows, JSON, and YAML to paste."""

import pytest
import yaml

from tests.e2e import shapes
from tests.e2e.conftest import Headway

PROJECTS = {
    "acme-jira": ("projects", ["PAY", "PLAT"]),
    "acme-github": ("repositories", ["acme/web", "acme/api"]),
    "acme-asana": ("projects", ["1204000000000001", "1204000000000006"]),
}


@pytest.mark.parametrize("source", PROJECTS)
def test_what_is_in_the_config_is_found_and_can_be_pasted_back(settled: Headway, source: str) -> None:
    key, projects = PROJECTS[source]
    code, rows, err = settled.run("discover", source, "--what", "project", "--json")
    assert (code, err) == (0, "")
    assert list(shapes.complaints(rows, shapes.DISCOVER)) == []
    assert {each["value"] for each in rows} >= set(projects)
    assert {each["what"] for each in rows} == {"project"}
    code, text, err = settled.run("discover", source, "--yaml")
    assert (code, err) == (0, "")
    assert set(yaml.safe_load(text)["sources"][source][key]) == set(projects)
    code, table, _ = settled.run("discover", source)
    assert code == 0
    assert all(each in table for each in projects)


def test_rows_are_chosen_by_text(settled: Headway) -> None:
    rows = settled.run("discover", "acme-github", "--what", "project", "--match", "WEB", "--json").out
    assert [each["value"] for each in rows] == ["acme/web"]
    assert settled.run("discover", "acme-github", "--match", "no such thing", "--json").out == []
    assert "Nothing of that was found." in settled.run("discover", "acme-github", "--match", "no such thing").out
    nothing = settled.run("discover", "acme-github", "--match", "no such thing", "--yaml").out
    assert nothing == "# Nothing of that was found.\n"


def test_without_a_source_those_of_the_config_are_named(headway: Headway) -> None:
    code, out, err = headway.run("discover", HEADWAY_SANDBOX_JIRA_TOKEN="")
    assert (code, out) == (2, "")
    assert "Invalid value for SOURCE: name a source of the config: acme-jira, acme-github, acme-asana" in err
    headway.config.write_text("version: 1\ndatabase: sqlite:///headway.db\n", encoding="utf-8")
    assert "the config has no sources yet" in headway.run("discover").err


@pytest.mark.parametrize("source", PROJECTS)
@pytest.mark.parametrize("match", ["", "e", "checkout", "task"])
def test_whatever_is_chosen_no_key_stands_without_a_value(settled: Headway, source: str, match: str) -> None:
    text = settled.run("discover", source, "--match", match, "--yaml").out
    held = yaml.safe_load(text)
    assert held is None or all(held["sources"][source].values())
    wheres = [line.split("   #")[0] for line in text.splitlines() if line.startswith("# where:")]
    assert len(wheres) == len(set(wheres))


def test_an_unknown_source_is_1_and_a_sentence(settled: Headway) -> None:
    code, out, err = settled.run("discover", "nope")
    assert (code, out) == (1, "")
    assert "There is no source nope in the config; it has acme-jira" in err


@pytest.mark.parametrize(
    "arguments",
    [["discover"], ["discover", "acme-jira", "--what", "tribe"], ["discover", "acme-jira", "--json", "--yaml"]],
    ids=" ".join,
)
def test_wrong_usage_is_2(settled: Headway, arguments: list[str]) -> None:
    process = settled.start(*arguments)
    code, out, err = settled.end(process)
    assert (code, out) == (2, "")
    assert "Usage: headway discover" in err


def test_a_kind_of_thing_that_there_is_not_is_told_with_those_that_there_are(settled: Headway) -> None:
    code, out, err = settled.run("discover", "acme-jira", "--what", "milestones")
    assert (code, out) == (2, "")
    told = """Invalid value for '--what': there is no kind "milestones"; did you mean "milestone"?; one of: project, """
    assert told in err


@pytest.mark.parametrize("tracker", ["jira", "github", "asana"])
def test_a_tracker_that_refuses_is_1_and_a_sentence(settled: Headway, tracker: str) -> None:
    settled.sandbox.faults.status(401, tracker=tracker, times=1000)
    try:
        code, out, err = settled.run("discover", f"acme-{tracker}", "--json")
    finally:
        settled.sandbox.faults.clear()
    assert (code, out) == (1, "")
    assert f"headway: acme-{tracker}: The tracker refused the credentials (401)" in err
    assert len(err.splitlines()) == 1


def test_it_writes_nothing(headway: Headway) -> None:
    assert headway.run("discover", "acme-jira").code == 0
    assert headway.run("check").code == 0
    assert [path.name for path in headway.folder.iterdir()] == ["headway.yaml"]
