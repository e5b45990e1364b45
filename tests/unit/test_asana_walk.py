"""Resume points: any of them survives its text, foreign texts are refused, and no circle goes on for ever."""

from functools import reduce
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asana.walk import MOST_RESTARTS, Events, Point, Single, Tasks, Trail, Walk, point
from connectors.contract import MalformedAnswer, Stop, TryLater

WHAT = "the tasks of the project 1204"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
GIDS = st.lists(TEXT, max_size=4).map(tuple)
TRAILS = st.builds(Trail, TEXT, st.integers(1, 9), st.integers(0, 9))
LISTING = {"offset": TEXT, "trail": TRAILS, "restarts": st.integers(0, 3)}
POINTS = st.one_of(
    st.builds(Tasks, **LISTING, whole=st.booleans(), awaited=GIDS),
    st.builds(Walk, **LISTING, gid=TEXT.filter(bool), above=GIDS, deep=st.booleans()),
    st.builds(Single, TEXT.filter(bool)),
    st.builds(Events, TEXT, whole=st.booleans(), pages=st.integers(0, 9), seen=GIDS),
)


@given(at=POINTS)
def test_a_point_survives_its_text(at: Point) -> None:
    assert point(at.text()) == at


@given(lead=st.integers(0, 40), circle=st.integers(1, 40))
def test_a_circle_of_pages_ends_as_malformed(lead: int, circle: int) -> None:
    tokens = (str(n if n < lead else lead + (n - lead) % circle) for n in count())
    with pytest.raises(MalformedAnswer, match="repeats"):
        reduce(lambda at, token: at.next(token, WHAT), islice(tokens, 4 * (lead + circle) + 4), Tasks())


def test_a_long_listing_is_no_circle() -> None:
    at: Point = Tasks(whole=True)
    for number in range(1000):
        assert isinstance(at, Tasks)
        at = point(at.next(f"token {number}", WHAT).text())
    assert isinstance(at, Tasks)
    assert (at.offset, at.whole) == ("token 999", True)
    assert len(at.text()) < 150


def test_a_listing_begins_again_a_few_times() -> None:
    at = Walk(gid="7", above=("1",)).next("old", WHAT)
    for number in range(MOST_RESTARTS):
        at = at.again(WHAT)
        assert (at.gid, at.above, at.offset, at.trail, at.restarts) == ("7", ("1",), "", Trail(), number + 1)
    with pytest.raises(TryLater, match="expire faster"):
        at.again(WHAT)


def test_a_walk_goes_on_below_but_never_up_again() -> None:
    (below,) = Walk(gid="1").below("2")
    assert below == Walk(gid="2", above=("1",), deep=True)
    assert below.below("1") == below.below("2") == ()
    assert below.below("3") == (Walk(gid="3", above=("1", "2"), deep=True),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page 2",
        "[]",
        "null",
        "{}",
        '{"at":"elsewhere"}',
        '{"at":"tasks","more":1}',
        '{"at":"tasks","offset":5}',
        '{"at":"tasks","whole":1}',
        '{"at":"tasks","restarts":true}',
        '{"at":"tasks","awaited":"1"}',
        '{"at":"tasks","awaited":[1]}',
        '{"at":"tasks","trail":{"token":"1","other":2}}',
        '{"at":"tasks","trail":[]}',
        '{"at":"walk"}',
        '{"at":"task","gid":""}',
        '{"at":["tasks"]}',
    ],
)
def test_a_foreign_resume_point_stops_the_read(text: str) -> None:
    with pytest.raises(Stop, match="begin again"):
        point(text)
