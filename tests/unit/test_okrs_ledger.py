"""The ledger's canonical bytes, its chain, and the causes that people are shown."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from okrs.immutable import replace
from okrs.ledger import (
    GENESIS,
    Cause,
    CauseKind,
    Delta,
    Entry,
    EntryKind,
    canonical_bytes,
    canonical_json,
    causes,
    entry_hash,
    timestamp,
)
from tests.builders import first_broken

D = Decimal

CLOSED = Delta(0, "pay-jira", "10001", "v2", D("3"), D("0"), D("3.000000"), D("3"), CauseKind.CLOSED, D("3.000000"))
ADDED = Delta(1, "web-github", "77", "v1", None, None, D(1), D("0.500000"), CauseKind.ADDED, D("0.166667"))
ENTRY = Entry(
    seq=1,
    key_result="one-click",
    at=datetime(2026, 10, 5, 10, 30, 0, 125, tzinfo=timezone(timedelta(hours=2))),
    kind=EntryKind.AUTO,
    old=D("12.000000"),
    new=D("15.166667"),
    run="r-1",
    rule="abc",
    details='{"note":"Größe ≤ 3"}',
    deltas=(CLOSED, ADDED),
)
CANONICAL = (
    '{"at":"2026-10-05T08:30:00.000125Z","by":null,'
    '"deltas":[[0,"pay-jira","10001","v2","3","0","3","3","closed","3"],'
    '[1,"web-github","77","v1",null,null,"1","0.5","added","0.166667"]],'
    '"details":"{\\"note\\":\\"Größe ≤ 3\\"}","key_result":"one-click","kind":"auto","new":"15.166667","old":"12",'
    '"prev":"0000000000000000000000000000000000000000000000000000000000000000",'
    '"rule":"abc","run":"r-1","seq":1,"why":null}'
)
"""Written by hand from DESIGN 6, as is its SHA-256, made with sha256sum."""
DIGEST = "814a2c0754d5abb450696b031a622c296537c0c8aa038f7dc256f99bf7d441d9"


def test_canonical_bytes_and_hash_are_fixed_for_ever() -> None:
    assert canonical_bytes(ENTRY).decode() == CANONICAL
    assert entry_hash(ENTRY) == hashlib.sha256(CANONICAL.encode()).hexdigest() == DIGEST
    assert ENTRY.sealed().hash == DIGEST


def test_equal_numbers_and_instants_have_one_hash() -> None:
    same = replace(ENTRY, old=D("1.2E+1"), at=ENTRY.at.astimezone(UTC), hash="whatever stood here")
    assert entry_hash(same) == DIGEST


OTHER: dict[str, Any] = {
    "seq": 2,
    "key_result": "other",
    "at": ENTRY.at + timedelta(microseconds=1),
    "kind": EntryKind.CORRECTION,
    "old": None,
    "new": D("15.166668"),
    "run": None,
    "rule": "abd",
    "by": "person-1",
    "why": "because",
    "details": None,
    "prev": "1" * 64,
    "deltas": (ADDED, CLOSED),
}


@pytest.mark.parametrize("column", [name for name in Entry.__match_args__ if name != "hash"])
def test_every_column_but_the_hash_is_hashed(column: str) -> None:
    assert entry_hash(replace(ENTRY, **{column: OTHER[column]})) != DIGEST


ANOTHER: dict[str, Any] = {
    "part": 2,
    "source": "s",
    "item": "i",
    "version": "v",
    "old_weight": None,
    "old_amount": D(1),
    "new_weight": D(9),
    "new_amount": None,
    "cause": CauseKind.REOPENED,
    "delta": D(0),
}


@pytest.mark.parametrize("column", Delta.__match_args__)
def test_every_column_of_a_row_is_hashed(column: str) -> None:
    changed = replace(CLOSED, **{column: ANOTHER[column]})
    assert entry_hash(replace(ENTRY, deltas=(changed, ADDED))) != DIGEST


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 10, 5, tzinfo=UTC), "2026-10-05T00:00:00.000000Z"),
        (datetime(987, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "0987-01-02T03:04:05.000006Z"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5, minutes=-30))), "2026-01-01T05:30:00.000000Z"),
    ],
)
def test_times_have_six_digits_and_z(instant: datetime, text: str) -> None:
    assert timestamp(instant) == text
    assert datetime.fromisoformat(text) == instant


def test_canonical_json_is_the_same_for_the_same_content() -> None:
    assert canonical_json({"b": [1, "ü"], "a": None}) == canonical_json({"a": None, "b": [1, "ü"]})
    assert canonical_json({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"ü"]}'


# --- causes ----------------------------------------------------------------------------------------------------


def entry(kind: EntryKind, old: str | None, new: str | None, *deltas: Delta) -> Entry:
    return replace(ENTRY, kind=kind, old=D(old) if old else None, new=D(new) if new else None, deltas=deltas)


SILENT = replace(CLOSED, item="10002", delta=D("0.000000"))
NEGATIVE = replace(CLOSED, item="10003", cause=CauseKind.REOPENED, delta=D("-3"))


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        (entry(EntryKind.BASELINE, None, "12", CLOSED, ADDED), [(CauseKind.BASELINE, "12", None)]),
        (entry(EntryKind.BASELINE, None, "0"), [(CauseKind.BASELINE, "0", None)]),
        (entry(EntryKind.RULE, "12", "10", CLOSED), [(CauseKind.RULE, "-2", None)]),
        (entry(EntryKind.RULE, "12", "12", CLOSED), []),
        (entry(EntryKind.OVERRIDE, None, "7"), [(CauseKind.OVERRIDE, "7", None)]),
        (entry(EntryKind.RESUME, "7", "9"), [(CauseKind.OVERRIDE, "2", None)]),
        (entry(EntryKind.RESUME, "7", None), [(CauseKind.OVERRIDE, "-7", None)]),
        (
            entry(EntryKind.AUTO, "12", "12.166667", CLOSED, SILENT, NEGATIVE, ADDED),
            [
                (CauseKind.CLOSED, "3", "10001"),
                (CauseKind.REOPENED, "-3", "10003"),
                (CauseKind.ADDED, "0.166667", "77"),
            ],
        ),
        (entry(EntryKind.AUTO, "12", "12", SILENT), []),
        (entry(EntryKind.APPROVE, "12", "15", CLOSED), [(CauseKind.CLOSED, "3", "10001")]),
        (entry(EntryKind.CORRECTION, "12", "15", CLOSED), [(CauseKind.CLOSED, "3", "10001")]),
        (entry(EntryKind.TARGET, "12", "12"), []),
        (entry(EntryKind.HOLD, "12", "12"), []),
        (entry(EntryKind.CLOSE, "12", "12"), []),
    ],
)
def test_causes_that_are_shown_add_up(recorded: Entry, shown: list[tuple[CauseKind, str, str | None]]) -> None:
    found = causes(recorded)
    assert [(each.kind, each.delta, each.item) for each in found] == [(k, D(d), i) for k, d, i in shown]
    assert sum((each.delta for each in found), D(0)) == (recorded.new or 0) - (recorded.old or 0)


def test_a_cause_names_its_source_and_item() -> None:
    assert causes(ENTRY)[1] == Cause(CauseKind.ADDED, D("0.166667"), "web-github", "77")


# --- the chain -------------------------------------------------------------------------------------------------


def chain(length: int) -> list[Entry]:
    entries: list[Entry] = []
    for seq in range(1, length + 1):
        prev = entries[-1].hash if entries else GENESIS
        entries.append(replace(ENTRY, seq=seq, prev=prev, key_result=f"kr-{seq % 2}").sealed())
    return entries


def test_a_whole_chain_has_no_broken_entry() -> None:
    assert first_broken([]) is None
    assert first_broken(chain(4)) is None


def test_a_chain_can_be_taken_up_in_its_middle() -> None:
    entries = chain(4)
    assert first_broken(entries[2:], prev=entries[1].hash, seq=2) is None
    assert first_broken(entries[2:]) == 3


def _without(entries: list[Entry], index: int) -> list[Entry]:
    return entries[:index] + entries[index + 1 :]


def _with(entries: list[Entry], index: int, **changes: Any) -> list[Entry]:
    return [*entries[:index], replace(entries[index], **changes), *entries[index + 1 :]]


def _resealed(entries: list[Entry], index: int) -> list[Entry]:
    forged = replace(entries[index], new=D(99)).sealed()
    return [*entries[:index], forged, *entries[index + 1 :]]


@pytest.mark.parametrize(
    ("entries", "broken"),
    [
        (_with(chain(4), 1, new=D(99)), 2),
        (_with(chain(4), 1, deltas=(CLOSED,)), 2),
        (_with(chain(4), 2, hash="0" * 64), 3),
        (_with(chain(4), 2, prev="0" * 64), 3),
        (_resealed(chain(4), 1), 3),  # its own hash is right, the next one's link is not
        (_without(chain(4), 0), 2),
        (_without(chain(4), 2), 4),
        ([*chain(2), chain(2)[-1]], 2),
        ([replace(chain(1)[0], seq=7).sealed()], 7),  # its link and hash are right, its place is not
        (list(reversed(chain(2))), 2),
    ],
)
def test_the_first_broken_entry_is_named(entries: list[Entry], broken: int) -> None:
    assert first_broken(entries) == broken
