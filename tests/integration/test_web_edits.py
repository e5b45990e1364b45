"""What can be changed in the pages: by the same use cases as the commands, with forms of our own pages alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from mapping.rule import Measure, Regress
from okrs.objective import Binary
from okrs.work import State
from store.database import Database
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.test_web_pages import setup_of
from tests.markup import Page, read
from web.app import build
from web.ports import Ports, Refused

ACTS = ("set", "resume", "check-in", "approve", "reject")
SAME = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}


@dataclass
class Noted:
    """Edits that note what is asked, or refuse it."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    refusal: str = ""

    def _note(self, *what: Any) -> None:
        if self.refusal:
            raise Refused(self.refusal)
        self.asked.append(what)

    def set_value(self, name: str, value: Decimal, *, why: str, until: date | None) -> None:
        self._note("set", name, value, why, until)

    def resume(self, name: str, *, why: str | None) -> None:
        self._note("resume", name, why)

    def check_in(self, name: str, *, note: str, confidence: Decimal | None) -> None:
        self._note("check-in", name, note, confidence)

    def approve(self, hold: str, *, expect: Decimal | None, why: str | None) -> None:
        self._note("approve", hold, expect, why)

    def reject(self, hold: str, *, why: str | None) -> None:
        self._note("reject", hold, why)


@pytest.fixture
def world(database: Database) -> World:
    """Three tickets, two of them done."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    for number in range(3):
        tracker.put("PAY", an_item(f"PAY-{number}", State.DONE if number < 2 else State.TODO))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("kr", a_rule(a_part(Measure.COUNT), regress=Regress.ASK))
    made.sync()
    return made


def browser(world: World, edits: Noted | None) -> TestClient:
    told = setup_of(world)
    app = build(Ports(read=world.database.read, setup=lambda: told, clock=world.clock, edits=edits))
    return TestClient(app, base_url="http://localhost", follow_redirects=False, raise_server_exceptions=False)


def token_of(client: TestClient) -> dict[str, str]:
    """The word that the page's forms hold."""
    page = read(client.get("/key-results/kr").text)
    return next({"token": told["value"]} for told in page.all("input") if told.get("name") == "token")


def send(client: TestClient, act: str, given: Mapping[str, str], headers: Mapping[str, str] = SAME) -> Response:
    answer: Response = client.post(f"/key-results/kr/{act}", data={**token_of(client), **given}, headers=headers)
    return answer


def value_of(page: Page, name: str) -> str:
    return next(told["value"] for told in page.all("input") if told.get("id") == name)


def test_without_the_option_there_is_no_form_and_nothing_is_taken(world: World) -> None:
    client = browser(world, None)
    page = read(client.get("/key-results/kr").text)
    assert not [told for told in page.all("form") if told.get("method") == "post"]
    for act in ACTS:
        answer = client.post(f"/key-results/kr/{act}", data={"value": "3", "why": "so"}, headers=SAME)
        assert answer.status_code == 403
        assert "--allow-local-edits" in read(answer.text).words


def test_a_form_becomes_what_the_command_would_do_and_leads_back(world: World) -> None:
    edits = Noted()
    client = browser(world, edits)
    answer = send(client, "set", {"value": " 18 ", "why": "two are elsewhere", "until": "2026-12-31"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/key-results/kr?done=set#edits")
    assert "Your value is shown now." in read(client.get(answer.headers["location"]).text).words
    send(client, "set", {"value": "-3.5", "why": "so"})
    send(client, "resume", {})
    send(client, "check-in", {"note": "well\r\nenough", "confidence": "0.7"})
    send(client, "check-in", {"note": "well", "confidence": ""})
    send(client, "approve", {"hold": "3f2a", "expect": "12", "why": "cleaned up"})
    send(client, "reject", {"hold": "3f2a", "why": ""})
    assert edits.asked == [
        ("set", "kr", Decimal(18), "two are elsewhere", date(2026, 12, 31)),
        ("set", "kr", Decimal("-3.5"), "so", None),
        ("resume", "kr", None),
        ("check-in", "kr", "well\nenough", Decimal("0.7")),
        ("check-in", "kr", "well", None),
        ("approve", "3f2a", Decimal(12), "cleaned up"),
        ("reject", "3f2a", None),
    ]


@pytest.mark.parametrize(
    ("act", "given", "said"),
    [
        ("set", {"value": "many", "why": "so"}, "many is not a number"),
        ("set", {"value": "", "why": "so"}, "Say the value."),
        ("set", {"value": "1_0", "why": "so"}, "1_0 is not a number"),
        ("set", {"value": "3", "why": " \0 "}, "Say why"),
        ("set", {"value": "3", "why": "so", "until": "soon"}, "soon is no day"),
        ("set", {"value": "3", "why": "so", "until": "2026-01-01"}, "2026-01-01 is over"),
        ("check-in", {"note": ""}, "Say how it goes"),
        ("check-in", {"note": "x" * 2001}, "longer than 2000 characters"),
        ("check-in", {"note": "well", "confidence": "70"}, "70 is not between 0 and 1"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_what_was_typed_is_kept(
    world: World, act: str, given: dict[str, str], said: str
) -> None:
    edits = Noted()
    answer = send(browser(world, edits), act, given)
    page = read(answer.text)
    assert answer.status_code == 422
    assert said in page.words
    assert edits.asked == []
    [wrong] = [
        told for told in (*page.all("input"), *page.all("textarea"), *page.all("select")) if "aria-invalid" in told
    ]
    assert wrong["aria-describedby"] in page.ids
    assert any(told["id"] == act and "open" in told for told in page.all("details"))
    if act == "set":
        assert value_of(page, "set-value") == given["value"]
        assert value_of(page, "set-until") == given.get("until", "")


def test_what_is_refused_is_said_beside_the_form(world: World) -> None:
    edits = Noted(refusal="Nothing was written: the cycle is closed.")
    answer = send(browser(world, edits), "set", {"value": "18", "why": "<b>so</b>"})
    assert answer.status_code == 409
    page = read(answer.text)
    assert "Nothing was written: the cycle is closed." in page.words
    assert value_of(page, "set-why") == "<b>so</b>"
    for act in ("resume", "approve", "reject"):
        assert "the cycle is closed" in read(send(browser(world, edits), act, {"hold": "x"}).text).words


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:8080"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost"},
        SAME | {"content-type": "text/plain"},
        SAME | {"content-type": "application/json"},
    ],
)
def test_a_form_of_another_site_changes_nothing(world: World, headers: dict[str, str]) -> None:
    edits = Noted()
    answer = send(browser(world, edits), "set", {"value": "18", "why": "so"}, headers)
    assert answer.status_code == 403
    assert read(answer.text).words
    assert edits.asked == []


@pytest.mark.parametrize("token", ["", "guessed", "\u00e9"])
def test_a_form_without_the_word_of_its_page_is_shown_again(world: World, token: str) -> None:
    edits = Noted()
    answer = send(browser(world, edits), "set", {"value": "18", "why": "so", "token": token})
    page = read(answer.text)
    assert answer.status_code == 403
    assert "what you typed is still here" in page.words
    assert value_of(page, "set-value") == "18"
    assert edits.asked == []


def test_a_form_that_is_too_long_is_not_read(world: World) -> None:
    edits = Noted()
    assert send(browser(world, edits), "check-in", {"note": "x" * 100_000}).status_code == 403
    assert edits.asked == []


def test_each_form_is_there_when_it_can_be_used(world: World) -> None:
    client = browser(world, Noted())
    ids = read(client.get("/key-results/kr").text).ids
    assert {"set-form", "check-in-form"} <= set(ids)
    assert not {"resume-form", "hold-form"} & set(ids)
    world.clock.forward(days=1)
    assert "set-form" not in read(client.get("/key-results/kr?at=2026-11-20").text).ids
    world.trackers[SOURCE].change("PAY", "PAY-1", state=State.TODO, closed_at=None)
    world.sync()
    page = read(client.get("/key-results/kr").text)
    assert "hold-form" in page.ids
    hold = world.status("kr").hold
    assert hold is not None
    assert {told["name"]: told["value"] for told in page.all("input") if told.get("name") in ("hold", "expect")} == {
        "hold": hold.id,
        "expect": "1",
    }
    assert "Accept 1" in page.words
    assert "Keep 2" in page.words


def test_a_yes_or_no_is_chosen(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.COUNT)), Binary())
    edits = Noted()
    client = browser(world, edits)
    assert send(client, "set", {"value": "1", "why": "so"}).status_code == 303
    assert send(client, "set", {"value": "2", "why": "so"}).status_code == 422


def test_nobody_is_no_key_result_and_an_address_of_a_form_leads_to_its_page(world: World) -> None:
    client = browser(world, Noted())
    told = token_of(client)
    assert client.post("/key-results/nobody/set", data=told, headers=SAME).status_code == 404
    assert client.get("/key-results/kr/set").headers["location"] == "/key-results/kr"
