"""A right config becomes exactly the domain objects it describes, and secrets are read where they are legal only."""

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.pretty import pretty_repr
from sqlalchemy import make_url

from config.loader import Loaded, load
from config.mappings import DefaultsEntry, LinkByEntry, MappingEntry, PartEntry, TemplateEntry
from config.model import Config
from config.schema import Document, ObjectiveEntry
from config.where import Where
from connectors import registry
from connectors.settings import Address, Secret, SourceSettings
from mapping.rule import (
    AllOf,
    AnyOf,
    Combine,
    Counts,
    DoneWhen,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Rule,
    Selector,
    Window,
)
from okrs.cycle import Calendar, Cycle, Period
from okrs.immutable import replace
from okrs.objective import Ambition, Binary, Keep, KeyResult, Numeric, Objective
from okrs.progress import Pace

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
TOKENS = {"JIRA_TOKEN": "jira-s3cret", "GITHUB_TOKEN": "git-s3cret", "ASANA_TOKEN": "asana-s3cret"}
ENVIRON = {**TOKENS, "DATABASE_URL": "postgresql+psycopg://headway:db-s3cret@db.example/headway"}
HEAD = "version: 1\ndatabase: sqlite:///headway.db\n"
QUARTER = "cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]\n"

PERIOD = Period(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
DESIGN = """\
version: 1
database: sqlite:///headway.db              # or postgresql+psycopg://…
timezone: Europe/Berlin
cycles:
  - {id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}

sources:
  pay-jira:
    connector: jira
    url: https://acme.atlassian.net          # Cloud or Data Center, found out by itself
    email: headway@acme.example              # Cloud; leave out for a Data Center bearer token
    token: ${JIRA_TOKEN}
    projects: [PAY]
    fields: {story_points: customfield_10016}   # by id or by unambiguous name
    every: 5m
  web-github:
    connector: github
    token: ${GITHUB_TOKEN}                    # url: only for GitHub Enterprise or tests (http only to loopback)
    repositories: [acme/web]
  launch-asana:
    connector: asana
    token: ${ASANA_TOKEN}                     # url: only for tests
    projects: ["1204000000000001"]

objectives:
  - id: reliable-checkout
    cycle: 2026-Q4
    title: Checkout never lets a customer down
    owner: payments-lead@acme.example
    team: payments
    key_results:
      - {id: p1-bugs, title: Fix 20 P1 checkout bugs, unit: bugs, start: 0, target: 20}
      - {id: one-click, title: Ship one-click checkout, unit: "%", start: 0, target: 100}
      - {id: open-bugs, title: No more than 10 open bugs, unit: bugs, start: 40, target: 10}

mappings:
  - key_result: p1-bugs
    from:
      - {source: pay-jira, where: {type: Bug, label: p1}, measure: count}
  - key_result: one-click
    combine: weighted_mean
    from:
      - {source: pay-jira,   where: {epic: PAY-42},               measure: percent, by: story_points, weight: 2}
      - {source: web-github, where: {milestone: "One-click v1"},  measure: percent}
  - key_result: open-bugs
    from:
      - {source: pay-jira, where: {type: Bug}, measure: count, counts: open}
"""


def write(folder: Path, text: str, name: str = "headway.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def config_of(loaded: Loaded) -> Config:
    assert loaded.config is not None, loaded.problems
    return loaded.config


def test_the_design_example_means_exactly_this(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, DESIGN), TOKENS, connect=True)
    config = config_of(loaded)
    assert loaded.problems == ()
    assert config.database == f"sqlite:///{tmp_path}/headway.db"
    assert config.calendar == Calendar("Europe/Berlin", frozenset(range(5)), frozenset())
    assert config.pace == Pace()
    assert config.cycles == (Cycle("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),)
    goal = "reliable-checkout"
    assert config.objectives == (
        Objective(goal, "2026-Q4", "Checkout never lets a customer down", "payments-lead@acme.example", "payments"),
    )
    assert config.key_results == (
        KeyResult(
            "p1-bugs", goal, "2026-Q4", "Fix 20 P1 checkout bugs", Numeric(Decimal(0), Decimal(20)), "bugs", Decimal(1)
        ),
        KeyResult("one-click", goal, "2026-Q4", "Ship one-click checkout", Numeric(Decimal(0), Decimal(100)), "%"),
        KeyResult("open-bugs", goal, "2026-Q4", "No more than 10 open bugs", Numeric(Decimal(40), Decimal(10)), "bugs"),
    )
    bug = Match(Selector.TYPE, ("Bug",))
    epic, milestone = Match(Selector.EPIC, ("PAY-42",)), Match(Selector.MILESTONE, ("One-click v1",))
    assert dict(config.rules) == {
        "p1-bugs": Rule(
            (
                Part(
                    "pay-jira",
                    AllOf((bug, Match(Selector.LABEL, ("p1",)))),
                    Measure.COUNT,
                    window=Window.CYCLE,
                ),
            ),
            PERIOD,
        ),
        "one-click": Rule(
            (
                Part("pay-jira", epic, Measure.PERCENT, by="story_points", weight=Decimal(2)),
                Part("web-github", milestone, Measure.PERCENT),
            ),
            PERIOD,
            Combine.WEIGHTED_MEAN,
        ),
        "open-bugs": Rule((Part("pay-jira", bug, Measure.COUNT, counts=Counts.OPEN),), PERIOD),
    }
    assert list(config.sources) == ["pay-jira", "web-github", "launch-asana"]
    assert config.sources["pay-jira"].container_names == ("PAY",)


def test_secrets_reach_their_source_and_nothing_shows_them(tmp_path: Path) -> None:
    config = config_of(load(write(tmp_path, DESIGN), TOKENS, connect=True))
    for name, variable in [("pay-jira", "JIRA_TOKEN"), ("web-github", "GITHUB_TOKEN"), ("launch-asana", "ASANA_TOKEN")]:
        assert config.sources[name].token.get_secret_value() == TOKENS[variable]  # type: ignore[attr-defined]
    assert "s3cret" not in repr(config)


def test_where_the_database_is_shows_in_no_form_of_a_config(tmp_path: Path) -> None:
    config = replace(
        config_of(load(write(tmp_path, DESIGN), TOKENS, connect=True)), database="postgresql://u:s3cret@h/db"
    )
    assert "s3cret" not in repr(config) + pretty_repr(config)
    assert "calendar=" in repr(config)
    assert "calendar=" in pretty_repr(config)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("connect", [True, False])
def test_every_example_loads_without_a_problem(example: Path, connect: bool) -> None:
    loaded = load(example, ENVIRON, connect=connect)
    assert loaded.problems == ()
    assert config_of(loaded).rules.keys() == {key_result.id for key_result in config_of(loaded).key_results}


def test_there_is_an_example_for_every_connector_and_one_for_all() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == {*registry.names(), "combined"}
    combined = config_of(load(EXAMPLES / "combined.yaml", ENVIRON, connect=True))
    assert {source.connector for source in combined.sources.values()} == set(registry.names())
    terms = {key_result.id: key_result.terms for key_result in combined.key_results}
    assert terms["launched"] == Binary(Decimal(100))
    assert combined.rules["fixes"].base == Decimal(10)
    assert combined.database == ENVIRON["DATABASE_URL"]
    assert "db-s3cret" not in repr(combined)


def test_numbers_and_texts_stay_as_written(tmp_path: Path) -> None:
    text = (
        HEAD
        + QUARTER
        + "objectives:\n  - id: '1.10'\n    cycle: Q\n    title: no\n    weight: 1.10\n    key_results:\n"
        + "      - {id: 010, title: 'yes', unit: 1e3, start: 1e3, target: .1, weight: 0.30, ambition: aspirational}\n"
        + "      - {id: keep, title: null, keep: {min: -1.5, max: +2.50}}\n"
        + "      - {id: flag, title: off, kind: binary, at_least: 3}\n"
    )
    config = config_of(load(write(tmp_path, text), {}, connect=True))
    assert config.objectives == (Objective("1.10", "Q", "no", weight=Decimal("1.10")),)
    assert str(config.objectives[0].weight) == "1.10"
    assert config.key_results == (
        KeyResult(
            "010",
            "1.10",
            "Q",
            "yes",
            Numeric(Decimal(1000), Decimal("0.1")),
            "1e3",
            Decimal("0.3"),
            Ambition.ASPIRATIONAL,
        ),
        KeyResult("keep", "1.10", "Q", "null", Keep(Decimal("-1.5"), Decimal("2.5"))),
        KeyResult("flag", "1.10", "Q", "off", Binary(Decimal(3))),
    )


RULES = """
sources: {a: {connector: jira, url: 'https://a.example', token: '${T}', projects: P}}
objectives:
  - {id: o, cycle: Q, title: O, key_results: [{id: n, title: N, start: 5, target: 9}, {id: b, title: B, kind: binary}]}
mappings:
"""


def rules(folder: Path, mappings: str) -> Config:
    return config_of(load(write(folder, HEAD + QUARTER + RULES + mappings), {"T": "s3cret"}, connect=True))


def test_every_key_of_a_part_and_a_clause_arrives(tmp_path: Path) -> None:
    config = rules(
        tmp_path,
        """
  - key_result: n
    add_start: true
    combine: sum
    from:
      - source: a
        where: {any: [{kind: [issue, epic]}, {all: [{state: done}, {key: A-1}]}], not: {assignee: Me}, label: [x, y]}
        measure: sum
        by: points
        missing: 0
        done_when: {status: [Shipped], resolution: Done}
        cancelled: complete
      - {source: a, measure: count, window: always}
""",
    )
    where = AllOf(
        (
            Match(Selector.LABEL, ("x", "y")),
            Not(Match(Selector.ASSIGNEE, ("Me",))),
            AnyOf(
                (
                    Match(Selector.KIND, ("issue", "epic")),
                    AllOf((Match(Selector.STATE, ("done",)), Match(Selector.KEY, ("A-1",)))),
                )
            ),
        )
    )
    first, second = config.rules["n"].parts
    assert first.where == where
    assert (first.by, first.missing, first.window) == ("points", Missing.ZERO, Window.CYCLE)
    assert first.done_when == DoneWhen(("Shipped",), ("Done",))
    assert second == Part("a", AllOf(), Measure.COUNT, window=Window.ALWAYS)
    assert (config.rules["n"].add_start, config.rules["n"].base) == (True, Decimal(5))


@pytest.mark.parametrize(
    ("combine", "measures", "threshold"),
    [
        ("", ["percent"], 100),
        ("min", ["percent", "percent"], 100),
        ("sum", ["percent", "percent"], 1),
        ("", ["count"], 1),
        ("max", ["percent", "count"], 1),
    ],
)
def test_a_binary_key_result_is_done_at_all_percent_or_one_item(
    tmp_path: Path, combine: str, measures: list[str], threshold: int
) -> None:
    parts = ", ".join(f"{{source: a, measure: {measure}}}" for measure in measures)
    config = rules(tmp_path, f"  - {{key_result: b, combine: {combine}, from: [{parts}]}}\n")
    assert config.key_results[1].terms == Binary(Decimal(threshold))


def test_the_clause_takes_every_selector_and_every_field_is_described() -> None:
    leaves = {word.value for words in (Selector, Moment) for word in words}
    assert {key for key in Where.model_fields if not key.endswith("_")} == leaves
    for model in (Document, ObjectiveEntry, MappingEntry, PartEntry, Where, DefaultsEntry, LinkByEntry, TemplateEntry):
        assert all(field.description for field in model.model_fields.values()), model


def test_a_folder_is_merged_and_names_both_places_of_what_is_given_twice(tmp_path: Path) -> None:
    write(tmp_path, DESIGN)
    team = "objectives: [{id: more, cycle: 2026-Q4, title: More, supports: reliable-checkout}]\n"
    write(tmp_path, team, "team.yaml")
    config = config_of(load(tmp_path, TOKENS, connect=True))
    assert [objective.id for objective in config.objectives] == ["reliable-checkout", "more"]
    assert config.database == f"sqlite:///{tmp_path}/headway.db"

    mapped = "mappings:\n  - {key_result: p1-bugs, from: [{source: pay-jira, measure: count}]}\n"
    write(tmp_path, team + "timezone: UTC\ncycles: []\nsorces: {}\n" + mapped, "team.yaml")
    write(tmp_path, team, "other.yaml")
    found = {
        (Path(problem.file).name, problem.line): problem.message
        for problem in load(tmp_path, TOKENS, connect=True).problems
    }
    main = f"{tmp_path}/headway.yaml"
    assert f"first at {main}:3:1" in found["team.yaml", 2]
    assert f"first at {main}:4:1" in found["team.yaml", 3]
    assert "only the main file has timezone, so move there what is new" in found["team.yaml", 2]
    assert "unknown key" in found["team.yaml", 4]
    assert f"mapped twice, first at {main}:37:17" in found["team.yaml", 6]
    assert f"given twice, first at {tmp_path}/other.yaml:1:19" in found["team.yaml", 1]
    assert len(found) == 5


def test_a_whole_config_among_the_teams_files_is_its_own_mistake_wherever_it_stands(tmp_path: Path) -> None:
    write(tmp_path, DESIGN)
    write(tmp_path, "objectives: [{id: more, cycle: 2026-Q4, title: More}]\n", "team.yaml")
    for name in ("another.yaml", "zzz.yaml"):
        stray = write(tmp_path, "version: 1\ndatabase: sqlite:///stray.db\ncycles: []\n", name)
        told = {each.message.split(",")[0]: each.file for each in load(tmp_path, TOKENS, connect=True).problems}
        assert set(told) == {f"{key} is given twice" for key in ("version", "database", "cycles")}
        assert set(told.values()) == {str(tmp_path / name)}
        stray.unlink()


def test_a_broken_team_file_makes_nothing_else_unknown(tmp_path: Path) -> None:
    write(tmp_path, DESIGN.replace("key_result: p1-bugs", "key_result: theirs"))
    write(tmp_path, "objectives: [\n", "team.yaml")
    found = load(tmp_path, TOKENS, connect=True).problems
    assert [(Path(problem.file).name, problem.severity) for problem in found] == [("team.yaml", "error")]


def test_an_empty_file_of_a_folder_is_told_what_a_teams_file_begins_with(tmp_path: Path) -> None:
    write(tmp_path, DESIGN)
    write(tmp_path, "# nothing yet\n", "team.yaml")
    (problem,) = load(tmp_path, TOKENS, connect=True).problems
    assert problem.message == "the file is empty: begin with objectives:, or take it out of the folder"
    (tmp_path / "headway.yaml").unlink()
    (problem,) = load(tmp_path, TOKENS, connect=True).problems
    assert problem.message == "the file is empty: begin with version: 1"


def test_a_teams_file_alone_is_no_config(tmp_path: Path) -> None:
    write(tmp_path, DESIGN)
    write(tmp_path, "objectives: [{id: more, cycle: 2026-Q4, title: More}]\n", "team.yaml")
    (problem,) = load(tmp_path / "team.yaml", TOKENS, connect=True).problems
    assert (problem.line, problem.path) == (1, "version")
    assert problem.message == (
        "this is a team's file: name its folder, or the file in it that has version, with -c; a config of its own has "
        "version: 1, database and cycles, too"
    )


def test_a_folder_needs_one_file_with_version(tmp_path: Path) -> None:
    write(tmp_path, "objectives: []\n", "a.yaml")
    found = load(tmp_path, {}, connect=True).problems
    assert [(problem.file, problem.path) for problem in found] == [(str(tmp_path), "version")]
    write(tmp_path, HEAD, "b.yaml")
    write(tmp_path, HEAD, "c.yaml")
    found = load(tmp_path, {}, connect=True).problems
    assert [(Path(problem.file).name, problem.path) for problem in found] == [
        ("c.yaml", "version"),
        ("c.yaml", "database"),
    ]


class Settings(SourceSettings):
    """A connector of this test alone."""

    url: Address
    token: Secret | None = None

    @property
    def container_names(self) -> tuple[str, ...]:
        return ()


@pytest.fixture
def own_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(settings: SourceSettings) -> object:
        raise AssertionError("loading a config opens no connection")

    monkeypatch.setattr(registry, "names", lambda: ("own",))
    monkeypatch.setattr(registry, "find", lambda name: registry.Registered(name, Settings, never))  # type: ignore[arg-type]


OWN = HEAD + "sources: {s: {connector: own, url: 'https://${HOST}/x', token: '${file:token.txt}'}}\n"


@pytest.mark.usefixtures("own_connector")
def test_placeholders_are_replaced_within_a_text_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_bytes(b"from-a-file\n\n")
    source = config_of(load(write(tmp_path, OWN), {"HOST": "h.example"}, connect=True)).sources["s"]
    assert isinstance(source, Settings)
    assert source.url == "https://h.example/x"
    assert source.token == SecretStr("from-a-file\n")


@pytest.mark.usefixtures("own_connector")
def test_without_connecting_placeholders_stay_as_written(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, OWN), {}, connect=False)
    assert loaded.problems == ()
    source = config_of(loaded).sources["s"]
    assert isinstance(source, Settings)
    assert (source.url, source.token) == ("https://${HOST}/x", SecretStr("${file:token.txt}"))
    assert {problem.path for problem in load(tmp_path / "headway.yaml", {}, connect=True).problems} == {
        "sources.s.url",
        "sources.s.token",
    }


def test_an_address_that_is_not_known_yet_fits_every_connector(tmp_path: Path) -> None:
    text = DESIGN.replace("https://acme.atlassian.net", "${JIRA_URL}")
    source = config_of(load(write(tmp_path, text), {}, connect=False)).sources["pay-jira"]
    assert source.container_names == ("PAY",)
    found = load(tmp_path / "headway.yaml", {**TOKENS, "JIRA_URL": "http://s3cret.example"}, connect=True).problems
    assert [problem.path for problem in found] == ["sources.pay-jira.url"]
    assert "s3cret" not in str(found)


def test_the_database_is_resolved_even_without_connecting(tmp_path: Path) -> None:
    path = write(tmp_path, "version: 1\ndatabase: ${DB}\n")
    assert [problem.path for problem in load(path, {}, connect=False).problems] == ["database"]
    assert config_of(load(path, {"DB": "sqlite:///a/b.db?timeout=3"}, connect=False)).database == (
        f"sqlite:///{tmp_path}/a/b.db?timeout=3"
    )
    assert config_of(load(path, {"DB": "sqlite:////var/b.db"}, connect=False)).database == "sqlite:////var/b.db"
    bad = load(path, {"DB": "mysql://u:s3cret@h/x"}, connect=True).problems
    assert "s3cret" not in str(bad)


def test_a_secret_in_plain_is_warned_of_and_never_shown(tmp_path: Path) -> None:
    text = DESIGN.replace("${GITHUB_TOKEN}", "ghp_s3cret").replace(
        "sqlite:///headway.db", "postgresql+psycopg://u:s3cret@h/d"
    )
    loaded = load(write(tmp_path, text), TOKENS, connect=True)
    assert [(problem.severity, problem.path) for problem in loaded.problems] == [
        ("warning", "database"),
        ("warning", "sources.web-github.token"),
    ]
    assert "s3cret" not in str(loaded.problems)
    config_of(loaded)


def test_no_message_of_a_broken_source_shows_a_secret(tmp_path: Path) -> None:
    for old, new in [
        ("    token: ${GITHUB_TOKEN}", "    token: [ghp_s3cret]"),
        ("    token: ${GITHUB_TOKEN}", "    token: *ghp_s3cret"),
        ("    token: ${GITHUB_TOKEN}", "    tokn: ghp_s3cret"),
        ("    token: ${GITHUB_TOKEN}", "    token: ghp_s3cret\n    token: ghp_s3cret"),
        ("    url: https://acme.atlassian.net", "    url: https://u:s3cret@acme.example"),
    ]:
        assert old in DESIGN
        loaded = load(write(tmp_path, DESIGN.replace(old, new)), TOKENS, connect=True)
        assert loaded.config is None
        assert "s3cret" not in str(loaded.problems)


def test_the_folder_of_the_config_counts_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deep").mkdir()
    shutil.copy(EXAMPLES / "jira.yaml", tmp_path / "deep" / "headway.yaml")
    monkeypatch.chdir(tmp_path)
    config = config_of(load(Path("deep/headway.yaml"), TOKENS, connect=True))
    assert config.database == f"sqlite:///{tmp_path}/deep/headway.db"


@pytest.mark.parametrize("place", ["mapping", "part"])
def test_the_start_value_may_be_added_on_the_mapping_or_on_its_only_part(tmp_path: Path, place: str) -> None:
    on_mapping, on_part = ("    add_start: true\n", "") if place == "mapping" else ("", ", add_start: true")
    config = rules(
        tmp_path, f"\n  - key_result: n\n{on_mapping}    from:\n      - {{source: a, measure: count{on_part}}}\n"
    )
    assert (config.rules["n"].add_start, config.rules["n"].base) == (True, Decimal(5))


@pytest.mark.parametrize("folder", ["what? Q4", "a%20b", "a b#c", "ü"])
def test_the_database_lies_beside_the_config_whatever_the_folder_is_called(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    config = config_of(load(write(tmp_path / folder, HEAD + QUARTER), {}, connect=False))
    assert make_url(config.database).database == str(tmp_path / folder / "headway.db")


def test_a_file_beside_the_config_that_nobody_reads_is_told(tmp_path: Path) -> None:
    (tmp_path / "headway.yaml").write_text(HEAD + QUARTER, encoding="utf-8")
    (tmp_path / "web.yml").write_text("objectives: []\n", encoding="utf-8")
    loaded = load(tmp_path, {}, connect=False)
    assert loaded.config is not None
    ((file, severity, message),) = ((each.file, each.severity, each.message) for each in loaded.problems)
    assert (file, severity) == (str(tmp_path / "web.yml"), "warning")
    assert "is not read" in message


RENAMED = """\
version: 1
database: sqlite:///headway.db
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
objectives:
  - id: top
    was: summit
    cycle: Q
    title: T
    key_results:
      - {id: a, title: A, start: 0, target: 9%s}
      - {id: b, title: B, start: 0, target: 9%s}
"""


@pytest.mark.parametrize(
    ("first", "second", "line", "told"),
    [
        (", was: b", "", 10, 'the id "b" is still in use, at {file}:11:14: what is renamed leaves its old id'),
        (", was: a", "", 10, '"a" is its id now: write the one it had before, or leave was out'),
        (", was: top", "", 10, 'the id "top" is still in use, at {file}:5:9'),
        (", was: z", ", was: z", 11, '"z" is renamed twice, first at {file}:10:'),
        ("", ", was: summit", 11, '"summit" is renamed twice, first at {file}:6:10'),
    ],
)
def test_an_old_id_goes_on_in_one_alone(tmp_path: Path, first: str, second: str, line: int, told: str) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(RENAMED % (first, second), encoding="utf-8")
    errors = [each for each in load(path, {}, connect=False).problems if each.severity == "error"]
    assert [each.line for each in errors] == [line]
    assert told.format(file=path) in errors[0].message


def test_an_old_id_is_kept_with_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text(RENAMED % (", was: x", ""), encoding="utf-8")
    config = load(path, {}, connect=False).config
    assert config is not None
    assert [each.was for each in config.key_results] == ["x", None]
    assert [each.was for each in config.objectives] == ["summit"]


@pytest.mark.parametrize("text", ["password: hunter2\nhunter2-key: x\n", '{"hunter2": {"a": "b"}}'])
def test_of_a_file_that_is_no_config_nothing_is_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text, encoding="utf-8")
    problems = load(path, {}, connect=False).problems
    assert "it seems to be another file: a config begins with version: 1" in str(problems[0])
    assert not any("hunter2" in str(each) or "password" in str(each) for each in problems)


def test_a_file_with_a_misspelt_key_is_one_of_a_config(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    path.write_text("databse: sqlite:///headway.db\n", encoding="utf-8")
    assert any('unknown key "databse"; did you mean' in str(each) for each in load(path, {}, connect=False).problems)
