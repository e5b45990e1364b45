"""What all events together say, where tasks are after that, and what a poll therefore asks."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asana.errands import Errands, Places, errands
from connectors.asana.hints import MOST_DELETED, Hints, remembered
from okrs.work import Kind, Ref, State, WorkItem

PROJECT = "1204"
HOME, SECTION = f"project:{PROJECT}", "section:88"

Event = tuple[str, str, str]


def event(action: str, gid: str, parent: str = "") -> Event:
    return {"added": "a", "changed": "c", "removed": "r", "deleted": "d", "undeleted": "u"}[action], gid, parent


def under(gid: str) -> str:
    return f"task:{gid}"


def held(gid: str, parent: str | None = None, *homes: str) -> WorkItem:
    above = Ref(parent, parent) if parent else None
    kind, projects = Kind.SUBTASK if parent else Kind.ISSUE, tuple(Ref(home, home) for home in homes)
    return WorkItem(gid, gid, kind, "default_task", gid, "", State.TODO, parent=above, projects=projects)


MIRROR = {
    "1": held("1", None, PROJECT),
    "2": held("2", "1"),
    "3": held("3", "2"),
    "4": held("4", "9"),
    "5": held("5", None, "1205"),
    "6": held("6", "1", PROJECT),
    "7": held("7", "6"),
    "8": held("8", "3"),
}
"""1 with 2 and 6 below it, of which 6 is in the project by itself, too; 5 is elsewhere, and 9 was never seen."""
KNOWN = ("1", "2", "3", "6")


def asked(*events: Event, everything: bool = False) -> Errands:
    def mirror(gids: Iterable[str]) -> Mapping[str, WorkItem]:
        return {gid: MIRROR[gid] for gid in gids if gid in MIRROR}

    places = Places.of(PROJECT, Hints().after(events, PROJECT), KNOWN if everything else (), mirror)
    return errands(places, KNOWN, everything=everything)


@pytest.mark.parametrize(
    ("events", "walks", "awaited"),
    [
        ([], [], []),
        ([event("changed", "1")], [], ["1"]),
        ([event("changed", "2")], ["1"], []),
        ([event("changed", "4")], [], ["9"]),  # its parent is new to us
        ([event("changed", "77")], [], ["77"]),  # whatever it is
        ([event("added", "77", HOME), event("changed", "77")], [], ["77"]),
        ([event("added", "77", under("1")), event("changed", "77")], ["1"], []),
        ([event("added", "77", under("78"))], [], ["78"]),
        ([event("removed", "3", under("2")), event("added", "3", under("1"))], ["2", "1"], []),
        ([event("removed", "1", SECTION), event("added", "1", SECTION)], [], ["1"]),
        ([event("changed", "1"), event("removed", "1", SECTION)], [], ["1"]),  # it left a section alone
        ([event("changed", "77"), event("removed", "77", under("1"))], ["1"], []),
        ([event("deleted", "2")], ["1"], []),
        ([event("deleted", "2"), event("deleted", "1")], [], []),
        ([event("changed", "3"), event("deleted", "2")], ["1"], []),
        ([event("undeleted", "77")], [], ["77"]),
    ],
)
def test_errands(events: list[Event], walks: list[str], awaited: list[str]) -> None:
    assert asked(*events) == Errands(tuple(walks), (), tuple(awaited))


NEW = event("added", "77", under("2"))
"""A sub-task was put under a known parent."""
OUT, IN = event("removed", "1", HOME), event("added", "1", HOME)


@pytest.mark.parametrize(
    "events",
    [
        [OUT],
        [NEW, OUT],
        [NEW, event("deleted", "1")],
        [event("changed", "8"), OUT],  # some levels below
        [NEW, event("removed", "2", under("1"))],  # to where nothing is told of it
        [NEW, event("removed", "2", under("1")), event("changed", "2")],
        [NEW, event("added", "2", under("5"))],  # which is elsewhere
        [NEW, event("added", "2", HOME), event("removed", "2", HOME), OUT],
        [event("undeleted", "1"), OUT],
        [OUT, IN, OUT],
    ],
)
@pytest.mark.parametrize("everything", [False, True], ids=["told", "everything"])
def test_nothing_is_asked_of_what_left_nor_of_what_is_below_it(events: list[Event], everything: bool) -> None:
    found = asked(*events, everything=everything)
    assert {"2", "3"}.isdisjoint(found.walks)
    assert (found.back, {"1", "2", "77"} & {*found.awaited}) == ((), set())


@pytest.mark.parametrize(
    ("events", "walks", "awaited"),
    [
        ([NEW, OUT, event("added", "2", under("6"))], ["2", "6"], []),  # it was put under one that stays
        ([event("changed", "7"), OUT], ["6"], []),  # its parent has a home of its own
        ([event("changed", "6"), OUT], [], ["6"]),
        ([event("changed", "3"), event("removed", "6", HOME)], ["2", "1"], []),  # below 1 it is in the project still
        ([event("changed", "7"), event("removed", "6", HOME)], ["6", "1"], []),
        ([event("changed", "7"), event("removed", "6", HOME), OUT], [], []),
        ([event("added", "77", under("7")), OUT], [], ["7"]),
        ([event("added", "77", under("4")), OUT], [], ["4"]),  # whose parent was never seen
        ([OUT, event("removed", "1", SECTION), event("added", "1", SECTION)], [], ["1"]),  # moved in by the section
    ],
)
def test_what_has_another_home_is_asked_all_the_same(events: list[Event], walks: list[str], awaited: list[str]) -> None:
    assert asked(*events) == Errands(tuple(walks), (), tuple(awaited))


@pytest.mark.parametrize(
    ("events", "walks", "back", "awaited"),
    [
        ([OUT, IN], [], ["1"], ["1"]),
        ([IN], [], ["1"], ["1"]),  # that it left was told to a read before
        ([NEW, OUT, IN], [], ["1"], ["1"]),  # the walk of everything comes to 2, if it is still there
        ([event("changed", "7"), OUT, IN], ["6"], ["1"], ["1"]),  # 6 may be elsewhere, and at home all the same
        ([event("deleted", "1"), event("undeleted", "1"), event("changed", "1")], [], ["1"], ["1"]),
        ([event("undeleted", "2")], ["1"], ["2"], []),
        ([event("undeleted", "1"), event("undeleted", "2")], [], ["1"], ["1"]),
        ([OUT, event("added", "2", HOME)], [], ["2"], ["2"]),  # it got a home of its own
        ([NEW, event("added", "2", under("78"))], [], [], ["78"]),  # a parent that is new to us
    ],
)
def test_below_what_came_back_everything_is_walked(
    events: list[Event], walks: list[str], back: list[str], awaited: list[str]
) -> None:
    assert asked(*events) == Errands(tuple(walks), tuple(back), tuple(awaited))


def test_once_a_day_all_are_walked_but_those_that_left() -> None:
    assert asked(everything=True).walks == KNOWN
    assert asked(OUT, everything=True).walks == ("6",)
    assert asked(NEW, event("added", "2", under("78")), everything=True).walks == ("1", "6")


def test_a_circle_of_parents_ends() -> None:
    assert asked(event("added", "1", under("2")), event("removed", "1", HOME)).walks == ("2",)


GIDS = st.text("0123456789", min_size=1)


@given(
    tasks=st.dictionaries(GIDS, st.sampled_from("chdu"), max_size=5),
    homes=st.dictionaries(GIDS, st.booleans(), max_size=5),
    above=st.dictionaries(GIDS, st.just("") | GIDS, max_size=5),
    parents=st.lists(GIDS, max_size=5),
)
def test_hints_survive_their_texts(
    tasks: dict[str, str], homes: dict[str, bool], above: dict[str, str], parents: list[str]
) -> None:
    found = Hints(tasks, homes, above, dict.fromkeys(parents))
    assert Hints.of(found.texts()) == found


def test_deleted_tasks_are_remembered_until_they_are_seen_again() -> None:
    def after(before: str, *events: Event) -> tuple[str, ...]:
        return remembered(before, Hints().after(events, PROJECT))

    assert after("7 8", event("deleted", "9"), event("undeleted", "7")) == ("8", "9")
    assert after("7", event("added", "7", HOME)) == ()
    assert after("", event("deleted", "7"), event("changed", "7")) == ("7",)
    assert after("", event("deleted", "7"), event("added", "7", HOME)) == ()
    assert after("7", event("undeleted", "7"), event("removed", "7", HOME)) == ()  # it lives elsewhere
    many = " ".join(str(number) for number in range(MOST_DELETED))
    kept = after(many, event("deleted", "new"))
    assert (len(kept), kept[0], kept[-1]) == (MOST_DELETED, "1", "new")
