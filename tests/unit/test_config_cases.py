"""Files of cases: what their rows mean to every selector, and what is said of mistakes in them."""

from pathlib import Path

import pytest

from mapping.cases import Verdict
from mapping.judging import Reason
from service import Service
from terminal.failures import Failure, InvalidConfig

CONFIG = """\
version: 1
database: ${NOT_SET}
timezone: Europe/Berlin
cycles: [{id: q4, start: 2026-10-01, end: 2026-12-31}]
sources:
  pay: {connector: jira, url: "https://t.example", token: "${NOT_SET}", projects: [PAY], fields: {p: customfield_1}}
  web: {connector: github, token: "${NOT_SET}", repositories: [acme/web, acme/api]}
objectives:
  - {id: o, cycle: q4, title: O, key_results: [{id: kr, title: KR, start: 0, target: 100}]}
mappings:
  - MAPPING
"""
PAY = "{key_result: kr, from: [{source: pay, where: {WHERE}, measure: count}]}"
BOTH = "{key_result: kr, combine: sum, from: [{source: pay, measure: count}, {source: web, measure: count}]}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "headway.yaml"
    path.write_text(CONFIG.replace("MAPPING", PAY.replace("{WHERE}", "{label: x}")), encoding="utf-8")
    return path


def tried(config: Path, cases: str, mapping: str | None = None) -> list[Verdict]:
    if mapping:
        config.write_text(CONFIG.replace("MAPPING", mapping), encoding="utf-8")
    (config.parent / "some.cases.yaml").write_text(cases, encoding="utf-8")
    return Service({}).try_mappings(config, [])


def fates(config: Path, where: str, items: str) -> dict[str, str]:
    (verdict,) = tried(config, f"cases: [{{key_result: kr, items: [{items}], expect: 0}}]", PAY.replace("WHERE", where))
    return dict(verdict.fates)


@pytest.mark.parametrize(
    ("where", "row"),
    [
        ("project: PAY", ""),
        ("project: SHOP", "project: SHOP"),
        ("type: Bug", "type: bug"),
        ("kind: subtask", "kind: subtask"),
        ("label: [a, b]", "label: B"),
        ("state: done", ""),
        ("status: In review", "status: In review"),
        ("resolution: Fixed", "resolution: Fixed"),
        ("milestone: v1", "milestone: [v0, V1]"),
        ("sprint: Pay 12", "sprint: Pay 12"),
        ("section: Legal", "section: Legal"),
        ("assignee: mira", "assignee: [mira, jonas]"),
        ("epic: PAY-42", "epic: PAY-42"),
        ("parent: PAY-42", "parent: PAY-42"),
        ("key: PAY-1", ""),
        ('query: "a = b"', 'query: "a = b"'),
    ],
)
def test_a_row_can_say_what_a_selector_looks_at(config: Path, where: str, row: str) -> None:
    items = f"{{key: PAY-1, state: done, {row}}}, {{key: PAY-2, state: done, project: OPS}}"
    found = fates(config, where, items)
    assert found["PAY-1"] == "counted"
    assert found["PAY-2"] == ("counted" if where == "state: done" else "no_match")


def test_descendants_are_found_through_rows_above(config: Path) -> None:
    items = "{key: PAY-42, kind: epic}, {key: PAY-43, epic: PAY-42}, {key: PAY-44, kind: subtask, parent: PAY-43}"
    found = fates(config, "epic: PAY-42, kind: [issue, subtask]", items)
    assert found == {"PAY-42": "no_match", "PAY-43": "open", "PAY-44": "open"}


def test_a_milestone_that_is_only_named_is_no_item_and_one_with_a_row_is(config: Path) -> None:
    named = fates(config, "kind: [milestone, issue]", "{key: PAY-1, milestone: v1}")
    assert named == {"PAY-1": "open"}
    (verdict,) = tried(
        config,
        "cases: [{key_result: kr, items: [{key: M, kind: milestone, title: v1, state: done, closed: 2026-10-02},"
        " {key: PAY-1, milestone: V1}], expect: 1, counted: M}]",
        PAY.replace("WHERE", "any: [{kind: milestone}, {milestone: v1}]"),
    )
    assert verdict.ok
    assert dict(verdict.fates) == {"M": "counted", "PAY-1": "open"}


@pytest.mark.parametrize(
    ("row", "fate"),
    [
        ("closed: 2026-10-01", "counted"),  # a day begins where the config's zone says
        ("closed: 2026-09-30T23:59", "outside_window"),
        ("closed: 2026-09-30T22:00+00:00", "counted"),
        ("closed: 2026-09-30T21:59:59+00:00", "outside_window"),
        ("closed: 2027-01-01", "outside_window"),
        ("created: 2026-10-05", "counted"),
    ],
)
def test_times_are_local(config: Path, row: str, fate: str) -> None:
    assert fates(config, "state: done", f"{{key: PAY-1, state: done, {row}}}") == {"PAY-1": fate}


def test_a_case_has_a_time_of_its_own(config: Path) -> None:
    rows = "items: [{key: PAY-1, label: x, state: done, closed: 2026-11-01}]"
    early, late, after = tried(
        config,
        f"""\
cases:
  - {{key_result: kr, now: 2026-10-20, {rows}, expect: 1}}
  - {{key_result: kr, {rows}, expect: 1}}
  - {{key_result: kr, now: 2027-02-01, {rows}, expect: 1}}
""",
    )
    assert [each.ok for each in (early, late, after)] == [True, True, True]


def test_everything_that_differs_is_told(config: Path) -> None:
    (verdict,) = tried(
        config,
        """\
cases:
  - key_result: kr
    items:
      - {key: A, label: x, state: done}
      - {key: B, label: x}
      - {key: C}
    expect: none
    counted: [B]
    excluded: {A: open, C: cancelled, B: open}
""",
    )
    assert [(each.about.value, each.key, each.expected, each.got) for each in verdict.differences] == [
        ("value", "", "none", "1"),
        ("counted", "A", "not counted", "counted"),
        ("counted", "B", "counted", "open"),
        ("excluded", "A", "open", "counted"),
        ("excluded", "C", "cancelled", "no_match"),
    ]


def test_what_is_not_asked_is_not_looked_at(config: Path) -> None:
    (verdict,) = tried(config, "cases: [{key_result: kr, items: [{key: A, label: x, state: done}], expect: 1}]")
    assert verdict.ok
    (strict,) = tried(config, "cases: [{key_result: kr, items: [{key: A, label: x}], expect: 0, counted: []}]")
    assert strict.ok


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "some.cases.yaml:1:1 ← the file is empty: begin with cases:"),
        ("- a", "some.cases.yaml:1:1 ← a file begins with keys, as in cases:"),
        ("cases: []", "cases ← at least one entry is needed here"),
        ("case: []", 'unknown key "case"; did you mean "cases"?'),
        ("cases: [{key_result: kr}]", "cases[0].expect ← expect is missing"),
        ("cases: [{key_result: rk, expect: 1}]", 'no mapping feeds "rk"; mapped: kr'),
        ("cases: [{key_result: kr, expect: many}]", '"many" is not a number'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, stat: done}]}]", 'did you mean "state"?'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, state: don}]}]", 'did you mean "done"?'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, closed: yesterday}]}]", '"yesterday" is not a date'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, closed: 2026-10-01T99}]}]", "is no time: write"),
        (
            "cases: [{key_result: kr, expect: 1, items: [{key: A, closed: 0001-01-01T00:00}]}]",
            "lies outside 1970..2199",
        ),
        ("cases: [{key_result: kr, expect: 1, now: 9999-12-31T23:59-05:00}]", "lies outside 1970..2199"),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A}, {key: A}]}]", '"A" is given twice, first at'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, source: web}]}]", 'does not read "web"; it reads: pay'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A, epic: B, parent: C}]}]", "epic ← parent and epic both"),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A}], counted: B}]", 'no item has the key "B"; items: A'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A}], excluded: {B: open}}]", 'no item has the key "B"'),
        ("cases: [{key_result: kr, expect: 1, items: [{key: A}], excluded: {A: opened}}]", 'did you mean "open"?'),
        (
            "cases: [{key_result: kr, expect: 1, items: [{key: A, fields: {pp: 3}}]}]",
            'cases[0].items[0].fields.pp ← no mapping reads the field "pp"; did you mean "p"?; they read: p',
        ),
        ('cases: [{key_result: kr, expect: 1, name: "${HOME}"}]', "is read in secrets, addresses and database only"),
    ],
)
def test_mistakes_are_told_with_their_place(config: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidConfig, match=r"The cases have 1 error; nothing was done\.") as told:
        tried(config, text)
    (problem,) = told.value.problems
    assert message in str(problem)
    assert "some.cases.yaml:1:" in str(problem)


def test_every_possible_reason_is_told_once(config: Path) -> None:
    with pytest.raises(InvalidConfig) as told:
        tried(config, "cases: [{key_result: kr, expect: 1, items: [{key: A}], excluded: {A: xyz}}]")
    words = told.value.problems[0].message.partition("write one of: ")[2].split(", ")
    assert words == list(Reason)


def test_with_several_sources_a_row_says_which(config: Path) -> None:
    with pytest.raises(InvalidConfig) as told:
        tried(config, "cases: [{key_result: kr, expect: 1, items: [{key: A}]}]", BOTH)
    assert "the rule reads several sources, say which: pay, web" in str(told.value.problems[0])
    rows = "{key: A, source: pay, state: done}, {key: a/b#1, source: web, state: done}"
    (verdict,) = tried(config, f"cases: [{{key_result: kr, expect: 2, items: [{rows}]}}]")
    assert verdict.ok


def test_two_sources_may_have_the_same_key(config: Path) -> None:
    rows = "{key: A, source: pay, state: done}, {key: A, source: web}, {key: B, source: pay, state: done}"
    case = f"cases: [{{key_result: kr, expect: 2, items: [{rows}], counted: [pay:A, B], excluded: {{web:A: open}}}}]"
    (verdict,) = tried(config, case, BOTH)
    assert verdict.differences == ()
    assert verdict.fates == (("pay:A", "counted"), ("web:A", "open"), ("B", "counted"))
    with pytest.raises(InvalidConfig) as told:
        tried(config, case.replace("pay:A", "A"))
    assert 'no item has the key "A"; ' in str(told.value.problems[0])
    with pytest.raises(InvalidConfig) as told:
        tried(config, case.replace("key: B", "key: A"))
    assert '"A" is given twice, first at' in str(told.value.problems[0])


def test_cases_lie_beside_the_config_and_are_no_part_of_it(config: Path) -> None:
    with pytest.raises(Failure, match="There are no cases beside"):
        Service({}).try_mappings(config, [])
    case = "cases: [{key_result: kr, expect: 0}]"
    (config.parent / "cases").mkdir()
    for name in ("cases/one.yaml", "two.cases.yaml"):
        (config.parent / name).write_text(case, encoding="utf-8")
    for path in (config, config.parent):
        assert len(Service({}).try_mappings(path, [])) == 2
    assert len(Service({}).try_mappings(config, [config.parent / "cases" / "one.yaml"])) == 1
    with pytest.raises(InvalidConfig) as told:
        Service({}).try_mappings(config, [config.parent / "three.yaml"])
    assert "there is no such file: name a file of cases" in str(told.value.problems[0])


def test_a_folder_stands_for_the_cases_in_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config.parent)
    here, folder, empty = Path(), config.parent / "cases", config.parent / "empty"
    for each in (folder, empty):
        each.mkdir()
        with pytest.raises(InvalidConfig) as told:
            Service({}).try_mappings(config, [each])
        (problem,) = told.value.problems
        assert problem.file == str(each)
        assert "this folder holds no cases: name one with *.cases.yaml, or a file of cases" in problem.message
    for name in ("cases/one.yaml", "cases/two.cases.yaml", "three.cases.yaml"):
        (config.parent / name).write_text("cases: [{key_result: kr, expect: 0}]", encoding="utf-8")
    assert len(Service({}).try_mappings(config, [here])) == 3
    assert len(Service({}).try_mappings(config, [folder])) == 2
    monkeypatch.chdir(folder)
    assert len(Service({}).try_mappings(config, [here])) == 2


def test_a_field_that_the_config_names_may_be_told_though_no_rule_reads_it(config: Path) -> None:
    case = "cases: [{key_result: kr, expect: 0, items: [{key: A, fields: {FIELD: 3}}]}]"
    assert tried(config, case.replace("FIELD", "p"))[0].ok
    reads = PAY.replace("{WHERE}", "{field.severity: high}")
    assert tried(config, case.replace("FIELD", "severity"), reads)[0].ok
    with pytest.raises(InvalidConfig) as told:
        tried(config, case.replace("FIELD", "Severity"))
    assert 'no mapping reads the field "Severity"; did you mean "severity"?' in str(told.value.problems[0])


def test_a_broken_config_is_told_first(config: Path) -> None:
    with pytest.raises(InvalidConfig, match="The config has 1 error"):
        tried(config, "cases: [{key_result: kr, expect: 0}]", PAY.replace("WHERE", "lable: x"))


def test_spaces_around_a_day_or_a_time_say_nothing(config: Path) -> None:
    items = "{key: PAY-1, state: done, label: x, closed: ' 2026-10-20 ', created: ' 2026-10-19T10:00 '}"
    assert fates(config, "label: x", items) == {"PAY-1": "counted"}
