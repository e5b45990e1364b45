"""Keeping an anchor a day: where, when, and what keeps a run from it."""

import fcntl
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from config.loader import load
from config.model import Config
from connectors.logs import log
from okrs.anchor import anchors_in
from okrs.ledger import GENESIS
from okrs.work import State
from store.database import Database
from store.runs import finish_run, start_run
from terminal.failures import Failure
from terminal.logs import configure
from terminal.synced import KeptAnchor
from tests.builders import SOURCE, a_rule, an_item, at
from tests.integration.fakes import Clock, FakeTracker, World
from usecases.anchoring import anchors_if_any, keep_anchor, read_anchors


@dataclass
class Office:
    """A ledger, a config beside it, and runs that may keep anchors."""

    world: World
    known: Config

    @property
    def path(self) -> Path:
        assert self.known.anchor
        assert self.known.anchor.path
        return self.known.anchor.path

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    def run(self, **later: float) -> KeptAnchor | None:
        """Let a ticket be closed or opened again, and sync, so much later."""
        self.world.clock.forward(**later)
        tracker = self.world.trackers[SOURCE]
        (item,) = tracker.projects["PAY"].items.values()
        tracker.change("PAY", "PAY-1", state=State.TODO if item.state is State.DONE else State.DONE)
        return self.again()

    def again(self, **later: float) -> KeptAnchor | None:
        """Sync, so much later."""
        self.world.clock.forward(**later)
        report = self.world.sync()
        return keep_anchor(self.known, self.world.database, report.run, self.world.clock())


def an_office(database: Database, folder: Path, anchor: str) -> Office:
    clock = Clock(at("2026-11-20T09:00"))
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr1", a_rule())
    path = folder / "headway.yaml"
    text = f"version: 1\ndatabase: sqlite:///headway.db\ntimezone: Europe/Berlin\n{anchor}\n"
    path.write_text(text, encoding="utf-8")
    known = load(path, {}, connect=False).config
    assert known
    return Office(world, known)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return an_office(database, tmp_path, "anchor: daily")


def test_the_first_run_of_each_day_keeps_one(office: Office) -> None:
    first = office.run()
    assert first
    assert (first.problem, Path(first.to)) == ("", office.path)
    assert office.path == office.path.parent / "anchors.jsonl"
    assert office.run(hours=1) is None
    assert office.run(hours=11) is None, "22:02 in Berlin"
    assert office.run(hours=2), "it is tomorrow in Berlin, and today in UTC"
    assert office.again(days=1), "also where nothing moved"
    told = [json.loads(line) for line in office.lines]
    entries = office.world.entries()
    assert [each["hash"] for each in told] == [entries[each["seq"] - 1].hash for each in told]
    assert [each["at"][:10] for each in told] == ["2026-11-20", "2026-11-20", "2026-11-21"]
    assert told[1]["seq"] == told[2]["seq"] == len(entries)
    assert [each.seq for each in read_anchors(office.path)] == [each["seq"] for each in told]


def test_nothing_is_kept_of_an_empty_ledger_nor_unasked(database: Database, tmp_path: Path) -> None:
    office = an_office(database, tmp_path, "anchor: daily")
    office.world.goals.clear()
    assert office.again() is None
    assert not office.path.exists()
    assert anchors_if_any(office.path) == []
    silent = an_office(database, tmp_path, "")
    assert silent.known.anchor is None
    assert silent.run() is None


def test_a_line_that_was_left_unfinished_is_ended_first(office: Office) -> None:
    office.run()
    office.path.write_bytes(office.path.read_bytes() + b'{"seq":7,"ha')
    assert office.run(days=1)
    assert [json.loads(line)["seq"] for line in (office.lines[0], office.lines[2])] == [1, 2]
    assert office.lines[1] == '{"seq":7,"ha'
    assert len(read_anchors(office.path)) == 2


def test_a_long_file_is_read_from_its_end(office: Office) -> None:
    office.run()
    office.path.write_text("".join(f"{line}\n" for line in office.lines * 3000), encoding="utf-8")
    before = office.path.stat().st_size
    assert office.run() is None
    kept = office.run(days=1)
    assert kept
    assert kept.problem == ""
    assert office.path.stat().st_size == before + len(kept.anchor.text) + 1


def test_a_file_of_something_else_is_left_alone(office: Office) -> None:
    office.path.write_text("version: 1\n", encoding="utf-8")
    kept = office.run()
    assert kept
    assert "holds something else than anchors" in kept.problem
    assert office.lines == ["version: 1"]


@pytest.mark.parametrize("to", ["nowhere/anchors.jsonl", "headway.yaml/anchors.jsonl"])
def test_a_file_that_cannot_be_written_is_told_and_tried_again(database: Database, tmp_path: Path, to: str) -> None:
    office = an_office(database, tmp_path, f"anchor: {{to: {to}}}")
    kept = office.run()
    assert kept
    assert kept.problem.startswith(f"The anchor cannot be written to {tmp_path / to}: ")
    again = office.again()
    assert again
    assert again.problem == kept.problem


def test_a_folder_that_came_into_its_place_is_told(office: Office) -> None:
    office.path.mkdir()
    kept = office.run()
    assert kept
    assert "Is a directory" in kept.problem


def test_while_another_run_writes_none_is_kept(office: Office) -> None:
    with office.path.open("a+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert office.run() is None
    assert office.lines == []
    assert office.again()


def test_no_anchor_is_added_to_one_that_does_not_hold(office: Office) -> None:
    office.run()
    forged = office.lines[0].replace(office.world.entries()[0].hash, "f" * 64)
    office.path.write_text(f"{forged}\n", encoding="utf-8")
    kept = office.run(days=1)
    assert kept
    assert kept.problem.startswith(
        "No anchor is kept. The ledger was rewritten: entry 1 is not the one that the anchor"
    )
    assert str(office.path) in kept.problem
    assert "line" not in kept.problem
    assert office.lines == [forged]
    office.path.write_text(forged.replace('"seq":1', '"seq":99') + "\n", encoding="utf-8")
    cut = office.again()
    assert cut
    assert "The ledger was cut off: it ends at entry 2" in cut.problem


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """The log as a command has it without -v; what it was comes back."""
    handlers, level, disabled = log.handlers, log.level, logging.root.manager.disable
    yield
    log.handlers, log.level = handlers, level
    logging.disable(disabled)


@pytest.mark.usefixtures("quiet_log")
@pytest.mark.parametrize("as_json", [False, True])
def test_the_log_gets_one_a_day_however_quiet_it_is(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    office = an_office(database, tmp_path, "anchor: {to: log}")
    configure(verbose=0, as_json=as_json)
    kept = office.run()
    assert kept
    assert (kept.to, kept.problem) == ("log", "")
    assert office.run(hours=1) is None
    assert office.run(hours=14), "it is tomorrow in Berlin"
    err = capsys.readouterr().err
    found = list(anchors_in(err.splitlines()))
    entries = office.world.entries()
    assert [(each.seq, each.hash) for each in found] == [(1, entries[0].hash), (3, entries[2].hash)]
    assert found[0].at == kept.anchor.at
    assert len(err.splitlines()) == 2
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.usefixtures("quiet_log")
def test_what_a_person_did_before_is_no_run_that_kept_one(database: Database, tmp_path: Path) -> None:
    office = an_office(database, tmp_path, "anchor: {to: log}")
    configure(verbose=0, as_json=False)
    assert office.run()
    now = office.world.clock.forward(hours=24)
    finish_run(database, start_run(database, now, "test"), now)  # as `headway set` leaves it: no source was read
    assert office.run(hours=1)
    assert office.run(hours=1) is None


def test_a_file_without_anchors_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        read_anchors(tmp_path / "absent")
    path = tmp_path / "empty"
    path.write_bytes(b"\xff\xfe nothing\n")
    with pytest.raises(Failure, match="holds no anchor"):
        read_anchors(path)
    path.write_text(f'{{"seq":0,"hash":"{GENESIS}","at":null}}', encoding="utf-8")
    assert [each.seq for each in read_anchors(path)] == [0]


def test_what_is_piped_in_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"a log\nseq=3 hash={GENESIS}\n"))
    assert [(each.seq, each.line) for each in read_anchors(Path("-"))] == [(3, 2)]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(Failure, match="What was piped in holds no anchor"):
        read_anchors(Path("-"))


def test_a_clock_that_was_set_back_writes_no_second_one(office: Office) -> None:
    office.run(days=3)
    office.world.clock.now -= timedelta(days=2)
    assert office.run() is None
