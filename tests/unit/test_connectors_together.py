"""What all connectors must do alike."""

import pytest

from connectors.asana import payload as asana
from connectors.asana.settings import Settings as AsanaSettings
from connectors.asana.transport import Ask
from connectors.asana.transport import Transport as AsanaTransport
from connectors.contract import MalformedAnswer
from connectors.github import payload as github
from connectors.github.answer import Answer as GitHubAnswer
from connectors.jira import payload as jira
from connectors.jira.answers import Answer as JiraAnswer
from connectors.jira.settings import Settings as JiraSettings
from connectors.jira.transport import Transport as JiraTransport
from tests.loopback import Wire, always, answer

PROXY = "http://proxy.example:3128"
BEFORE_THE_YEAR_1 = "0001-01-01T00:00:00+14:00"


def test_a_time_before_the_year_1_is_a_malformed_answer() -> None:
    with pytest.raises(MalformedAnswer):
        jira.moment({"updated": BEFORE_THE_YEAR_1}, "updated", "an issue")
    with pytest.raises(MalformedAnswer):
        github.moment({"updated_at": BEFORE_THE_YEAR_1}, "updated_at")
    with pytest.raises(MalformedAnswer):
        asana.time({"modified_at": BEFORE_THE_YEAR_1}, "modified_at")


@pytest.mark.parametrize(
    ("url", "asked_through"), [("http://127.0.0.1:8900/x", None), ("https://tracker.example/x", PROXY)]
)
def test_a_token_for_this_machine_goes_through_no_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, asked_through: str | None
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, PROXY)
    monkeypatch.delenv("no_proxy", raising=False)
    source = {"connector": "asana", "url": url, "token": "t", "projects": ["1"]}
    at_asana = AsanaTransport(AsanaSettings.model_validate(source))
    proxy = at_asana.line._pool.proxy
    assert (proxy.url if proxy else None) == asked_through
    at_asana.close()
    settings = JiraSettings.model_validate({"connector": "jira", "url": url, "token": "t", "projects": ["PAY"]})
    at_jira = JiraTransport(settings)
    proxy = at_jira.line._pool.proxy
    assert (proxy and str(proxy)) == asked_through
    at_jira.close()


def test_half_an_emoji_in_a_title_spoils_no_answer() -> None:
    body, whole = rb'{"title": "cut \ud83d"}', {"title": "cut \ufffd"}
    assert JiraAnswer(200, {}, body).object("an issue") == whole
    assert GitHubAnswer(200, {}, body).object("an issue") == whole
    with Wire(always(answer(body))) as wire:
        source = {"connector": "asana", "url": wire.url, "token": "t", "projects": ["1"]}
        at_asana = AsanaTransport(AsanaSettings.model_validate(source))
        assert at_asana.get(Ask("a task", "/tasks/1")) == whole
        at_asana.close()
