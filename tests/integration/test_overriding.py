"""`set`, `resume` and `checkin` by the real service: what may be said of which key result, and until when."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from connectors import registry
from service import Service
from store.database import open_database
from store.finals import Final, keep_finals
from store.tables import ledger_entry, run
from store.views.status import KeyResultStatus, status_json
from sync.task import Progress
from terminal.failures import Failure
from tests.builders import at

NOW = at("2026-11-20T12:00")
CONFIG = """\
version: 1
database: ${DATABASE}
timezone: Asia/Tokyo
cycles:
  - {id: Q4, start: 2026-10-01, end: 2026-12-31}
  - {id: Q1, start: 2027-01-01, end: 2027-03-31}
sources:
  notes: {connector: notes, path: notes.jsonl}
objectives:
  - id: pay
    cycle: Q4
    title: Pay
    key_results:
      - {id: fixed, title: Fix them, start: 0, target: 4}
      - {id: ship, title: Ship it, kind: binary}
      - {id: signed, title: Sign it, kind: binary}
      - {id: load, title: Keep it quiet, keep: {min: 1, max: 3}}
  - id: next
    cycle: Q1
    title: Next
    key_results: [{id: later, title: Later, start: 0, target: 4}]
mappings:
  - {key_result: fixed, from: [{source: notes, where: {kind: issue}, measure: count}]}
  - {key_result: ship, from: [{source: notes, where: {kind: issue}, measure: percent}]}
"""


class Office:
    """A folder with a config and notes, of which one of four is done."""

    def __init__(self, folder: Path, database: str) -> None:
        self.config = folder / "headway.yaml"
        self.database = database
        self.now = NOW
        self.config.write_text(CONFIG, encoding="utf-8")
        rows = [{"id": key, "title": key, "state": "done" if key == "a" else "todo"} for key in "abcd"]
        (folder / "notes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def service(self, who: str = "Ada") -> Service:
        return Service({"DATABASE": self.database, "HEADWAY_USER": who}, lambda: self.now)

    def sync(self) -> None:
        self.service().sync(self.config, only=(), full=False, dry_run=False, progress=Progress())

    def set(self, name: str, value: str, until: date | None = None) -> bool:
        """Set a value; tells whether anything was written."""
        told = self.service().set_value(self.config, name, Decimal(value), why="the audit", until=until)
        return told.said.entry is not None

    def status(self, name: str) -> KeyResultStatus:
        view = self.service().status(self.config, None)
        return next(each for each in view.key_results if each.key_result.id == name)

    def rows(self) -> tuple[int, int]:
        """How many entries and runs there are."""
        database = open_database(self.database, create=False)
        try:
            with database.read() as connection:
                counts = [connection.execute(select(func.count()).select_from(each)) for each in (ledger_entry, run)]
                entries, runs = (int(each.scalar_one()) for each in counts)
                return entries, runs
        finally:
            database.close()

    def close(self, name: str) -> None:
        database = open_database(self.database, create=False)
        with database.write() as connection:
            keep_finals(connection, [Final(name, "Q4", Decimal(3), Decimal("0.75"), self.now, "0" * 64, 1)])
        database.close()


@pytest.fixture
def office(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setitem(registry.BUILT_IN, "notes", "tests.integration.toy_file")
    return Office(tmp_path, database_url)


def test_a_value_is_set_before_anything_was_read(office: Office) -> None:
    assert office.set("fixed", "3")
    told = office.status("fixed")
    assert [told.value, told.automatic] == [3, None]
    office.sync()
    told = office.status("fixed")
    assert [told.value, told.automatic] == [3, 1]


@pytest.mark.parametrize(
    ("day", "until"),
    [
        (date(2026, 11, 20), "2026-11-20T15:00"),  # midnight in Tokyo
        (date(2026, 11, 30), "2026-11-30T15:00"),
    ],
)
def test_the_last_day_ends_at_the_midnight_of_the_config(office: Office, day: date, until: str) -> None:
    office.set("fixed", "3", day)
    told = office.status("fixed")
    assert told.override is not None
    assert (told.override.until, told.last_day) == (at(until), day)
    document = status_json(office.service().status(office.config, None))["key_results"][0]["override"]
    assert document == {"value": 3, "why": "the audit", "by": "Ada", "until": f"{until}:00.000000Z"}
    office.now = at(until)
    assert office.status("fixed").override is None


def test_the_last_day_may_not_be_over(office: Office) -> None:
    office.now = at("2026-11-20T15:00")  # the 21st in Tokyo
    with pytest.raises(Failure, match="2026-11-20 is over, today is 2026-11-21"):
        office.set("fixed", "3", date(2026, 11, 20))
    with pytest.raises(Failure, match="never ends"):
        office.set("fixed", "3", date.max)
    assert office.set("fixed", "3", date(2026, 11, 21))


def test_of_a_yes_or_no_one_means_done_whatever_it_is_measured_by(office: Office) -> None:
    office.sync()
    for name in ("ship", "signed"):
        office.set(name, "1")
        assert office.status(name).standing.progress == 1
        office.set(name, "0")
        assert office.status(name).standing.progress == 0
        with pytest.raises(Failure, match=f"{name} is done or not done: set it to 1 or to 0, not to 0.5"):
            office.set(name, "0.5")


def test_a_band_takes_any_number(office: Office) -> None:
    office.set("load", "-1.5")
    assert [office.status("load").value, office.status("load").standing.progress] == [Decimal("-1.5"), 0]
    with pytest.raises(Failure, match="too large a number"):
        office.set("load", "1e20")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("fixt", "There is no key result fixt in the config: did you mean fixed"),
        ("pay", "pay is an objective: name one of its key results, fixed, ship, signed, load."),
        ("later", "later belongs to Q1, which begins on 2027-01-01; nothing is recorded before"),
    ],
)
def test_what_cannot_be_set_is_told(office: Office, name: str, told: str) -> None:
    with pytest.raises(Failure, match=told):
        office.set(name, "3")
    with pytest.raises(Failure, match=told):
        office.service().check_in(office.config, name, note="n", confidence=None)
    office.sync()
    entries = office.rows()[0]
    with pytest.raises(Failure, match=told):
        office.set(name, "3")
    assert office.rows()[0] == entries


def test_one_that_left_the_config_takes_nothing(office: Office) -> None:
    office.set("signed", "1")
    text = office.config.read_text(encoding="utf-8")
    office.config.write_text(text.replace("      - {id: signed, title: Sign it, kind: binary}\n", ""), encoding="utf-8")
    office.sync()
    for attempt in (
        lambda: office.set("signed", "0"),
        lambda: office.service().resume(office.config, "signed", why=None),
        lambda: office.service().explain(office.config, "signed"),
    ):
        with pytest.raises(Failure, match="signed is not in the config any more: `headway history signed`"):
            attempt()
    assert [each.by for each in office.service().history(office.config, "signed")] == ["Ada"]
    assert office.service().verify(office.config, None).ok


def test_what_changes_nothing_writes_not_even_a_run(office: Office) -> None:
    office.set("fixed", "3", date(2026, 11, 30))
    before = office.rows()
    assert not office.set("fixed", "3.0", date(2026, 11, 30))
    assert office.service("Bob").resume(office.config, "ship", why=None).said.entry is None
    assert office.rows() == before
    assert office.set("fixed", "3")


def test_going_back_needs_no_database(office: Office) -> None:
    assert office.service().resume(office.config, "fixed", why=None).said.entry is None


def test_a_closed_one_takes_nothing(office: Office) -> None:
    office.set("fixed", "3")
    office.close("fixed")
    before = office.rows()[0]
    service = office.service()
    for attempt in (
        lambda: office.set("fixed", "4"),
        lambda: service.resume(office.config, "fixed", why=None),
        lambda: service.check_in(office.config, "fixed", note="n", confidence=None),
    ):
        with pytest.raises(Failure, match="Nothing was written: Q4 is closed, and fixed stays what it was then"):
            attempt()
    assert office.rows()[0] == before


def test_what_no_mapping_feeds_is_explained_by_who_set_it(office: Office) -> None:
    with pytest.raises(Failure, match="Nothing feeds signed"):
        office.service().explain(office.config, "signed")
    office.set("signed", "1")
    with pytest.raises(Failure, match="no mapping feeds: Ada set it to 1: the audit"):
        office.service().explain(office.config, "signed")


def test_a_checkin_is_the_last_word_until_the_next(office: Office) -> None:
    office.sync()
    service = office.service("Bob")
    told = service.check_in(office.config, "fixed", note="it goes well", confidence=Decimal("0.7"))
    assert [told.shown, told.by] == [1, "Bob"]
    document = status_json(service.status(office.config, None))["key_results"][0]["checkin"]
    assert document == {"note": "it goes well", "confidence": 0.7, "by": "Bob", "at": _text(office.now)}


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S.%f}Z"
