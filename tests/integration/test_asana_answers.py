"""What the Asana connector sends, and odd answers from a scripted loopback server."""

import gzip
from datetime import datetime
from urllib.parse import urlsplit

import orjson
import pytest

from connectors.contract import (
    ConnectorError,
    CredentialsRefused,
    Demand,
    MalformedAnswer,
    Stop,
    TryLater,
)
from okrs.work import Kind, Ref
from tests.integration.asana_client import (
    CONTAINER,
    EXPIRED,
    SECRET,
    TOKEN,
    connect,
    pages,
    reply,
    row,
    scripted,
    tasks,
    titles,
)
from tests.loopback import nobody_there


def test_since_is_sent_in_utc_and_rounded_down() -> None:
    since = datetime.fromisoformat("2026-11-02T09:00:00.900+01:00")
    with scripted(TOKEN, tasks()) as server:
        pages(server.connect(), CONTAINER, since=since)
    assert server.query(1)["modified_since"] == ["2026-11-02T08:00:00.000Z"]


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "naïve", "nul\x00"])
def test_a_token_that_no_header_can_carry_is_refused_before_anything_is_sent(token: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        connect("http://127.0.0.1:9/api/1.0", token=token)
    assert not token or token not in str(caught.value)


def test_a_refused_connection_is_passing_trouble() -> None:
    with nobody_there() as port:
        connector = connect(f"http://127.0.0.1:{port}/api/1.0")
        with pytest.raises(TryLater, match="There is no connection") as caught:
            connector.containers()
    assert caught.value.__cause__ is None
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"data": None},
        {"data": {}},
        {"data": ["1"]},
        {"errors": []},
        [],
        None,
        {"data": [], "next_page": "more"},
        {"data": [], "next_page": {"uri": "http://elsewhere.example/"}},
        {"data": [], "next_page": {"offset": ""}},
        {"data": [], "next_page": {"offset": 5}},
        {"data": [{"name": "no gid"}]},
    ],
)
def test_a_listing_that_is_none_is_malformed(payload: object) -> None:
    with scripted(TOKEN, reply(payload)) as server, pytest.raises(MalformedAnswer):
        pages(server.connect(), CONTAINER)


@pytest.mark.parametrize("payload", [{}, [], {"data": []}, {"data": {"gid": "1204"}}, {"data": {"name": 5}}])
def test_a_project_that_is_none_is_malformed(payload: object) -> None:
    with scripted(reply(payload)) as server, pytest.raises(MalformedAnswer):
        server.connect().containers()


@pytest.mark.parametrize("circle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_listing_without_an_end_is_malformed(circle: list[str]) -> None:
    replies = [tasks(row("1"), offset=offset) for offset in circle * 6]
    with scripted(TOKEN, *replies) as server, pytest.raises(MalformedAnswer, match="repeats"):
        pages(server.connect(), CONTAINER)
    parent = tasks(row("1", num_subtasks=1))
    with scripted(TOKEN, parent, *replies) as server, pytest.raises(MalformedAnswer, match="sub-tasks of 1 repeats"):
        pages(server.connect(), CONTAINER)


def test_an_expired_page_token_begins_the_listing_again() -> None:
    first, second = tasks(row("1"), offset="old"), tasks(row("1"), offset="new")
    with scripted(TOKEN, first, EXPIRED, second, tasks(row("2"))) as server:
        assert titles(pages(server.connect(), CONTAINER)) == ["task 1", "task 1", "task 2"]
        assert [server.query(index).get("offset") for index in range(1, 5)] == [None, ["old"], None, ["new"]]


def test_page_tokens_that_always_expire_end_the_read() -> None:
    with scripted(TOKEN, *[tasks(row("1"), offset="old"), EXPIRED] * 9) as server:
        with pytest.raises(TryLater, match="expire faster"):
            pages(server.connect(), CONTAINER)
        assert len(server.asked) == 1 + 2 * 4


def test_a_refused_first_page_is_not_taken_for_an_expired_token() -> None:
    with scripted(TOKEN, EXPIRED) as server, pytest.raises(ConnectorError) as caught:
        pages(server.connect(), CONTAINER)
    assert type(caught.value) is Stop


def test_the_token_follows_neither_a_redirect_nor_a_named_page() -> None:
    with scripted(tasks()) as elsewhere:
        moved = reply({}, 302, Location=elsewhere.url + "/tasks")
        with scripted(TOKEN, moved) as server, pytest.raises(Stop, match="302"):
            pages(server.connect(), CONTAINER)
        named = orjson.dumps({"data": [], "next_page": {"offset": "o1", "uri": elsewhere.url}})
        with scripted(TOKEN, (200, named, {}), tasks()) as server:
            pages(server.connect(), CONTAINER)
            assert [urlsplit(path).path for path, _ in server.asked[1:]] == ["/api/1.0/tasks"] * 2
        assert elsewhere.asked == []


def test_what_is_sent() -> None:
    with scripted(TOKEN, tasks(row("1"), offset="o/1="), tasks(row("../2", num_subtasks=1)), tasks()) as server:
        pages(server.connect(), CONTAINER, Demand(fields=frozenset({"Effort"})))
    path, headers = server.asked[1]
    assert path.startswith("/api/1.0/tasks?")
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert headers["User-Agent"].startswith("headway/")
    first, second = server.query(1), server.query(2)
    assert (first["project"], first["limit"], "offset" in first, "modified_since" in first) == (
        ["1204"],
        ["100"],
        False,
        False,
    )
    assert "custom_fields.number_value" in first["opt_fields"][0].split(",")
    assert second == {**first, "offset": ["o/1="]}
    assert server.asked[3][0].startswith("/api/1.0/tasks/..%2F2/subtasks?")


def test_titles_keep_their_no_break_spaces() -> None:
    with scripted(TOKEN, tasks(row("1") | {"name": " 10\u00a0% done "})) as server:
        assert titles(pages(server.connect(), CONTAINER)) == [" 10\u00a0% done "]


def test_a_compressed_answer_is_read() -> None:
    packed = gzip.compress(orjson.dumps({"data": [row("1")], "next_page": None}))
    with scripted(TOKEN, (200, packed, {"Content-Encoding": "gzip"})) as server:
        assert titles(pages(server.connect(), CONTAINER)) == ["task 1"]
    with scripted(TOKEN, (200, packed[:20], {"Content-Encoding": "gzip"})) as server, pytest.raises(ConnectorError):
        pages(server.connect(), CONTAINER)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>Please log in.</html>", b'{"data": [{"gid": ', b"", b"\xff"])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with scripted((200, body, {})) as server, pytest.raises(MalformedAnswer):
        server.connect().containers()
    with scripted(TOKEN, (200, body, {})) as server, pytest.raises(MalformedAnswer):
        pages(server.connect(), CONTAINER)


def test_what_a_walk_finds_is_a_subtask_also_where_its_parent_is_not_shown() -> None:
    with scripted(TOKEN, tasks(row("1", num_subtasks=1)), tasks(row("2"))) as server:
        [(_, [_]), (_, [found])] = pages(server.connect(), CONTAINER)
    assert (found.kind, found.parent) == (Kind.SUBTASK, Ref("1", "1"))


def test_custom_fields_come_when_they_are_demanded() -> None:
    sized = row("1", custom_fields=[{"gid": "9", "name": "Effort", "number_value": 2.5}])
    with scripted(TOKEN, tasks(row("1")), tasks(sized)) as server:
        connector = server.connect()
        [(_, [plain])] = pages(connector, CONTAINER)
        [(_, [item])] = pages(connector, CONTAINER, Demand(fields=frozenset({"effort"})))
    assert "custom_fields" not in server.query(1)["opt_fields"][0]
    assert (plain.fields, item.fields) == ((), (("effort", "2.5"),))
