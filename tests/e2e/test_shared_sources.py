"""One team's mistake stops nobody else: a field that the tracker does not have, and a token that is not set."""

import pytest

from sandbox.team import work
from tests.e2e import shapes
from tests.e2e.conftest import Headway

FLOW = "where: {project: PLAT, state: doing}, measure: sum, by: story_points"
TOLD = "Jira has no field 'story_pionts', or this token may not see it"


@pytest.fixture
def misspelt(headway: Headway) -> Headway:
    """A company whose team of the platform misspells its field after everything was read, and a week of work."""
    assert headway.run("sync", "--json").code == 0
    headway.edit(FLOW, FLOW.replace("story_points", "story_pionts"))
    work(headway.sandbox.world, days=7, seed=3)
    return headway


def test_a_misspelt_field_stops_its_own_key_result_alone(misspelt: Headway) -> None:
    done = misspelt.run("sync", "--json")
    assert (done.code, done.err) == (0, "")
    assert list(shapes.complaints(done.out, shapes.SYNC)) == []
    assert {(each["state"], each["error"]) for each in done.out["sources"]} == {("ok", None)}
    (refused,) = done.out["refused_fields"]
    assert (refused["key_result"], refused["source"], refused["field"]) == (
        "platform-flow",
        "acme-jira",
        "story_pionts",
    )
    assert TOLD in refused["error"]
    moved = {each["key_result"] for each in done.out["updates"]}
    assert moved & {"p1-bugs", "open-bugs", "one-click", "checkout-release"}, "others of the same source"
    kinds = [each["kind"] for each in misspelt.run("history", "platform-flow", "--json").out]
    assert "rule" not in kinds, "it goes on by the rule on record"
    assert misspelt.run("verify").code == 0


def test_every_surface_says_which_field_it_is(misspelt: Headway) -> None:
    assert f"platform-flow waits for a field: acme-jira: {TOLD}" in misspelt.run("sync").out
    status = misspelt.run("status", "--json").out
    assert list(shapes.complaints(status, shapes.STATUS)) == []
    errors = {each["id"]: (each["reading"], each["error"]) for each in status["key_results"]}
    assert errors.pop("platform-flow")[0]
    assert set(errors.values()) == {(False, None)}
    assert [each["key_result"] for each in status["refused_fields"]] == ["platform-flow"]
    text = misspelt.run("status").out
    assert "· waits for a field" in text
    assert f"platform-flow waits for a field: acme-jira: {TOLD}" in text
    assert f"waits for a field: acme-jira: {TOLD}" in misspelt.run("plan").out
    assert misspelt.run("plan", "--exit-code").code == 0
    validated = misspelt.run("validate")
    assert validated.code == 0
    assert 'the tracker cannot give the field "story_pionts"' in validated.out + validated.err


def test_explain_blames_the_field_and_not_the_tickets(headway: Headway) -> None:
    headway.edit(FLOW, FLOW.replace("story_points", "story_pionts"))
    assert headway.run("sync", "--json").code == 0
    text = headway.run("explain", "platform-flow").out
    assert "no estimate" not in text
    assert "the tracker refuses the field story_pionts" in text
    explained = headway.run("explain", "platform-flow", "--json").out
    assert list(shapes.complaints(explained, shapes.EXPLAIN)) == []
    assert [each["field"] for each in explained["refused_fields"]] == ["story_pionts"]
    assert {each["reason"] for part in explained["parts"] for each in part["excluded"]} == {"no_estimate"}


def test_once_corrected_it_takes_effect(misspelt: Headway) -> None:
    assert misspelt.run("sync", "--json").code == 0
    misspelt.edit("by: story_pionts, counts: open", "by: story_points, counts: all")
    done = misspelt.run("sync", "--json")
    assert (done.code, done.out["refused_fields"]) == (0, [])
    assert misspelt.run("history", "platform-flow", "--json").out[-1]["kind"] == "rule"
    status = misspelt.run("status", "--json").out["key_results"]
    assert {(each["reading"], each["error"]) for each in status} == {(False, None)}
    assert misspelt.run("verify").code == 0


def test_a_new_name_under_fields_is_planned_as_something_to_read(misspelt: Headway) -> None:
    assert misspelt.run("sync", "--json").code == 0
    misspelt.edit("fields: {", "fields: {story_pionts: customfield_10016, ")
    planned = {each["id"]: each for each in misspelt.run("plan", "--json").out["key_results"]}
    assert "unknown until read" in planned["platform-flow"]["note"]
    assert misspelt.run("status", "--json").out["refused_fields"] == []


# a query that the tracker refuses


def test_a_refused_query_stops_its_own_key_result_alone(headway: Headway) -> None:
    assert headway.run("sync", "--json").code == 0
    headway.edit(FLOW, "where: {query: 'colour = red'}, measure: count")
    work(headway.sandbox.world, days=7, seed=3)
    done = headway.run("sync", "--json")
    assert (done.code, done.err) == (0, "")
    assert list(shapes.complaints(done.out, shapes.SYNC)) == []
    assert {(each["state"], each["error"]) for each in done.out["sources"]} == {("ok", None)}
    (refused,) = done.out["refused_queries"]
    assert (refused["key_result"], refused["query"]) == ("platform-flow", "colour = red")
    told = "Jira refuses the query 'colour = red': "
    assert refused["error"].startswith(told)
    assert {each["key_result"] for each in done.out["updates"]} & {"p1-bugs", "open-bugs"}, "others of the same source"
    assert f"waits for a query: acme-jira: {told}" in headway.run("sync").out
    status = headway.run("status", "--json").out
    assert list(shapes.complaints(status, shapes.STATUS)) == []
    waiting = {each["id"] for each in status["key_results"] if each["error"]}
    assert (waiting, {each["stale"] for each in status["key_results"]}) == ({"platform-flow"}, {False})
    assert "· waits for a query" in headway.run("status").out
    assert f"rule changed; waits for a query: acme-jira: {told}" in headway.run("plan").out
    assert headway.run("plan", "--exit-code").code == 0
    validated = headway.run("validate")
    assert "the tracker refuses this query, so this mapping does not take effect" in validated.out + validated.err
    assert f"waits for a query: acme-jira: {told}" in headway.run("explain", "platform-flow").out


# a variable of one source


def test_a_run_needs_the_variables_of_the_sources_that_it_names(headway: Headway) -> None:
    done = headway.run("sync", "--source", "acme-jira", "--json", HEADWAY_SANDBOX_GITHUB_TOKEN="")
    assert (done.code, [each["name"] for each in done.out["sources"]]) == (0, ["acme-jira"])
    before = headway.database.read_bytes()
    refused = headway.run("sync", HEADWAY_SANDBOX_GITHUB_TOKEN="")
    assert (refused.code, refused.out) == (1, "")
    assert "HEADWAY_SANDBOX_GITHUB_TOKEN is not set" in refused.err
    assert headway.database.read_bytes() == before


@pytest.mark.parametrize("value", ["", "short"], ids=["not set", "no secret"])
def test_a_lasting_run_goes_on_with_the_sources_that_can_be_connected_to(headway: Headway, value: str) -> None:
    assert headway.run("sync", "--json").code == 0
    before = headway.values()
    work(headway.sandbox.world, days=7, seed=3)
    done = headway.run("sync", "--last-good", "--json", HEADWAY_SANDBOX_GITHUB_TOKEN=value)
    assert (done.code, done.err) == (3, "")
    states = {each["name"]: (each["state"], each["error"]) for each in done.out["sources"]}
    state, error = states.pop("acme-github")
    assert state == "failed"
    assert "acme-github.token" in error
    assert ("HEADWAY_SANDBOX_GITHUB_TOKEN is not set" if not value else "shorter than") in error
    assert set(states.values()) == {("ok", None)}
    assert done.out["quarantine"] == []
    after = headway.values()
    assert {name for name in after if after[name] != before[name]} & {"p1-bugs", "open-bugs", "go-live", "interviews"}
    assert [after[name] for name in ("performance", "storefront")] == [
        before[name] for name in ("performance", "storefront")
    ]
    shown = {each["name"]: each["state"] for each in headway.run("status", "--json").out["sources"]}
    assert shown == {"acme-jira": "ok", "acme-asana": "ok", "acme-github": "degraded"}
    assert headway.run("sync", "--last-good", "--json").code == 0


def test_a_lasting_run_goes_on_beside_a_mistake_as_well(headway: Headway) -> None:
    assert headway.run("sync", "--json").code == 0
    headway.edit("measure: percent", "measure: percnet")
    done = headway.run("sync", "--last-good", "--json", HEADWAY_SANDBOX_GITHUB_TOKEN="")
    assert done.code == 1, "a mistake in the config comes before a source that failed"
    assert {each["name"]: each["state"] for each in done.out["sources"]}["acme-jira"] == "ok"
