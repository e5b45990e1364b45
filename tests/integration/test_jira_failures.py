"""Whatever goes wrong at Jira becomes one of the typed errors, at every question, and never an empty page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.contract import (
    AccessDenied,
    ConnectorError,
    Container,
    CredentialsRefused,
    Cursor,
    Demand,
    FieldsRefused,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.jira import Settings
from connectors.jira.client import Jira
from okrs.immutable import replace
from tests.integration.jira_site import NOW, Canned, Site, issue
from tests.loopback import nobody_there

TOKEN = "s3cret-token"
HTML = b"<!DOCTYPE html><html><body>Please log in.</body></html>"
CUT = b'{"deploymentType": "Cloud", "id": "10", "issues": [{"id": "1"'

FAILURES = [
    pytest.param(Canned(401), CredentialsRefused, id="401"),
    pytest.param(Canned(200, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, {}), CredentialsRefused, id="anonymous"),
    pytest.param(Canned(429, {"Retry-After": "30"}), RateLimited, id="429"),
    pytest.param(Canned(429), RateLimited, id="429 without a time"),
    pytest.param(Canned(403, {"Retry-After": "30"}), RateLimited, id="403 with a time"),
    pytest.param(Canned(500, body=HTML), TryLater, id="500"),
    pytest.param(Canned(502), TryLater, id="502"),
    pytest.param(Canned(503, {"Retry-After": "soon"}), TryLater, id="503"),
    pytest.param(Canned(503, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}), TryLater, id="503 before the login"),
    pytest.param(Canned(body=None), TryLater, id="no answer in time"),
    pytest.param(Canned(200, {"Content-Length": "9999"}, b"{"), TryLater, id="connection cut"),
    pytest.param(Canned(200, {"Content-Encoding": "gzip"}, b"no gzip"), MalformedAnswer, id="no gzip"),
    pytest.param(Canned(200, {"Content-Type": "text/html"}, HTML), MalformedAnswer, id="HTML"),
    pytest.param(Canned(body=CUT), MalformedAnswer, id="cut JSON"),
    pytest.param(Canned(body=b""), MalformedAnswer, id="nothing"),
    pytest.param(Canned(body=[]), MalformedAnswer, id="a list"),
    pytest.param(Canned(body={}), MalformedAnswer, id="an empty object"),
]
REFUSALS = [
    pytest.param(Canned(302, {"Location": "https://login.example/"}), Stop, id="302"),
    pytest.param(Canned(400, body=[1]), Stop, id="400"),
    pytest.param(Canned(403), AccessDenied, id="403"),
    pytest.param(Canned(404), Stop, id="404"),
    pytest.param(Canned(410), Stop, id="410"),
]


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.issues = [issue(number) for number in range(1, 151)]
        yield site


def jira(site: Site, **more: object) -> Jira:
    plain = {"connector": "jira", "url": site.url, "email": "ada@acme.example", "token": TOKEN, "projects": ["PAY"]}
    return Jira(Settings.model_validate({**plain, **more}), timeout=(5, 0.3))


def read(connector: Jira) -> None:
    """Read the project whole, with a field, so that every kind of question is asked."""
    container = connector.containers()[0]
    assert isinstance(container, Container), container
    cursor = Cursor(now=NOW)
    while True:
        page = connector.changed(container, cursor, Demand(frozenset({"Story Points"})))
        if not page.following:
            return
        cursor = replace(cursor, resume=page.following[0])


def failure(site: Site, path: str, *answers: Canned) -> ConnectorError:
    """Read with these answers at that question; return the error, which keeps no token and no library's error."""
    site.canned[path] = list(answers)
    if path == "serverInfo":
        del site.project["style"]  # so that it is not clear what kind of server this is
    connector = jira(site)
    try:
        with pytest.raises(ConnectorError) as raised:
            read(connector)
    finally:
        connector.close()
    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    return raised.value


@pytest.mark.parametrize("path", ["serverInfo", "project/PAY", "field", "search/jql"])
@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_failures_are_typed_at_every_question(
    site: Site, path: str, answer: Canned, kind: type[ConnectorError]
) -> None:
    assert type(failure(site, path, answer)) is expected(path, kind)


def expected(path: str, kind: type[ConnectorError]) -> type[ConnectorError]:
    """The list of fields may need a right of its own on Cloud: then what is found by it cannot be had, and no more."""
    return FieldsRefused if path == "field" and kind in (CredentialsRefused, AccessDenied) else kind


@pytest.mark.parametrize("answer", [each.values[0] for each in REFUSALS], ids=[str(each.id) for each in REFUSALS])
def test_a_project_that_is_refused_leaves_the_others(site: Site, answer: Canned) -> None:
    site.canned["project/PAY"] = [answer]
    connector = jira(site)
    refused = connector.containers()[0]
    connector.close()
    assert isinstance(refused, Unreadable)
    assert not refused.passing
    assert refused.name == "PAY"


@pytest.mark.parametrize("path", ["serverInfo", "field", "search/jql"])
@pytest.mark.parametrize(("answer", "kind"), REFUSALS)
def test_refusals_stop_the_source(site: Site, path: str, answer: Canned, kind: type[ConnectorError]) -> None:
    assert type(failure(site, path, answer)) is expected(path, kind)


@pytest.mark.parametrize(("answer", "kind"), [*FAILURES, *REFUSALS])
def test_a_later_page_fails_alike_and_can_be_asked_again(
    site: Site, answer: Canned, kind: type[ConnectorError]
) -> None:
    connector = jira(site)
    container = connector.containers()[0]
    assert isinstance(container, Container)
    first = connector.changed(container, Cursor(now=NOW), Demand())
    cursor = Cursor(now=NOW, resume=first.following[0])
    site.canned["search/jql"] = [answer]
    with pytest.raises(kind):
        connector.changed(container, cursor, Demand())
    assert len(connector.changed(container, cursor, Demand()).items) == 50
    connector.close()


def test_a_limit_tells_how_long_to_wait(site: Site) -> None:
    asked = failure(site, "search/jql", Canned(429, {"Retry-After": "30"}))
    silent = failure(site, "search/jql", Canned(429))
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    dated = failure(site, "search/jql", Canned(429, {"Retry-After": later}))
    assert isinstance(asked, RateLimited)
    assert isinstance(silent, RateLimited)
    assert isinstance(dated, RateLimited)
    assert (asked.wait, silent.wait) == (30.0, None)
    assert dated.wait is not None
    assert 1800 < dated.wait <= 3600


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("jira-burst-based", " The limit is jira-burst-based."),
        ("", ""),
        ("x" * 41, ""),
        ("<b>come in</b>", ""),
        ("visit https://example.org", ""),
    ],
)
def test_a_limit_tells_which_one_it_is_where_jira_names_it(site: Site, reason: str, told: str) -> None:
    error = failure(site, "search/jql", Canned(429, {"Retry-After": "30", "RateLimit-Reason": reason}))
    assert isinstance(error, RateLimited)
    assert error.wait == 30
    assert str(error) == f"The tracker limits requests (429) for the issues of PAY. It asks to wait 30 s.{told}"


def test_a_refused_connection_is_passing_trouble(site: Site) -> None:
    with nobody_there() as port:
        connector = jira(site, url=f"http://127.0.0.1:{port}")
        with pytest.raises(TryLater, match="no connection"):
            connector.containers()
        connector.close()
    assert connector.requests == 2  # neither the project nor the server itself


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (Canned(404, body=HTML), Stop, "does not know the server's own description"),
        (Canned(302, {"Location": "https://login.example/"}), Stop, "final address as `url:`"),
        (Canned(body=HTML), MalformedAnswer, "is no JSON"),
        (Canned(502), TryLater, "failed .502. for the server's own description"),
        (Canned(401), CredentialsRefused, "refused the credentials"),
    ],
)
def test_a_wrong_address_is_a_failure_of_the_source(
    site: Site, answer: Canned, kind: type[ConnectorError], told: str
) -> None:
    site.canned = {path: [answer] * 3 for path in ("serverInfo", "project/PAY", "project/OPS", "project/API")}
    connector = jira(site, projects=["PAY", "OPS", "API"])
    with pytest.raises(kind, match=told) as raised:
        connector.containers()
    connector.close()
    assert type(raised.value) is kind
    assert len(site.log) <= 2  # not once for every project


def test_a_token_that_no_header_can_carry_is_told(site: Site) -> None:
    for bad in ("żółw", "two\nlines"):
        connector = jira(site, email=None, token=bad)
        with pytest.raises(Stop, match=r"credentials|token") as raised:
            connector.containers()
        connector.close()
        assert bad not in str(raised.value)
    assert site.log == []


def test_no_redirect_carries_the_token_away(site: Site) -> None:
    with Site() as elsewhere:
        for status in (301, 302, 307, 308):
            answer = Canned(status, {"Location": f"{elsewhere.url}/rest/api/2/serverInfo"})
            assert "url" in str(failure(site, "serverInfo", answer))
            site.project["style"] = "classic"
        assert elsewhere.log == []


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([{"issues": [], "nextPageToken": "at-100"}], id="the same token again"),
        pytest.param(
            [{"issues": [], "nextPageToken": token} for token in ("b", "c", "d", "b", "c", "d")],
            id="a circle of tokens",
        ),
        pytest.param([{"issues": [], "isLast": False}], id="more announced without a token"),
        pytest.param([{"issues": [], "nextPageToken": 7}], id="a token that is no text"),
        pytest.param([{"isLast": True}], id="no list"),
        pytest.param([{"issues": None, "isLast": True}], id="null"),
        pytest.param([{"issues": ["PAY-1"], "isLast": True}], id="no objects"),
        pytest.param([{"issues": [{"id": "1", "key": "PAY-1"}], "isLast": True}], id="an issue without fields"),
    ],
)
def test_a_listing_without_an_end_or_a_list_is_malformed(site: Site, answers: list[dict[str, object]]) -> None:
    first = Canned(body={"issues": [], "nextPageToken": "at-100", "isLast": False})
    error = failure(site, "search/jql", first, *(Canned(body=answer) for answer in answers))
    assert type(error) is MalformedAnswer


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"startAt": 100, "total": 150, "issues": []}, id="cut short"),
        pytest.param({"startAt": 0, "total": 150, "issues": [issue(1)]}, id="another page"),
        pytest.param({"startAt": 100, "issues": []}, id="no total"),
        pytest.param({"startAt": 100, "total": 150}, id="no list"),
    ],
)
def test_data_center_pages_must_add_up(site: Site, answer: dict[str, object]) -> None:
    site.cloud = False
    del site.project["style"]  # the account's address in the config lets it look like Cloud
    whole = Canned(body=site._search({"jql": 'project = "PAY" ORDER BY created ASC, key ASC', **PAGE}))
    assert type(failure(site, "search", whole, Canned(body=answer))) is MalformedAnswer


PAGE = {"startAt": "0", "maxResults": "100", "fields": "summary,issuetype,status"}
