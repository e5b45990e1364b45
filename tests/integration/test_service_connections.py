"""`check` and `discover` of the service over a connector of the test's own: what it tells arrives, and it is closed."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from urllib.parse import quote

import pytest

import service
from connectors.contract import (
    Account,
    Container,
    Cursor,
    Demand,
    Listed,
    Page,
    Quota,
    Stop,
    TryLater,
    Unreadable,
    What,
)
from connectors.plain import Plain
from sync.engine import AUTHORS_HELP
from sync.task import Progress
from terminal.failures import Failure
from tests.builders import at

NOW = at("2026-12-01T12:00")
CONFIG = """\
version: 1
database: sqlite:///headway.db
cycles:
  - {id: 2026-Q4, start: 2026-10-01, end: 2026-12-31}
sources:
  pay: {connector: jira, url: "https://acme.example", token: "${TOKEN}", projects: [PAY, OPS], fields: {points: cf_1}}
  web: {connector: github, token: "${TOKEN}", repositories: [acme/web]}
"""
LISTED = [Listed(What.PROJECT, "PAY"), Listed(What.EPIC, "PAY-1", "One-click")]
QUOTA = Quota(7, 100, NOW + timedelta(hours=1))


class Told(Plain):
    """Answers as it is told to."""

    def __init__(self, error: Exception | None = None, told: datetime | None = None) -> None:
        self.error = error
        self.closed = 0
        self._told = told

    @property
    def quota(self) -> Quota:
        return QUOTA

    @property
    def told(self) -> datetime | None:
        return self._told

    def containers(self) -> Sequence[Container | Unreadable]:
        return [Container("1", "PAY"), Unreadable("OPS", "It is hidden.")]

    def check(self) -> Account:
        if self.error:
            raise self.error
        return Account("Headway", ("PAY",), ("OPS",), lacks=("A right.",), expires=NOW)

    def discover(self) -> Sequence[Listed]:
        if self.error:
            raise self.error
        return LISTED

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "headway.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def over(monkeypatch: pytest.MonkeyPatch, connector: Plain) -> service.Service:
    monkeypatch.setattr(service, "_connect", lambda settings: connector)
    return service.Service({"TOKEN": "marked"}, lambda: NOW)


def test_check_tells_quota_and_how_far_our_clock_is_ahead(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    connector = Told(told=NOW - timedelta(minutes=20))
    [answer] = over(monkeypatch, connector).check(config, "pay")
    assert answer.account == Account("Headway", ("PAY",), ("OPS",), lacks=("A right.",), expires=NOW)
    assert (answer.ok, answer.quota, answer.skew, answer.at) == (False, QUOTA, timedelta(minutes=20), NOW)
    assert connector.closed == 1


def test_a_failed_check_still_tells_what_the_answer_told(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    connector = Told(Stop("It is wrong."), NOW)
    answers = over(monkeypatch, connector).check(config, None)
    assert [(each.source, each.error, each.quota, each.skew) for each in answers] == [
        ("pay", "It is wrong.", QUOTA, timedelta()),
        ("web", "It is wrong.", QUOTA, timedelta()),
    ]
    assert connector.closed == 2


class Confused(Told):
    """A connector of somebody else that breaks where nobody expects it."""

    def __init__(self, at: str) -> None:
        super().__init__(told=NOW)
        self.at = at

    def _break(self, here: str) -> None:
        if here == self.at:
            raise RuntimeError("header Authorization: Bearer marked")

    @property
    def quota(self) -> Quota:
        self._break("quota")
        return QUOTA

    def check(self) -> Account:
        self._break("check")
        return Account("Headway", ("PAY",))

    def close(self) -> None:
        super().close()
        self._break("close")


@pytest.mark.parametrize("at_fault", ["check", "quota", "close"])
def test_a_check_that_breaks_leaves_the_others_to_be_told(
    monkeypatch: pytest.MonkeyPatch, config: Path, at_fault: str
) -> None:
    broken, good = Confused(at_fault), Told(told=NOW)
    connectors = {"jira": broken, "github": good}
    monkeypatch.setattr(service, "_connect", lambda settings: connectors[settings.connector])
    first, second = service.Service({"TOKEN": "marked"}, lambda: NOW).check(config, None)
    assert first.error == f"Checking it failed unexpectedly (RuntimeError). {AUTHORS_HELP}"
    assert (first.source, first.account, first.ok, first.at) == ("pay", None, False, NOW)
    assert (second.source, second.error, second.quota) == ("web", None, QUOTA)
    assert (broken.closed, good.closed) == (1, 1)


def test_a_connection_that_breaks_while_it_is_opened_is_told(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    def confuse(settings: object) -> Plain:
        raise KeyError("marked")

    monkeypatch.setattr(service, "_connect", confuse)
    answers = service.Service({"TOKEN": "marked"}, lambda: NOW).check(config, None)
    assert [each.error for each in answers] == [f"Checking it failed unexpectedly (KeyError). {AUTHORS_HELP}"] * 2


SECRET = "marked-s3cret/äb"


class Wrong(Told):
    """A connector with a mistake, in whose words the token stands in several forms."""

    def containers(self) -> Sequence[Container]:
        return [Container("1", "PAY")]

    def _divide(self) -> int:
        raise ZeroDivisionError(f"by {SECRET}, {quote(SECRET, safe='')}, {b64encode(SECRET.encode()).decode()}")

    def check(self) -> Account:
        raise KeyError(f"{SECRET!r}") from ValueError(SECRET, self._tried())

    def _tried(self) -> str:
        try:
            self._divide()
        except ZeroDivisionError as error:
            return str(error)
        return ""

    def changed(self, container: Container, cursor: Cursor, demand: Demand) -> Page:
        self._divide()
        return Page(())

    def discover(self) -> Sequence[Listed]:
        self._divide()
        return []


@pytest.mark.parametrize("debug", [{}, {"HEADWAY_DEBUG": "1"}], ids=["plain", "debug"])
@pytest.mark.parametrize(("command", "place"), [("check", "in check"), ("discover", "_divide"), ("sync", "_divide")])
def test_the_place_of_a_mistake_is_shown_to_those_who_ask_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    config: Path,
    *,
    debug: dict[str, str],
    command: str,
    place: str,
) -> None:
    monkeypatch.setattr(service, "_connect", lambda settings: Wrong())
    mine = service.Service({"TOKEN": SECRET, **debug}, lambda: NOW)
    match command:
        case "check":
            mine.check(config, "pay")
        case "discover":
            with pytest.raises(Failure, match=r"pay: Listing it failed .*ZeroDivisionError.*shows where"):
                mine.discover(config, "pay")
        case _:
            report = mine.sync(config, only=["pay"], full=False, dry_run=False, progress=Progress()).report
            assert "(ZeroDivisionError). HEADWAY_DEBUG=1 shows where" in str(report.sources[0].error)
    told = capsys.readouterr().err
    if not debug:
        assert told == ""
        return
    assert told.startswith("pay: ")
    assert "Traceback" in told
    assert place in told
    assert "***" in told
    for form in (SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode(), "marked"):
        assert form not in told


def test_sources_are_checked_side_by_side_and_told_in_order(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    both = Barrier(2, timeout=30)

    class Waiting(Told):
        def check(self) -> Account:
            both.wait()  # broken when the other source is not asked meanwhile
            return Account("Headway", ("PAY",))

    answers = over(monkeypatch, Waiting()).check(config, None)
    assert [(each.source, each.ok) for each in answers] == [("pay", True), ("web", True)]


def test_without_a_time_of_the_tracker_there_is_no_skew(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    [answer] = over(monkeypatch, Told()).check(config, "web")
    assert answer.skew is None


def test_a_connection_that_does_not_open_is_told(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    def refuse(settings: object) -> Plain:
        raise Stop("No certificate authorities.")

    monkeypatch.setattr(service, "_connect", refuse)
    asked = service.Service({"TOKEN": "marked"}, lambda: datetime.now(UTC))
    [answer] = asked.check(config, "pay")
    assert (answer.account, answer.error, answer.skew) == (None, "No certificate authorities.", None)
    with pytest.raises(Failure, match=r"^pay: No certificate authorities\.$"):
        asked.discover(config, "pay")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("pay", ("projects", ("PAY", "OPS"), {"points": "cf_1"})),
        ("web", ("repositories", ("acme/web",), None)),
    ],
)
def test_discover_says_what_the_config_has(
    monkeypatch: pytest.MonkeyPatch, config: Path, source: str, told: tuple[object, ...]
) -> None:
    connector = Told()
    found = over(monkeypatch, connector).discover(config, source)
    assert (found.key, found.named, found.fields) == told
    assert found.source == source
    assert found.listed == tuple(LISTED)
    assert connector.closed == 1


def test_discover_of_a_tracker_that_fails_is_a_failure_with_its_sentence(
    monkeypatch: pytest.MonkeyPatch, config: Path
) -> None:
    connector = Told(TryLater("It broke."))
    with pytest.raises(Failure, match=r"^pay: It broke\.$") as caught:
        over(monkeypatch, connector).discover(config, "pay")
    assert caught.value.code == 1
    assert connector.closed == 1


def test_discover_of_an_unknown_source_is_a_failure(monkeypatch: pytest.MonkeyPatch, config: Path) -> None:
    with pytest.raises(Failure, match="There is no source nope in the config; it has pay, web"):
        over(monkeypatch, Told()).discover(config, "nope")
