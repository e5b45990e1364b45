"""The drill compares every fact of an item: one that a connector leaves blank is found, whichever it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from okrs.immutable import replace
from okrs.work import Kind, State, WorkItem
from sandbox.records import Tracker
from sync import listing
from terminal.logs import configure
from tests.integration.drill import MODES, Mode, Pace, live, tracker_of

EVERYWHERE: tuple[Tracker, ...] = ("jira", "github", "asana")
JIRA: tuple[Tracker, ...] = ("jira",)
GITHUB: tuple[Tracker, ...] = ("github",)
ASANA: tuple[Tracker, ...] = ("asana",)

BLANK: Mapping[str, tuple[Any, Sequence[Tracker]]] = {
    "key": ("?", EVERYWHERE),
    "kind": (Kind.ISSUE, EVERYWHERE),
    "type": ("", EVERYWHERE),
    "title": ("", EVERYWHERE),
    "url": ("", EVERYWHERE),
    "state": (State.TODO, EVERYWHERE),
    "status": (None, (*JIRA, *GITHUB)),  # a task of Asana is completed or not, and has no other status
    "resolution": (None, (*JIRA, *GITHUB)),
    "created_at": (None, EVERYWHERE),
    "updated_at": (None, EVERYWHERE),
    "closed_at": (None, EVERYWHERE),
    "parent": (None, EVERYWHERE),
    "projects": ((), EVERYWHERE),
    "milestones": ((), (*JIRA, *GITHUB)),  # of Asana the milestone tells its members
    "members": ((), ASANA),
    "labels": ((), EVERYWHERE),
    "sections": ((), ASANA),
    "assignees": ((), EVERYWHERE),
    "fields": ((), EVERYWHERE),
    "aliases": ((), GITHUB),
    "children": (0, ASANA),
    "sprints": ((), JIRA),
    "refs": ((), (*JIRA, *GITHUB)),
    "history": ((), JIRA),
}
"""Every fact, what it is when it is blank, and who tells it."""

PARTS: Mapping[str, tuple[str, Sequence[Tracker]]] = {
    "the name of a project": ("projects", (*GITHUB, *ASANA)),
    "the name of a section": ("sections", ASANA),
    "one way to call somebody": ("assignees", (*JIRA, *ASANA)),
    "one of the labels": ("labels", EVERYWHERE),
    "one of the fields": ("fields", EVERYWHERE),
    "one step of the history": ("history", JIRA),
}
"""Parts of facts: of which, and who tells it."""

APART = ("parent", "assignees", "sprints", "history")
"""What Data Center tells in another way than Jira Cloud; all else is read alike, and tried there alone."""


def tried(fact: str, told: Sequence[Tracker]) -> list[Mode]:
    return [mode for mode in MODES if tracker_of(mode) in told and (mode != "jira data center" or fact in APART)]


LIVES = 40
"""Until it must have shown; most do in the first or second."""
CALM_LIVES = 8
BRIEF = Pace(steps=40)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(verbose=False, as_json=False)


def planted(monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    """Let every page of a listing bring its items damaged."""
    plain = listing._Aside.put

    def put(aside: Any, items: Sequence[WorkItem], now: datetime) -> None:
        plain(aside, [damage(item) for item in items], now)

    monkeypatch.setattr(listing._Aside, "put", put)


def shown(mode: Mode, folder: Path, lives: int = LIVES) -> bool:
    """Tell whether one of the lives ends with a difference, or with a poll that does not succeed."""
    for seed in range(lives):
        try:
            if live(mode, seed, folder, BRIEF)[0]:
                return True
        except AssertionError:
            return True
    return False


def test_no_fact_is_forgotten() -> None:
    assert BLANK.keys() | {"id"} == set(WorkItem.__struct_fields__)  # type: ignore[attr-defined]  # of `immutable`


@pytest.mark.drill
@pytest.mark.parametrize("mode", MODES)
def test_lives_that_nobody_damages_show_nothing(mode: Mode, tmp_path: Path) -> None:
    assert not shown(mode, tmp_path, CALM_LIVES)


@pytest.mark.drill
@pytest.mark.parametrize(
    ("fact", "mode"), [(fact, mode) for fact, (_, told) in BLANK.items() for mode in tried(fact, told)]
)
def test_a_blank_fact_is_found(fact: str, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(monkeypatch, lambda item: replace(item, **{fact: BLANK[fact][0]}))
    assert shown(mode, tmp_path)


@pytest.mark.drill
@pytest.mark.parametrize(
    ("part", "mode"), [(part, mode) for part, (fact, told) in PARTS.items() for mode in tried(fact, told)]
)
def test_a_fact_that_is_not_whole_is_found(
    part: str, mode: Mode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = PARTS[part][0]

    def damage(item: WorkItem) -> WorkItem:
        held = getattr(item, fact)
        named = part.startswith("the name")
        left: Any = tuple([replace(ref, name="") for ref in held]) if named else held[:-1] if held[1:] else held
        return replace(item, **{fact: left})

    planted(monkeypatch, damage)
    assert shown(mode, tmp_path)
