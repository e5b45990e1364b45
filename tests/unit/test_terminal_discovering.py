"""What `discover` prints to paste can be pasted, whatever the tracker's titles hold."""

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from config.loader import load
from connectors.contract import Listed, What
from mapping.rule import Match
from terminal.answers import Discovered
from terminal.discovering import chosen, discovered_json, discovered_yaml, scalar, writable

CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles:
  - {id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}
sources:
  pay:
    connector: jira
    url: https://acme.atlassian.net
    token: ${TOKEN}
    projects: [PAY]
objectives:
  - id: reliable
    cycle: 2026-Q4
    title: Reliable
    key_results:
      - {id: bugs, title: Fix bugs, start: 0, target: 20}
mappings:
  - key_result: bugs
    from:
      - source: pay
        measure: count
        WHERE
"""
HOSTILE = [
    "plain",
    "Über 5 €",
    'it\'s "quoted"',
    "a: b, c # d",
    "{x: [1]}",
    "line\nbreak",
    "tab\there",
    "car\rriage",
    "# comment",
    "- item",
    "*alias",
    "&anchor",
    "!!tag",
    "<<",
    "null",
    "yes",
    "1.10",
    "~",
    "${TOKEN}",
    "$ {X}",
    "{p}",
    "\x1b[31mred",
    "nul\x00",
    "\x85next\x9bline",
    "right\u202eto left\u2066",
    "\u2028 \u2029 \ufeff",
    "\uffff \ufffe",
    "\U0001f642 🙂",
    "\ud800",
    " blank around ",
    "   ",
    "%directive",
    "@at `tick`",
    "back\\slash",
    "?",
    ":",
    "---",
    "A" * 1000,
    "A" * 1001,
    "B" * 10_000,
    "'",
    '"',
    "long words " * 30,
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=60), st.text(alphabet="\"'\\{}[]:,#&*!|>%@`\n\t ${ab-?", max_size=30)
)
ROWS = st.builds(Listed, st.sampled_from(What), TEXTS, TEXTS, TEXTS, TEXTS, st.booleans())
CLAUSES = (What.MILESTONE, What.EPIC, What.SECTION, What.LABEL, What.TYPE, What.STATUS)


def found(*rows: Listed, named: tuple[str, ...] = ("PAY",), fields: dict[str, str] | None = None) -> Discovered:
    return Discovered("pay", "projects", named, fields, rows)


def pasted(text: str) -> list[str]:
    """The lines for `where:`, without their comment sign."""
    return [line.removeprefix("# ") for line in text.split("\n") if line.startswith("# where: ")]


def valid_with(where: str) -> Match:
    """The selector of a config into which the line was pasted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "headway.yaml"
        path.write_bytes(CONFIG.replace("WHERE", where).encode())
        loaded = load(path, {}, connect=False)
    assert loaded.config is not None, loaded.problems
    assert loaded.problems == ()
    clause = loaded.config.rules["bugs"].parts[0].where
    assert isinstance(clause, Match)
    return clause


@pytest.mark.parametrize("title", HOSTILE, ids=ascii)
def test_a_where_line_of_a_hostile_title_is_pasted_as_it_is(title: str) -> None:
    text = discovered_yaml(found(), [Listed(what, title, title, title, title) for what in CLAUSES])
    lines = pasted(text)
    assert len(lines) == (len(CLAUSES) if writable(title) else 0)
    for line, what in zip(lines, CLAUSES, strict=False):
        clause = valid_with(line)
        assert (clause.selector.value, clause.values) == (what.value, (title,))
    assert lines or "cannot be written in a config" in text


def test_most_titles_can_be_pasted() -> None:
    assert [title for title in HOSTILE if not writable(title)] == [
        "car\rriage",
        "${TOKEN}",
        "\x1b[31mred",
        "nul\x00",
        "\ud800",
        "   ",
        "A" * 1001,
        "B" * 10_000,
    ]


@given(title=TEXTS, what=st.sampled_from(CLAUSES))
def test_any_title_that_is_shown_validates_as_itself(title: str, what: What) -> None:
    for line in pasted(discovered_yaml(found(), [Listed(what, title, title)])):
        assert valid_with(line).values == (title,)


@given(
    rows=st.lists(ROWS, max_size=6),
    named=st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
    fields=st.none() | st.dictionaries(TEXTS.filter(writable), TEXTS.filter(writable), max_size=3),
)
@example([Listed(What.PROJECT, "\ud800"), Listed(What.FIELD, "x", "\ud800")], ("\ud800",), {"a": "b"})
def test_the_fragment_is_yaml_for_any_titles(
    rows: list[Listed], named: tuple[str, ...], fields: dict[str, str] | None
) -> None:
    text = discovered_yaml(found(named=named, fields=fields), rows)
    assert all(line.isprintable() for line in text.split("\n"))
    document = (yaml.safe_load(text) or {"sources": {"pay": {}}})["sources"]["pay"]
    assert set(document.get("projects", [])) <= {row.value for row in rows if row.what is What.PROJECT}
    assert None not in document.values()  # a key with nothing under it would break the config
    if fields and any(row.what is What.FIELD for row in rows):
        assert document["fields"] == fields


@given(text=TEXTS.filter(writable))
def test_a_scalar_stands_anywhere_on_one_line(text: str) -> None:
    written = scalar(text)
    assert written.isprintable()
    assert yaml.safe_load(f"{written}: 1") == {text: 1}
    assert yaml.safe_load(f"- {written}   # remark") == [text]
    assert yaml.safe_load(f"{{a: {written}}}") == {"a": text}


def test_the_fragment_shows_what_the_config_has_and_offers_the_rest() -> None:
    rows = [
        Listed(What.PROJECT, "PAY", "Payments"),
        Listed(What.PROJECT, "OPS", "Operations", note="not in the config"),
        Listed(What.FIELD, "customfield_10016", "Story Points", note="number"),
        Listed(What.FIELD, "customfield_1", "Größe"),
        Listed(What.FIELD, "customfield_2", "Story points"),
        Listed(What.EPIC, "PAY-1", "One-click", "PAY", "open"),
        Listed(What.LABEL, "p1"),
        Listed(What.SPRINT, "Sprint 1"),
    ]
    text = discovered_yaml(found(named=("PAY", "GONE"), fields={"points": "customfield_10016"}), rows)
    assert text.splitlines()[1:16] == [
        "sources:",
        "  pay:",
        "    projects:",
        "      - PAY   # Payments",
        "      # - OPS   # Operations · not in the config",
        "      # - GONE   # in the config; not among what is shown here",
        "    fields:",
        "      points: customfield_10016",
        "      # grosse: customfield_1   # Größe",
        "      # story_points: customfield_2   # Story points",
        "# Epics, for a mapping's part on this source:",
        "# where: {epic: PAY-1}   # One-click · PAY · open",
        "# Sprints, for a mapping's part on this source:",
        "# where: {sprint: Sprint 1}",
        "# Labels, for a mapping's part on this source:",
    ]


def test_where_only_comments_would_follow_the_keys_are_comments_too() -> None:
    rows = [Listed(What.PROJECT, "OPS", "Operations"), Listed(What.FIELD, "customfield_1", "Effort")]
    assert discovered_yaml(found(fields={}), rows).splitlines()[1:] == [
        "# sources:",
        "#   pay:",
        "#     projects:",
        "      # - OPS   # Operations · not in the config",
        "      # - PAY   # in the config; not among what is shown here",
        "#     fields:",
        "      # effort: customfield_1   # Effort",
    ]
    held = discovered_yaml(found(named=("OPS",), fields={}), rows)
    assert yaml.safe_load(held) == {"sources": {"pay": {"projects": ["OPS"]}}}


def test_a_kind_that_was_not_asked_for_has_no_key() -> None:
    text = discovered_yaml(found(fields={"points": "x"}), [Listed(What.LABEL, "p1")])
    assert "projects" not in text
    assert "fields" not in text
    assert pasted(text) == ["where: {label: p1}"]


def test_nothing_is_told_as_nothing() -> None:
    assert discovered_yaml(found(), []) == "# Nothing of that was found.\n"


def test_a_source_without_a_list_of_containers_has_no_key_for_them() -> None:
    listing = Discovered("pay", None, ("work.jsonl",), None, ())
    text = discovered_yaml(listing, [Listed(What.PROJECT, "work.jsonl")])
    assert yaml.safe_load(text) is None
    assert "# work.jsonl" in text


def test_a_type_that_every_project_has_is_written_once() -> None:
    rows = [Listed(What.TYPE, "Bug", container=f"P{at}") for at in range(3)]
    rows += [Listed(What.STATUS, "Open", container=f"P{at}", note="todo") for at in range(20)]
    text = discovered_yaml(found(), rows)
    assert pasted(text) == [
        "where: {type: Bug}   # P0 · P1 · P2",
        "where: {status: Open}   # P0 · P1 · P2 · P3 · P4 · P5 · P6 · P7 · …",
    ]


def test_a_repository_is_found_whatever_its_case_and_fields_without_names_are_for_by() -> None:
    rows = [Listed(What.PROJECT, "Acme/Web"), Listed(What.FIELD, "Effort")]
    text = discovered_yaml(found(named=("acme/web",)), rows)
    assert "      - Acme/Web\n" in text
    assert "\n# by: Effort\n" in text
    assert "    fields:" not in text


def test_fields_without_numbers_are_keys_of_a_clause() -> None:
    rows = [
        Listed(What.FIELD, "customfield_1", "Points", note="number"),
        Listed(What.FIELD, "customfield_2", "Risk: level", note="option", number=False),
        Listed(What.FIELD, "customfield_3", "Team", note="option", number=False),
        Listed(What.FIELD, "customfield_4", "team", note="string", number=False),
        Listed(What.FIELD, "customfield_5", "points", note="user", number=False),
        Listed(What.FIELD, "customfield_6", "bad\x1bname", note="user", number=False),
    ]
    lines = discovered_yaml(found(fields={}), rows).splitlines()
    assert [line for line in lines if "number" in line] == ["      # points: customfield_1   # Points · number"]
    begin = lines.index("# Other fields, for `where:` of a mapping's part:")
    assert lines[begin + 1 :] == [
        "# 'field.Risk: level':   # Risk: level · option · customfield_2",
        "# field.customfield_3:   # Team · option",
        "# field.customfield_4:   # team · string",
        "# field.customfield_5:   # points · user",
        "# field.customfield_6:   # badname · user",
    ]
    assert yaml.safe_load(lines[begin + 1].removeprefix("# ")) == {"field.Risk: level": None}
    assert "# by:" not in discovered_yaml(found(), rows[1:])


def test_a_field_on_two_boards_is_one_key() -> None:
    rows = [Listed(What.FIELD, "Stage", note=f"single select on the board {at}", number=False) for at in ("a/1", "a/2")]
    assert discovered_yaml(found(), rows).splitlines()[-1] == (
        "# field.Stage:   # single select on the board a/1 · single select on the board a/2"
    )


def test_two_fields_of_one_name_get_names_of_their_own() -> None:
    rows = [Listed(What.FIELD, f"customfield_{at}", "Points") for at in range(3)]
    text = discovered_yaml(found(fields={"points": "other"}), rows)
    assert [line.split(":")[0].strip() for line in text.splitlines() if "customfield" in line] == [
        "# points_2",
        "# points_3",
        "# points_4",
    ]


def test_rows_are_chosen_by_kind_and_text_and_stand_in_the_order_of_kinds() -> None:
    rows = [
        Listed(What.LABEL, "checkout"),
        Listed(What.EPIC, "PAY-1", "One-click CHECKOUT"),
        Listed(What.EPIC, "PAY-2", "Refunds"),
        Listed(What.PROJECT, "PAY", "Payments"),
    ]
    assert [row.value for row in chosen(rows, [], "")] == ["PAY", "PAY-1", "PAY-2", "checkout"]
    assert [row.value for row in chosen(rows, [], " Checkout")] == ["PAY-1", "checkout"]
    assert [row.value for row in chosen(rows, [What.LABEL, What.PROJECT], "")] == ["PAY", "checkout"]
    assert chosen(rows, [What.SPRINT], "") == []


def test_the_document_names_every_part_of_a_row() -> None:
    assert discovered_json([Listed(What.EPIC, "PAY-1", "One-click", "PAY", "open")]) == [
        {"what": "epic", "value": "PAY-1", "name": "One-click", "container": "PAY", "note": "open"}
    ]
