"""Every mistake is reported where it stands, once, with what to do; several are reported together.

In each case `«` marks the place at which the problem must be reported; it is taken out before loading.
"""

from pathlib import Path

import pytest

from config.loader import Loaded, load
from config.problems import Problem

BASE = """\
version: 1
database: sqlite:///headway.db
timezone: Europe/Berlin
workdays: [Mon, Tue]
holidays: [2026-12-25]
pace: {on_track: 0.8, at_risk: 0.6, grace: 0.1}
cycles:
  - {id: Q4, start: 2026-10-01, end: 2026-12-31}
  - {id: H2, start: 2026-07-01, end: 2026-12-31}
sources:
  jira:
    connector: jira
    url: https://acme.example
    token: ${JIRA_TOKEN}
    projects: [PAY]
  git:
    connector: github
    token: ${GIT_TOKEN}
    repositories: [acme/web]
objectives:
  - id: top
    cycle: H2
    title: The top
  - id: base
    cycle: Q4
    title: The base
    supports: [top]
    key_results:
      - {id: bugs, title: Bugs, start: 0, target: 20}
      - {id: band, title: Band, keep: {min: 1, max: 5}}
      - {id: flag, title: Flag, kind: binary, at_least: 2}
mappings:
  - key_result: bugs
    combine: weighted_mean
    from:
      - {source: jira, where: {type: Bug}, measure: sum, by: points, missing: mean, weight: 2}
      - {source: git, where: {not: {label: [a, b]}}, measure: count, window: cycle}
  - key_result: band
    from:
      - {source: jira, measure: count, counts: open}
  - key_result: flag
    from:
      - {source: git, where: {state: done}, measure: count, done_when: {status: closed}}
"""
ENVIRON = {"JIRA_TOKEN": "jira-s3cret", "GIT_TOKEN": "git-s3cret"}

BUGS = "{id: bugs, title: Bugs, start: 0, target: 20}"
BAND = "{id: band, title: Band, keep: {min: 1, max: 5}}"
FLAG = "{id: flag, title: Flag, kind: binary, at_least: 2}"
FLAG_PART = "{source: git, where: {state: done}, measure: count, done_when: {status: closed}}"
BAND_PART = "{source: jira, measure: count, counts: open}"
BUGS_PART = "{source: jira, where: {type: Bug}, measure: sum, by: points, missing: mean, weight: 2}"


def load_text(folder: Path, text: str, *, connect: bool = True) -> Loaded:
    path = folder / "headway.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, ENVIRON, connect=connect)


def errors(loaded: Loaded) -> list[Problem]:
    return [problem for problem in loaded.problems if problem.severity == "error"]


def test_a_file_of_authorities_that_is_not_there_is_told_by_those_who_connect(tmp_path: Path) -> None:
    text = BASE.replace("    projects: [PAY]", "    projects: [PAY]\n    ca_bundle: nothere.pem")
    (problem,) = load_text(tmp_path, text).problems
    assert (problem.severity, problem.line, problem.path) == ("error", 16, "sources.jira.ca_bundle")
    assert problem.message == 'there is no file "nothere.pem": relative paths start from the config\'s folder'
    assert load_text(tmp_path, text, connect=False).problems == ()
    only = load(tmp_path / "headway.yaml", ENVIRON, connect=True, only=["git"])
    assert only.problems == ()
    (tmp_path / "nothere.pem").touch()
    assert load_text(tmp_path, text).problems == ()


def test_a_path_that_can_be_none_is_told(tmp_path: Path) -> None:
    for name in ("x" * 5000, '"nul\\0byte"'):
        text = BASE.replace("    projects: [PAY]", f"    projects: [PAY]\n    ca_bundle: {name}")
        assert {problem.path for problem in errors(load_text(tmp_path, text))} == {"sources.jira.ca_bundle"}


def test_only_the_chosen_sources_need_their_variables(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE, encoding="utf-8")
    environ = {"JIRA_TOKEN": "jira-s3cret"}
    assert load(path, environ, connect=True, only=["jira"]).problems == ()
    (problem,) = load(path, environ, connect=True, only=["jira", "git"]).problems
    assert problem.path == "sources.git.token"
    (problem,) = load(path, environ, connect=True).problems
    assert problem.path == "sources.git.token"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("$JIRA_TOKEN", "did you mean ${JIRA_TOKEN}?"),
        ("$ecret-of-Jira", "write ${NAME} and set it in the environment"),
        ("$SECRET1234", "write ${NAME} and set it in the environment"),
        ("JIRA_TOKEN", "write ${NAME} and set it in the environment"),
    ],
)
def test_a_variable_without_its_braces_is_asked_about_and_a_password_is_not_repeated(
    tmp_path: Path, written: str, told: str
) -> None:
    (problem,) = load_text(tmp_path, BASE.replace("${JIRA_TOKEN}", written)).problems
    assert (problem.severity, problem.path) == ("warning", "sources.jira.token")
    assert problem.message == f"token stands here in plain: {told}"


@pytest.mark.parametrize("token", ["y", "ab1de"])
def test_a_token_too_short_to_be_one_is_refused_without_it(tmp_path: Path, token: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE.replace("acme/web", "nothing"), encoding="utf-8")
    problems = load(path, {**ENVIRON, "GIT_TOKEN": token}, connect=True).problems
    told = {problem.path: problem.message for problem in problems}
    assert told["sources.git.token"] == "token is shorter than 6 characters, as no secret is: write the whole one"
    assert "***" not in str(problems)
    assert len(problems) == 2  # the repository is told as ever
    plain = BASE.replace("${GIT_TOKEN}", token)
    assert [problem.path for problem in errors(load_text(tmp_path, plain))] == ["sources.git.token"]


def test_a_short_address_is_not_struck_out_of_words(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(BASE.replace("https://acme.example", "${SITE}"), encoding="utf-8")
    (problem,) = load(path, {**ENVIRON, "SITE": "e"}, connect=True).problems
    assert "***" not in problem.message


def test_the_base_of_all_cases_is_right(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, BASE)
    assert loaded.problems == ()
    assert loaded.config is not None


CASES = [
    # keys
    ("timezone: Europe/Berlin", "«timezon: Europe/Berlin", 'unknown key "timezon"; did you mean "timezone"?'),
    ("title: The base\n", "title: The base\n    «titel: again\n", 'unknown key "titel"; did you mean "title"'),
    (BUGS, BUGS.replace("start", "«strat"), 'unknown key "strat"; did you mean "start"?'),
    (BUGS, BUGS.replace("title: Bugs", "«colour: red, title: Bugs"), "allowed here: id, title, unit, kind, start"),
    ("{type: Bug}", "{«typ: Bug}", 'unknown key "typ"; did you mean "type"?'),
    ("{type: Bug}", "{any: [{not: {«labl: x}}]}", 'did you mean "label"?'),
    (FLAG_PART, FLAG_PART.replace("measure", "«milestone: v1, measure"), '"milestone": it belongs into where; allowed'),
    ("{type: Bug}", "{type: Bug, «counts: open}", 'unknown key "counts": it belongs beside where; allowed here: proj'),
    ("{type: Bug}", "{any: [{«window: cycle}]}", '"window": it belongs beside where; allowed here: proj'),
    ("title: The base\n", "title: The base\n    «ambition: committed\n", '"ambition": it belongs into key_results;'),
    ("    projects: [PAY]", "    projects: [PAY]\n    «tokem: x", 'unknown key "tokem"; did you mean "token"?'),
    ("  - key_result: flag\n", "  - «key_reslt: flag\n", 'did you mean "key_result"?'),
    ("    token: ${GIT_TOKEN}", "    «tokne: ${GIT_TOKEN}", 'unknown key "tokne"; did you mean "token"?'),
    ("    combine: weighted_mean", "    «combin: weighted_mean", 'did you mean "combine"?'),
    # missing keys, at the parent's line
    ("version: 1\n", "«", "version is missing: add it"),
    ("database: sqlite:///headway.db\n", "", "database is missing"),
    ("    title: The base\n", "", "title is missing"),
    ("  git:\n    connector: github\n", "  «git:\n", "connector is missing: say which tracker it is"),
    (
        "  git:\n    connector: github\n    token: ${GIT_TOKEN}\n",
        "  «git:\n    connector: github\n",
        "token is missing",
    ),
    (
        "{id: H2, start: 2026-07-01, end: 2026-12-31}",
        "«{id: H2, start: 2026-07-01}",
        "end is missing: add it (Last day",
    ),
    ("keep: {min: 1, max: 5}", "«keep: {min: 1}", "max is missing"),
    ("    title: The base\n", "    «title:\n", "title has no value: fill it in"),
    (BUGS, BUGS.replace("{id", "«{id").replace(", target: 20", ""), "target is missing"),
    (BUGS, BUGS.replace("{id", "«{id").replace("start: 0, ", ""), "start is missing"),
    (BUGS, "«{id: bugs, title: Bugs}", "start and target are missing: add both, or keep"),
    # names
    ("cycle: Q4", "cycle: «Q3", 'unknown cycle "Q3"; known: H2, Q4'),
    ("supports: [top]", "supports: [«tops]", 'unknown objective or key result "tops"; did you mean "top"?'),
    ("supports: [top]", "supports: «nothing", 'unknown objective or key result "nothing"'),
    (BAND_PART, BAND_PART.replace("jira", "«jirra"), 'unknown source "jirra"; did you mean "jira"?'),
    ("key_result: flag", "key_result: «flags", 'unknown key result "flags"; did you mean "flag"?'),
    ("key_result: flag", "key_result: «base", '"base" is an objective: name the key result'),
    ("connector: github", "connector: «githup", 'unknown connector "githup"; did you mean "github"?'),
    ("connector: github", "connector: «[github]", "a text is expected here, not a list"),
    # names given twice
    ("key_result: flag", "key_result: «band", '"band" is mapped twice, first at {file}:38:17'),
    ("id: base", "id: «top", 'the id "top" is given twice, first at {file}:21:9'),
    (BAND, BAND.replace("id: band", "id: «bugs"), 'the id "bugs" is given twice, first at {file}:29:14'),
    ("{id: H2,", "{id: «Q4,", 'the id "Q4" is given twice, first at {file}:8:10'),
    ("  git:\n", "  «jira:\n", 'the key "jira" stands here twice, first at {file}:11:3'),
    # key results
    ("target: 20", "target: «0", "start and target are the same (0)"),
    ("target: 20", "target: «0.00", "start and target are the same"),
    ("keep: {min: 1, max: 5}", "keep: {min: 5, max: «5}", "max (5) is not above min (5)"),
    (BAND, BAND.replace("keep", "«target: 3, keep"), "target does not belong here, keep is a band"),
    (FLAG, FLAG.replace("at_least", "«start: 3, at_least"), "start does not belong here, kind: binary"),
    (BUGS, BUGS.replace("target", "«at_least: 3, target"), "at_least does not belong here, at_least is for kind: bin"),
    ("kind: binary", "kind: «bynary", '"bynary" is not possible here; did you mean "binary"?'),
    ("target: 20", "target: «twenty", '"twenty" is not a number'),
    ("target: 20", "target: «1_000", '"1_000" is not a number'),
    ("target: 20", "target: «[20]", "a number is expected"),
    ("target: 20", "target: «1e13", "is too large"),
    ("target: 20", "target: 20, weight: «0", "write a number greater than 0"),
    ("target: 20", "target: 20, ambition: «huge", "write one of: committed, aspirational"),
    ("id: flag", "id: «a b", '"a b" is not an id'),
    # dates, times, pace
    (
        "end: 2026-12-31}\n  - {id: H2",
        "end: «2026-09-30}\n  - {id: H2",
        "ends (2026-09-30) before it starts (2026-10-01)",
    ),
    ("start: 2026-10-01", "start: «2026-10-32", "a day that no calendar has"),
    ("start: 2026-10-01", "start: «1.10.2026", "is not a date: write year-month-day"),
    ("[2026-12-25]", "[«Christmas]", '"Christmas" is not a date'),
    ("Europe/Berlin", "«Europe/Berln", 'is not a time zone: use an IANA name, did you mean "Europe/Berlin"?'),
    ("Europe/Berlin", "«Europe", "is not a time zone"),
    ("[Mon, Tue]", "[Mon, «Thue]", 'did you mean "Tue"?'),
    ("[Mon, Tue]", "«[]", "at least one entry is needed"),
    ("[Mon, Tue]", "«{Mon: 1}", "a list is expected here"),
    ("on_track: 0.8, at_risk: 0.6", "on_track: 0.0000001, at_risk: «0.6", "lies above on_track (0.0000001)"),
    ("at_risk: 0.6", "at_risk: «0.9", "at_risk (0.9) lies above on_track (0.8)"),
    ("on_track: 0.8", "on_track: «8", "write a number up to 1"),
    # mappings
    ("from:\n      - " + BAND_PART, "«from:", "from has no value: fill it in"),
    ("    from:\n      - " + BAND_PART, "", "from is missing: add it (What is measured"),
    ("where: {type: Bug}", "where: «", "where has nothing behind it: write which items are meant, or where: {} for"),
    ("where: {type: Bug}", "where: «~", "keys with values are expected here (key: value), not a single value"),
    ("{type: Bug}", "{type: Bug, «or: [{label: x}]}", 'unknown key "or"; did you mean "any"?'),
    ("{type: Bug}", "{type: Bug, «And: [{label: x}]}", 'unknown key "And"; did you mean "all"?'),
    ("{type: Bug}", "{«tag: x}", 'unknown key "tag"; did you mean "label"?'),
    ("done_when: {status: closed}", "«done: {status: closed}", 'did you mean "done_when"?'),
    ("{type: Bug}", "{not: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{any: [{type: Bug}, {not: «}]}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{type: Bug, label: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{type: Bug, any: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{type: Bug, closed: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{not: {state: «}}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{type: Bug}", "{type: Bug, field.effort: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{status: closed}", "{status: «}", "this key has nothing behind it: fill it in, or leave it out"),
    ("{status: closed}", "{status: closed, resolution: «}", "this key has nothing behind it"),
    ("{type: Bug}", "{type: [Bug, «~]}", '"~" is YAML\'s word for nothing: take it out, or put it in quotes as a text'),
    ("{type: Bug}", "{type: [Bug, «null]}", '"null" is YAML\'s word for nothing'),
    ("{type: Bug}", "{type: [Bug, «'']}", "this text is blank"),
    ("    combine: weighted_mean\n", "", "2 parts need combine to become one number: add combine: weighted_mean"),
    ("combine: weighted_mean", "combine: «avg", "is not possible here; write one of: sum, mean"),
    ("weighted_mean", "sum", "weight works with combine: weighted_mean only"),
    (FLAG_PART, FLAG_PART.replace("measure", "weight: «2, measure"), "weight works with combine: weighted_mean only"),
    (BUGS_PART, BUGS_PART.replace("{source", "«{source").replace("by: points, ", ""), "measure: sum needs by"),
    (FLAG_PART, FLAG_PART.replace("done_when", "by: «points, done_when"), "measure: count takes no by"),
    (FLAG_PART, FLAG_PART.replace("done_when", "missing: «mean, done_when"), "missing says what an item without"),
    (
        FLAG_PART,
        FLAG_PART.replace("measure: count", "measure: sum, by: «points"),
        '"git" has no number fields: leave by out',
    ),
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: «cuont"), 'did you mean "count"?'),
    (BAND_PART, BAND_PART.replace("counts: open", "counts: open, window: «cycle"), "counts: open looks at work"),
    (BAND_PART, BAND_PART.replace("counts: open", "window: «cycle, counts: all"), "counts: all looks at work"),
    ("{status: closed}", "«{}", "done_when says nothing"),
    ("{state: done}", "{state: «finished}", "write one of: todo, doing, done, cancelled"),
    ("{state: done}", "{kind: [issue, «bug]}", '"bug" is not possible here'),
    ("{state: done}", "{label: «[]}", "at least one entry is needed"),
    ("{state: done}", "{label: [«[a]]}", "a text is expected here, not a list"),
    ("{state: done}", "{any: «[]}", "at least one entry is needed"),
    ("{state: done}", "{not: «[a]}", "keys with values are expected here"),
    (BAND_PART, "«[]", "keys with values are expected"),
    ("key_result: band\n", "key_result: band\n    add_start: «true\n", "this key result keeps a band"),
    ("key_result: flag\n", "key_result: flag\n    add_start: «true\n", "this key result is binary"),
    ("key_result: flag\n", "key_result: flag\n    add_start: «yes\n", "write true or false"),
    (BAND_PART, BAND_PART.replace("counts", "add_start: «true, counts"), "this key result keeps a band"),
    (BUGS_PART, BUGS_PART.replace("by:", "add_start: «true, by:"), "write it on the mapping"),
    # spans of time and custom fields
    (
        "{state: done}",
        "{closed: «lately}",
        '"lately" is no span of time: write cycle, 2026-10-01..2026-11-15 or last 14d',
    ),
    ("{state: done}", "{created: [cycle, «2026-10-01]}", '"2026-10-01" is no span of time'),
    ("{state: done}", "{created: «[[cycle]]}".replace("«[[", "[«["), "a span of time is expected here"),
    ("{state: done}", "{created: «2026-10-02..2026-10-01}", "ends before it starts"),
    ("{state: done}", "{created: «2026-10-01..2026-10-32}", "a day that no calendar has"),
    ("{state: done}", "{closed: «last 0d}", "1 to 3660 days are possible"),
    ("{state: done}", "{closed: «last 9999d}", "1 to 3660 days are possible"),
    ("{state: done}", "{«crated: cycle}", 'unknown key "crated"; did you mean "created"?'),
    ("{type: Bug}", "{field.risk: «[]}", "at least one entry is needed"),
    ("{type: Bug}", "{field.risk: [«{a: b}]}", "a text is expected here, not a mapping of keys"),
    (
        "{type: Bug}",
        "{not: {«field.: x}}",
        "the name of the field is missing: write it behind the point, as field.risk",
    ),
    ("{type: Bug}", "{«feild.risk: x}", 'unknown key "feild.risk"; allowed here: project, type'),
    ("{type: Bug}", "{«field: x}", "any, field.<name>"),
    ("{state: done}", "{any: [{«field.risk: x}]}", '"git" has no custom fields: leave "field.risk" out'),
    # measures
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: «p0"), '"p0" is no percentile: they go from p1 to p99'),
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: «p100"), '"p100" is no percentile'),
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: «percentile"), "write one of: count, percent, sum, mean"),
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: «[count]"), "a single word is expected here: count, per"),
    (BUGS_PART, BUGS_PART.replace("{source", "«{source").replace("sum, by: points", "mean"), "measure: mean needs by"),
    (BUGS_PART, BUGS_PART.replace("{source", "«{source").replace("sum, by: points", "p85"), "measure: p85 needs by"),
    (
        BUGS_PART,
        BUGS_PART.replace("sum, by", "lead_time, by").replace("by: p", "by: «p"),
        "measure: lead_time takes no by: leave it out",
    ),
    (
        BUGS_PART,
        BUGS_PART.replace("measure", "of: {state: done}, measure").replace("sum, by: ", "ratio, by: «"),
        "takes no by",
    ),
    (BUGS_PART, BUGS_PART.replace("by: points", "by: points, stat: «p85"), "stat is for measure: lead_time and cycle"),
    (
        BUGS_PART,
        BUGS_PART.replace("sum, by: points, missing: mean", "lead_time, stat: «max"),
        "write one of: mean, median",
    ),
    (
        BUGS_PART,
        BUGS_PART.replace("by: points", "by: points, of: «{state: done}"),
        "of is for measure: ratio: leave it",
    ),
    (FLAG_PART, FLAG_PART.replace("measure: count", "measure: ratio").replace("{source", "«{source"), "ratio needs of"),
    (
        FLAG_PART,
        FLAG_PART.replace("measure: count", "measure: ratio, of: «{}"),
        "of says nothing: add what an item must",
    ),
    # policies
    (
        BAND_PART,
        BAND_PART.replace("count, counts", "cycle_time, counts").replace("open", "«open"),
        "is about finished work",
    ),
    (
        BAND_PART,
        BAND_PART.replace("count, counts: open", "throughput, counts: «all"),
        "measure: throughput is about finished",
    ),
    (BAND_PART, BAND_PART.replace("count, counts: open", "throughput, window: «always"), "by the weeks of the cycle"),
    (
        BAND_PART,
        BAND_PART.replace("count, counts: open", "ratio, of: {label: x}, window: «cycle"),
        "measure: ratio looks at work whenever it was closed: add counts: done",
    ),
    (
        BAND_PART,
        BAND_PART.replace("counts: open", "counts: open, partial: «{doing: 0.5}"),
        "and here it is open: write",
    ),
    (BAND_PART, BAND_PART.replace("counts: open", "partial: «{}"), "partial says nothing: add todo or doing"),
    (BAND_PART, BAND_PART.replace("counts: open", "partial: {doing: «1.5}"), "write a number up to 1"),
    (
        BAND_PART,
        BAND_PART.replace("counts: open", "partial: {«done: 1}"),
        'unknown key "done"; did you mean "doing"?',
    ),
    (BAND_PART, BAND_PART.replace("counts: open", "partial: «0.5"), "keys with values are expected here"),
    (BAND_PART, BAND_PART.replace("count, counts: open", "lead_time, partial: «{doing: 1}"), "gives no part credit"),
    (BAND_PART, BAND_PART.replace("counts", "scope: «froze, counts"), 'did you mean "frozen"?'),
    (BAND_PART, BAND_PART.replace("counts", "once: «true, counts"), "this part is the first: write it on a later one"),
    (BUGS_PART, BUGS_PART.replace("by:", "once: «true, by:"), "this part is the first"),
    ("key_result: band\n", "key_result: band\n    regress: «ratchet\n", "a band has no best value to keep"),
    ("key_result: flag\n", "key_result: flag\n    regress: «rachet\n", 'did you mean "ratchet"?'),
    (
        BUGS_PART,
        BUGS_PART.replace("by:", "regress: «ratchet, by:"),
        "about the combined number: write it on the mapping",
    ),
    (
        "from:\n      - " + FLAG_PART,
        "regress: follow\n    from:\n      - " + FLAG_PART.replace("measure", "regress: «ratchet, measure"),
        "regress stands on the mapping already",
    ),
    # scale
    (
        "key_result: bugs\n",
        "key_result: bugs\n    scale: {from: «[2, 2.0]}\n",
        "both ends of the scale are the same (2)",
    ),
    ("key_result: bugs\n", "key_result: bugs\n    scale: {from: «[2]}\n", "two numbers are expected here"),
    ("key_result: bugs\n", "key_result: bugs\n    scale: {from: «5}\n", "a list is expected here"),
    ("key_result: bugs\n", "key_result: bugs\n    scale: {from: [0, «b]}\n", '"b" is not a number'),
    ("key_result: bugs\n", "key_result: bugs\n    «scale: {}\n", "from is missing: add it (The two measured numbers"),
    (
        "key_result: band\n",
        "key_result: band\n    scale: «{from: [0, 5]}\n",
        "this key result keeps a band: leave scale out",
    ),
    (
        "key_result: flag\n",
        "key_result: flag\n    scale: «{from: [0, 5]}\n",
        "this key result is binary: leave scale out",
    ),
    (
        FLAG_PART,
        "{source: jira, measure: «mean, by: points}",
        "mean is an average, and a binary key result is done at all or so many of its tickets: write measure: percent",
    ),
    (FLAG_PART, "{source: jira, measure: «p85, by: points}", "p85 is an average"),
    (FLAG_PART, "{source: git, measure: «lead_time}", "lead_time is an average"),
    (
        "key_result: bugs\n",
        "key_result: bugs\n    add_start: true\n    scale: «{from: [0, 5]}\n",
        "scale already leads from start to target: leave scale or add_start out",
    ),
    # anchors
    ("mappings:\n", "anchor: «weekly\nmappings:\n", '"weekly" is not possible here: write daily, or every: and to:'),
    ("mappings:\n", "anchor: {every: «hourly}\nmappings:\n", '"hourly" is not possible here; write one of: daily'),
    ("mappings:\n", "anchor: {«too: log}\nmappings:\n", 'unknown key "too"; did you mean "to"?'),
    ("mappings:\n", "anchor: «[daily]\nmappings:\n", "keys with values are expected here"),
    ("mappings:\n", "anchor: {to: «headway.db}\nmappings:\n", "this is the database itself"),
    ("mappings:\n", "anchor: {to: «./x/../headway.db-wal}\nmappings:\n", "this is the database itself"),
    ("mappings:\n", "anchor: {to: «..}\nmappings:\n", "this is a folder: name a file in it"),
    ("mappings:\n", "anchor: {to: «" + "a" * 400 + "}\nmappings:\n", "this is not the path of a file"),
    ("mappings:\n", 'anchor: {to: «"  "}\nmappings:\n', "this text is blank"),
    ("mappings:\n", 'anchor: {to: «"${HOME}/a"}\nmappings:\n', "${"),
    # links and defaults
    ("mappings:\n", "link_by: {label: «kr, sources: [git]}\nmappings:\n", "write {id} where its id stands, as kr:{id}"),
    (
        "mappings:\n",
        "link_by: {label: 'kr:{id}', sources: [«gti]}\nmappings:\n",
        'unknown source "gti"; did you mean "git"',
    ),
    ("mappings:\n", "link_by: {label: 'kr:{id}', sources: «[]}\nmappings:\n", "at least one entry is needed"),
    (
        "mappings:\n",
        "link_by: {label: 'kr:{id}', sources: «[" + "git, " * 101 + "]}\nmappings:\n",
        "at most 100 entries are possible here",
    ),
    ("mappings:\n", "«link_by: {label: 'kr:{id}'}\nmappings:\n", "sources is missing: add it (Names of the sources"),
    ("mappings:\n", "«link-by: {label: 'kr:{id}'}\nmappings:\n", 'unknown key "link-by"; did you mean "link_by"?'),
    ("mappings:\n", "defaults: {«counts: open}\nmappings:\n", 'unknown key "counts"; allowed here: missing, cancelled'),
    ("mappings:\n", "defaults: {done_when: «{}}\nmappings:\n", "done_when says nothing"),
    # loops
    ("    title: The top\n", "    title: The top\n    supports: [«base]\n", "in a loop, top → base → top"),
    ("supports: [top]", "supports: [top, «base]", "in a loop, base → base"),
    # placeholders and the database
    ("projects: [PAY]", "projects: [PAY]\n    cron: «0 24 * * *", "the hour is a number from 0 to 23"),
    ("projects: [PAY]", "projects: [PAY]\n    cron: «every hour", "five fields are wanted"),
    ("  jira:\n", "  jira:\n    «every: 5m\n    cron: 0 6 * * *\n", "leave one of them out"),
    ("${JIRA_TOKEN}", "«${JIRA_TOKN}", "set JIRA_TOKN in the environment, or write ${file:PATH}"),
    ("${JIRA_TOKEN}", "«${file:nowhere}", 'there is no file "nowhere"'),
    ("${JIRA_TOKEN}", "«${JIRA-TOKEN}", "this placeholder is not readable"),
    ("${JIRA_TOKEN}", "«${JIRA_TOKEN", "this placeholder is not readable"),
    ("title: The base", "title: «The ${BASE}", "read in secrets, addresses and database only, not in title"),
    ("projects: [PAY]", "projects: [«'${PAY}']", "read in secrets, addresses and database only"),
    ("target: 20", "target: «'${TARGET}'", "write the value itself"),
    ("sqlite:///headway.db", "«${DATABASE}", "set DATABASE in the environment"),
    ("sqlite:///headway.db", "«headway.db", "this is no database URL"),
    ("sqlite:///headway.db", "«sqlite://headway.db", "three slashes"),
    ("sqlite:///headway.db", "«sqlite://", "forgets every number"),
    ("sqlite:///headway.db", "«postgresql://host/name", "begin the URL with postgresql+psycopg://"),
    ("sqlite:///headway.db", "«mysql://host/name", "this kind of database is not known"),
    # sources' own words
    ("repositories: [acme/web]", "repositories: «[web]", "a repository is written owner/name"),
    ("url: https://acme.example", "url: «http://acme.example", "only https keeps the token secret"),
    ("    repositories: [acme/web]", "    repositories: [acme/web]\n    every: «often", "a duration is a whole number"),
    ("    projects: [PAY]\n", "", "projects is missing"),
    # shapes
    ("version: 1", "version: «2", '"2" is not possible here; write one of: 1'),
]

UNMARKED = {  # missing keys of tables that begin on another line than the case changes
    "database is missing": "«version: 1",
    "title is missing": "- «id: base",
    "2 parts need combine": "- «key_result: bugs",
    "from is missing": "- «key_result: band",
    "weight works with combine: weighted_mean only": "weight: «2}",
    "projects is missing": "  «jira:\n",
}


def marked(text: str, part: str) -> tuple[str, int, int]:
    """Return the text without its mark, and the line and column of the mark."""
    if "«" not in text:
        mark = next(mark for start, mark in UNMARKED.items() if part.startswith(start))
        text = text.replace(mark.replace("«", ""), mark, 1)
    before = text[: text.index("«")]
    return text.replace("«", "", 1), before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize(
    ("old", "new", "part"), CASES, ids=[f"{number}: {case[2][:50]}" for number, case in enumerate(CASES)]
)
def test_one_mistake_is_one_problem_at_its_place(tmp_path: Path, old: str, new: str, part: str) -> None:
    assert BASE.count(old) == 1, "the case must change one place"
    text, line, column = marked(BASE.replace(old, new), part)
    loaded = load_text(tmp_path, text)
    assert loaded.config is None
    found = errors(loaded)
    file = str(tmp_path / "headway.yaml")
    assert [(problem.file, problem.line, problem.column) for problem in found] == [(file, line, column)], found
    assert part.replace("{file}", file) in found[0].message
    assert str(found[0]) == f"{file}:{line}:{column} {found[0].path} ← {found[0].message}"


def test_a_part_without_from_is_one_mistake_for_each_key(tmp_path: Path) -> None:
    text = BASE.replace(f"    from:\n      - {FLAG_PART}", "    source: git\n    measure: count")
    assert text != BASE
    told = [problem.message for problem in errors(load_text(tmp_path, text))]
    assert [each.split(";")[0] for each in told] == [
        'unknown key "source": it belongs into from',
        'unknown key "measure": it belongs into from',
    ]


def test_many_mistakes_are_all_reported_at_once(tmp_path: Path) -> None:
    chosen = [
        ("timezone: Europe/Berlin", "timezon: Europe/Berlin", "unknown key"),
        ("token: ${JIRA_TOKEN}", "token: ${NOT_SET}", "set NOT_SET in the environment"),
        ("repositories: [acme/web]", "repositories: [web]", "owner/name"),
        ("cycle: Q4", "cycle: Q3", "unknown cycle"),
        ("target: 20", "target: 0", "start and target are the same"),
        ("max: 5}", "max: 0}", "max (0) is not above min (1)"),
        ("measure: sum, by: points, ", "measure: sum, ", "measure: sum needs by"),
        ("window: cycle}", "window: ever}", "write one of: cycle, always"),
        ("key_result: flag", "key_result: flagg", "unknown key result"),
        ("status: closed", "statos: closed", "unknown key"),
    ]
    text = BASE
    for old, new, _ in chosen:
        text = text.replace(old, new)
    found = errors(load_text(tmp_path, text))
    assert len(found) == len(chosen)
    for _, _, part in chosen:
        assert any(part in problem.message for problem in found), part
    assert found == sorted(found, key=lambda problem: (problem.line, problem.column))


def test_a_broken_source_still_says_which_fields_it_has(tmp_path: Path) -> None:
    text = BASE.replace("    token: ${GIT_TOKEN}\n", "").replace(
        "measure: count, done_when", "measure: sum, by: x, done_when"
    )
    messages = [problem.message for problem in errors(load_text(tmp_path, text))]
    assert len(messages) == 2
    assert any("token is missing" in message for message in messages)
    assert any("has no number fields" in message for message in messages)


def test_an_unreadable_name_does_not_make_its_users_wrong(tmp_path: Path) -> None:
    text = BASE.replace("  - {id: Q4, start: 2026-10-01, end: 2026-12-31}", "  - {start: 2026-10-01, end: 2026-12-31}")
    assert [problem.path for problem in errors(load_text(tmp_path, text))] == ["cycles[0].id"]


def test_a_section_of_the_wrong_shape_is_one_problem_but_an_empty_one_defines_nothing(tmp_path: Path) -> None:
    head = "version: 1\ndatabase: sqlite:///x.db\n"
    objective = "objectives: [{id: o, cycle: Q, title: T}]\n"
    for section, paths in [
        ("cycles: {id: Q}\n", ["cycles"]),
        ("cycles: Q\n", ["cycles"]),
        ("cycles: []\n", ["objectives[0].cycle"]),
        ("cycles:\n", ["objectives[0].cycle"]),
    ]:
        assert [problem.path for problem in errors(load_text(tmp_path, head + section + objective))] == paths


def test_a_misspelt_section_is_one_problem(tmp_path: Path) -> None:
    for section in ("cycles", "sources", "objectives", "mappings"):
        text = BASE.replace(f"\n{section}:", f"\n{section}x:")
        assert [problem.path for problem in errors(load_text(tmp_path, text))] == [f"{section}x"]


def test_every_loop_is_named_and_a_chain_without_end_is_refused(tmp_path: Path) -> None:
    head = "version: 1\ndatabase: sqlite:///x.db\ncycles: [{id: Q, start: 2026-01-01, end: 2026-03-31}]\nobjectives:\n"
    loops = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "a")]
    rows = [f"  - {{id: {name}, cycle: Q, title: T, supports: {above}}}\n" for name, above in loops]
    messages = [problem.message for problem in errors(load_text(tmp_path, head + "".join(rows)))]
    assert [message.split(",")[1].split(":")[0].strip() for message in messages] == ["a → b → a", "c → d → c"]
    chain = [
        f"  - {{id: o{n}, cycle: Q, title: T, supports: [{f'o{n + 1}' if n < 1500 else ''}]}}\n" for n in range(1501)
    ]
    found = errors(load_text(tmp_path, head + "".join(chain)))
    assert ["chain of more than 100" in problem.message for problem in found] == [True]
    short = [f"  - {{id: o{n}, cycle: Q, title: T, supports: [{f'o{n + 1}' if n < 99 else ''}]}}\n" for n in range(100)]
    assert errors(load_text(tmp_path, head + "".join(short))) == []


def test_a_key_result_without_a_mapping_is_a_warning(tmp_path: Path) -> None:
    text = BASE[: BASE.index("  - key_result: flag")]
    loaded = load_text(tmp_path, text)
    assert loaded.config is not None
    assert [(problem.severity, problem.line, problem.column) for problem in loaded.problems] == [("warning", 31, 14)]
    assert 'no mapping feeds "flag"' in loaded.problems[0].message
