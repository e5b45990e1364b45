"""The past: what was known on a day, and the days before anybody looked, rebuilt from the trackers' own dates."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.records import Project, Tracker
from sandbox.server import JIRA_EMAIL
from sandbox.world import World
from tests.e2e import shapes
from tests.e2e.conftest import Headway
from tests.e2e.office import ASANA, BEARER, GITHUB, JIRA, Office, later, office

BERLIN = ZoneInfo("Europe/Berlin")


def day_of(instant: datetime) -> str:
    return instant.astimezone(BERLIN).date().isoformat()


class Diary:
    """What happened on which local day."""

    def __init__(self) -> None:
        self.days: list[str] = []

    def fill(self, world: World, project: Project) -> None:
        """From the 15th day on: three stories, one of them taken up, done, reopened and done again."""
        first, second, third = (world.create(project, f"Story {number}", _type(project)) for number in range(3))
        later(world, 15)
        story = ((world.start, first), (world.close, first), (world.close, second), (world.reopen, first))
        for act, item in (*story, (world.close, first), (world.close, third)):
            self.days.append(day_of(world.clock.now()))
            act(item)
            later(world, 2)


def _type(project: Project) -> str:
    return {"jira": "Story", "asana": "default_task", "github": "Task"}[project.tracker]


def backfill(made: Office) -> dict[str, Any]:
    code, out, err = made.headway.run("backfill", "result", "--json")
    assert (code, err) == (0, "")
    assert list(shapes.complaints(out, shapes.BACKFILL)) == []
    return dict(out)


def moves(out: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(each["day"], each["new"]) for each in out["written"]]


@pytest.mark.parametrize("mode", ["cloud", "data_center"])
def test_days_are_rebuilt_from_the_histories_of_jira(tmp_path: Path, mode: Any) -> None:
    diary = Diary()
    keys = JIRA if mode == "cloud" else BEARER
    rule = "where: {kind: issue}, measure: percent, partial: {doing: 0.5}"
    with office(tmp_path, "jira", diary.fill, rule, *keys, jira_mode=mode) as made:
        assert made.value() == 100  # the plain sync asks for no histories
        done = backfill(made)
        started, closed, second, reopened, again, third = diary.days
        third_of = pytest.approx(100 / 3)
        assert moves(done) == [
            (done["first"], 0),
            (started, pytest.approx(100 / 6)),
            (closed, third_of),
            (second, pytest.approx(200 / 3)),
            (reopened, third_of),
            (again, pytest.approx(200 / 3)),
            (third, 100),
        ]
        assert done["approximate"] == []
        assert backfill(made)["written"] == []
        assert "Nothing is new" in made.headway.run("backfill", "result").out
        assert made.headway.run("verify", "--json").out["ok"] is True
        explained = made.headway.run("explain", "result", "--at", reopened, "--json").out
        assert list(shapes.complaints(explained, shapes.EXPLAIN_AT)) == []
        assert (explained["reconstructed"], explained["value"]) == (True, third_of)
        assert [each["key"] for each in explained["parts"][0]["counted"]] == ["PAY-2"]
        text = made.headway.run("explain", "result", "--at", reopened).out
        assert "rebuilt from the tickets' own dates" in text
        assert f"reconstructed: the end of {closed}" in made.headway.run("history", "result").out


def test_reads_with_and_without_histories_make_no_versions_in_turn(tmp_path: Path) -> None:
    with office(tmp_path, "jira", Diary().fill, "where: {kind: issue}, measure: count", *JIRA) as made:
        made.value()
        backfill(made)
        versions = made.headway.rows("SELECT * FROM item_version")
        for arguments in (["sync", "--full"], ["backfill", "result"], ["sync", "--full"]):
            out = made.headway.run(*arguments, "--json").out
            assert [each["changed"] for each in out.get("sources", ())] in ([], [0])
        assert made.headway.rows("SELECT * FROM item_version") == versions


@pytest.mark.parametrize(("tracker", "keys"), [("github", GITHUB), ("asana", ASANA)])
def test_days_are_rebuilt_from_dates_where_there_is_no_history(
    tmp_path: Path, tracker: Tracker, keys: Sequence[str]
) -> None:
    """That a ticket was done before it was reopened nobody tells any more: it counts from its last closing on."""
    diary = Diary()
    with office(tmp_path, tracker, diary.fill, "where: {kind: issue, label: p1}, measure: count", *keys) as made:
        for item in made.world.items_of(made.project):
            made.world.relabel(item, ["p1"])
        done = backfill(made)  # also before any sync
        _, _, second, _, again, third = diary.days
        assert moves(done) == [(done["first"], 0), (second, 1), (again, 2), (third, 3)]
        assert done["approximate"] == ["label"]
        assert "(approximate: label)" in made.headway.run("history", "result").out


def test_what_is_asked_of_no_time_is_told(tmp_path: Path) -> None:
    with office(tmp_path, "jira", Diary().fill, "where: {kind: issue}, measure: count", *JIRA) as made:
        code, out, err = made.headway.run("explain", "result", "--at", "2026-01-01")
        assert (code, out) == (1, "")
        assert "There is no database" in err
        made.value()
        yesterday = (datetime.now(BERLIN) - timedelta(days=1)).date()
        code, _, err = made.headway.run("explain", "result", "--at", yesterday.isoformat())
        assert code == 1
        assert f"Nothing was known of result by the end of {yesterday}: it was first measured at 2" in err
        assert " CET. " in err or " CEST. " in err
        assert "`headway backfill result` rebuilds" in err
        code, _, err = made.headway.run("explain", "result", "--at", "2020-02-29")
        assert (code, "backfill" in err, "Its cycle began on " in err) == (1, False, True)
        status = made.headway.run("status", "--at", yesterday.isoformat(), "--json").out
        assert list(shapes.complaints(status, shapes.STATUS_AT)) == []
        assert [each["value"] for each in status["key_results"]] == [None]
        assert "Nothing was known then" in made.headway.run("status", "--at", yesterday.isoformat()).out
        for when in ("2999-01-01", "2999-01-01T00:00Z"):
            code, _, err = made.headway.run("status", "--at", when)
            assert (code, "is in the future" in err) == (1, True)
        local = datetime.now(BERLIN).strftime("%Y-%m-%dT%H:%M")  # without an offset it is of the config's zone
        assert f"As it was known at {local[:10]} {local[11:]} CE" in made.headway.run("status", "--at", local).out
        for when in ("yesterday", "2026-11-20T25:00", "2026-13-01"):
            assert made.headway.run("explain", "result", "--at", when).code == 2


def test_what_was_seen_then_stands_beside_what_is_known_now(tmp_path: Path) -> None:
    """A ticket was closed then, and no sync had seen it."""
    with office(tmp_path, "jira", Diary().fill, "where: {kind: issue}, measure: count", *JIRA) as made:
        assert made.value() == 3
        before = made.headway.run("explain", "result", "--json").out
        late = made.world.create(made.project, "Late", "Story")
        made.world.close(late)
        then = datetime.now(BERLIN).isoformat()
        assert made.value() == 4
        answer = made.headway.run("explain", "result", "--at", then, "--json").out
        assert list(shapes.complaints(answer, shapes.EXPLAIN_AT)) == []
        assert (answer["value"], answer["parts"]) == (3, before["parts"])
        known = answer["known_now"]
        assert (known["value"], known["differs"]) == (4, True)
        assert [(each["key"], each["then"], each["now"]) for each in known["tickets"]] == [(late.key, None, 1)]
        text = made.headway.run("explain", "result", "--at", then).out
        assert "What was seen then: 3. What is known now of that time: 4" in text
        assert made.headway.run("status", "--at", then, "--json").out["key_results"][0]["value"] == 3
        assert made.headway.run("status", "--json").out["key_results"][0]["value"] == 4


def test_a_source_that_is_not_read_rebuilds_nothing(tmp_path: Path) -> None:
    with office(tmp_path, "jira", Diary().fill, "where: {kind: issue}, measure: count", *JIRA) as made:
        made.headway.edit(JIRA_EMAIL, "nobody@acme.example")
        code, _, err = made.headway.run("backfill", "result")
        assert code == 1
        assert "Nothing was rebuilt" in err
        code, _, err = made.headway.run("backfill", "nope")
        assert (code, "There is no key result nope" in err) == (1, True)


def test_answers_of_the_past_have_the_agreed_shape(settled: Headway) -> None:
    now = datetime.now(BERLIN).isoformat()
    status = settled.run("status", "--at", now, "--json").out
    assert list(shapes.complaints(status, shapes.STATUS_AT)) == []
    assert {each["id"]: each["value"] for each in status["key_results"]} == settled.values()
    for name in ("one-click", "interviews", "legal-terms", "p1-bugs"):
        code, out, err = settled.run("explain", name, "--at", now, "--json")
        assert (code, err) == (0, "")
        assert list(shapes.complaints(out, shapes.EXPLAIN_AT)) == []
        live = settled.run("explain", name, "--json").out
        assert {key: out[key] for key in live if key != "at"} == {key: live[key] for key in live if key != "at"}
        assert settled.run("explain", name, "--at", datetime.now(BERLIN).date().isoformat()).code == 0
