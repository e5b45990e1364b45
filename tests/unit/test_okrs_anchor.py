"""Anchors as lines: written the same way always, and found in any log."""

import json

import pytest

from okrs.anchor import Anchor, anchors_in
from tests.builders import at

HASH = "d88bb8bb183da29d64799d0e7d72e861c67d38225b56309e7efb1bb7bc1230a5"
AT = at("2026-11-22T23:36")
LINE = f'{{"seq":24,"hash":"{HASH}","at":"2026-11-22T23:36:00.000000Z"}}'


def test_an_anchor_is_one_line_of_json() -> None:
    assert Anchor(24, HASH, AT).text == LINE
    assert json.loads(Anchor(0, HASH, None).text) == {"seq": 0, "hash": HASH, "at": None}


@pytest.mark.parametrize(
    "line",
    [
        LINE,
        LINE + "\r",
        f"Nov 22 23:36:01 host headway[7]: {LINE}",
        json.dumps(json.loads(LINE)),
        json.dumps({"log": LINE + "\n", "stream": "stderr", "time": "2026-01-01T00:00:00Z"}),
        json.dumps({"message": json.dumps({"log": LINE})}),
        f"2026-11-22T23:36:00.000001Z info    ledger anchor seq=24 hash='{HASH}' at='2026-11-22T23:36:00.000000Z'",
        json.dumps({"at": "2026-11-22T23:36:00Z", "event": "ledger anchor", "hash": HASH, "level": "info", "seq": 24}),
    ],
)
def test_an_anchor_is_found_whatever_stands_around_it(line: str) -> None:
    assert list(anchors_in(["something else", "", line, "{}"])) == [Anchor(24, HASH, AT, 3)]


def test_a_line_without_a_time_is_an_anchor_all_the_same() -> None:
    assert list(anchors_in([f"seq: 7 hash: {HASH}", f'{{"seq":8,"hash":"{HASH}","at":"2026-13-99T00:00:00Z"}}'])) == [
        Anchor(7, HASH, None, 1),
        Anchor(8, HASH, None, 2),
    ]


@pytest.mark.parametrize(
    "line",
    [
        LINE[:40],
        LINE.replace("24", "-24"),
        LINE.replace("24", "2.4"),
        LINE.replace("24", "9" * 19),
        LINE.replace(HASH, HASH[1:]),
        LINE.replace(HASH, HASH + "0"),
        LINE.replace(HASH, HASH.upper()),
        LINE.replace('"hash"', '"rehash"'),
        LINE.replace('"seq"', '"first_seq"'),
        f"prev={HASH} seq=1",
    ],
)
def test_what_is_no_anchor_is_passed_over(line: str) -> None:
    assert list(anchors_in([line])) == []
