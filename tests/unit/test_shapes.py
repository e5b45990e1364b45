"""What is skipped of an answer is what nobody reads: with its shape and without, an answer says the same."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.contract import ConnectorError
from connectors.github import normalise, probe
from connectors.github.dressing import board_part
from connectors.github.shapes import ISSUES
from connectors.http import parsed, require
from connectors.jira.history import steps
from connectors.jira.normalise import ISSUE_FIELDS, Reading, issue_item
from connectors.jira.shapes import issues_as
from connectors.shape import Shape
from okrs.immutable import replace
from okrs.work import Ref
from tests.unit.test_jira_normalise import CLOUD, DATA_CENTER, PLANNED

GOLDEN = Path(__file__).parent / "golden"
REPO = Ref("4242", "acme/web")
ODD: tuple[Any, ...] = (None, 7, "x", True, [], {}, [7], [None], ["x"], [{}], {"x": 1}, "2026-11-02T10:00:00Z", ...)
"""What a value may be instead; `...` for a key that is not there."""

Body = Any
Reader = Callable[[Body], object]


def of_github(rows: Body) -> object:
    """Read rows by everything that looks at those of a listing."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return "no rows"
    listed: list[dict[str, Any]] = rows
    return [
        (
            normalise.issue(row, REPO),
            normalise.reference(row, REPO),
            probe.settled([row], datetime(2026, 11, 30, tzinfo=UTC)),
            board_part([row], {(REPO.id, row["number"]): ()}, REPO, ""),
            row["node_id"] if "pull_request" in row else "",
        )
        for row in listed
    ]


def of_jira(reading: Reading) -> Reader:
    def read(page: Body) -> object:
        issues = require(page, "issues", "it")
        last = [page.get(key) for key in ("isLast", "nextPageToken", "startAt", "total")]
        items = [issue_item(issue, reading) for issue in issues]
        lacking = [
            field not in page["issues"][at]["fields"] for _, field in reading.columns for at in range(len(items))
        ]
        told = [(issue.get("id"), steps(issue, [], {}, frozenset())) for issue in issues]
        return items, told, [issue.get("changelog") for issue in issues], last, lacking

    return read


def golden(name: str) -> Body:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


CASES: dict[str, tuple[Shape[Any], Reader]] = {
    "github/issues": (ISSUES, of_github),
    "github/pull_requests": (ISSUES, of_github),
    "jira/cloud": (issues_as(CLOUD), of_jira(CLOUD)),
    "jira/data_center": (issues_as(DATA_CENTER), of_jira(DATA_CENTER)),
    "jira/planned": (issues_as(PLANNED), of_jira(PLANNED)),
    "jira/planned_data_center": (issues_as(PLANNED), of_jira(PLANNED)),
}


def outcome(body: bytes, shape: Shape[Any] | None, read: Reader) -> object:
    try:
        return read(parsed(body, "it", shape))
    except ConnectorError as error:
        return type(error), str(error)
    except (KeyError, TypeError) as error:  # of the reader above, which is less careful than a connector
        return type(error)


def places(value: Body, *way: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to everything in a document."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    for key, each in inner:
        yield (*way, key)
        yield from places(each, *way, key)


def changed(document: Body, way: tuple[str | int, ...], value: object) -> Body:
    copy = deepcopy(document)
    inner = copy
    for step in way[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[way[-1]]
    else:
        inner[way[-1]] = value
    return copy


@pytest.mark.parametrize("name", CASES)
def test_an_answer_says_the_same_with_its_shape(name: str) -> None:
    shape, read = CASES[name]
    body = orjson.dumps(golden(name))
    pruned = shape.read(body)
    assert pruned is not None, "it is not of the shape at all"
    assert len(orjson.dumps(pruned)) < len(body)
    assert outcome(body, shape, read) == outcome(body, None, read)
    assert not isinstance(outcome(body, None, read), type)


@pytest.mark.parametrize("name", CASES)
def test_whatever_is_amiss_in_an_answer_is_told_the_same(name: str) -> None:
    """Every value of the first of its rows, by every odd one in its place."""
    shape, read = CASES[name]
    document = golden(name)
    first = document[:3] if isinstance(document, list) else document | {"issues": document["issues"][:2]}
    assert len(list(places(first))) > 30
    for way in places(first):
        for odd in ODD:
            body = orjson.dumps(changed(first, way, odd))
            assert outcome(body, shape, read) == outcome(body, None, read), (way, odd)


@pytest.mark.parametrize("name", ["cloud", "data_center"])
@pytest.mark.parametrize("field", ISSUE_FIELDS)
def test_a_field_of_jira_s_own_may_be_demanded_like_any_other(name: str, field: str) -> None:
    reading = replace(CLOUD if name == "cloud" else DATA_CENTER, columns=(("mine", field),))
    body, read = orjson.dumps(golden(f"jira/{name}")), of_jira(reading)
    assert issues_as(reading).read(body) is not None
    assert outcome(body, issues_as(reading), read) == outcome(body, None, read)


def test_whole_numbers_are_exact_and_what_is_skipped_is_not_looked_at() -> None:
    (row,) = golden("github/issues")[:1]
    large = orjson.dumps([row | {"id": "ID"}]).replace(b'"ID"', b"36893488147419103232")
    read: Any = outcome(large, ISSUES, of_github)
    assert read[0][0].id == "36893488147419103232"
    for odd in (b'"\xff"', b"1e400", b"1" * 300):
        skipped = orjson.dumps([row | {"body": "BODY"}]).replace(b'"BODY"', odd)
        assert outcome(skipped, ISSUES, of_github) == outcome(orjson.dumps([row]), ISSUES, of_github)


@pytest.mark.parametrize("body", [b"", b"[", b"null", b"[]x", b"<html>", b'[{"id": 1}', b"[" * 100_000, b'["\xff"]'])
def test_what_is_no_answer_is_none_with_a_shape_either(body: bytes) -> None:
    assert ISSUES.read(body) is None


def test_half_a_character_reads_the_same() -> None:
    rows = golden("github/issues")[:1]
    body = orjson.dumps(changed(rows, (0, "title"), "TITLE")).replace(b"TITLE", rb"Caf\ud83d")
    assert outcome(body, ISSUES, of_github) == outcome(body, None, of_github)
    skipped = orjson.dumps(changed(rows, (0, "body"), "BODY")).replace(b"BODY", rb"Caf\ud83d")
    assert outcome(skipped, ISSUES, of_github) == outcome(orjson.dumps(rows), None, of_github)
