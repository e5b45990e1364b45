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
from tests.markup import Page, read
from usecases.ground import setup_of
from usecases.pages import ports_of
from usecases.previewing import Previewing
from web.app import build


@pytest.fixture(scope="module")
def loaded(settled: Headway) -> Loaded:
    return load(settled.config, environment(settled.sandbox.tokens), connect=False)


@pytest.fixture(scope="module")
def browser(settled: Headway, loaded: Loaded) -> Iterator[TestClient]:
    assert loaded.config is not None
    setup = setup_of(loaded.config)
    with closing(open_database(loaded.config.database, create=False)) as database:
        previews = Previewing(settled.config, environment(settled.sandbox.tokens))
        ports = ports_of(database, lambda: setup, lambda: datetime.now(UTC), lambda: loaded, previews=previews)
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


def tried(browser: TestClient, rule: str) -> Page:
    answer = browser.get("/mappings/try", params={"rule": rule})
    assert answer.status_code == 200
    return read(answer.text)


def test_what_is_written_is_tried_as_it_is(browser: TestClient, settled: Headway) -> None:
    for each in settled.run("status", "--json").out["key_results"]:
        page = read(browser.get(f"/mappings/try?key_result={each['id']}").text)
        explained = settled.run("explain", each["id"], "--json").out
        assert "as it is now" in page.words, each["id"]
        for part in explained["parts"]:
            assert f"Counted ({len(part['counted'])})" in page.words


def test_a_mapping_is_tried_and_nothing_is_written(browser: TestClient, settled: Headway) -> None:
    before = settled.run("history", "p1-bugs", "--csv").out, settled.config.read_bytes()
    name = settled.run("explain", "p1-bugs", "--json").out["parts"][0]["source"]
    rule = f"key_result: p1-bugs\nfrom:\n  - {{source: {name}, where: {{type: Bug}}, measure: count, counts: all}}"
    page = tried(browser, rule)
    assert "instead of" in page.words
    assert "of type Bug" in page.words or "Counts Bug" in page.words, page.words[:2000]
    assert "Put this under mappings:" in page.words
    listed = tried(browser, "mappings:\n- " + rule.replace("\n", "\n  "))
    assert "instead of" in listed.words
    misspelt = tried(browser, rule.replace("type: Bug", "label: nobody-uses-this"))
    assert "nobody-uses-this" in misspelt.words
    assert "Counted (0)" in misspelt.words
    assert (settled.run("history", "p1-bugs", "--csv").out, settled.config.read_bytes()) == before


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("key_result: p1-bugs\nfrom:\n  - {source: nowhere, measure: count}", "Line 3:"),
        ("key_result: nobody\nfrom: []", "nobody"),
        ("key_result: [", "Line "),
        ("mappings: 3", "Line 1"),
        ("database: sqlite:///other.db", "Line 1"),
        ("<script>", "Line 1"),
        ("'${HOME}'", "Line 1"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(browser: TestClient, rule: str, said: str) -> None:
    page = tried(browser, rule)
    assert "It cannot be read like this" in page.words
    assert said in page.words
