"""What GitHub answers, as the objects that were asked for or an error."""

import orjson
import pytest

from connectors.contract import MalformedAnswer, Stop
from connectors.github.answer import Answer

WHAT = "the issues of acme/web"


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


@pytest.mark.parametrize("body", [None, {}, {"items": []}, "[]", [1], [[], {}]])
def test_anything_but_a_list_of_objects_is_no_listing(body: object) -> None:
    with pytest.raises(MalformedAnswer, match=WHAT):
        answer(body).rows(WHAT)


def test_an_empty_listing_is_one() -> None:
    assert answer([]).rows(WHAT) == []


@pytest.mark.parametrize("body", [None, [], [{}], "{}", 1])
def test_anything_but_an_object_is_none(body: object) -> None:
    with pytest.raises(MalformedAnswer, match=WHAT):
        answer(body).object(WHAT)


def test_a_failure_is_its_own_error_whatever_came_with_it() -> None:
    with pytest.raises(Stop, match="404"):
        answer({}, 404).object(WHAT)
    with pytest.raises(Stop, match="404"):
        answer([], 404).rows(WHAT)
