"""Anchors by the command: printed, kept by runs, and what only they show of a ledger that was tampered with."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from okrs.immutable import replace
from okrs.ledger import Entry
from store import ledger
from store.database import open_database
from tests.e2e import shapes
from tests.e2e.conftest import Headway
from tests.forging import forge

KEPT = "anchors.jsonl"


def tamper(headway: Headway, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Write another ledger in the place of this one."""
    database = open_database(f"sqlite:///{headway.database}", create=False)
    with database.write() as connection:
        forge(connection, change(list(ledger.entries_of(connection))))
    database.close()


def cut_off(entries: list[Entry]) -> list[Entry]:
    return entries[:-3]


def rewrite(entries: list[Entry]) -> list[Entry]:
    return [*entries[:4], replace(entries[4], at=entries[4].at - timedelta(days=1)), *entries[5:]]


def printed(headway: Headway) -> str:
    code, out, err = headway.run("verify", "--anchor")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    return str(out)


def test_an_anchor_is_the_head_on_one_line(settled: Headway) -> None:
    told = json.loads(printed(settled))
    assert [(told["seq"], told["hash"])] == settled.rows("SELECT seq, hash FROM ledger_head")
    assert list(shapes.complaints(told, shapes.ANCHOR)) == []
    code, out, _ = settled.run("verify", "--anchor", "--json")
    assert code == 0
    assert {**out, "at": ""} == {**told, "at": ""}


def test_a_ledger_holds_against_what_was_printed(copy: Headway) -> None:
    file = copy.folder / "audit.log"
    file.write_text(f"# begun\nNov 28 10:00:00 host headway[7]: {printed(copy)}{printed(copy)}", encoding="utf-8")
    code, out, err = copy.run("verify", "--against", "audit.log")
    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "It holds against 2 anchors of audit.log."
    answer = copy.run("verify", "--against", "audit.log", "--json").out
    assert list(shapes.complaints(answer, shapes.VERIFY)) == []
    assert answer["anchors"] == {"file": "audit.log", "count": 2, "broken": None}


@pytest.mark.parametrize(
    ("change", "said"), [(cut_off, "The ledger was cut off"), (rewrite, "The ledger was rewritten")]
)
def test_what_plain_verify_takes_for_whole_is_found_against_an_anchor(
    copy: Headway, change: Callable[[list[Entry]], list[Entry]], said: str
) -> None:
    (copy.folder / "audit.jsonl").write_text(printed(copy), encoding="utf-8")
    tamper(copy, change)
    plain = copy.run("verify", "--json")
    assert (plain.code, plain.out["ok"], plain.out["anchors"]) == (0, True, None), "the ledger alone does not show it"
    code, out, err = copy.run("verify", "--against", "audit.jsonl")
    assert (code, err) == (1, "")
    assert out.startswith(f"{said}: ")
    assert "(line 1 of audit.jsonl)" in out
    code, answer, _ = copy.run("verify", "--against", "audit.jsonl", "--json")
    assert (code, answer["ok"], answer["anchors"]["broken"]["line"]) == (1, False, 1)
    assert list(shapes.complaints(answer, shapes.VERIFY)) == []
    assert answer["first_bad"] == (answer["entries"] + 1 if change is cut_off else None)


def test_an_anchor_of_a_ledger_that_is_not_whole_is_not_printed(copy: Headway) -> None:
    with copy.plain() as connection:
        connection.execute("UPDATE ledger_entry SET why = 'because' WHERE seq = 7")
    code, out, err = copy.run("verify", "--anchor")
    assert (code, out) == (1, "")
    assert "Entry 7" in err


def test_mistakes_are_told(settled: Headway) -> None:
    code, out, err = settled.run("verify", "--against", "nowhere.jsonl")
    assert (code, out) == (1, "")
    assert "nowhere.jsonl cannot be read (No such file or directory)" in err
    code, out, err = settled.run("verify", "--against", "headway.yaml")
    assert (code, out) == (1, "")
    assert "headway.yaml holds no anchor" in err
    code, out, err = settled.run("verify", "--anchor", "--against", "x")
    assert (code, out) == (2, "")
    assert "choose one of --anchor and --against" in err


def synced(headway: Headway, *options: str) -> tuple[Any, str]:
    code, out, err = headway.run("sync", "--json", *options)
    assert code == 0, err
    assert list(shapes.complaints(out, shapes.SYNC)) == []
    return out["anchor"], err


def test_a_run_keeps_one_a_day_which_verify_takes_by_itself(copy: Headway) -> None:
    copy.edit("version: 1\n", "version: 1\nanchor: daily\n")
    assert copy.run("verify").out.splitlines()[1] == f"No anchor is kept in {copy.folder / KEPT} yet."
    assert synced(copy, "--dry-run") == (None, "")
    assert not (copy.folder / KEPT).exists()
    kept, err = synced(copy)
    assert (kept["to"], kept["problem"], err) == (str(copy.folder / KEPT), None, "")
    assert synced(copy) == (None, "")
    lines = (copy.folder / KEPT).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [{name: kept[name] for name in ("seq", "hash", "at")}]
    assert copy.run("verify").out.splitlines()[1] == f"It holds against 1 anchor of {copy.folder / KEPT}."
    tamper(copy, rewrite)
    code, out, _ = copy.run("verify")
    assert code == 1
    assert "The ledger was rewritten" in out


def test_a_run_whose_anchor_cannot_be_kept_goes_on(copy: Headway) -> None:
    copy.edit("version: 1\n", "version: 1\nanchor: {to: nowhere/anchors.jsonl}\n")
    kept, err = synced(copy)
    assert "nowhere/anchors.jsonl: No such file or directory" in kept["problem"]
    assert err == f"headway: {kept['problem']}\n"


def test_a_log_gets_it_on_stderr_and_is_read_back(copy: Headway) -> None:
    with copy.plain() as connection:
        connection.execute("UPDATE run SET started_at = 0, finished_at = 0")
    copy.edit("version: 1\n", "version: 1\nanchor: {to: log}\n")
    kept, err = synced(copy)
    assert kept["to"] == "log"
    assert err.count("\n") == 1
    assert "ledger anchor" in err
    assert synced(copy) == (None, "")
    (copy.folder / "journal").write_text(f"something else\n{err}", encoding="utf-8")
    answer = copy.run("verify", "--against", "journal", "--json").out
    assert (answer["ok"], answer["anchors"]["count"]) == (True, 1)
