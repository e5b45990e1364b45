"""What `validate` says of a config without a mistake: nothing of a right one, and never more than a warning."""

import pytest

from tests.e2e.conftest import Headway

SLIPS = {
    "mappings[0].from[0].where": (
        "label: p1, not",
        "label: p11, not",
        'no ticket has the label "p11", did you mean "p1"?',
    ),
    "mappings[7].from[0].where.milestone": ("Storefront 2.0}", "Storefrnt 2.0}", 'did you mean "Storefront 2.0"?'),
    "mappings[0].from[0].where.not.label": ("test-only", "testonly", 'did you mean "test-only"?'),
    "mappings[5].from[0].where": ("kind: pull_request, label: performance", "label: performance", "kind: pull_request"),
    "mappings[4].from[0].done_when": ("status: [Done]", "status: [Finished]", 'of them done, as "Done"'),
    "mappings[10].from[0].where.any[1].query": (
        "label: interview}",
        "query: odd}",
        "not asked yet: run `",
    ),
    "objectives[0].key_results[0].target": ("target: 25}", "target: 5}", "it began with 14, which is all it asks for"),
    "objectives[2].key_results[0].target": (
        "start: 0, target: 40}",
        "start: 60, target: 40}",
        "every finished ticket raises the value",
    ),
    "mappings[3].from[0].by": ("{epic: PAY-1}", "{project: PAY}", 'have no number in "story_points"'),
    "mappings[6].key_result": (
        "kind: pull_request, label: performance",
        "label: [accessibility, a11y]",
        'in "performance", too, as acme/web#',
    ),
}


def test_a_right_config_has_no_warning_before_and_after_it_was_read(headway: Headway) -> None:
    for _ in range(2):
        code, out, err = headway.run("validate", "--json")
        assert (code, out, err) == (0, [], "")
        assert headway.run("sync").code == 0


@pytest.mark.parametrize("path", SLIPS)
def test_a_slip_is_a_warning_with_its_place(copy: Headway, path: str) -> None:
    old, new, words = SLIPS[path]
    copy.edit(old, new)
    before = copy.database.read_bytes()
    code, out, err = copy.run("validate", "--json")
    assert (code, err) == (0, "")
    told = {each["path"]: each for each in out}
    assert (told[path]["severity"], words in told[path]["message"]) == ("warning", True)
    text = copy.run("validate").out
    assert f"warning: headway.yaml:{told[path]['line']}:" in text
    assert " is valid: 12 key results" in text
    assert copy.database.read_bytes() == before
    assert copy.run("plan").code == 0


def test_offline_needs_no_variable_but_the_databases(copy: Headway) -> None:
    copy.edit("sqlite:///headway.db", "${DATABASE_URL}")
    unset = dict.fromkeys((f"HEADWAY_SANDBOX_{name}_TOKEN" for name in ("JIRA", "GITHUB", "ASANA")), "")
    known = {"DATABASE_URL": "sqlite:///headway.db"}
    assert "HEADWAY_SANDBOX_JIRA_TOKEN is not set" in copy.run("validate", **unset, **known).out
    code, out, err = copy.run("validate", "--offline", **unset, **known)
    assert (code, err) == (0, "")
    assert out.startswith("headway.yaml is valid: 12 key results, 12 mapped, 3 sources; ")
    assert out.endswith("; whether its variables are set is not looked at.\n")
    copy.edit("label: p1, not", "label: p11, not")
    (told,) = copy.run("validate", "--offline", "--json", **unset, **known).out
    assert told["path"] == "mappings[0].from[0].where"
    assert "DATABASE_URL is not set" in copy.run("validate", "--offline", **unset).out
    copy.edit("connector: jira", "connector: jria")
    assert copy.run("validate", "--offline", **unset, **known).code == 1


def test_a_database_that_does_not_answer_is_a_warning(headway: Headway) -> None:
    headway.edit("sqlite:///headway.db", "postgresql+psycopg://someone:marked-secret@127.0.0.1:1/headway")
    code, out, err = headway.run("validate")
    assert (code, err) == (0, "")
    assert "The database cannot be opened" in out
    assert "nothing is said of what the mappings select" in out
    assert "marked-secret" not in out
