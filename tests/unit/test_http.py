"""Errors typed by what to do next, how long trackers ask to wait, and secrets struck out of texts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import (
    AccessDenied,
    ConnectorError,
    CredentialsRefused,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
)
from connectors.http import error_for, parsed, redacted, require, retry_after
from tests.builders import NOW

WHAT = "the issues of acme/web"
SOON = str(int(NOW.timestamp()) + 45)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (429, {"Retry-After": "7"}, RateLimited, 7),
        (429, {"retry-after": "0"}, RateLimited, 0),
        (429, {"RETRY-AFTER": "Tue, 01 Dec 2026 12:00:30 GMT"}, RateLimited, 30),
        (429, {"Retry-After": "Tue, 01 Dec 2026 11:00:00 GMT"}, RateLimited, 0),  # already over
        (429, {"Retry-After": "soon"}, RateLimited, None),
        (429, {}, RateLimited, None),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-12-01T12:00:20Z"}, RateLimited, 20),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": SOON}, RateLimited, 45),
        (403, {"X-RateLimit-Remaining": "0"}, RateLimited, None),
        (403, {"Retry-After": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": SOON}, RateLimited, 60),
        (403, {"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": SOON}, AccessDenied, None),
        (403, {}, AccessDenied, None),
        (401, {"Retry-After": "5"}, CredentialsRefused, None),
        (503, {"Retry-After": "5"}, RateLimited, 5),
        (503, {}, TryLater, None),
        (500, {}, TryLater, None),
        (502, {}, TryLater, None),
        (408, {}, TryLater, None),
        (404, {}, Stop, None),
        (410, {}, Stop, None),
        (400, {}, Stop, None),
        (422, {}, Stop, None),
        (301, {}, Stop, None),
    ],
)
def test_the_error_of_a_failed_answer(
    status: int, headers: dict[str, str], kind: type[ConnectorError], wait: float | None
) -> None:
    error = error_for(status, headers, WHAT, now=NOW)
    assert type(error) is kind
    assert str(status) in str(error)
    assert WHAT in str(error)
    assert getattr(error, "wait", None) == wait


def test_waiting_is_counted_from_now_unless_told() -> None:
    error = error_for(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, WHAT)
    assert isinstance(error, RateLimited)
    assert error.wait == 0


@pytest.mark.parametrize("asked", ["-5", "1.5", "²", "٣", "9" * 400, "Tue, 01 Dec 2026 12:00:30", "\x00"])
def test_a_wait_that_cannot_be_read_is_none(asked: str) -> None:
    assert retry_after({"retry-after": asked}, NOW) is None
    assert retry_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": asked}, NOW) is None


@given(st.text(st.characters(max_codepoint=255), max_size=40) | st.from_regex(r"[0-9T:+\-, a-zA-Z]{0,40}"))
def test_no_header_of_a_tracker_breaks_us(text: str) -> None:
    for headers in ({"retry-after": text}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": text}):
        wait = retry_after(headers, NOW)
        assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer gho_16C7e42F292c69", "Authorization: Bearer ***"),
        ("authorization: basic bWVAYWNtZTpzM2NyZXQ=", "authorization: basic ***"),
        ("sent 'token abcdefghijklmnop' there", "sent 'token *** there"),
        ("GET /x?token=abc&page=2", "GET /x?token=***&page=2"),
        ("GET /x?page=2&access_token=abc", "GET /x?page=2&access_token=***"),
        ("password=hunter2 client_secret=s3 api_key=k", "password=*** client_secret=*** api_key=***"),
        ("https://me:s3cret@proxy.example:3128/", "https://me:***@proxy.example:3128/"),
        ("said hush-hush twice: hush-hush", "said *** twice: ***"),
        ("The token may not: make a new token and set it.", "The token may not: make a new token and set it."),
        ("https://acme.example:8443/browse/PAY-1", "https://acme.example:8443/browse/PAY-1"),
    ],
)
def test_what_looks_like_a_credential_is_struck_out(text: str, clean: str) -> None:
    assert redacted(text, ["hush-hush", ""]) == clean


def test_a_short_secret_is_not_struck_out_of_words() -> None:
    text = "a repository y is written, and (y) too"
    assert redacted(text, ["y"]) == "a repository *** is written, and (***) too"


@pytest.mark.parametrize("payload", [None, [], "<html>", {}, {"issues": None}, {"issues": {}}, {"issues": [1]}])
def test_an_error_is_never_zero_rows(payload: object) -> None:
    with pytest.raises(MalformedAnswer, match="no list `issues`"):
        require(payload, "issues", WHAT)


def test_the_list_of_an_answer() -> None:
    assert require({"issues": []}, "issues", WHAT) == []
    assert require({"issues": [{"id": 1}]}, "issues", WHAT) == [{"id": 1}]


@pytest.mark.parametrize("body", [b"", b"<html>token</html>", b'{"token": ', b"\xff"])
def test_what_is_no_json_is_told_without_being_kept(body: bytes) -> None:
    with pytest.raises(MalformedAnswer, match=f"The answer for {WHAT} is no JSON") as caught:
        parsed(body, WHAT)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"\ud83d", "\ufffd"),
        (r"cut \uD83D!", "cut \ufffd!"),
        (r"\ude00", "\ufffd"),
        (r"\ude00\ud83d", "\ufffd\ufffd"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\ud83d\ude00\ude00", "😀\ufffd"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\ud83d \\ud83d", "\ufffd \\ud83d"),  # the second one is a backslash and five letters
        (r"\ud83d \"\\\ude00", '\ufffd "\\\ufffd'),
        (r"\ud83d\n\u00fc😀", "\ufffd\nü😀"),
    ],
)
def test_half_an_emoji_spoils_no_page(written: str, text: str) -> None:
    """Trackers cut titles in the middle of a character and send the half that is left as an escape."""
    assert parsed(f'[{{"title": "{written}", "id": 1}}]'.encode(), WHAT) == [{"title": text, "id": 1}]


@given(st.lists(st.sampled_from([*map(chr, (0xD83D, 0xDE00, 0xD7FF, 0xE000)), "\\", "u", '"', "d83d", "a", "😀"])))
def test_no_text_that_json_can_carry_is_refused(signs: list[str]) -> None:
    text = "".join(signs)
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert parsed(json.dumps([text]).encode(), WHAT) == [joined]
