"""Warnings about a config without a mistake: what each says, and the place that it points at."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.lint import warned
from config.loader import load
from config.problems import Problem
from mapping.lint import (
    Ambiguous,
    FieldRefused,
    Finding,
    Finished,
    Misspelt,
    NeverBegun,
    NeverDone,
    NotRead,
    Overlap,
    Reached,
    Reused,
    SelectsNothing,
    Twice,
    Unanswered,
    Unestimated,
    Unknown,
)
from mapping.rule import Selector
from okrs.work import Kind
from tests.unit.docs_pages import ROOT

CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources:
  jira: {connector: jira, url: "https://acme.atlassian.net", token: a-token, projects: [PAY], fields: {points: c}}
objectives:
  - id: good
    cycle: Q
    title: Good
    key_results:
      - {id: bugs, title: Bugs, start: 0, target: 20}
      - {id: basket, title: Basket, start: 0, target: 100}
      - {id: legal, title: Legal, kind: binary}
mappings:
  - key_result: bugs
    from:
      - {source: jira, where: {type: Bug}, measure: count}
  - key_result: basket
    combine: sum
    from:
      - {source: jira, where: {label: a}, measure: count}
      - source: jira
        where: {any: [{milestone: [One, Twoo]}, {query: odd}]}
        measure: percent
        by: points
  - key_result: legal
    from: [{source: jira, measure: percent}]
"""


def warnings(folder: Path, text: str, *findings: Finding, unasked: str = "") -> list[Problem]:
    (folder / "headway.yaml").write_text(text, encoding="utf-8")
    loaded = load(folder / "headway.yaml", {}, connect=True)
    assert loaded.config is not None, loaded.problems
    assert not [each for each in loaded.problems if "stands here in plain" not in each.message]
    return [each for each in warned(loaded, findings, unasked) if "stands here in plain" not in each.message]


PART = "where: {type: Bug}, measure: count"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("{project: PAY}", None),
        ("{project: PAYX}", '"jira" does not read "PAYX"; did you mean "PAY"?; it reads: PAY'),
        ("{project: pay}", '"jira" does not read "pay"; did you mean "PAY"?; it reads: PAY'),
        ("{any: [{project: OPS}, {label: x}]}", '"jira" does not read "OPS"; it reads: PAY'),
    ],
)
def test_a_project_that_its_source_does_not_read_is_told_once_and_offline(
    tmp_path: Path, where: str, told: str | None
) -> None:
    text = CONFIG.replace(PART, f"where: {where}, measure: count")
    found = [Unknown("bugs", 0, Selector.PROJECT, value, None) for value in ("PAYX", "pay", "OPS") if value in where]
    assert [each.message for each in warnings(tmp_path, text)] == ([told] if told else [])
    assert [each.message for each in warnings(tmp_path, text, *found)] == ([told] if told else [])


def test_a_repository_ignores_case_and_a_task_of_asana_may_lie_in_other_projects(tmp_path: Path) -> None:
    def told(source: str, project: str) -> list[str]:
        text = re.sub(r"  jira: \{.*", f"  jira: {{{source}, token: a-token}}", CONFIG).replace(
            "        by: points\n", ""
        )
        text = text.replace(PART, f"where: {{project: {project}}}, measure: count")
        return [each.message for each in warnings(tmp_path, text)]

    assert told("connector: github, repositories: [acme/web]", "Acme/Web") == []
    assert len(told("connector: github, repositories: [acme/web]", "web")) == 1
    assert told('connector: asana, projects: ["1204000000000001"]', "Launch") == []


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("by: pionts", "mappings[1].from[1].by"),
        ("by: points", None),
        ("by: Severity", None),
        ("by: Points", None),
        ("by: Team Effort", None),
        ("by: team_effort", None),
        ("by: Team Efort", "mappings[1].from[1].by"),
        ("where: {field.pionts: 3}", "mappings[0].from[0].where"),
    ],
)
def test_a_field_that_is_nearly_one_with_a_name_is_told_offline(tmp_path: Path, field: str, path: str | None) -> None:
    text = CONFIG.replace("by: points", field) if "by" in field else CONFIG.replace("where: {type: Bug}", field)
    text = text.replace("{points: c}", "{points: c, team_effort: d}")
    told = warnings(tmp_path, text)
    assert [each.path for each in told] == ([path] if path else [])
    assert all(re.search('did you mean "(points|team_effort)"\\?', each.message) for each in told)


def test_two_names_that_differ_by_case_are_both_names(tmp_path: Path) -> None:
    text = CONFIG.replace("{points: c}", "{Points: c, points: d, PONTS: e}")
    assert warnings(tmp_path, text) == []
    assert warnings(tmp_path, text.replace("by: points", "by: PONTS")) == []


def test_the_label_that_a_link_adds_to_a_part_is_no_word_of_its_own(tmp_path: Path) -> None:
    text = CONFIG.replace("objectives:", 'link_by: {label: "kr:{id}", sources: [jira]}\nobjectives:')
    unknown = ((Selector.TYPE, "Bug", None), (Selector.LABEL, "kr:bugs", None), (Selector.LABEL, "kr:legal", None))
    (told,) = warnings(tmp_path, text, SelectsNothing("bugs", 0, unknown))
    assert told.message.split("; ")[1:] == ['no ticket has the type "Bug"', 'no ticket has the label "kr:legal"']
    (told,) = warnings(tmp_path, text, SelectsNothing("basket", 0, ((Selector.LABEL, "kr:basket", None),)))
    assert told.message == "selects nothing that was read: no ticket has all of this at once"


def test_the_label_that_a_link_adds_is_not_misspelt(tmp_path: Path) -> None:
    text = CONFIG.replace("objectives:", 'link_by: {label: "kr:{id}", sources: [jira]}\nobjectives:')
    assert warnings(tmp_path, text, Misspelt("bugs", 0, Selector.LABEL, "kr:bugs", "kr:bug")) == []
    assert warnings(tmp_path, text, Misspelt("bugs", 0, Selector.LABEL, "kr:bgus", "kr:bugs")) != []


def test_a_label_that_feeds_a_key_result_alone_is_named_there(tmp_path: Path) -> None:
    text = CONFIG.replace("objectives:", 'link_by: {label: "kr:{id}", sources: [jira]}\nobjectives:')
    text = text.replace("  - key_result: legal\n    from: [{source: jira, measure: percent}]\n", "")
    found = SelectsNothing("legal", 0, ((Selector.LABEL, "kr:legal", "kr:lega"),), linked=True)
    (told,) = warnings(tmp_path, text, found)
    assert told.path == "objectives[0].key_results[2].id"
    assert told.message == (
        'no ticket has the label "kr:legal" yet, and labels alone feed this key result: put it on a ticket, '
        'or write a mapping; some have "kr:lega"'
    )


FOUND: list[tuple[Finding, tuple[int, str, str]]] = [
    (
        SelectsNothing("basket", 0),
        (21, "mappings[1].from[0].where", "selects nothing that was read: no ticket has all of this at once"),
    ),
    (
        SelectsNothing("bugs", 0, ((Selector.TYPE, "Bug", "Defect"), (Selector.LABEL, "x", None))),
        (
            17,
            "mappings[0].from[0].where",
            'selects nothing that was read; no ticket has the type "Bug", did you mean "Defect"?; no ticket has the '
            'label "x"',
        ),
    ),
    (
        SelectsNothing("legal", 0, ((Selector.LABEL, "kr:legal", None),), linked=True),
        (27, "mappings[2].from[0]", 'no ticket has the label "kr:legal" yet, and labels alone feed this key result: '),
    ),
    (SelectsNothing("legal", 0), (27, "mappings[2].from[0]", "selects nothing that was read")),
    (
        SelectsNothing("basket", 0, kinds=(Kind.PULL_REQUEST,)),
        (
            21,
            "mappings[1].from[0].where",
            "selects nothing that was read: without kind or type only issues are selected, so ask for kind: "
            "pull_request to select some",
        ),
    ),
    (
        SelectsNothing("basket", 0, kinds=(Kind.SUBTASK, Kind.EPIC)),
        (21, "mappings[1].from[0].where", "so ask for kind: [subtask, epic] to select some"),
    ),
    (
        Misspelt("basket", 0, Selector.LABEL, "a", "b"),
        (
            21,
            "mappings[1].from[0].where.label",
            'the label "a" is used by no ticket that was read; did you mean "b"?',
        ),
    ),
    (
        NeverBegun("basket", 1, 7, ("PAY-1", "PAY-2")),
        (
            24,
            "mappings[1].from[1].measure",
            "none of 7 finished tickets tells when it began, as PAY-1, PAY-2, so there is nothing to measure: where ",
        ),
    ),
    (
        NeverDone("basket", 1, 27, ("Done", "Closed")),
        (
            22,
            "mappings[1].from[1]",
            'no ticket is done by done_when, though the tracker calls 27 of them done, as "Done" or "Closed": correct ',
        ),
    ),
    (
        NeverDone("basket", 1, 27, ()),
        (22, "mappings[1].from[1]", "though the tracker calls 27 of them done: it gives them no such word, so say "),
    ),
    (
        Unknown("basket", 1, Selector.MILESTONE, "Twoo", "Two"),
        (
            23,
            "mappings[1].from[1].where.any[0].milestone[1]",
            'nothing that was read has the milestone "Twoo"; did you mean "Two"?',
        ),
    ),
    (
        Unknown("basket", 1, Selector.EPIC, "PAY-1", None),
        (23, "mappings[1].from[1].where", "check the spelling, or read it first if it is new"),
    ),
    (
        Unanswered("basket", 1, "odd", "No such field."),
        (
            23,
            "mappings[1].from[1].where.any[1].query",
            "the tracker did not answer this query: No such field.",
        ),
    ),
    (
        Unanswered("basket", 1, "odd", "No such field.", refused=True),
        (
            23,
            "mappings[1].from[1].where.any[1].query",
            "the tracker refuses this query, so this mapping does not take effect: No such field.",
        ),
    ),
    (
        FieldRefused("basket", 1, "points", "There is no such field."),
        (
            25,
            "mappings[1].from[1].by",
            'cannot give the field "points", so this mapping does not take effect: There is',
        ),
    ),
    (
        FieldRefused("basket", 1, "risk", "There is no such field."),
        (23, "mappings[1].from[1].where", 'the tracker cannot give the field "risk"'),
    ),
    (
        FieldRefused("basket", 1, "sprints", "The token may not read the boards.", extra=True),
        (
            23,
            "mappings[1].from[1].where",
            "the tracker cannot give sprints, so this mapping does not take effect: The ",
        ),
    ),
    (Unanswered("basket", 1, "odd", None), (23, "mappings[1].from[1].where.any[1].query", "was not asked yet")),
    (
        Unestimated("basket", 1, "points", 15, 40, ("PAY-1", "PAY-2")),
        (25, "mappings[1].from[1].by", '15 of 40 tickets (38 %) have no number in "points", as PAY-1, PAY-2, and are '),
    ),
    (
        Twice("basket", 1, 7, ("PAY-43", "PAY-42")),
        (23, "mappings[1].from[1].where", "7 tickets count beside what they lie under, as PAY-43 under PAY-42: "),
    ),
    (
        NotRead("bugs", 0, Selector.EPIC, "PAY-1", "acme", 4, ("OPS-1", "OPS-2", "OPS-7")),
        (
            17,
            "mappings[0].from[0].where",
            '4 of what lies under "PAY-1" are not read by "acme", as OPS-1, OPS-2, OPS-7',
        ),
    ),
    (
        NotRead("bugs", 0, Selector.EPIC, "PAY-1", "acme", 1, ("OPS-1",)),
        (
            17,
            "mappings[0].from[0].where",
            '1 of what lies under "PAY-1" is not read by "acme", as OPS-1: add where they are ',
        ),
    ),
    (
        Ambiguous("basket", 1, 2, ("acme/web#7", "acme/web#8")),
        (22, "mappings[1].from[1]", "2 tickets count though an earlier part may have the same work, as acme/web#7, "),
    ),
    (
        Overlap("basket", "bugs", 1, ("PAY-1",)),
        (18, "mappings[1].key_result", '1 ticket counts in "bugs", too, as PAY-1: narrow one of the two'),
    ),
    (
        Reached("bugs", Decimal(26), measured=True),
        (11, "objectives[0].key_results[0].target", "it began with 26, which is all it asks for: set a target that "),
    ),
    (
        Finished("bugs", "Q", "P"),
        (
            11,
            "objectives[0].key_results[0].id",
            'its result is that of "P", which is closed, so nothing of it is recorded in "Q": put it back into "P", '
            'and give what is wanted of "Q" an id of its own',
        ),
    ),
    (
        Reused("bugs", "Q", date(2026, 7, 1), date(2026, 9, 30)),
        (
            11,
            "objectives[0].key_results[0].id",
            'its history of 2026-07-01 to 2026-09-30 would go on in "Q", value and all: give what is wanted of another '
            "cycle an id of its own",
        ),
    ),
    (
        Reached("legal", Decimal(100), measured=False, binary=True),
        (
            13,
            "objectives[0].key_results[2]",
            "it would begin done, which is all it asks for: let its mapping select work",
        ),
    ),
]


@pytest.mark.parametrize(("finding", "told"), FOUND, ids=[type(each).__name__ for each, _ in FOUND])
def test_a_finding_points_at_what_it_is_about(tmp_path: Path, finding: Finding, told: tuple[int, str, str]) -> None:
    (problem,) = warnings(tmp_path, CONFIG, finding)
    line, path, words = told
    assert (problem.severity, problem.line, problem.path) == ("warning", line, path)
    assert words in problem.message


def test_a_config_that_says_what_it_means_has_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, CONFIG) == []


def test_a_database_that_could_not_be_asked_is_told_where_it_is_named(tmp_path: Path) -> None:
    (problem,) = warnings(tmp_path, CONFIG, unasked="The database cannot be opened: no route to host.")
    assert (problem.line, problem.path) == (2, "database")
    assert problem.message.endswith("no route to host. So nothing is said of what the mappings select.")


PASTED = CONFIG.replace("title: Legal", "title: a-token", 1)


def test_a_file_that_cannot_be_kept_is_told_where_it_holds_the_secret(tmp_path: Path) -> None:
    long = "a-token-of-many-letters"
    (problem,) = warnings(tmp_path, PASTED.replace("a-token", long))
    assert (problem.line, problem.path) == (13, "objectives[0].key_results[2].title")
    (problem,) = warnings(
        tmp_path, PASTED.replace("title: a-token", f"title: Of {long}").replace("a-token,", f"{long},")
    )
    assert (problem.line, problem.path) == (13, "objectives[0].key_results[2].title")


@pytest.mark.parametrize(
    ("old", "new"),
    [("title: Legal", "title: a-token"), ("{points: c}", "{points: c, a-token: d}")],
    ids=["text", "key"],
)
def test_of_a_secret_that_may_be_a_word_it_is_not_told_where_it_stands(tmp_path: Path, old: str, new: str) -> None:
    (problem,) = warnings(tmp_path, CONFIG.replace(old, new))
    assert "is or holds a secret in plain" in problem.message
    assert str(problem).startswith(f"{tmp_path / 'headway.yaml'}:1:1 ← this")


DOWN = CONFIG.replace("start: 0, target: 20", "start: 40, target: 20")


def test_a_falling_key_result_that_counts_finished_work_is_told_at_its_target(tmp_path: Path) -> None:
    (problem,) = warnings(tmp_path, DOWN)
    assert problem.path == "objectives[0].key_results[0].target"
    assert "counts: open" in problem.message
    assert warnings(tmp_path, DOWN, Reached("bugs", Decimal(3), measured=True)) == [problem]
    assert warnings(tmp_path, DOWN.replace("measure: count}", "measure: count, counts: open}", 1)) == []


def test_an_objective_that_only_counts_finished_tickets_is_told_once(tmp_path: Path) -> None:
    text = CONFIG[: CONFIG.index("  - key_result: basket")].replace(
        "{id: basket, title: Basket,", "{id: more, title: M,"
    )
    text = text.replace("      - {id: legal, title: Legal, kind: binary}\n", "")
    text += "  - key_result: more\n    from: [{source: jira, where: {type: Task}, measure: count}]\n"
    (problem,) = warnings(tmp_path, text)
    assert (problem.line, problem.path) == (7, "objectives[0].id")
    assert "all its key results count finished tickets" in problem.message
    assert warnings(tmp_path, text.replace("type: Task}, measure: count", "type: Task}, measure: percent")) == []
    assert (
        warnings(tmp_path, text.replace("type: Task}, measure: count", "type: Task}, measure: count, counts: open"))
        == []
    )


def test_every_warning_is_described(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    told = [each.message for finding, _ in FOUND for each in warnings(tmp_path, CONFIG, finding)]
    told += [each.message for each in warnings(tmp_path, DOWN, unasked="It is away.")]
    told += [each.message for each in warnings(tmp_path, CONFIG.replace(PART, "where: {project: OPS}, measure: count"))]
    told += [each.message for each in warnings(tmp_path, PASTED)]
    told += [each.message for each in warnings(tmp_path, CONFIG.replace("by: points", "by: pionts"))]
    assert [message for message in told if not any(words in message for words in described)] == []
    more = (
        "this file is not read",
        "no mapping feeds",
        "is larger than 4 MB",
        "is no parameter of this template",
        "all its key results count finished tickets",
    )  # told in tests of their own
    assert [words for words in described if words not in more and not any(words in message for message in told)] == []


EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
TOKENS = dict.fromkeys(("JIRA_TOKEN", "GITHUB_TOKEN", "ASANA_TOKEN"), "a dummy")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_have_no_warning(path: Path) -> None:
    loaded = load(path, {**TOKENS, "DATABASE_URL": "sqlite:///headway.db"}, connect=True)
    assert warned(loaded, ()) == ()


def test_the_first_config_of_the_readme_has_no_warning(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "headway.yaml").write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    loaded = load(tmp_path / "headway.yaml", TOKENS, connect=True)
    assert loaded.config is not None
    assert warned(loaded, ()) == ()
