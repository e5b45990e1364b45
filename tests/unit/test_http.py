"""Errors typed by what to do next, waiting as asked, and tokens that go nowhere else."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import (
    Account,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    MalformedAnswer,
    Page,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.http import ATTEMPTS, Patient, error_for, proxy_for, redacted, require, retry_after, same_origin
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
        (403, {"X-RateLimit-Remaining": "9", "X-RateLimit-Reset": SOON}, CredentialsRefused, None),
        (403, {}, CredentialsRefused, None),
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
    ("base", "url", "same"),
    [
        ("https://api.github.com", "https://api.github.com/repos?page=2", True),
        ("https://api.github.com", "HTTPS://API.GitHub.com/repos", True),
        ("https://api.github.com", "https://api.github.com:443/repos", True),
        ("http://127.0.0.1:8080/api", "http://127.0.0.1:8080/other", True),
        ("http://[::1]:8080", "http://[::1]:8080/x", True),
        ("https://api.github.com", "http://api.github.com/repos", False),
        ("https://api.github.com", "https://api.github.com:8443/repos", False),
        ("https://api.github.com", "https://api.github.com.evil.example/repos", False),
        ("https://api.github.com", "https://api.github.com@evil.example/repos", False),
        ("https://api.github.com", "https://evil.example\\@api.github.com/repos", False),  # urllib3 would ask evil
        ("https://api.github.com", "https://evil.example/https://api.github.com", False),
        ("https://api.github.com", "//api.github.com/repos", False),
        ("https://api.github.com", "/repos?page=2", False),
        ("https://api.github.com", "", False),
        ("https://api.github.com", "https://api.github.com:99999/", False),
        ("https://api.github.com", "https://api.github.com:0/", False),
        ("https://api.github.com", "https://[api.github.com/", False),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/x", False),
        ("http://[::1]:8080", "http://127.0.0.1:8080/x", False),
        ("http://[broken", "http://[broken", False),
    ],
)
def test_a_url_of_the_same_origin(base: str, url: str, same: bool) -> None:
    assert same_origin(base, url) is same


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


@pytest.mark.parametrize("payload", [None, [], "<html>", {}, {"issues": None}, {"issues": {}}, {"issues": [1]}])
def test_an_error_is_never_zero_rows(payload: object) -> None:
    with pytest.raises(MalformedAnswer, match="no list `issues`"):
        require(payload, "issues", WHAT)


def test_the_list_of_an_answer() -> None:
    assert require({"issues": []}, "issues", WHAT) == []
    assert require({"issues": [{"id": 1}]}, "issues", WHAT) == [{"id": 1}]


# --- Patient ---------------------------------------------------------------------------------------------------

CONTAINER = Container("1", "acme/web")
CURSOR = Cursor(now=datetime(2026, 12, 1, tzinfo=UTC))
PAGE = Page(())


class Scripted:
    """A connector that fails as told, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.requests = 0
        self.asked: list[tuple[object, ...]] = []
        self.closed = False

    def _answer(self, *asked: object) -> None:
        self.requests += 1
        self.asked.append(asked)
        if self.failures:
            raise self.failures.pop(0)

    def containers(self) -> Sequence[Container | Unreadable]:
        self._answer("containers")
        return [CONTAINER]

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self._answer("changed", container, cursor, demand)
        return PAGE

    def check(self) -> Account:
        self._answer("check")
        return Account("me", ())

    def close(self) -> None:
        self.closed = True


def ask(patient: Patient) -> Page:
    return patient.changed(CONTAINER, CURSOR, Demand())


@pytest.mark.parametrize(
    ("failures", "slept"),
    [
        ([], []),
        ([TryLater("502")], [1]),
        ([TryLater("502")] * 3, [1, 2, 4]),
        ([RateLimited("slow", 7.5)], [7.5]),
        ([RateLimited("slow", 0.0)], [0]),
        ([RateLimited("slow", 45.0)], [45]),
        ([RateLimited("slow", 20.0)] * 2, [20, 20]),
        ([TryLater("502"), RateLimited("slow", 3.0), TryLater("502")], [1, 3, 4]),
    ],
)
def test_passing_trouble_is_waited_out(failures: list[Exception], slept: list[float]) -> None:
    scripted, sleeps = Scripted(*failures), list[float]()
    assert ask(Patient(scripted, sleeps.append)) is PAGE
    assert sleeps == slept
    assert scripted.asked == [("changed", CONTAINER, CURSOR, Demand())] * (len(failures) + 1)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (Stop("404"), 1),
        (CredentialsRefused("401"), 1),
        (MalformedAnswer("html"), 1),
        (KeyError("a bug of ours"), 1),
        (RateLimited("come back in an hour", 3600.0), 1),  # the source is rescheduled, no worker sleeps
        (RateLimited("it did not say how long"), 1),
        (RateLimited("slow", 20.0), 3),  # a fourth attempt would be 60 s after the first: longer than a lease lives
        (TryLater("502"), ATTEMPTS),
        (RateLimited("slow", 1.0), ATTEMPTS),
    ],
)
def test_what_does_not_pass_comes_through_untouched(error: Exception, attempts: int) -> None:
    scripted = Scripted(*[error] * 9)
    with pytest.raises(type(error)) as raised:
        ask(Patient(scripted, lambda _: None))
    assert raised.value is error
    assert scripted.requests == attempts


def test_every_page_has_its_own_patience() -> None:
    scripted, sleeps = Scripted(*[TryLater("502")] * 3), list[float]()
    patient = Patient(scripted, sleeps.append)
    ask(patient)
    scripted.failures = [TryLater("502")] * 3
    ask(patient)
    assert sleeps == [1, 2, 4, 1, 2, 4]


def test_after_giving_up_it_asks_once_until_something_succeeds() -> None:
    scripted, sleeps = Scripted(*[TryLater("502")] * ATTEMPTS), list[float]()
    patient = Patient(scripted, sleeps.append)
    with pytest.raises(TryLater):
        ask(patient)
    assert sleeps == [1, 2, 4]
    scripted.failures = [TryLater("502")]
    with pytest.raises(TryLater):
        ask(patient)
    assert sleeps == [1, 2, 4]
    ask(patient)
    scripted.failures = [TryLater("502")]
    ask(patient)
    assert sleeps == [1, 2, 4, 1]


@pytest.mark.parametrize("call", [Patient.containers, Patient.check, ask])
def test_every_question_is_asked_again(call: Callable[[Patient], object]) -> None:
    scripted = Scripted(TryLater("502"))
    patient = Patient(scripted, lambda _: None)
    call(patient)
    assert patient.requests == 2


def test_closing_goes_through() -> None:
    scripted = Scripted()
    Patient(scripted).close()
    assert scripted.closed


@pytest.mark.parametrize("host", ["127.0.0.1:8900", "127.1.2.3", "localhost", "[::1]:80"])
def test_what_is_on_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for(f"http://{host}/jira") is None
    assert proxy_for("http://tracker.example/jira") == "http://proxy.example:3128"
