"""Each key of a mapping becomes exactly this of its frozen rule."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from config.loader import load
from config.model import Config
from mapping.codec import parse_rule, rule_text
from mapping.rule import (
    AllOf,
    AnyOf,
    Cancelled,
    Clause,
    Combine,
    Counts,
    DoneWhen,
    FieldMatch,
    LastDays,
    Match,
    Measure,
    Missing,
    Moment,
    Not,
    Part,
    Regress,
    Rule,
    Scale,
    Scope,
    Selector,
    Window,
    Within,
)
from okrs.cycle import Period
from okrs.objective import Binary
from okrs.work import State

HEAD = """\
version: 1
database: sqlite:///headway.db
timezone: Europe/Berlin
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources:
  a: {connector: jira, url: 'https://a.example', token: '${T}', projects: P}
  b: {connector: github, token: '${T}', repositories: [acme/web]}
objectives:
  - id: o
    cycle: Q
    title: O
    key_results:
      - {id: n, title: N, start: 5, target: 9}
      - {id: down, title: Down, start: 40, target: 10}
      - {id: share, title: Share, unit: "%", start: 0, target: 100}
      - {id: flag, title: Flag, kind: binary}
      - {id: band, title: Band, keep: {min: 0, max: 5}}
"""
CYCLE = Period(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
HALF = Decimal("0.5")


def config_of(folder: Path, text: str) -> Config:
    (folder / "headway.yaml").write_text(HEAD + text, encoding="utf-8")
    loaded = load(folder / "headway.yaml", {"T": "s3cret"}, connect=True)
    assert [problem for problem in loaded.problems if problem.severity == "error"] == []
    assert loaded.config is not None
    for rule in loaded.config.rules.values():
        assert parse_rule(rule_text(rule)) == rule
    return loaded.config


def rule_of(folder: Path, mapping: str, top: str = "", key_result: str = "n") -> Rule:
    return config_of(folder, f"{top}mappings:\n  - {{key_result: {key_result}, {mapping}}}\n").rules[key_result]


def part_of(folder: Path, keys: str, top: str = "") -> Part:
    (part,) = rule_of(folder, f"from: [{{source: a, {keys}}}]", top).parts
    return part


@pytest.mark.parametrize(
    ("where", "clause"),
    [
        ("{sprint: [S1, S2]}", Match(Selector.SPRINT, ("S1", "S2"))),
        ("{created: cycle}", Within(Moment.CREATED, (CYCLE,))),
        ("{closed: [last 14d, cycle]}", Within(Moment.CLOSED, (LastDays(14), CYCLE))),
        (
            "{closed: 2026-10-01..2026-10-31}",  # summer time ends within
            Within(Moment.CLOSED, (Period(CYCLE.start, datetime(2026, 10, 31, 23, tzinfo=UTC)),)),
        ),
        (
            "{created: 2026-11-05..2026-11-05}",
            Within(
                Moment.CREATED,
                (Period(datetime(2026, 11, 4, 23, tzinfo=UTC), datetime(2026, 11, 5, 23, tzinfo=UTC)),),
            ),
        ),
        ("{field.Risk score: High}", FieldMatch("Risk score", ("High",))),
        ("{field.a.b: [x, 2.0]}", FieldMatch("a.b", ("x", "2.0"))),
        ("{any: [{not: {field.z: q}}]}", AnyOf((Not(FieldMatch("z", ("q",))),))),
    ],
)
def test_a_clause(tmp_path: Path, where: str, clause: Clause) -> None:
    assert part_of(tmp_path, f"where: {where}, measure: count").where == clause


def test_a_clause_has_one_order_whatever_the_file_s(tmp_path: Path) -> None:
    keys = ["sprint: s", "created: cycle", "closed: cycle", "field.b: x", "field.a: y", "label: l", "not: {label: m}"]
    label = Match(Selector.LABEL, ("l",))
    expected = AllOf(
        (
            label,
            Match(Selector.SPRINT, ("s",)),
            FieldMatch("a", ("y",)),
            FieldMatch("b", ("x",)),
            Within(Moment.CREATED, (CYCLE,)),
            Within(Moment.CLOSED, (CYCLE,)),
            Not(Match(Selector.LABEL, ("m",))),
        )
    )
    for order in (keys, keys[::-1]):
        assert part_of(tmp_path, f"where: {{{', '.join(order)}}}, measure: count").where == expected


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ("measure: mean, by: x", Part("a", AllOf(), Measure.MEAN, by="x")),
        ("measure: median, by: x", Part("a", AllOf(), Measure.PERCENTILE, by="x", rank=50)),
        ("measure: p1, by: x", Part("a", AllOf(), Measure.PERCENTILE, by="x", rank=1)),
        ("measure: p99, by: x", Part("a", AllOf(), Measure.PERCENTILE, by="x", rank=99)),
        ("measure: lead_time", Part("a", AllOf(), Measure.LEAD_TIME, window=Window.CYCLE, rank=50)),
        ("measure: cycle_time, stat: p85", Part("a", AllOf(), Measure.CYCLE_TIME, window=Window.CYCLE, rank=85)),
        ("measure: cycle_time, stat: mean", Part("a", AllOf(), Measure.CYCLE_TIME, window=Window.CYCLE)),
        ("measure: throughput", Part("a", AllOf(), Measure.THROUGHPUT, window=Window.CYCLE)),
        (
            "measure: ratio, of: {label: x}",
            Part("a", AllOf(), Measure.RATIO, counts=Counts.ALL, of=Match(Selector.LABEL, ("x",))),
        ),
        (
            "measure: ratio, of: {created: cycle}, counts: done, window: cycle",
            Part("a", AllOf(), Measure.RATIO, of=Within(Moment.CREATED, (CYCLE,)), window=Window.CYCLE),
        ),
        (
            "measure: percent, partial: {todo: 0.1, doing: 0.5}",
            Part("a", AllOf(), Measure.PERCENT, partial=((State.DOING, HALF), (State.TODO, Decimal("0.1")))),
        ),
        ("measure: percent, partial: {doing: 0}", Part("a", AllOf(), Measure.PERCENT)),
        ("measure: percent, scope: frozen", Part("a", AllOf(), Measure.PERCENT, scope=Scope.FROZEN)),
        (
            "measure: count, counts: all, done_when: {status: x}",
            Part("a", AllOf(), Measure.COUNT, counts=Counts.ALL, done_when=DoneWhen(("x",))),
        ),
    ],
)
def test_a_part(tmp_path: Path, keys: str, part: Part) -> None:
    assert part_of(tmp_path, keys) == part


def test_once_is_kept_on_later_parts(tmp_path: Path) -> None:
    rule = rule_of(
        tmp_path, "combine: sum, from: [{source: a, measure: count}, {source: b, measure: count, once: true}]"
    )
    assert [part.once for part in rule.parts] == [False, True]


def test_a_scale_leads_from_start_to_target(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, "scale: {from: [10, 2.5]}, from: [{source: a, measure: lead_time}]")
    assert rule.scale == Scale(Decimal(10), Decimal("2.5"), Decimal(5), Decimal(9))
    assert (rule.add_start, rule.base) == (False, Decimal(0))


@pytest.mark.parametrize(
    ("key_result", "keys", "top", "expected"),
    [
        ("n", "from: [{P}]", "", (Regress.FOLLOW, False)),
        ("n", "regress: ratchet, from: [{P}]", "", (Regress.RATCHET, False)),
        ("n", "from: [{P, regress: ratchet}]", "", (Regress.RATCHET, False)),
        ("down", "regress: ratchet, from: [{P}]", "", (Regress.RATCHET, True)),
        ("down", "regress: follow, from: [{P}]", "", (Regress.FOLLOW, False)),
        ("down", "from: [{P}]", "defaults: {regress: ratchet}\n", (Regress.RATCHET, True)),
        ("down", "from: [{P, regress: follow}]", "defaults: {regress: ratchet}\n", (Regress.FOLLOW, False)),
        ("flag", "regress: ratchet, from: [{P}]", "", (Regress.RATCHET, False)),
        ("band", "from: [{P}]", "defaults: {regress: ratchet}\n", (Regress.FOLLOW, False)),
    ],
)
def test_regress_and_its_direction(
    tmp_path: Path, key_result: str, keys: str, top: str, expected: tuple[Regress, bool]
) -> None:
    rule = rule_of(tmp_path, keys.replace("P", "source: a, measure: count"), top, key_result)
    assert (rule.regress, rule.falling) == expected


@pytest.mark.parametrize(
    ("keys", "timezone"),
    [
        ("measure: count, where: {closed: [cycle, 2026-10-01..2026-10-31]}", "UTC"),
        ("measure: count, where: {any: [{not: {closed: last 7d}}]}", "Europe/Berlin"),
        ("measure: ratio, of: {created: last 7d}", "Europe/Berlin"),
        ("measure: throughput", "Europe/Berlin"),
        ("measure: lead_time", "UTC"),
    ],
)
def test_a_rule_knows_the_time_zone_only_where_it_matters(tmp_path: Path, keys: str, timezone: str) -> None:
    assert rule_of(tmp_path, f"from: [{{source: a, {keys}}}]").timezone == timezone


DEFAULTS = """\
defaults:
  missing: mean
  cancelled: complete
  done_when: {resolution: Fixed}
  window: always
  scope: frozen
  partial: {doing: 0.5}
"""
COMMON = {"cancelled": Cancelled.COMPLETE, "done_when": DoneWhen((), ("Fixed",)), "scope": Scope.FROZEN}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "measure: sum, by: x",
            {"missing": Missing.MEAN, "window": Window.ALWAYS, "partial": ((State.DOING, HALF),), **COMMON},
        ),
        ("measure: count", {"missing": Missing.EXCLUDE, "window": Window.ALWAYS, **COMMON}),
        ("measure: count, counts: open", {"window": Window.ALWAYS, "partial": (), **COMMON}),
        ("measure: throughput", {"window": Window.CYCLE, "partial": (), **COMMON}),
        ("measure: ratio, of: {label: x}", {"counts": Counts.ALL, "partial": (), **COMMON}),
        ("measure: mean, by: x", {"missing": Missing.MEAN, "partial": (), **COMMON}),
        (
            "by: x, measure: sum, missing: exclude, window: cycle, partial: {todo: 0}, scope: live, cancelled: open",
            {
                "missing": Missing.EXCLUDE,
                "window": Window.CYCLE,
                "partial": (),
                "scope": Scope.LIVE,
                "cancelled": Cancelled.OPEN,
            },
        ),
    ],
)
def test_defaults_hold_where_they_make_sense_and_nothing_else_is_said(
    tmp_path: Path, keys: str, expected: dict[str, object]
) -> None:
    part = part_of(tmp_path, keys, DEFAULTS)
    assert {name: getattr(part, name) for name in expected} == expected


def test_a_default_window_of_the_cycle_leaves_open_work_alone(tmp_path: Path) -> None:
    top = "defaults: {window: cycle}\n"
    assert part_of(tmp_path, "measure: percent", top).window is Window.CYCLE
    assert part_of(tmp_path, "measure: count, counts: open", top).window is Window.ALWAYS


def label(name: str) -> Match:
    return Match(Selector.LABEL, (f"kr:{name}",))


BUG = Match(Selector.TYPE, ("Bug",))
LINK = "link_by: {label: 'kr:{id}', sources: [a, b]}\n"


@pytest.mark.parametrize(
    ("key_result", "mapping", "parts", "combine"),
    [
        # what the mapping reads is widened, what it does not read is added and joined
        (
            "n",
            "from: [{source: a, where: {type: Bug}, measure: count}]",
            [("a", AnyOf((BUG, label("n"))), Measure.COUNT), ("b", label("n"), Measure.COUNT)],
            Combine.SUM,
        ),
        (
            "share",
            "from: [{source: a, measure: percent}]",
            [("a", AnyOf((AllOf(), label("share"))), Measure.PERCENT), ("b", label("share"), Measure.PERCENT)],
            Combine.MEAN,
        ),
        (
            "n",
            "combine: max, from: [{source: b, measure: count}, {source: b, where: {type: Bug}, measure: count}]",
            [
                ("b", AnyOf((AllOf(), label("n"))), Measure.COUNT),
                ("b", AnyOf((BUG, label("n"))), Measure.COUNT),
                ("a", label("n"), Measure.COUNT),
            ],
            Combine.MAX,
        ),
        # a number of tickets is never joined to days
        (
            "n",
            "from: [{source: a, measure: lead_time}]",
            [("a", AnyOf((AllOf(), label("n"))), Measure.LEAD_TIME)],
            None,
        ),
        # without a mapping the unit says what is measured
        ("n", "", [("a", label("n"), Measure.COUNT), ("b", label("n"), Measure.COUNT)], Combine.SUM),
        ("flag", "", [("a", label("flag"), Measure.PERCENT), ("b", label("flag"), Measure.PERCENT)], Combine.MEAN),
    ],
)
def test_a_label_links_tickets_to_a_key_result(
    tmp_path: Path,
    key_result: str,
    mapping: str,
    parts: list[tuple[str, Clause, Measure]],
    combine: Combine | None,
) -> None:
    mappings = f"mappings:\n  - {{key_result: {key_result}, {mapping}}}\n" if mapping else ""
    config = config_of(tmp_path, LINK + mappings)
    rule = config.rules[key_result]
    assert [(part.source, part.where, part.measure) for part in rule.parts] == parts
    assert rule.combine is combine
    assert config.rules.keys() == {each.id for each in config.key_results}


def test_a_linked_binary_key_result_is_done_when_all_its_tickets_are(tmp_path: Path) -> None:
    (tmp_path / "headway.yaml").write_text(HEAD + LINK, encoding="utf-8")
    loaded = load(tmp_path / "headway.yaml", {"T": "s3cret"}, connect=True)
    assert loaded.problems == ()  # every key result is fed by its label
    assert loaded.config is not None
    assert {each.id: each.terms for each in loaded.config.key_results}["flag"] == Binary(Decimal(100))


def test_a_single_linked_source_needs_no_joining_and_defaults_hold_for_it(tmp_path: Path) -> None:
    link = "link_by: {label: 'a {id} or {id}', sources: b}\ndefaults: {cancelled: open}\n"
    rule = config_of(tmp_path, link).rules["n"]
    both = Match(Selector.LABEL, ("a n or n",))
    assert rule.parts == (Part("b", both, Measure.COUNT, cancelled=Cancelled.OPEN, window=Window.CYCLE, linked=True),)
    assert rule.combine is None
