"""A finding of a review: a key result that a label alone feeds is 0 without a word."""

from dataclasses import replace

from store.database import Database
from store.views.explain import explain_json
from store.views.gaps import gaps
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.integration.fakes import Clock, FakeTracker, World


def test_of_a_key_result_that_labels_alone_feed_it_is_told_that_nothing_is_selected(database: Database) -> None:
    """DESIGN 4.2: empty count = 0 with the flag "selects nothing"; no other part goes on without it."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(replace(a_part(where=where(label="kr:kr")), linked=True)))
    world.sync()
    assert world.value("kr") == 0
    with database.read() as connection:
        told = gaps(connection, world._setup(), clock())
    assert [each.key_result for each in told] == ["kr"]
    assert explain_json(world.explain("kr"))["parts"][0]["selects_nothing"]
