"""Queries that a tracker refuses: the rules that name them wait, and everything else goes on."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from connectors.contract import (
    AccessDenied,
    ConnectorError,
    CredentialsRefused,
    MalformedAnswer,
    QueryRefused,
    Stop,
    TryLater,
)
from mapping.lint import Unanswered
from mapping.rule import Rule
from okrs.work import State
from store.database import Database
from store.views.refused import Refused
from store.views.waiting import Waiting, Why, waiting
from sync.planned import Note
from sync.task import Outcome
from terminal.planning import note_text
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import RECORDS, Clock, FakeTracker, World, dump

TOLD = "The field 'mien' does not exist."
REFUSED = QueryRefused(TOLD)


def found_by(query: str) -> Rule:
    return a_rule(a_part(where=where(query=query)))


@pytest.fixture
def world(database: Database) -> World:
    """A source that two teams share: one counts, the other asks a query of the tracker's own; both measured."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", *(an_item(f"PAY-{number}", State.DONE) for number in range(3)))
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-2"}
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("count", a_rule())
    made.feed("mine", found_by("mine"))
    assert made.sync().sources[0].state is Outcome.OK
    assert (made.value("count"), made.value("mine")) == (Decimal(3), Decimal(2))
    return made


def close_another(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.put("PAY", an_item("PAY-9", State.DONE))
    tracker.change("PAY", "PAY-1", state=State.TODO)


def test_a_refused_query_keeps_nobody_else_from_moving(world: World) -> None:
    world.trackers[SOURCE].finds["theirs"] = REFUSED
    world.feed("theirs", found_by("theirs"))
    close_another(world)
    (source,) = world.sync().sources
    assert (source.state, source.error) == (Outcome.OK, None)
    assert (world.value("count"), world.value("mine"), world.value("theirs")) == (Decimal(3), Decimal(1), None)
    assert (world.status("count").refused, world.status("count").stale) == ((), False)
    shown = world.status("theirs")
    assert (shown.reading, shown.stale, shown.refused, shown.awaits) == (True, False, (TOLD,), "a query")
    assert world.refused() == (Refused("theirs", SOURCE, "", TOLD, query="theirs"),)


def test_a_query_that_is_refused_later_keeps_its_value_and_comes_back(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.finds["mine"] = REFUSED
    close_another(world)
    for _ in range(2):
        assert world.sync().sources[0].state is Outcome.OK
        assert (world.value("count"), world.value("mine"), world.status("mine").reading) == (
            Decimal(3),
            Decimal(2),
            True,
        )
    before = dump(world.database, *RECORDS)
    world.sync()
    assert dump(world.database, *RECORDS) == before
    tracker.finds["mine"] = {"id:PAY-1", "id:PAY-2"}
    world.sync()
    assert (world.value("mine"), world.status("mine").reading, world.refused()) == (Decimal(1), False, ())
    assert world.verify().ok


def test_a_rule_that_turns_to_a_refused_query_keeps_its_value_till_it_is_corrected(world: World) -> None:
    world.trackers[SOURCE].finds["mien"] = REFUSED
    world.feed("mine", found_by("mien"))
    close_another(world)
    assert world.sync().sources[0].state is Outcome.OK
    assert world.value("mine") == 2
    world.feed("mine", found_by("mine"))
    world.sync()
    assert (world.value("mine"), world.refused()) == (Decimal(1), ())


@pytest.mark.parametrize("kind", [TryLater, Stop, AccessDenied, CredentialsRefused, MalformedAnswer])
def test_other_trouble_with_a_query_fails_the_source(world: World, kind: Callable[[str], ConnectorError]) -> None:
    world.trackers[SOURCE].finds["mine"] = kind("Not now.")
    (source,) = world.sync().sources
    assert source.state in {Outcome.FAILED, Outcome.UNAUTHENTICATED}
    assert (source.error, world.refused()) == ("Not now.", ())


def test_passing_trouble_does_not_make_a_refused_query_answered(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.finds["mine"] = REFUSED
    world.sync()
    tracker.finds["mine"] = TryLater("Not now.")
    close_another(world)
    assert world.sync().sources[0].state is Outcome.FAILED
    assert (world.value("mine"), [each.error for each in world.refused()]) == (Decimal(2), [TOLD])


def test_plan_validate_and_explain_say_which_query_it_is(world: World) -> None:
    world.trackers[SOURCE].finds["theirs"] = REFUSED
    world.feed("theirs", found_by("theirs"))
    assert Note.UNKNOWN in world.plan()["theirs"].notes, "nobody has asked it yet"
    world.sync()
    planned = world.plan()["theirs"]
    assert Note.REFUSED in planned.notes
    assert note_text(planned) == f"new; waits for a query: {SOURCE}: {TOLD}"
    assert not planned.changes
    told = [each for each in world.lint() if isinstance(each, Unanswered)]
    assert told == [Unanswered("theirs", 0, "theirs", TOLD, refused=True)]
    with world.database.read() as connection:
        why = waiting(connection, world._setup(), "theirs", world.clock())
    assert why == Waiting(Why.QUERIES, failed=((SOURCE, TOLD),))
