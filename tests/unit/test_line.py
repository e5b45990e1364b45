"""Where requests go: the source's own scheme, host and port, through the right proxy, and nowhere else.

And what comes back: what headers tell, however hostile, and bodies unpacked.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from connectors.body import unpacked
from connectors.contract import Quota
from connectors.told import date_of, quota_of, reset_of
from connectors.way import proxy_for, same_origin


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
        ("https://api.github.com", "https://api.git\thub.com/", False),  # the standard library drops the tab
        ("https://api.github.com", "https://api.github.com\n@evil.example/", False),
        ("https://api.github.com", "https://api.github.com/?@evil.example/", True),
        ("https://api.github.com", "https://evil.example?@api.github.com/", False),
        ("https://api.github.com", "https://evil.example#@api.github.com/", False),
        ("https://api.github.com", " https://api.github.com/", False),
        ("ftp://api.github.com", "ftp://api.github.com", False),
    ],
)
def test_a_url_of_the_same_origin(base: str, url: str, same: bool) -> None:
    assert same_origin(base, url) is same


@given(st.text(st.sampled_from("?#@/\\:[]. \n%ab") | st.characters(codec="utf-8"), max_size=40))
def test_what_stands_behind_a_question_mark_says_nothing_of_where_a_url_leads(rest: str) -> None:
    base = "https://api.github.com"
    for url in (f"{base}{rest}", f"https://{rest}", f"https://a@{rest}{base}", rest):
        assert same_origin(base, url) is (_as_sent(url) == _as_sent(base) is not None)


def _as_sent(url: str) -> tuple[str | None, str | None, int] | None:
    """Where urllib3 would send a request to this whole URL."""
    try:
        parts = parse_url(url)
    except ValueError:
        return None
    port = 443 if parts.port is None else parts.port
    return (parts.scheme, parts.host, port) if parts.scheme in ("http", "https") and parts.host else None


@pytest.mark.parametrize("host", ["127.0.0.1:8900", "127.1.2.3", "localhost", "[::1]:80"])
def test_what_is_on_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for(f"http://{host}/jira") is None
    assert proxy_for("http://tracker.example/jira") == "http://proxy.example:3128"


GITHUB = {"x-ratelimit-remaining": "41", "x-ratelimit-limit": "5000", "x-ratelimit-reset": "1790000000"}
JIRA = {"x-ratelimit-remaining": "7", "x-ratelimit-limit": "350", "x-ratelimit-reset": "2026-11-22T12:00:00+02:00"}
DATED = {"date": "Sun, 22 Nov 2026 10:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "quota"),
    [
        (GITHUB, Quota(41, 5000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC))),
        ({**GITHUB, "x-ratelimit-resource": "core"}, Quota(41, 5000, datetime(2026, 9, 21, 14, 13, 20, tzinfo=UTC))),
        ({**GITHUB, "x-ratelimit-resource": "search"}, None),
        (JIRA, Quota(7, 350, datetime(2026, 11, 22, 10, tzinfo=UTC))),
        ({**JIRA, "x-ratelimit-reset": "2026-11-22T12:00Z"}, Quota(7, 350, datetime(2026, 11, 22, 12, tzinfo=UTC))),
        ({**JIRA, "x-ratelimit-reset": "2026-11-22T12:00"}, Quota(7, 350)),  # of which time zone?
        ({"x-ratelimit-remaining": "0"}, Quota(0)),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-limit": "-1"}, Quota(0)),
        ({"x-ratelimit-remaining": "-1"}, None),
        ({"x-ratelimit-remaining": "٣"}, None),
        ({"x-ratelimit-remaining": "1e3"}, None),
        ({"x-ratelimit-limit": "5000"}, None),
        ({**JIRA, "x-ratelimit-nearlimit": "true"}, Quota(7, 350, datetime(2026, 11, 22, 10, tzinfo=UTC), near=True)),
        ({**JIRA, "x-ratelimit-nearlimit": "false"}, Quota(7, 350, datetime(2026, 11, 22, 10, tzinfo=UTC))),
        (
            {**DATED, "x-ratelimit-nearlimit": "True"},
            Quota(1, None, datetime(2026, 11, 22, 10, 1, tzinfo=UTC), near=True),
        ),
        (
            {**DATED, "x-ratelimit-remaining": "9", "x-ratelimit-nearlimit": "true"},
            Quota(9, None, datetime(2026, 11, 22, 10, 1, tzinfo=UTC), near=True),
        ),
        ({"x-ratelimit-nearlimit": "true"}, Quota(1, near=True)),
        ({"x-ratelimit-nearlimit": "false"}, None),
        ({}, None),
    ],
)
def test_what_the_headers_tell_of_limits(headers: dict[str, str], quota: Quota | None) -> None:
    assert quota_of(headers) == quota


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.text("0123456789 +-:.,TZGMTSunMonJaFeb", max_size=40),
    st.integers().map(str),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
    st.tuples(st.integers(-99999, 99999), st.integers(0, 10**6), st.integers(-(10**9), 10**9)).map(
        lambda told: f"Sun, {told[0]} Nov {told[1]} 10:00:00 {told[2]:+05}"
    ),
)


@given(remaining=HOSTILE, limit=HOSTILE, reset=HOSTILE, date=HOSTILE, resource=st.sampled_from(["core", "", "x"]))
@example("1", "1", "0001-01-01T00:00:00+14:00", "Mon, 01 Jan 0001 00:00:00 +1400", "core")
@example("1", "1", "9999-12-31T23:59:59-14:00", "Fri, 31 Dec 9999 23:59:59 -1400", "core")
@example("1", "1", "999999999999", "Sun, 22 Nov 2026 10:00:00 +99999999999999999999", "core")
@example("", "", "", "Fri, 31 Dec 9999 23:59:59 +0000", "core")
def test_no_header_is_too_hostile(remaining: str, limit: str, reset: str, date: str, resource: str) -> None:
    headers = {
        "x-ratelimit-remaining": remaining,
        "x-ratelimit-limit": limit,
        "x-ratelimit-reset": reset,
        "x-ratelimit-resource": resource,
        "x-ratelimit-nearlimit": "true",
        "date": date,
    }
    quota, told, anew = quota_of(headers), date_of(headers), reset_of(headers)
    assert quota is None or (quota.remaining >= 0 and (quota.limit is None or quota.limit >= 0))
    for moment in (told, anew):
        assert moment is None or moment.utcoffset() == timedelta()


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)).map(lambda each: each.replace(microsecond=0)))  # noqa: DTZ001 - made aware below
def test_a_date_is_read_as_it_was_written(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    assert date_of({"date": format_datetime(moment, usegmt=True)}) == moment
    assert reset_of({"x-ratelimit-reset": moment.isoformat()}) == moment


@given(
    st.binary(max_size=200), st.sampled_from(["gzip", "x-gzip", " GZIP ", "", "identity", "br", "gzip, gzip", "\x00"])
)
def test_whatever_comes_packed_is_bytes_or_one_of_our_errors(packed: bytes, encoding: str) -> None:
    content = unpacked(packed, encoding, "the issues")
    assert isinstance(content, bytes) or "the issues" in str(content)
