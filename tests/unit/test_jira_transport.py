"""How requests to Jira are written."""

from typing import Any

import pytest

from connectors.contract import Stop
from connectors.http import USER_AGENT
from connectors.jira.settings import Settings
from connectors.jira.transport import Transport
from connectors.line import Answer
from tests.loopback import Wire, always, answer

PLAIN = {"connector": "jira", "url": "https://acme.atlassian.net/jira", "projects": ["PAY"], "token": "s3cret-token"}
HALF = "\udcff"
"""What Python makes of a byte that is not UTF-8, as in a variable of the environment."""


class Sent:
    """Takes what would be sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.transport = Transport(Settings.model_validate({**PLAIN, **settings}))
        monkeypatch.setattr(self.transport.line, "ask", self.ask)

    def ask(self, method: str, url: str, _what: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        self.asked.append((method, url, headers, body))
        return Answer(200, {}, b"{}")


def test_a_question_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent(monkeypatch)
    sent.transport.ask("rest/api/2/search", "it", {"jql": 'project = "A+B" & ü', "maxResults": 5})
    [(method, url, headers, body)] = sent.asked
    assert (method, body) == ("GET", None)
    assert (
        url == "https://acme.atlassian.net/jira/rest/api/2/search?jql=project+%3D+%22A%2BB%22+%26+%C3%BC&maxResults=5"
    )
    assert headers["Authorization"] == "Bearer s3cret-token"
    assert "Content-Type" not in headers


def test_a_question_says_who_asks() -> None:
    with Wire(always(answer())) as server:
        transport = Transport(Settings.model_validate({**PLAIN, "url": server.url}))
        transport.ask("rest/api/2/myself", "the account")
        transport.ask("rest/api/2/issue/bulkfetch", "issues", body={})
        transport.close()
    assert [f"User-Agent: {USER_AGENT}\r\n".encode() in asked for asked in server.asked] == [True, True]
    assert USER_AGENT.startswith("headway/")


def test_a_body_makes_it_a_post(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent(monkeypatch, email="ä@acme.example")
    sent.transport.ask("rest/api/3/x", "it", body={"a": ["ü"]})
    [(method, _, headers, body)] = sent.asked
    assert (method, body, headers["Content-Type"]) == ("POST", '{"a":["ü"]}'.encode(), "application/json")
    assert headers["Authorization"] == "Basic w6RAYWNtZS5leGFtcGxlOnMzY3JldC10b2tlbg=="


@pytest.mark.parametrize(
    "wrong",
    [{"token": f"s3cret-{HALF}"}, {"token": f"s3cret-{HALF}", "email": "a@acme.example"}, {"token": "s3cret token"}],
)
def test_a_token_that_no_header_can_carry_is_a_sentence(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    sent = Sent(monkeypatch, **wrong)
    with pytest.raises(Stop, match="cannot be written") as told:
        sent.transport.ask("rest/api/2/serverInfo", "the server's own description")
    assert sent.asked == []
    assert "s3cret" not in str(told.value)
    assert told.value.__context__ is None  # the library's error would hold the token


@pytest.mark.parametrize("how", [{"parameters": {"jql": HALF}}, {"body": {"jql": HALF}}])
def test_a_text_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]) -> None:
    sent = Sent(monkeypatch)
    with pytest.raises(Stop, match="half a character"):
        sent.transport.ask("rest/api/2/search", "it", **how)
    assert sent.asked == []
