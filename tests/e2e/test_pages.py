"""The pages over the company that the sandbox plays: every key result, objective, team and ticket of a real config."""

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from config.loader import Loaded, load
from sandbox.scenario import environment
from store.database import open_database
from tests.e2e.conftest import Headway
from tests.markup import read
from usecases.ground import setup_of
from usecases.pages import ports_of
from web.app import build


@pytest.fixture(scope="module")
def loaded(settled: Headway) -> Loaded:
    return load(settled.config, environment(settled.sandbox.tokens), connect=False)


@pytest.fixture(scope="module")
def browser(settled: Headway, loaded: Loaded) -> Iterator[TestClient]:
    assert loaded.config is not None
    setup = setup_of(loaded.config)
    with closing(open_database(loaded.config.database, create=False)) as database:
        ports = ports_of(database, lambda: setup, lambda: datetime.now(UTC), lambda: loaded)
        yield TestClient(build(ports), base_url="http://localhost")


def test_every_page_that_a_page_links_to_is_there(browser: TestClient, settled: Headway) -> None:
    seen, waiting = set[str](), ["/"]
    while waiting:
        path = waiting.pop()
        answer = browser.get(path)
        assert answer.status_code == 200, path
        for token in settled.sandbox.tokens.values():
            assert token not in answer.text
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        links = {told["href"].partition("#")[0] for told in read(answer.text).all("a")}
        fresh = {each for each in links if each.startswith("/")} - seen
        seen |= fresh
        waiting += sorted(fresh)
    assert len([each for each in seen if re.fullmatch(r"/key-results/[\w-]+", each)]) == 12
    assert {"/teams/payments", "/objectives/reliable-checkout", "/sources", "/mappings", "/activity"} <= seen


def test_the_pages_say_what_the_command_says(browser: TestClient, settled: Headway) -> None:
    status = settled.run("status", "--json").out
    for each in status["key_results"]:
        explained = settled.run("explain", each["id"], "--json").out
        words = read(browser.get(f"/key-results/{each['id']}").text).words
        for part in explained["parts"]:
            assert f"Counted ({len(part['counted'])})" in words
            assert f"Not counted ({len(part['excluded'])})" in words
        assert each["title"] in words
        word = {"achieved": "reached"}.get(each["status"], each["status"].replace("_", " "))
        assert word in words


def test_the_table_is_the_commands(browser: TestClient, settled: Headway) -> None:
    told = settled.run("history", "p1-bugs", "--csv").out
    assert browser.get("/key-results/p1-bugs/history.csv").text == told


def test_warnings_stand_where_their_mapping_is(browser: TestClient, settled: Headway) -> None:
    warned = [each["message"] for each in settled.run("validate", "--json").out if each["severity"] == "warning"]
    words = read(browser.get("/mappings").text).words.casefold()
    assert all(each[:60].casefold() in words for each in warned)
