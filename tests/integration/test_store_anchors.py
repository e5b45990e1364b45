"""What only an anchor shows: an end that was cut off, and a ledger that was written anew, hashes and all."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from mapping.rule import Measure
from okrs.anchor import Anchor
from okrs.immutable import replace
from okrs.ledger import GENESIS
from okrs.work import State
from store.database import Database
from store.views.anchors import held_against
from store.views.verify import Verified, verify, verify_json
from tests.builders import SOURCE, a_part, a_rule, an_item, at
from tests.forging import forge
from tests.integration.fakes import Clock, FakeTracker, World

WHEN = at("2026-11-21")
FILE = "anchors.jsonl"


@pytest.fixture(scope="module")
def world(shared_database: Database) -> World:
    """A ledger of five entries or more, of two key results."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number}") for number in range(1, 5)))
    made = World(shared_database, {SOURCE: tracker}, clock)
    made.feed("kr1", a_rule())
    made.sync()
    made.feed("kr2", a_rule(a_part(Measure.PERCENT)))
    for number in range(1, 4):
        tracker.change("PAY", f"PAY-{number}", state=State.DONE, closed_at=clock())
        made.sync()
    assert len(made.entries()) >= 5
    return made


@pytest.fixture
def hand(world: World) -> Iterator[Connection]:
    """A hand in the tables that can compute hashes; what it did is undone at the end."""
    with world.database.engine.connect() as connection:
        yield connection
        connection.rollback()


def anchors(world: World, *seqs: int) -> list[Anchor]:
    told = world.entries()
    return [Anchor(seq, told[seq - 1].hash if seq else GENESIS, WHEN, line) for line, seq in enumerate(seqs, start=1)]


def against(connection: Connection, found: list[Anchor]) -> Verified:
    return held_against(connection, verify(connection), found, FILE)


def test_a_ledger_that_only_grew_holds(world: World, hand: Connection) -> None:
    answer = against(hand, anchors(world, 0, 1, 3, 3, 5))
    assert (answer.ok, answer.against, answer.anchors, answer.broken, answer.problem) == (True, FILE, 5, None, "")
    assert verify_json(answer)["anchors"] == {"file": FILE, "count": 5, "broken": None}
    assert verify_json(verify(hand))["anchors"] is None


def test_a_cut_off_end_is_whole_by_itself_and_found_by_an_anchor(world: World, hand: Connection) -> None:
    told, found = world.entries(), anchors(world, 1, 3, 5)
    forge(hand, told[:3])
    assert verify(hand) == Verified(True, 3, told[2].hash), "the ledger alone does not show it"
    answer = against(hand, found)
    assert (answer.ok, answer.entries, answer.first_bad, answer.broken) == (False, 3, 4, found[2])
    assert answer.problem.startswith(
        f"The ledger was cut off: it ends at entry 3, and the anchor of 2026-11-21T00:00:00.000000Z (line 3 of {FILE}) "
        "names entry 5."
    )
    assert verify_json(answer)["anchors"] == {
        "file": FILE,
        "count": 3,
        "broken": {"line": 3, "seq": 5, "hash": told[4].hash, "at": "2026-11-21T00:00:00.000000Z"},
    }
    assert against(hand, found[:2]).ok, "what was cut off since the last anchor stays unseen"


def test_a_ledger_written_anew_is_whole_by_itself_and_found_by_an_anchor(world: World, hand: Connection) -> None:
    told, found = world.entries(), anchors(world, 1, 3, 5)
    forge(hand, [*told[:1], replace(told[1], at=told[1].at - timedelta(hours=1)), *told[2:]])
    plain = verify(hand)
    assert (plain.ok, plain.entries) == (True, len(told)), "the ledger alone does not show it"
    assert plain.head != told[-1].hash
    answer = against(hand, found)
    assert (answer.ok, answer.first_bad, answer.broken) == (False, None, found[1])
    assert f"entry 3 is not the one that the anchor of 2026-11-21T00:00:00.000000Z (line 2 of {FILE}) names" in (
        answer.problem
    )
    assert "The first that was changed is one of the entries 2 to 3." in answer.problem
    assert against(hand, found[2:]).problem.count("one of the entries 1 to 5") == 1


def test_an_end_that_was_cut_off_and_grew_again_is_found(world: World, hand: Connection) -> None:
    told, found = world.entries(), anchors(world, 3, 4)
    forge(hand, [*told[:3], *(replace(each, at=each.at + timedelta(days=1)) for each in told[3:])])
    assert verify(hand).ok
    answer = against(hand, found)
    assert (answer.ok, answer.broken) == (False, found[1])
    assert "The first that was changed is entry 4." in answer.problem


def test_a_ledger_that_is_wrong_in_itself_says_so_first(world: World, hand: Connection) -> None:
    hand.execute(text("UPDATE ledger_entry SET why = 'forged' WHERE seq = 2"))
    hand.execute(text("UPDATE ledger_entry SET hash = 'x' WHERE seq = 5"))
    answer = against(hand, anchors(world, 3, 5))
    assert (answer.ok, answer.first_bad, answer.broken) == (False, 2, anchors(world, 3, 5)[1])
    assert answer.problem.startswith("Entry 2: its content is not what its hash says")
    assert answer.problem.endswith(
        f"Nor does it hold against the anchor of 2026-11-21T00:00:00.000000Z (line 2 of {FILE})."
    )


def test_no_anchors_say_nothing(world: World, hand: Connection) -> None:
    answer = against(hand, [])
    assert (answer.ok, answer.anchors) == (True, 0)


def test_the_beginning_is_an_anchor_too(world: World, hand: Connection) -> None:
    assert not against(hand, [Anchor(0, "0" * 63 + "1", None, 1)]).ok


def test_thousands_of_anchors_are_held_at_once(world: World, hand: Connection) -> None:
    many = anchors(world, *[1, 2, 3] * 700)
    assert against(hand, many).anchors == 2100
    other = [Anchor(seq, "f" * 64, None, seq) for seq in range(10, 3000)]
    assert against(hand, many + other).broken == other[0]
