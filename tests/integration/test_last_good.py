"""While files of the config are broken: the real service over a file of notes, restarted for every step."""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Connection

from connectors import registry
from okrs.ledger import EntryKind
from service import Service
from store.configs import Good, Kept, keep, kept
from store.database import Database, open_database
from store.ledger import states
from store.views.status import StatusView, status_json
from sync.task import Progress
from terminal.failures import Failure, InvalidConfig
from terminal.synced import Synced
from tests.builders import at

NOW = at("2026-11-01T12:00")
MAIN = """\
version: 1
database: ${DATABASE}
cycles: [{id: Q, start: 2026-10-01, end: 2026-12-31}]
sources:
  notes: {connector: notes, path: notes.jsonl}
"""


def team(name: str, *keys: str) -> str:
    """A team with one key result, which counts these notes when they are done."""
    return f"""\
objectives:
  - id: {name}
    cycle: Q
    title: Of {name}
    key_results: [{{id: {name}-1, title: The first of {name}, start: 0, target: 9}}]
mappings:
  - key_result: {name}-1
    from: [{{source: notes, where: {{key: [{", ".join(keys)}]}}, measure: count}}]
"""


class Office:
    """A folder with a config and notes; every command is one of a new process."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder / "okrs"
        self.folder.mkdir()
        self.database = database
        self.now = NOW
        self.write("headway", MAIN)
        self.write("pay", team("pay", "a", "b", "c"))
        self.write("web", team("web", "a", "b"))
        self.done()

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / f"{name}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def done(self, *keys: str) -> None:
        """Let these notes be done, and the others not."""
        rows = [{"id": key, "title": key, "state": "done" if key in keys else "todo"} for key in "abc"]
        (self.folder / "notes.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    def service(self) -> Service:
        return Service({"DATABASE": self.database}, lambda: self.now)

    def sync(self, *, last_good: bool = True, dry_run: bool = False) -> Synced:
        self.now += timedelta(hours=1)
        return self.service().sync(
            self.folder, only=(), full=False, dry_run=dry_run, progress=Progress(), last_good=last_good
        )

    def status(self) -> StatusView:
        return self.service().status(self.folder, None)

    def values(self) -> dict[str, Any]:
        return {each.key_result.id: each.value for each in self.status().key_results}

    def quarantined(self) -> dict[str, str | None]:
        return {each.key_result.id: each.quarantined for each in self.status().key_results}

    def opened(self) -> Database:
        return open_database(self.database, create=False)

    def kept(self) -> Sequence[Kept]:
        database = self.opened()
        try:
            return kept(database)
        finally:
            database.close()

    def retired(self) -> set[str]:
        database = self.opened()
        try:
            with database.read() as connection:
                return {name for name, state in states(connection).items() if state.retired}
        finally:
            database.close()


@pytest.fixture
def office(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Two teams, read once."""
    monkeypatch.setitem(registry.BUILT_IN, "notes", "tests.integration.toy_file")
    made = Office(tmp_path, database_url)
    assert made.sync(last_good=False).wrong is None
    made.done("a")
    made.sync(last_good=False)
    assert made.values() == {"pay-1": 1, "web-1": 1}
    return made


def kinds(synced: Synced) -> list[tuple[str, EntryKind]]:
    return [(each.key_result, each.kind) for each in synced.report.entries]


def wrong_files(synced: Synced) -> list[str]:
    assert synced.wrong is not None
    return [Path(each.file).name for each in synced.wrong.quarantine]


def test_a_team_s_typo_stops_nobody(office: Office) -> None:
    office.edit("pay", "measure: count", "measure: cuont")
    office.done("a", "b")
    synced = office.sync()
    assert wrong_files(synced) == ["pay.yaml"]
    assert kinds(synced) == [("pay-1", EntryKind.AUTO), ("web-1", EntryKind.AUTO)]
    assert office.values() == {"pay-1": 2, "web-1": 2}
    told = office.quarantined()
    assert told["web-1"] is None
    assert "pay.yaml is in quarantine, and the key result goes on by the last good version: " in str(told["pay-1"])
    (since,) = (each.wrong_since for each in office.kept() if each.name == "pay.yaml")
    assert since == office.now
    office.sync()
    (wrong,) = office.status().quarantine
    assert wrong.since == since, "later runs change nothing of that"

    office.edit("pay", "measure: cuont", "measure: count")
    assert office.sync().report.entries == (), "the rule is what it was"
    assert office.status().quarantine == ()
    assert {each.wrong_since for each in office.kept()} == {None}
    assert office.retired() == set()


def test_a_mended_rule_is_a_rule_entry(office: Office) -> None:
    office.edit("pay", "key: [a, b, c]", "kye: [b]")
    assert kinds(office.sync()) == []
    office.edit("pay", "kye: [b]", "key: [b]")
    synced = office.sync()
    assert synced.wrong is None
    assert kinds(synced) == [("pay-1", EntryKind.RULE)]
    assert office.values() == {"pay-1": 0, "web-1": 1}


def test_a_file_that_is_no_yaml_retires_nothing(office: Office) -> None:
    office.edit("pay", "objectives:", "objectives: [")
    office.done("a", "b", "c")
    assert kinds(office.sync()) == [("pay-1", EntryKind.AUTO), ("web-1", EntryKind.AUTO)]
    assert office.values() == {"pay-1": 3, "web-1": 2}


HOW = {
    "unreadable": "objectives: [",
    "readable": "mistake: 1\nobjectives:",
    "misspelt": "objectivs:",
    "given twice": "objectives: x\nobjectives:",
}


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_without_a_kept_version_its_key_results_stand_still(office: Office, how: str) -> None:
    """As in the first run after an upgrade, with a file that broke just then."""
    database = office.opened()
    keep(database, [Good(each.name, each.main, each.document or "") for each in office.kept() if each.main], [], NOW)
    database.close()
    office.edit("pay", "objectives:", how)
    office.done("a", "b")
    synced = office.sync()
    assert kinds(synced) == [("web-1", EntryKind.AUTO)]
    assert office.retired() == set()
    assert wrong_files(synced) == ["pay.yaml"]
    office.edit("pay", how, "objectives:")
    assert kinds(office.sync()) == [("pay-1", EntryKind.AUTO)]
    assert office.values() == {"pay-1": 2, "web-1": 2}


@pytest.mark.parametrize(
    "how", [("    key_results:", "    key_result:"), ("id: pay-1", "di: pay-1"), ("mappings:", "mapings:")]
)
def test_a_file_that_is_renamed_and_broken_at_once_retires_nothing(office: Office, how: tuple[str, str]) -> None:
    (office.folder / "pay.yaml").rename(office.folder / "payments.yaml")
    office.edit("payments", *how)
    office.done("a", "b")
    synced = office.sync()
    assert wrong_files(synced) == ["payments.yaml"]
    assert kinds(synced) == [("web-1", EntryKind.AUTO)]
    assert office.retired() == set()
    office.edit("payments", *reversed(how))
    assert kinds(office.sync()) == [("pay-1", EntryKind.AUTO)]


def forgotten(office: Office, *files: str) -> None:
    """As in the first run after an upgrade: nothing is kept of these files."""
    good = [Good(each.name, each.main, each.document or "") for each in office.kept() if each.name not in files]
    with closing(office.opened()) as database:
        keep(database, good, [], NOW)


@pytest.mark.parametrize("broken", ["pay", "rules"])
def test_what_gets_a_new_id_in_a_broken_file_does_not_retire_under_its_old_one(office: Office, broken: str) -> None:
    """Its history waits under the old id until the file is right; whether it is there or only its mapping."""
    objectives, mappings = (office.folder / "pay.yaml").read_text(encoding="utf-8").split("mappings:")
    if broken == "rules":
        office.write("pay", objectives)
        office.write("rules", f"mappings:{mappings}")
        assert kinds(office.sync()) == []
    forgotten(office, f"{broken}.yaml")
    office.edit("pay", "id: pay-1", "id: pay-2, was: pay-1")
    office.edit(broken, "key_result: pay-1", "key_result: pay-2")
    office.edit(broken, "measure: count", "measure: cuont")
    office.done("a", "b")
    synced = office.sync()
    assert wrong_files(synced) == [f"{broken}.yaml"]
    assert kinds(synced) == [("web-1", EntryKind.AUTO)]
    assert office.values() == {"pay-2": 1, "web-1": 2}
    office.edit(broken, "measure: cuont", "measure: count")
    assert kinds(office.sync()) == [("pay-2", EntryKind.TARGET), ("pay-2", EntryKind.AUTO)]
    assert office.values() == {"pay-2": 2, "web-1": 2}


def test_nobody_takes_a_key_result_over_whose_file_cannot_be_read(office: Office) -> None:
    office.edit("pay", "objectives:", "objectives: [")
    office.edit("web", "[{id: web-1,", "[{id: pay-1, title: Taken, start: 0, target: 500}, {id: web-1,")
    rule = "  - {key_result: pay-1, from: [{source: notes, measure: count, counts: all}]}\n"
    office.edit("web", "mappings:\n", f"mappings:\n{rule}")
    office.done("a", "b")
    for mended in (False, True):
        if mended:
            office.edit("pay", "objectives: [", "objectives:")
        synced = office.sync()
        assert kinds(synced) == ([] if mended else [("pay-1", EntryKind.AUTO), ("web-1", EntryKind.AUTO)])
        assert wrong_files(synced) == (["web.yaml"] if mended else ["pay.yaml", "web.yaml"])
        assert office.values() == {"pay-1": 2, "web-1": 2}
        assert (office.quarantined()["pay-1"] is None) == mended
        assert re.search(r"pay\.yaml(:\d+:\d+)?, which has not given it away", str(office.quarantined()["web-1"]))


def test_a_broken_main_file_runs_as_it_was_last_good(office: Office) -> None:
    office.edit("headway", "cycles:", "cycels:")
    office.done("a", "b")
    synced = office.sync()
    assert wrong_files(synced) == ["headway.yaml"]
    assert kinds(synced) == [("pay-1", EntryKind.AUTO), ("web-1", EntryKind.AUTO)]
    assert office.values() == {"pay-1": 2, "web-1": 2}
    assert set(office.quarantined().values()) == {None}, "these are the teams' own, and taken"
    with pytest.raises(InvalidConfig) as caught:
        office.sync(last_good=False)
    assert caught.value.hint == ""
    with pytest.raises(InvalidConfig):
        office.service().plan(office.folder)


def test_where_the_database_is_must_be_known(office: Office) -> None:
    office.edit("headway", "database:", "databsae:")
    for use in (office.sync, office.status, lambda: office.service().history(office.folder, "pay-1")):
        with pytest.raises(InvalidConfig) as caught:
            use()
        assert "nothing can run" in caught.value.hint


def test_the_answers_go_on_while_the_config_is_broken(office: Office) -> None:
    office.edit("headway", "cycles:", "cycels:")
    office.edit("pay", "measure: count", "measure: cuont")
    service = office.service()
    assert service.wrong(office.folder) is None
    explained = service.explain(office.folder, "pay-1")
    assert explained.value == 1
    assert "pay.yaml is in quarantine" in str(explained.quarantined)
    wrong = service.wrong(office.folder)
    assert wrong is not None
    assert wrong.sentence.startswith("The config has ")
    assert {Path(problem.file).name for problem in wrong.problems} == {"headway.yaml", "pay.yaml"}
    assert service.explain(office.folder, "web-1").quarantined is None
    assert [each.key_result for each in service.which(office.folder, "a").parts] == ["pay-1", "web-1"]
    assert [each.entry.new for each in service.history(office.folder, "pay-1")] == [0, 1]
    with pytest.raises(Failure, match="no key result nope"):
        service.explain(office.folder, "nope")
    document = status_json(office.status())
    assert [(Path(each["file"]).name, each["runs"], each["since"]) for each in document["quarantine"]] == [
        ("headway.yaml", True, None),
        ("pay.yaml", True, None),
    ]


def test_a_deleted_file_retires_and_is_forgotten(office: Office) -> None:
    office.edit("web", "measure: count", "measure: cuont")
    (office.folder / "pay.yaml").unlink()
    assert kinds(office.sync()) == [("pay-1", EntryKind.RETIRE)]
    assert {each.name for each in office.kept()} == {"headway.yaml", "web.yaml"}


def test_a_file_that_gets_a_name_that_nobody_reads_retires_nothing(office: Office) -> None:
    (office.folder / "pay.yaml").rename(office.folder / "pay.yml")
    synced = office.sync()
    assert wrong_files(synced) == ["pay.yaml"]
    assert (synced.report.entries, office.retired()) == ((), set())
    assert "pay.yml" in str(office.quarantined()["pay-1"])
    assert {each.name for each in office.kept()} == {"headway.yaml", "pay.yaml", "web.yaml"}
    office.done("a", "b")
    assert kinds(office.sync()) == [("pay-1", EntryKind.AUTO), ("web-1", EntryKind.AUTO)]


def test_a_run_tells_of_a_file_that_nobody_reads(office: Office) -> None:
    (office.folder / "ship.yml").write_text(team("ship", "c"), encoding="utf-8")
    for last_good in (True, False):
        synced = office.sync(last_good=last_good)
        assert synced.wrong is None
        assert [Path(each.file).name for each in synced.unkept] == ["ship.yml"]


def test_what_a_broken_file_gave_away_stays_where_it_went(office: Office) -> None:
    office.write("pay", "objectivs: []\nmappings: []\nobjectives: []\n")
    taking = team("web", "a", "b").replace("[{id: web-1,", "[{id: pay-1, title: T, start: 0, target: 9}, {id: web-1,")
    office.write("web", taking + "  - {key_result: pay-1, from: [{source: notes, measure: count, counts: open}]}\n")
    assert kinds(office.sync()) == [("pay-1", EntryKind.RULE)]
    (row,) = (each for each in office.kept() if each.name == "pay.yaml")
    assert "pay-1" not in str(row.document)
    office.write("pay", "objectives: [")
    office.edit("web", "measure: count", "measure: cuont")
    synced = office.sync()
    assert wrong_files(synced) == ["pay.yaml", "web.yaml"]
    assert synced.report.entries == ()


def test_a_new_file_with_a_mistake_is_in_quarantine(office: Office) -> None:
    office.write("ship", team("ship", "c").replace("measure", "maesure"))
    synced = office.sync()
    assert wrong_files(synced) == ["ship.yaml"]
    assert synced.report.entries == ()
    assert office.values() == {"pay-1": 1, "ship-1": None, "web-1": 1}
    assert "stands still" in str(office.quarantined()["ship-1"])
    (row,) = (each for each in office.kept() if each.name == "ship.yaml")
    assert (row.document, row.wrong_since) == (None, office.now)
    office.edit("ship", "maesure", "measure")
    assert kinds(office.sync()) == [("ship-1", EntryKind.BASELINE)]


def test_a_dry_run_keeps_nothing(office: Office) -> None:
    before = office.kept()
    office.edit("pay", "[a, b, c]", "[a]")
    office.edit("web", "measure: count", "measure: cuont")
    assert wrong_files(office.sync(dry_run=True)) == ["web.yaml"]
    assert office.kept() == before


def test_one_of_two_hundred_teams(office: Office) -> None:
    for number in range(200):
        office.write(f"team{number:03}", team(f"team{number:03}", "a", "b"))
    office.sync(last_good=False)
    office.edit("team077", "objectives:", "objectives: [")
    office.edit("team078", "measure: count", "measure: cuont")
    office.done("a", "b")
    synced = office.sync()
    assert wrong_files(synced) == ["team077.yaml", "team078.yaml"]
    assert len(synced.report.updates) == 202
    assert {kind for _, kind in kinds(synced)} == {EntryKind.AUTO}
    assert set(office.values().values()) == {2}


def test_files_are_kept_changed_and_forgotten(database: Database) -> None:
    first, second = NOW, NOW + timedelta(hours=1)
    keep(database, [Good("a", True, "{}"), Good("b", False, "{}")], [], first)
    assert kept(database) == (Kept("a", True, "{}"), Kept("b", False, "{}"))
    keep(database, [Good("a", True, "[]")], ["b", "c"], first)
    keep(database, [Good("a", True, "[]")], ["b", "c"], second)
    assert kept(database) == (Kept("a", True, "[]"), Kept("b", False, "{}", first), Kept("c", False, None, first))
    keep(database, [Good("a", False, "[]"), Good("c", True, "1")], [], second)
    assert kept(database) == (Kept("a", False, "[]"), Kept("c", True, "1"))


def test_a_version_that_cannot_be_kept_leaves_the_older_one(database: Database) -> None:
    keep(database, [Good("a", True, "{}"), Good("b", False, None)], ["c"], NOW)
    keep(database, [Good("a", True, None), Good("b", False, None), Good("c", False, None)], [], NOW)
    assert kept(database) == (Kept("a", True, "{}"), Kept("b", False, None), Kept("c", False, None))
    keep(database, [Good("b", True, "[]")], ["a"], NOW)
    assert kept(database) == (Kept("a", True, "{}", NOW), Kept("b", True, "[]"))


def test_an_older_version_is_kept_as_far_as_nobody_took_of_it(database: Database) -> None:
    keep(database, [Good(name, False, '"old"') for name in "abc"], [], NOW)
    asked = []

    def less(name: str, document: str) -> str:
        asked.append((name, document))
        return document if name == "c" else f'{document[:-1]} {name}"'

    keep(database, [Good("a", False, '"new"'), Good("b", False, None)], ["c", "d"], NOW, less)
    assert {each.name: each.document for each in kept(database)} == {
        "a": '"new"',
        "b": '"old b"',
        "c": '"old"',
        "d": None,
    }
    assert {name for name, _ in asked} == {"b", "c"}


def test_two_runs_at_once_keep_what_the_later_one_found(database: Database, database_url: str) -> None:
    """Both have seen the same when they begin to write."""
    first, second = (open_database(database_url, create=False) for _ in range(2))
    keep(first, [Good("a", True, "{}")], [], NOW)
    seen, faster = Barrier(2), Event()

    def run(mine: Database, good: list[Good], wrong: list[str], *, waits: bool) -> None:
        write = mine.write

        @contextmanager
        def writing() -> Iterator[Connection]:
            seen.wait(60)
            if waits:
                faster.wait(60)
            with write() as connection:
                yield connection
            faster.set()

        mine.write = writing  # type: ignore[method-assign]  # the moment between reading and writing
        keep(mine, good, wrong, NOW)

    with closing(first), closing(second), ThreadPoolExecutor(2) as pool:
        for done in [
            pool.submit(run, first, [Good("a", True, "[]"), Good("b", False, "1")], ["c"], waits=False),
            pool.submit(run, second, [Good("a", True, "[]"), Good("c", False, "2")], ["b"], waits=True),
        ]:
            done.result()
    assert kept(database) == (Kept("a", True, "[]"), Kept("b", False, "1", NOW), Kept("c", False, "2"))
