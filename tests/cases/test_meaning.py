"""Each case through the pure meaning, `mapping.measure`, and as a case of `headway mapping test`."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.cases import read_cases
from mapping.cases import COUNTED, number_text, tried
from mapping.family import Candidate, Lore, Seen, candidates
from mapping.judging import Line, Reason
from mapping.measure import Scopes, measure
from mapping.totals import kept
from okrs.immutable import replace
from tests.cases.rows import Row
from tests.cases.scenes import BOXES, KEY_RESULT, OUT, Held, Scene, missed
from tests.cases.tables import Table, tables

TABLES = tables()

_NAMES = {box.called: box.name for box, _ in BOXES.values()} | {box.id: box.name for box, _ in BOXES.values()}


class Past:
    """What a mirror remembers from scene to scene."""

    def __init__(self) -> None:
        self.since: dict[tuple[str, str], tuple[object, datetime]] = {}
        self.sights: defaultdict[tuple[str, str], list[tuple[datetime, Seen]]] = defaultdict(list)
        self.keys: dict[tuple[str, str], str] = {}
        self.former: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def mirror(self, scene: Scene) -> dict[str, list[Candidate]]:
        seen: dict[str, list[Seen]] = {name: [] for name in scene.rule.sources}
        for held in scene.items:
            seen[held.source].append(self._see(held, scene.now, scene.rule.period.end))
        return {
            name: candidates(items, Lore(scene.queries.get(name, {}), self.former[name], _NAMES))
            for name, items in seen.items()
        }

    def _see(self, held: Held, now: datetime, end: datetime) -> Seen:
        item, place = held.item, (held.source, held.item.id)
        before = self.keys.get(place, item.key)
        if before != item.key:
            self.former[held.source][before] = item.id
        self.keys[place] = item.key
        stands = (item.state, item.status, item.resolution)
        if self.since.get(place, (None, now))[0] != stands:
            self.since[place] = (stands, now)
        sights, seen = self.sights[place], Seen(item, "", self.since[place][1])
        if not sights or sights[-1][1].item != item:
            sights.append((now, seen))
        then = ([each for at, each in sights if at < end] or [each for _, each in sights[:1]])[-1]
        if not then.item.state.closed:
            late = (each for at, each in sights if at >= end and each.item.state.closed)
            then = next((each for each in late if each.item.closed_at and each.item.closed_at < end), then)
        return replace(seen, then=then) if now >= end else seen


def lived(table: Table) -> Iterator[tuple[Scene, Decimal | None, tuple[Line, ...]]]:
    """What each scene of a case gives, one after the other."""
    past, rule, value = Past(), None, None
    scopes: Scopes = {}
    for scene in table.scenes:
        measured = measure(scene.rule, past.mirror(scene), scene.now, scopes)
        same = rule in (None, scene.rule)
        value = kept(scene.rule, value, measured.value) if same else (measured.value or value)
        scopes, rule = measured.scopes, scene.rule
        yield scene, value, measured.lines


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_the_meaning_of_a_rule_is_what_the_table_says(table: Table) -> None:
    for number, (scene, value, lines) in enumerate(lived(table)):
        assert missed(scene, value, lines) == [], f"scene {number}"


# --- as an admin's own cases -------------------------------------------------------------------------------------

_OURS = {"id", "url", "alias", "member"}
"""What only trackers tell."""


def told_by_admins(table: Table) -> bool:
    """Tell whether a case can be written for `headway mapping test`: one scene, of nothing that only trackers know."""
    (rows, *later), projects = table.rows, {name for row in table.rows[0] for name in row.project}
    ours = any(_OURS & row.keys() or any("," in text for text in row.get("fields", {}).values()) for row in raw(table))
    known = all(name in BOXES and BOXES[name][0].called == name for name in projects)
    return not later and not ours and known and bool(rows)


def raw(table: Table) -> tuple[dict[str, Any], ...]:
    return table.entry.items


def an_admin_s(table: Table) -> str:
    """The case in the form of `headway mapping test`."""
    excluded = {row.key: Reason.NO_MATCH.value if set(row.fate) == {OUT} else _reason(row) for row in table.rows[0]}
    case = {
        "key_result": KEY_RESULT,
        "now": table.entry.now,
        "items": [{key: value for key, value in row.items() if key != "is"} for row in raw(table)],
        "expect": number_text(table.entry.expect),
        "counted": [key for key, reason in excluded.items() if reason == COUNTED],
        "excluded": {key: reason for key, reason in excluded.items() if reason != COUNTED},
    }
    return yaml.safe_dump({"cases": [case]}, allow_unicode=True)


def _reason(row: Row) -> str:
    words = [text.split(" ")[0] for text in row.fate if text != OUT]
    return COUNTED if COUNTED in words else words[0]


@pytest.mark.parametrize("table", [table for table in TABLES if told_by_admins(table)], ids=str)
def test_an_admin_s_own_case_comes_out_the_same(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "table.cases.yaml"
    path.write_text(an_admin_s(table), encoding="utf-8")
    (scene,) = table.scenes
    (case,), problems = read_cases([path], scene.config)
    assert problems == ()
    assert tried(scene.rule, case).differences == ()


def test_most_cases_can_be_told_by_admins() -> None:
    assert sum(map(told_by_admins, TABLES)) > 120
