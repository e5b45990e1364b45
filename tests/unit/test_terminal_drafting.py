"""The first config: right whatever was found, the same as the golden one, and without a secret."""

from datetime import date
from itertools import chain, combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.drafting import complaints, examined, flagged, others, questions, variables_of
from config.loader import load
from config.model import Config
from connectors import registry
from connectors.contract import Listed, What
from connectors.settings import SourceSettings
from mapping.rule import AllOf, Clause, Match, Not
from terminal.drafting import Started, config_text, next_steps, quarter

GOLDEN = Path(__file__).parent / "golden" / "init"
CYCLE = quarter(date(2026, 11, 27))
FLAGS = {
    "jira": "url=https://acme.atlassian.net,email=me@acme.example,token_env=JIRA_TOKEN,projects=PAY,PLAT",
    "github": "token_env=GITHUB_TOKEN,repositories=acme/web",
    "asana": "token_env=ASANA_TOKEN,projects=1204000000000001",
}
FOUND = [
    Listed(What.PROJECT, "PAY", "Payments", note="not in the config"),
    Listed(What.PROJECT, "OPS", "Operations: all of # them"),
    Listed(What.MILESTONE, "Checkout 3.1", "", "PAY", "released"),
    Listed(What.MILESTONE, "Checkout 3.2", "", "PAY", "unreleased"),
    Listed(What.EPIC, "PAY-1", "One-click checkout", "PAY", "In Progress"),
    Listed(What.TYPE, "Story", "", "PAY"),
    Listed(What.TYPE, "bug", "", "PAY"),
    Listed(What.LABEL, "Bug", "", "PAY"),
]


def model(connector: str) -> type[SourceSettings]:
    return registry.find(connector).settings


def started(connector: str, *listed: Listed) -> Started:
    draft = flagged(connector, connector, model(connector), FLAGS[connector])
    return Started(draft, questions(connector, model(connector)), listed, others(model(connector)))


def loaded(folder: Path, *sources: Started) -> Config:
    path = folder / "headway.yaml"
    path.write_text(config_text(sources, CYCLE, "Europe/Berlin", schema=False), encoding="utf-8")
    variables = dict.fromkeys(chain.from_iterable(variables_of(each.draft) for each in sources), "a dummy")
    answer = load(path, variables, connect=True)
    assert answer.problems == ()
    assert answer.config is not None
    return answer.config


@pytest.mark.parametrize("name", ["jira", "together"])
def test_it_is_the_golden_one(name: str) -> None:
    """`jira` is what was found there; `together` all three where nobody looked, with a schema beside it."""
    alone = [started("jira", *FOUND)]
    together = [started(each) for each in FLAGS]
    text = config_text(alone if name == "jira" else together, CYCLE, "Europe/Berlin", schema=name != "jira")
    assert text == (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("connector", FLAGS)
@pytest.mark.parametrize("size", range(len(FOUND) + 1))
def test_whatever_is_found_it_has_no_problem(connector: str, size: int, tmp_path: Path) -> None:
    for found in list(combinations(FOUND, size))[:12]:
        config = loaded(tmp_path, started(connector, *found))
        assert 1 <= len(config.rules) <= 2
        assert len(config.key_results) == len(config.rules)


def test_several_sources_have_key_results_of_their_own(tmp_path: Path) -> None:
    config = loaded(tmp_path, *(started(each, *FOUND) for each in FLAGS))
    assert [rule.sources for rule in config.rules.values()] == [("jira",), ("jira",), ("github",), ("asana",)]


def proposed(folder: Path, *found: Listed) -> dict[str, str]:
    """The part of each key result as it would read in words."""
    config = loaded(folder, started("jira", *found))
    parts = {name: rule.parts[0] for name, rule in config.rules.items()}
    return {name: f"{part.measure} {said(part.where)}".strip() for name, part in parts.items()}


def said(clause: Clause) -> str:
    match clause:
        case Match(selector, values):
            return f"{selector}={values[0]}"
        case Not(inner):
            return f"not {said(inner)}"
        case AllOf(clauses):
            return " ".join(map(said, clauses))
    raise AssertionError(clause)


def test_something_open_is_finished_and_bugs_are_fixed(tmp_path: Path) -> None:
    open_one = "milestone=Checkout 3.2"
    both = {"checkout-3-2": f"percent {open_one}", "bugs": f"percent type=bug not {open_one}"}  # no work moves two
    assert proposed(tmp_path, *FOUND) == both
    over = [Listed(What.MILESTONE, "v1", note="closed"), Listed(What.MILESTONE, "v2", note="completed, gid 12")]
    over.append(Listed(What.MILESTONE, "v3", note="open, all done"))
    epic = Listed(What.EPIC, "PAY-1", "One-click checkout", note="To Do")
    assert proposed(tmp_path, *over, epic) == {"one-click-checkout": "percent epic=PAY-1"}
    assert proposed(tmp_path, *over) == {"finished": "percent"}
    assert proposed(tmp_path, Listed(What.LABEL, "Bug")) == {"bugs": "percent label=Bug"}


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("}, measure: count}", "x")
@example("# a comment", "${HOME}")
@example("'\"\\", "\u202etxt.exe")
@example("line\nbreak: [", "\x1b[31m")
@example("- no", "\u2028")
@example("null", "*alias")
@example("first-objective", "bugs")
@given(title=HOSTILE, name=HOSTILE)
def test_hostile_names_stay_names(tmp_path: Path, title: str, name: str) -> None:
    found = [Listed(What.PROJECT, name, title), Listed(What.MILESTONE, title, name), Listed(What.PROJECT, "PAY", name)]
    config = loaded(tmp_path, started("jira", *found, Listed(What.EPIC, "PAY-1", name)))
    (rule,) = config.rules.values()
    where = rule.parts[0].where
    assert isinstance(where, Match)
    assert where.values in ((title,), ("PAY-1",))


@pytest.mark.parametrize(
    ("day", "name", "start", "end"),
    [
        (date(2026, 1, 1), "2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        (date(2028, 6, 30), "2028-Q2", date(2028, 4, 1), date(2028, 6, 30)),
        (date(2026, 7, 1), "2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
        (date(2026, 12, 31), "2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
    ],
)
def test_the_cycle_is_the_quarter(day: date, name: str, start: date, end: date) -> None:
    cycle = quarter(day)
    assert (cycle.id, cycle.start, cycle.end) == (name, start, end)


@pytest.mark.parametrize("connector", FLAGS)
def test_what_is_proposed_to_a_question_fits(connector: str) -> None:
    asked = questions(connector, model(connector))
    assert [each.key for each in asked if each.containers]
    draft = flagged(connector, connector, model(connector), "")
    for each in asked:
        assert each.example, each.key
        value = f"${{{each.example}}}" if each.secret else (each.example,) if each.many else each.example
        draft = draft.having(each.key, value)
    assert complaints(draft, Path()) == {}
    assert variables_of(draft) == [f"{connector.upper()}_TOKEN"]


def test_flags_say_what_a_source_has() -> None:
    draft = flagged("j", "jira", model("jira"), "projects=PAY,PLAT,url=https://t.example/a,b,projects=OPS,every=10m")
    assert draft.values == {"projects": ("PAY", "PLAT", "OPS"), "url": "https://t.example/a,b", "every": "10m"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("token=s3cret-value", "write token_env=NAME"),
        ("token_env=s3cret-value", "the name of a variable, in capitals"),
        ("token_env=ghp_s3cretvalue", "the name of a variable, in capitals"),
        ("s3cret-value", "write key=value"),
        (
            "tokn=s3cret-value",
            "jira has no tokn; it has every, cron, webhook_secret_env, proxy, ca_bundle, url, email, token_env",
        ),
        ("connector=s3cret-value", "jira has no connector"),
    ],
)
def test_a_secret_is_no_argument_and_is_not_repeated(flags: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as told:
        flagged("jira", "jira", model("jira"), flags)
    assert "s3cret" not in str(told.value)


def test_a_draft_is_judged_as_a_config_is() -> None:
    draft = flagged("jira", "jira", model("jira"), "url=ftp://t.example,projects=,every=often")
    wrong = complaints(draft, Path())
    assert set(wrong) == {"url", "projects", "every", "token"}
    fine = flagged("jira", "jira", model("jira"), FLAGS["jira"])
    assert examined(fine, Path(), {})[0] is None
    settings, problems = examined(fine, Path(), {"JIRA_TOKEN": "a dummy"})
    assert (settings is not None, problems) == (True, ())


def test_next_steps_can_be_pasted() -> None:
    assert next_steps(["A_TOKEN"], "my okrs.yaml") == [
        "read -rs A_TOKEN && export A_TOKEN",
        "headway -c 'my okrs.yaml' validate",
        "headway -c 'my okrs.yaml' sync",
        "headway -c 'my okrs.yaml' status",
    ]
    assert next_steps([], "headway.yaml")[0] == "headway validate"
