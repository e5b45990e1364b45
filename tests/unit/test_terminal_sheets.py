"""`history --csv`: columns that stay, and cells that no spreadsheet takes for formulas."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from okrs.ledger import Cause, CauseKind, Entry, EntryKind
from store.views.history import ShownCause, ShownEntry
from terminal.sheets import COLUMNS, history_csv
from tests.builders import an_item, at

AT = at("2026-11-20T09:00")


def rows(*entries: ShownEntry) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(history_csv(entries))))


def an_entry(*causes: ShownCause, **facts: object) -> ShownEntry:
    told: dict[str, Any] = {"old": Decimal(4), "new": Decimal("1.50"), "kind": EntryKind.AUTO} | facts
    return ShownEntry(Entry(seq=7, key_result="kr", at=AT, **told).sealed(), causes, told.get("by"))


def a_cause(key: str, delta: str = "1", **facts: Any) -> ShownCause:
    return ShownCause(Cause(CauseKind.CLOSED, Decimal(delta), "s", key), an_item(key, **facts))


def test_the_columns_stay() -> None:
    assert history_csv([]) == "seq,at,kind,old,new,cause,key,url,delta,run,rule,by,why,hash,details\n"


def test_each_cause_has_a_row_and_an_entry_without_any_has_one() -> None:
    two = an_entry(a_cause("PAY-1"), a_cause("PAY-2", "-3.5"), run="r1", rule="abc", why="it was so")
    told = rows(two, an_entry(kind=EntryKind.TARGET, old=None, new=None))
    assert [(each["kind"], each["key"], each["delta"]) for each in told] == [
        ("auto", "PAY-1", "1"),
        ("auto", "PAY-2", "-3.5"),
        ("target", "", ""),
    ]
    assert told[1] == {
        "seq": "7",
        "at": "2026-11-20T09:00:00.000000Z",
        "kind": "auto",
        "old": "4",
        "new": "1.5",
        "cause": "closed",
        "key": "PAY-2",
        "url": "https://t.example/PAY-2",
        "delta": "-3.5",
        "run": "r1",
        "rule": "abc",
        "by": "",
        "why": "it was so",
        "hash": two.entry.hash,
        "details": "",
    }
    assert (told[2]["old"], told[2]["new"]) == ("", "")


def test_negative_numbers_stay_numbers() -> None:
    (row,) = rows(an_entry(a_cause("PAY-1", "-3"), old=Decimal(0), new=Decimal("-3.000001")))
    assert (row["new"], row["delta"]) == ("-3.000001", "-3")


HOSTILE = [
    ("=1+1", "'=1+1"),
    ("+1", "'+1"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "' =1"),
    ("\r=1", "' =1"),
    ("\n\n=1", "'  =1"),
    ("\u200b=1", "'=1"),
    ("\x1b=1", "'=1"),
    ("\xa0=1", "'\xa0=1"),
    ("\uff1d1+1", "'\uff1d1+1"),
    ('x";=cmd|calc', "x\";'=cmd|calc"),
    ('"a",b', '"a",b'),
    ("tab\there", "tab here"),
    ("PAY-1", "PAY-1"),
    ("https://t.example/a=b", "https://t.example/a=b"),
]


@pytest.mark.parametrize(("text", "cell"), HOSTILE)
def test_no_text_is_a_formula(text: str, cell: str) -> None:
    (row,) = rows(an_entry(a_cause(text, url=text), run=text, rule=text, by=text, why=text))
    assert {name: row[name] for name in ("key", "url", "run", "rule", "by", "why")} == dict.fromkeys(
        ("key", "url", "run", "rule", "by", "why"), cell
    )
    assert row["delta"] == "1"


def test_a_row_is_one_line_without_control_characters() -> None:
    written = history_csv([an_entry(a_cause("a\r\nb\x1b[2J\u202ec", "1"), why="x\u2028y" * 500)])
    assert len(written.split("\n")) == 3
    assert not any(ord(char) < 32 for char in written.replace("\n", ""))
    assert "\u202e" not in written
    assert written.count("xy") == 500


def test_columns_are_documented() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 15
