"""Who follows a ticket's web address reaches a page for people, in each of the emulated trackers."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
import requests

from sandbox.clock import SimulatedClock
from sandbox.records import Item
from sandbox.server import Sandbox
from sandbox.world import World
from tests.hostile import TITLES

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
ELEMENTS = {"html", "head", "meta", "title", "style", "body", "h1", "dl", "dt", "dd", "bdi", "p", "small"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    world = World(SimulatedClock(NOW))
    world.add_user("Mira Albrecht", "mira")
    with Sandbox(world) as running:
        yield running


class Seen(HTMLParser):
    """The elements, attributes and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def tickets(world: World, title: str = "A ticket") -> dict[str, Item]:
    """Return a ticket of each kind."""
    return {
        "jira": world.create(world.add_project("jira", "Payments", "PAY"), title, "Bug", labels=("p1",), points=3.0),
        "asana": world.create(world.add_project("asana", "Launch", sections=("Now",)), title, "default_task"),
        "github": world.create(world.add_project("github", "web", "acme/web"), title),
        "pull": world.create(world.project("acme/web"), title, pull=True),
    }


def addresses(sandbox: Sandbox, of: dict[str, Item]) -> dict[str, str]:
    """Return where each ticket lives as its tracker says it, but for Jira, of which everybody knows."""
    said = {
        "asana": asked(sandbox, "asana", f"/tasks/{of['asana'].id}")["data"]["permalink_url"],
        "github": asked(sandbox, "github", f"/repos/acme/web/issues/{of['github'].number}")["html_url"],
        "pull": asked(sandbox, "github", f"/repos/acme/web/issues/{of['pull'].number}")["html_url"],
    }
    return said | {"jira": f"{sandbox.urls['jira']}/browse/{of['jira'].key}"}


def asked(sandbox: Sandbox, tracker: str, target: str) -> Any:
    return requests.get(sandbox.urls[tracker] + target, headers=sandbox.credentials(tracker), timeout=10).json()


@pytest.mark.parametrize("kind", ["jira", "asana", "github", "pull"])
def test_a_ticket_has_a_page_for_people_without_a_token(sandbox: Sandbox, kind: str) -> None:
    found = tickets(sandbox.world, "Pay by invoice")
    counted = dict(sandbox.requests)
    answer = requests.get(addresses(sandbox, found)[kind], timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    words = " ".join(Seen(answer.text).words)
    assert found[kind].key in words
    assert "Pay by invoice" in words
    assert "to do" in words
    assert "sandbox" in words
    assert sandbox.requests["jira", "unknown"] == counted.get(("jira", "unknown"), 0), "no tracker was asked"


@pytest.mark.parametrize("title", TITLES.values(), ids=TITLES)
@pytest.mark.parametrize("kind", ["jira", "asana", "github"])
def test_what_a_title_says_is_words_and_nothing_else(sandbox: Sandbox, kind: str, title: str) -> None:
    found = tickets(sandbox.world, title)
    sandbox.world.relabel(found[kind], [title])
    answer = requests.get(addresses(sandbox, found)[kind], timeout=10)
    seen = Seen(answer.text)
    assert seen.elements <= ELEMENTS
    assert seen.attributes <= {"lang", "charset", "name", "content"}
    assert title.replace("\x00", "") in unescape("".join(seen.words)).replace("\x00", "")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_gone_or_hidden_or_never_was_is_not_found(sandbox: Sandbox) -> None:
    found = tickets(sandbox.world)
    told = addresses(sandbox, found)
    sandbox.world.delete(found["asana"])
    found["jira"].project.hidden = True
    found["github"].project.barred = True
    never = (f"{sandbox.urls['jira']}/browse/PAY-99", f"{sandbox.urls['jira']}/browse/nonsense", told["github"] + "9")
    for address in (*told.values(), *never, told["asana"].replace(str(found["asana"].id), "12")):
        answer = requests.get(address, timeout=10)
        assert answer.status_code == 404, address
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_transferred_issue_and_a_renamed_project_are_found_at_their_old_address(sandbox: Sandbox) -> None:
    found = tickets(sandbox.world, "Pay by invoice")
    told = addresses(sandbox, found)
    sandbox.world.transfer(found["github"], sandbox.world.add_project("github", "api", "acme/api"))
    sandbox.world.rename_project(found["jira"].project, "BILL")
    for kind, key in (("github", "acme/api#1"), ("jira", "BILL-1")):
        assert key in requests.get(told[kind], timeout=10).text


def test_milestones_and_versions_have_one(sandbox: Sandbox) -> None:
    tickets(sandbox.world)
    sandbox.world.add_milestone(sandbox.world.project("acme/web"), "One-click v1", date(2026, 12, 1))
    version = sandbox.world.add_milestone(sandbox.world.project("PAY"), "3.2")
    said = asked(sandbox, "github", "/repos/acme/web/milestones/1")["html_url"]
    for address, title in (
        (said, "One-click v1"),
        (f"{sandbox.urls['jira']}/projects/PAY/versions/{version.id}", "3.2"),
    ):
        answer = requests.get(str(address), timeout=10)
        assert answer.status_code == 200
        assert title in answer.text


@pytest.mark.parametrize("address", ["/github/repos/acme/web/issues/1", "/github/repositories/5/issues/1"])
def test_a_page_hides_no_path_of_an_api(sandbox: Sandbox, address: str) -> None:
    tickets(sandbox.world)
    assert requests.get(f"http://127.0.0.1:{sandbox.port}{address}", timeout=10).status_code == 401


def test_a_page_is_there_to_read(sandbox: Sandbox) -> None:
    found = tickets(sandbox.world)
    assert requests.post(addresses(sandbox, found)["jira"], data="x", timeout=10).status_code in (401, 404)
