"""Positions of a read: each parent once, any position survives its text, and no circle goes on for ever."""

from functools import reduce
from itertools import count, islice
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asana.walk import Position
from connectors.contract import MalformedAnswer, Stop

WHAT = "the tasks of the project 1204"


def step(position: Position, offset: str | None) -> Position:
    following = position.next(offset, WHAT)
    assert following is not None
    return following


def test_the_listing_comes_first_then_each_parent_once() -> None:
    position = step(Position.start(["1", "2", "1"]), "o1")
    assert (position.walking, position.offset, position.queue) == (False, "o1", ("1", "2"))
    position = step(position.noting(["2", "3"]), None)
    assert (position.walking, position.offset, position.queue) == (True, None, ("1", "2", "3"))
    position = step(position.noting(["4", "4"]), "o2")
    assert (position.offset, position.queue) == ("o2", ("1", "2", "3", "4"))
    walked = [position.queue[0]]
    while (following := position.noting(["1", "2", "3"]).next(None, WHAT)) is not None:
        position = following
        walked.append(position.queue[0])
    assert walked == ["1", "2", "3", "4"]
    assert position.done == ("1", "2", "3")


def test_without_parents_the_listing_is_all() -> None:
    assert Position.start([]).next(None, WHAT) is None


@given(steps=st.lists(st.tuples(st.one_of(st.none(), st.text(min_size=1)), st.lists(st.text(min_size=1))), max_size=20))
def test_a_position_survives_its_text(steps: list[tuple[str | None, list[str]]]) -> None:
    position: Position | None = Position.start(["1", "2"])
    for offset, parents in steps:
        try:
            position = position.noting(parents).next(offset, WHAT) if position else None
        except MalformedAnswer:
            return
        if position:
            assert Position.parse(position.text()) == position


@given(lead=st.integers(0, 40), circle=st.integers(1, 40))
def test_a_circle_of_pages_ends_as_malformed(lead: int, circle: int) -> None:
    tokens = (str(n if n < lead else lead + (n - lead) % circle) for n in count())
    with pytest.raises(MalformedAnswer, match="repeats"):
        reduce(step, islice(tokens, 4 * (lead + circle) + 4), Position.start([]))


def test_a_long_listing_is_no_circle() -> None:
    position = Position.start([])
    for number in range(1000):
        position = Position.parse(step(position, f"token {number}").text())
    assert position.offset == "token 999"


def broken(**changes: Any) -> str:
    good = orjson.loads(step(Position.start(["1"]), "o1").text())
    return orjson.dumps({**good, **changes}).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "page 2",
        "[]",
        "null",
        "{}",
        broken(queue=None),
        broken(more=1),
        broken(trail={"token": 1, "other": 2}),
        broken(phase="subtasks", queue=[]),
    ],
)
def test_a_foreign_resume_point_stops_the_read(text: str) -> None:
    with pytest.raises(Stop, match="begin again"):
        Position.parse(text)
