"""The document of `sync --json`."""

from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.contract import Quota
from sync.engine import Report
from sync.task import Outcome, SourceReport
from terminal.reporting import report_json
from terminal.synced import Synced


def told(source: SourceReport) -> dict[str, Any]:
    document = report_json(Synced(Report("run", (source,), ())))
    every: list[dict[str, Any]] = orjson.loads(orjson.dumps(document))["sources"]
    return every[0]


def test_what_a_tracker_still_allows_is_told() -> None:
    quota = Quota(5, 100, datetime(2026, 11, 30, 10, tzinfo=UTC))
    source = told(SourceReport("web", Outcome.OK, 3, quota=quota))
    assert source["quota"] == {"remaining": 5, "limit": 100, "reset": "2026-11-30T10:00:00Z", "near": False}
    assert source["state"] == "ok"


def test_of_a_tracker_that_says_nothing_it_is_null() -> None:
    source = told(SourceReport("web", Outcome.FAILED, 1, error="Gone."))
    assert (source["quota"], source["wait_until"]) == (None, None)


def test_until_when_a_tracker_asked_to_wait_is_told() -> None:
    until = datetime(2026, 11, 30, 11, tzinfo=UTC)
    assert told(SourceReport("web", Outcome.FAILED, 1, wait_until=until))["wait_until"] == "2026-11-30T11:00:00Z"
