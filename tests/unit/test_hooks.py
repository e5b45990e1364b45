"""Webhooks: what is genuine, what was delivered before, and how often a flood of them has a source read."""

import hmac
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import registry
from connectors.hooks import Signature
from sync.hooks import APART, REMEMBERED, Deliveries

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOOK = Signature("x-hub-signature-256", "sha256=")
SECRET = "It's a Secret to Everybody"


def test_the_example_of_the_tracker_s_own_documents_is_genuine() -> None:
    given_ = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert HOOK.genuine(SECRET, {HOOK.header: given_}, b"Hello, World!")


@pytest.mark.parametrize("given_", ["", "sha256=", "sha256=é", "757107ea0eb2509fc211221cce984b8a", "sha1=00"])
def test_anything_else_is_not(given_: str) -> None:
    assert not HOOK.genuine(SECRET, {HOOK.header: given_}, b"Hello, World!")
    assert not HOOK.genuine(SECRET, {}, b"Hello, World!")
    assert not HOOK.genuine("another", {HOOK.header: HOOK.of(SECRET, b"x")}, b"x")


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert HOOK.genuine(SECRET, {HOOK.header: HOOK.of(SECRET, b"x")}, b"x")
    assert not HOOK.genuine(SECRET, {}, b"x")
    assert len(compared) == 2


def test_which_trackers_sign_and_how() -> None:
    signed = {name: registry.find(name).settings.webhook for name in registry.names()}
    assert signed == {"jira": Signature("x-hub-signature", "sha256="), "github": HOOK, "asana": CHOSEN}
    assert {name for name in registry.names() if registry.find(name).subscribe} == {"asana"}


CHOSEN = Signature("x-hook-signature", handshake="x-hook-secret", events="events")
"""Of a tracker that chooses its secrets."""


def test_of_several_secrets_any_signs_and_all_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for secret in ("one", "two"):
        assert CHOSEN.genuine("one\ntwo\n", {CHOSEN.header: CHOSEN.of(secret, b"x")}, b"x")
    assert not CHOSEN.genuine("one\ntwo\n", {CHOSEN.header: CHOSEN.of("one\ntwo\n", b"x")}, b"x")
    assert not CHOSEN.genuine(" \n", {CHOSEN.header: CHOSEN.of("", b"x")}, b"x"), "an empty file signs nothing"
    assert len(compared) == 6
    spaced = "a secret of people"
    assert HOOK.genuine(spaced, {HOOK.header: HOOK.of(spaced, b"x")}, b"x"), "theirs may hold blanks"


@pytest.mark.parametrize(
    ("body", "nothing"),
    [
        (b'{"events": []}', True),
        (b'{"events":[]}', True),
        (b'{"events": [{}]}', False),
        (b"{}", False),
        (b"[]", False),
        (b"\xff", False),
        (b'{"events": []' + b" " * 1000 + b"}", False),
    ],
)
def test_a_sign_of_life_says_nothing(body: bytes, nothing: bool) -> None:
    assert CHOSEN.says_nothing(body) is nothing
    assert not HOOK.says_nothing(body)


def test_the_same_delivery_is_known_again_for_ten_minutes() -> None:
    deliveries = Deliveries()
    assert deliveries.due("a", "s", NOON) == NOON
    assert deliveries.due("a", "s", NOON + REMEMBERED - timedelta(seconds=1)) is None
    assert deliveries.due("b", "s", NOON) == NOON, "another source has another secret"
    assert deliveries.due("a", "s", NOON + REMEMBERED) is not None


@given(st.lists(st.timedeltas(timedelta(0), timedelta(seconds=15)), max_size=60))
def test_a_flood_asks_for_a_read_every_ten_seconds_and_loses_no_word(pauses: list[timedelta]) -> None:
    deliveries, now, asked = Deliveries(), NOON, []
    for number, pause in enumerate(pauses):
        now += pause
        due = deliveries.due("a", str(number), now)
        assert due is not None
        assert now <= due <= now + APART, "what it tells of is read after it came, and soon"
        asked.append(due)
    different = sorted(set(asked))
    assert asked == sorted(asked)
    assert all(later - earlier >= APART for earlier, later in pairwise(different))
