"""A read that somebody asks for on the page of the sources."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from connectors.contract import CredentialsRefused
from store import schedule
from store.database import Database
from tests.builders import SOURCE
from tests.integration.fakes import World, just_measured
from tests.integration.test_web_pages import look, setup_of
from tests.markup import Page, read
from web.app import build
from web.ports import Ports

PATH = f"/sources/{SOURCE}/read"
SAME = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}


@dataclass
class Orders:
    """A service that notes what it is told."""

    known: tuple[str, ...] = (SOURCE,)
    taken: list[str] = field(default_factory=list)

    def sync_now(self, name: str) -> None:
        if name not in self.known:
            raise KeyError(name)
        self.taken.append(name)


@pytest.fixture
def world(database: Database) -> World:
    return just_measured(database)


@pytest.fixture
def orders() -> Orders:
    return Orders()


def browser(world: World, orders: Orders | None) -> TestClient:
    told = setup_of(world)
    app = build(Ports(read=world.database.read, setup=lambda: told, clock=world.clock, acting=orders))
    return TestClient(app, base_url="http://localhost", follow_redirects=False, raise_server_exceptions=False)


def tokens_of(page: Page) -> list[str]:
    return [told["value"] for told in page.all("input") if told.get("name") == "token"]


def send(client: TestClient, path: str = PATH, token: str | None = None, **headers: str) -> Response:
    """Send the form as the page has it, but for what is said otherwise."""
    token = token if token is not None else tokens_of(read(client.get("/sources").text))[0]
    answer: Response = client.post(path, data={"token": token}, headers=SAME | headers)
    return answer


def test_a_source_is_read_when_somebody_asks_for_it(world: World, orders: Orders) -> None:
    client = browser(world, orders)
    page = read(client.get("/sources").text)
    assert [told["action"] for told in page.all("form") if told.get("method") == "post"] == [PATH]
    assert "headway sync --source" not in page.words
    answer = send(client)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sources?asked={SOURCE}#source-{SOURCE}")
    assert orders.taken == [SOURCE]
    assert "It is read within seconds." in read(client.get(answer.headers["location"]).text).words
    assert "It is read within seconds." not in read(client.get("/sources?asked=another").text).words


def test_where_nobody_takes_orders_the_page_tells_the_command(world: World) -> None:
    client = browser(world, None)
    page = read(client.get("/sources").text)
    assert not [told for told in page.all("form") if told.get("method") == "post"]
    assert f"Read it now with headway sync --source {SOURCE}" in page.words
    answer = send(client, token="any")
    assert answer.status_code == 403
    assert "--allow-local-edits" in read(answer.text).words
    assert "It is read within seconds." not in read(client.get(f"/sources?asked={SOURCE}").text).words


def test_a_form_of_another_site_asks_for_nothing(world: World, orders: Orders) -> None:
    client = browser(world, orders)
    assert send(client, origin="http://evil.example").status_code == 403
    assert send(client, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert send(client, **{"content-type": "text/plain"}).status_code == 403
    stale = send(client, token="of-another-process")
    assert stale.status_code == 403
    page = read(stale.text)
    assert "This page was made before Headway was started anew." in page.words
    assert tokens_of(page), "it can be sent again"
    assert orders.taken == []
    assert (client.get(PATH).status_code, client.get(PATH).headers["location"]) == (303, "/sources")


@pytest.mark.parametrize("known", [(SOURCE,), ()])
def test_a_source_that_is_not_there_is_not_found(world: World, known: tuple[str, ...]) -> None:
    orders = Orders(known)
    path = PATH if not known else "/sources/nope/read"
    assert send(browser(world, orders), path).status_code == 404
    assert orders.taken == []


def test_what_refused_its_token_says_what_it_needs_and_is_not_asked(world: World, orders: Orders) -> None:
    client = browser(world, orders)
    token = tokens_of(read(client.get("/sources").text))[0]
    world.trackers[SOURCE].refuses = CredentialsRefused("The tracker refused the token (401): make a new one.")
    world.sync()
    for page in (read(client.get("/sources").text), look(world, "/sources")):
        assert "refused the token" in page.words
        assert "make a new one" in page.words
        assert "once its settings or the file of its token change" in page.words
        assert "headway sync --source" not in page.words
        assert tokens_of(page) == []
    answer = send(client, token=token)
    assert answer.status_code == 409
    assert "It was not asked: its tracker refuses the token." in read(answer.text).words
    assert orders.taken == []
    world.trackers[SOURCE].refuses = None
    world.sync()
    assert send(client).status_code == 303


def test_a_source_that_is_due_says_so(world: World) -> None:
    schedule.ask(world.database, [SOURCE], world.clock.now, stopped=True)
    assert "due now, every 5 min" in look(world, "/sources").words


def test_a_source_whose_tracker_asked_to_wait_says_when_it_is_read(world: World, orders: Orders) -> None:
    now = world.clock.now
    assert schedule.claim(world.database, SOURCE, None, now)
    limited = schedule.Turn(now + timedelta(minutes=1), 1, now + timedelta(minutes=40))
    schedule.settle(world.database, SOURCE, now, limited)
    schedule.ask(world.database, [SOURCE], now, stopped=True)
    assert "in 40 min, when its tracker allows it again, every 5 min" in look(world, "/sources").words
    words = read(browser(world, orders).get(f"/sources?asked={SOURCE}").text).words
    assert "It is read when its tracker allows it again. What that brings" in words
    world.clock.forward(minutes=40)
    assert "due now, every 5 min" in look(world, "/sources").words
    assert "It is read within seconds." in read(browser(world, orders).get(f"/sources?asked={SOURCE}").text).words


def test_a_wait_that_nobody_heeds_is_not_told(world: World, orders: Orders) -> None:
    """It was written while the clock was wrong."""
    now = world.clock.now
    assert schedule.claim(world.database, SOURCE, None, now)
    schedule.settle(world.database, SOURCE, now, schedule.Turn(now + timedelta(minutes=1), 1, now + timedelta(days=40)))
    assert "in 1 min, every 5 min" in look(world, "/sources").words
    assert "It is read within seconds." in read(browser(world, orders).get(f"/sources?asked={SOURCE}").text).words
