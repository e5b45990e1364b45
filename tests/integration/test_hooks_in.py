"""Webhooks over HTTP: what each tracker's is answered, and how often a flood of them has a source read."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from config.model import Config
from connectors import registry
from connectors.settings import SourceSettings
from store import handshakes, schedule
from store.database import Database
from sync.hooks import APART
from tests.integration.fakes import Clock
from usecases.hooking import Hooks
from web.hooks import build

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECRET = "a-webhook-secret-0001"
KEYS: dict[str, dict[str, Any]] = {
    "jira": {"url": "https://acme.atlassian.net", "token": "t", "email": "a@b.c", "projects": ["PAY"]},
    "github": {"token": "t", "repositories": ["acme/web"]},
    "asana": {"token": "t", "projects": ["1204"]},
}
SIGNED = {"jira": ("X-Hub-Signature", "sha256="), "github": ("X-Hub-Signature-256", "sha256="),
          "asana": ("X-Hook-Signature", "")}  # fmt: skip


def settings(tracker: str, **more: str) -> SourceSettings:
    return registry.find(tracker).settings.model_validate({"connector": tracker, **KEYS[tracker], **more})


@dataclass
class Door:
    """A listener for webhooks, over real tables."""

    database: Database
    clock: Clock
    sources: dict[str, SourceSettings] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = cast("Config", SimpleNamespace(sources=self.sources))
        self.client = TestClient(build(Hooks(self.database, lambda: config, self.clock)))

    def send(self, source: str, body: bytes, at: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/hooks/{source}{at}", content=body, headers=named)

    def signed(self, tracker: str, body: bytes, secret: str = SECRET, at: str = "", **more: str) -> int:
        header, prefix = SIGNED[tracker]
        digits = hmac.new(secret.encode(), body, "sha256").hexdigest()
        return int(self.send(tracker, body, at, **{header: prefix + digits}, **more).status_code)

    def due(self, source: str) -> datetime | None:
        with self.database.read() as connection:
            turn = schedule.turns(connection).get(source)
            return turn.due if turn else None


@pytest.fixture
def door(database: Database) -> Iterator[Door]:
    door = Door(database, Clock(NOON), {name: settings(name, webhook_secret=SECRET) for name in KEYS})
    with door.client:
        yield door


@pytest.mark.parametrize("tracker", KEYS)
def test_a_flood_has_its_source_read_once_in_ten_seconds(door: Door, tracker: str) -> None:
    asked = set()
    for number in range(120):
        assert door.signed(tracker, b'{"events": [%d]}' % number) in (200, 202)
        asked.add(door.due(tracker))
        door.clock.now += timedelta(milliseconds=250)
        schedule.settle(door.database, tracker, cast("datetime", door.due(tracker)), schedule.Turn(NOON + 60 * MINUTE))
    assert len(asked) == 30 * timedelta(seconds=1) // APART + 1
    assert {door.due(name) for name in KEYS if name != tracker} == {None}, "others are not read for it"


@pytest.mark.parametrize("tracker", KEYS)
def test_what_is_not_signed_and_what_came_before_has_nothing_read(door: Door, tracker: str) -> None:
    assert door.send(tracker, b'{"events": [1]}').status_code == 401
    assert door.signed(tracker, b'{"events": [1]}', "another-secret") == 401
    assert door.send(tracker, b'{"events": [1]}', "/ticket", X_Hook_Secret="mine").status_code == 401
    assert door.due(tracker) is None
    assert door.signed(tracker, b'{"events": [1]}') in (200, 202)
    first = door.due(tracker)
    assert door.signed(tracker, b'{"events": [1]}', at="/elsewhere", X_GitHub_Delivery="another") == 409
    door.clock.now += 9 * MINUTE
    assert door.signed(tracker, b'{"events": [1]}') == 409
    assert door.due(tracker) == first
    door.clock.now += MINUTE
    assert door.signed(tracker, b'{"events": [1]}') in (200, 202)


def test_a_sign_of_life_is_heard_again_and_again_and_has_nothing_read(door: Door) -> None:
    assert door.signed("asana", b'{"events": []}') == 200
    assert door.signed("asana", b'{"events": []}') == 200
    assert door.send("asana", b'{"events": []}').status_code == 401, "it must be signed, too"
    assert door.due("asana") is None


def test_a_handshake_is_answered_once_while_a_command_waits_for_it(database: Database) -> None:
    door = Door(database, Clock(NOON), {name: settings(name) for name in KEYS})

    def shake(source: str, ticket: str, secret: str = "chosen-by-them") -> tuple[int, str | None]:
        answer = door.send(source, b"{}", f"/{ticket}", X_Hook_Secret=secret)
        return answer.status_code, answer.headers.get("x-hook-secret")

    refused = (404, None)  # the source has no secret yet
    assert shake("asana", "unasked") == refused
    handshakes.expect(database, "asana", "ticket", NOON, NOON + MINUTE)
    assert shake("asana", "Ticket") == refused
    assert shake("jira", "ticket") == refused
    assert shake("nobody", "ticket") == refused
    assert door.send("asana", b"{}", "/ticket").status_code == 404, "there is nothing to give back"
    assert shake("asana", "ticket", "two words") == refused
    assert shake("asana", "ticket", "x" * 501) == refused
    assert shake("asana", "ticket") == (200, "chosen-by-them")
    assert shake("asana", "ticket") == refused
    handshakes.expect(database, "asana", "late", NOON, NOON + MINUTE)
    door.clock.now += MINUTE
    assert shake("asana", "late") == refused
    handshakes.expect(database, "asana", "withdrawn", door.clock.now, door.clock.now + MINUTE)
    assert handshakes.withdraw(database, "withdrawn")
    assert shake("asana", "withdrawn") == refused


def test_a_tracker_that_chooses_no_secret_is_given_none_back(door: Door) -> None:
    handshakes.expect(door.database, "github", "ticket", NOON, NOON + MINUTE)
    answer = door.send("github", b"{}", "/ticket", X_Hook_Secret="chosen")
    assert answer.status_code == 401
    assert "x-hook-secret" not in answer.headers
