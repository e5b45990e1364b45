"""What all connectors must do alike."""

import pytest

from connectors.asana.settings import Settings as AsanaSettings
from connectors.asana.transport import Transport as AsanaTransport
from connectors.contract import MalformedAnswer
from connectors.github import normalise
from connectors.jira.payload import moment
from connectors.jira.settings import Settings as JiraSettings
from connectors.jira.transport import Transport as JiraTransport

PROXY = "http://proxy.example:3128"
BEFORE_THE_YEAR_1 = "0001-01-01T00:00:00+14:00"


def test_a_time_before_the_year_1_is_a_malformed_answer() -> None:
    with pytest.raises(MalformedAnswer):
        moment({"updated": BEFORE_THE_YEAR_1}, "updated", "an issue")
    with pytest.raises(MalformedAnswer):
        normalise._time({"updated_at": BEFORE_THE_YEAR_1}, "updated_at")


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
    asana = AsanaTransport(AsanaSettings.model_validate(source))
    proxy = asana.line._pool.proxy
    assert (proxy.url if proxy else None) == asked_through
    asana.close()
    settings = JiraSettings.model_validate({"connector": "jira", "url": url, "token": "t", "projects": ["PAY"]})
    jira = JiraTransport(settings)
    proxy = jira.line._pool.proxy
    assert (proxy and str(proxy)) == asked_through
    jira.close()
