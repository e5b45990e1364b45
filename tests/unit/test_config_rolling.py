"""The next cycle's config from the last's: new ids, starts that go on, and a result that is valid."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import text

from config.files import arranged, read_files
from config.loader import load
from config.model import Config
from config.problems import Problems
from config.reading import parse
from config.rolling import Last, Roll, _scalar, cycle_line, following, rolled
from okrs.cycle import Cycle
from okrs.objective import Binary, Keep, Numeric

D = Decimal
OLD = Cycle("2026-Q4", date(2026, 10, 1), date(2026, 12, 31))
NEW = Cycle("2027-Q1", date(2027, 1, 1), date(2027, 3, 31))

MAIN = """\
version: 1
database: sqlite:///headway.db
link_by: {label: "kr:{id}", sources: [web]}
cycles:
  - {id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}
  - {id: 2026, start: 2026-01-01, end: 2026-12-31}
sources:
  web: {connector: github, token: "${TOKEN}", repositories: [acme/web]}
templates:
  burn:
    params: [label]
    mapping:
      from:
        - {source: web, where: {type: Bug, label: "{label}"}, measure: count, window: cycle}
objectives:
  - {id: year, cycle: 2026, title: "The year: ends well"}
"""

TEAM = """\
objectives:
  - id: reliable-2026-Q4
    cycle: 2026-Q4
    title: "Checkout: never lets a customer down # at all"
    owner: lead@acme.example
    weight: 2
    supports: [year, fast-q4, done-kr]
    key_results:
      - {id: bugs-2026-Q4, title: Fix 20 bugs, unit: bugs, start: 0, target: 20}
      - {id: open-bugs, title: Fewer open bugs, unit: bugs, start: 40, target: 10, ambition: aspirational}
      - {id: milestone, title: 'Ship it', unit: "%", start: 0, target: 100}
      - {id: uptime, title: Stay up, keep: {min: 99, max: 100}}
      - {id: legal, title: Legal agreed, kind: binary, at_least: 2}
      - {id: added, title: Talk to customers, start: 6, target: 26}
      - {id: nothing, title: "~", start: 1, target: 2}
  - id: fast-q4
    cycle: 2026-Q4
    title: Fast
    key_results:
      - {id: lead, title: Lead time, unit: days, start: 10, target: 5}
      - {id: done-kr, title: Everything is merged, start: 0, target: 4}
  - {id: empty, cycle: 2026-Q4, title: Without key results}
mappings:
  - {key_result: bugs-2026-Q4, use: burn, with: {label: p1}}
  - key_result: open-bugs
    from: [{source: web, where: {type: Bug, not: {label: ["won't, fix", "a: b"]}}, measure: count, counts: open}]
  - key_result: milestone
    combine: weighted_mean
    from:
      - {source: web, where: {milestone: "v1 2026-Q4"}, measure: percent, weight: 2}
      - source: web
        where: {closed: 2026-10-01..2026-11-15, kind: pull_request}
        measure: percent
  - {key_result: legal, from: [{source: web, where: {label: legal}, measure: count, window: always}]}
  - {key_result: added, add_start: true, from: [{source: web, where: {label: talk}, measure: count, window: cycle}]}
  - {key_result: lead, from: [{source: web, measure: lead_time}]}
  - {key_result: done-kr, from: [{source: web, where: {kind: pull_request}, measure: count, window: cycle}]}
"""

LAST = {
    "bugs-2026-Q4": Last(D(14), D("0.7")),
    "open-bugs": Last(D(25), D("0.5")),
    "milestone": Last(D(60), D("0.6")),
    "uptime": Last(D(99), D(1)),
    "legal": Last(D(1), D(0)),
    "added": Last(D(20), D("0.7")),
    "nothing": Last(None, D(0)),
    "lead": Last(D("7.25"), D("0.55")),
    "done-kr": Last(D(4), D(1)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "headway.yaml").write_text(MAIN, encoding="utf-8")
    (tmp_path / "team.yaml").write_text(TEAM, encoding="utf-8")
    return tmp_path


def valid(path: Path) -> Config:
    loaded = load(path, {}, connect=False)
    assert loaded.config is not None, [str(each) for each in loaded.problems]
    return loaded.config


def a_roll(
    path: Path, last: Mapping[str, Last] = LAST, *, unfinished: bool = False, used: tuple[str, ...] = ()
) -> Roll:
    known = valid(path)
    names = {each.id for each in known.key_results} | {each.id for each in known.objectives}
    mine = {each.id: each for each in known.key_results if each.cycle == OLD.id}
    roots = arranged(read_files(path), Problems()).roots
    return Roll(OLD, NEW, roots, mine, known.rules, last, names.union(used), unfinished)


def taken(folder: Path, written: str) -> Config:
    """The config with the new file, and its cycle."""
    (folder / "next.yaml").write_text(written, encoding="utf-8")
    main = folder / "headway.yaml"
    main.write_text(MAIN.replace("cycles:\n", f"cycles:\n{cycle_line(NEW)}\n"), encoding="utf-8")
    return valid(folder)


def test_the_next_cycle_is_valid_and_feeds_what_the_last_did(folder: Path) -> None:
    before = valid(folder)
    known = taken(folder, rolled(a_roll(folder)))
    fresh = {each.id: each for each in known.key_results if each.cycle == NEW.id}
    assert list(fresh) == [
        "bugs-2027-Q1",
        "open-bugs-2027-Q1",
        "milestone-2027-Q1",
        "uptime-2027-Q1",
        "legal-2027-Q1",
        "added-2027-Q1",
        "nothing-2027-Q1",
        "lead-2027-Q1",
        "done-kr-2027-Q1",
    ]
    assert {each.id: each.supports for each in known.objectives if each.cycle == NEW.id} == {
        "reliable-2027-Q1": ("year", "fast-q1", "done-kr-2027-Q1"),
        "fast-q1": (),
        "empty-2027-Q1": (),
    }
    for old, new in zip(LAST, fresh, strict=True):
        was, now = (next(each for each in known.key_results if each.id == name) for name in (old, new))
        assert (now.title, now.unit, now.weight, now.ambition) == (was.title, was.unit, was.weight, was.ambition)
        assert (old in known.rules) is (new in known.rules)
        if old in known.rules:
            shape = [(part.source, part.measure, part.window, part.weight) for part in known.rules[old].parts]
            assert [(p.source, p.measure, p.window, p.weight) for p in known.rules[new].parts] == shape
            assert known.rules[new].period.start > known.rules[old].period.start
    assert [each.id for each in before.key_results] == list(LAST), "and the last cycle's stay"
    reliable = next(each for each in known.objectives if each.id == "reliable-2027-Q1")
    assert reliable.title == "Checkout: never lets a customer down # at all"


def test_levels_go_on_and_what_counts_anew_begins_anew(folder: Path) -> None:
    written = rolled(a_roll(folder))
    known = taken(folder, written)
    terms = {each.id.removesuffix("-2027-Q1"): each.terms for each in known.key_results if each.cycle == NEW.id}
    assert terms == {
        "bugs": Numeric(D(0), D(20)),
        "open-bugs": Numeric(D(25), D(10)),
        "milestone": Numeric(D(60), D(100)),
        "uptime": Keep(D(99), D(100)),
        "legal": Binary(D(2)),
        "added": Numeric(D(20), D(26)),
        "nothing": Numeric(D(1), D(2)),
        "lead": Numeric(D("7.25"), D(5)),
        "done-kr": Numeric(D(0), D(4)),
    }
    for told in (
        "# bugs-2026-Q4 ended at 14, grade 0.7: is its target still the right one?",
        "# open-bugs ended at 25, grade 0.5, where it goes on: is its target still the right one?",
        "# done-kr ended at 4, grade 1: it is reached, so choose a new start and target",
        "# nothing was never measured",
        "# its dates are those of 2026-Q4: look at them",
        "# it names 2026-Q4: look at it",
    ):
        assert told in written
    assert "use: burn" in written
    assert "with: {label: p1}" in written


def test_an_open_cycle_says_how_it_stands(folder: Path) -> None:
    written = rolled(a_roll(folder, {"bugs-2026-Q4": Last(D(14))}))
    assert "# bugs-2026-Q4 stands at 14: is its target still the right one?" in written


def test_only_what_is_unfinished(folder: Path) -> None:
    roll = a_roll(folder, LAST | {"lead": Last(D(4), D(1))}, unfinished=True)
    known = taken(folder, rolled(roll))
    fresh = {each.id for each in known.key_results if each.cycle == NEW.id}
    assert fresh.isdisjoint({"lead-2027-Q1", "done-kr-2027-Q1"})
    assert "uptime-2027-Q1" in fresh, "a band is kept, and never finished"
    objectives = {each.id: each.supports for each in known.objectives if each.cycle == NEW.id}
    assert objectives == {"reliable-2027-Q1": ("year",), "empty-2027-Q1": ()}


def test_no_id_is_used_again(folder: Path) -> None:
    roll = a_roll(folder, used=("bugs-2027-Q1", "bugs-2027-Q1-2", "fast-q1"))
    names = roll.names
    assert (names["bugs-2026-Q4"], names["fast-q4"]) == ("bugs-2027-Q1-3", "fast-2027-Q1")
    assert len(set(names.values())) == len(names)
    assert set(names.values()).isdisjoint(roll.used)


def test_long_ids_stay_ids(tmp_path: Path) -> None:
    long = "x" * 100
    path = tmp_path / "headway.yaml"
    own = f"key_results: [{{id: {long}, title: T, start: 0, target: 1}}]"
    path.write_text(f"{MAIN}  - {{id: one, cycle: 2026-Q4, title: One, {own}}}\n", encoding="utf-8")
    assert a_roll(path, {}).names[long] == f"{'x' * 92}-2027-Q1"


def test_a_single_file_takes_the_entries_under_its_own_keys(tmp_path: Path) -> None:
    path = tmp_path / "headway.yaml"
    whole = MAIN + TEAM.removeprefix("objectives:\n")
    path.write_text(whole, encoding="utf-8")
    objectives, mappings = re.split(r"\n\nmappings:\n", rolled(a_roll(path)))
    objectives = objectives.partition("objectives:\n")[2]
    whole = whole.replace("cycles:\n", f"cycles:\n{cycle_line(NEW)}\n").replace("mappings:\n", f"mappings:\n{mappings}")
    path.write_text(whole.replace("objectives:\n", f"objectives:\n{objectives}\n"), encoding="utf-8")
    assert sum(each.cycle == NEW.id for each in valid(path).key_results) == len(LAST)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2026-10-01", "2026-12-31", "2027-01-01", "2027-03-31"),
        ("2026-02-01", "2026-02-28", "2026-03-01", "2026-03-31"),
        ("2026-07-01", "2026-12-31", "2027-01-01", "2027-06-30"),
        ("2026-01-01", "2026-12-31", "2027-01-01", "2027-12-31"),
        ("2026-10-05", "2026-10-18", "2026-10-19", "2026-11-01"),
    ],
)
def test_the_next_period_is_as_long(start: str, end: str, first: str, last: str) -> None:
    cycle = Cycle("old", date.fromisoformat(start), date.fromisoformat(end))
    assert following(cycle, "new") == Cycle("new", date.fromisoformat(first), date.fromisoformat(last))


def test_a_long_id_keeps_its_quotes() -> None:
    assert (_scalar("1204000000000010"), _scalar("20")) == ("'1204000000000010'", "20")


@given(text(max_size=30))
def test_every_text_comes_back_as_it_was(told: str) -> None:
    """But for what no config holds: then nothing is written that is another text."""
    problems = Problems()
    apart = "a" * 31  # longer than any text that is told: the two keys are never one
    document = f"objectives: [{{{apart}: {_scalar(told)}, {_scalar(told or 'x')}: b}}]\n"
    root = parse(document.encode("utf-8", "replace"), "f", problems)
    if problems.failed or root is None:
        assert not told.isprintable()
        return
    (table,) = root.listed("objectives")
    assert table.word(apart) == (told or None) or table.child(apart).node.text == told  # type: ignore[union-attr]


def test_what_was_renamed_is_not_renamed_again(folder: Path) -> None:
    team = folder / "team.yaml"
    text = re.sub(r"id: bugs-2026-Q4,", "id: bugs-2026-Q4, was: p1-bugs,", TEAM, count=1)
    assert text != TEAM
    team.write_text(text, encoding="utf-8")
    written = rolled(a_roll(folder))
    assert "was" not in re.findall(r"\w+(?=:)", written)
    taken(folder, written)
