"""Which rules share work: what every pair of sets would say, without keeping the sets."""

import random
import tracemalloc
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mapping.overlaps import Common, Overlaps
from tests.builders import QUARTER

IDS = [f"id:{number}" for number in range(6)]


@given(st.lists(st.sets(st.sampled_from(IDS)), max_size=6))
def test_each_is_told_with_the_first_of_those_that_share_most_with_it(works: list[set[str]]) -> None:
    overlaps, expected = Overlaps(), list[Common]()
    for other, work in enumerate(works):
        overlaps.add(QUARTER, {"s": work})
        shared = [(len(work & works[one]), -one) for one in range(other)]
        items, one = max(shared, default=(0, 0))
        if items:
            examples = tuple(("s", each) for each in sorted(work & works[-one])[:2])
            expected.append(Common(-one, other, items, examples))
    found = sorted(overlaps.found(Decimal(0), 2), key=lambda each: each.other)
    assert found == expected


def test_memory_grows_with_the_items_and_not_with_rules_times_items() -> None:
    """Of sets without any order each item soon is a group of its own, which every further rule splits."""
    rules, items, chance = 400, [f"id:{number}" for number in range(1000)], random.Random(7)
    works = [set(chance.sample(items, 500)) for _ in range(rules)]
    overlaps = Overlaps()
    tracemalloc.start()
    try:
        for work in works:
            overlaps.add(QUARTER, {"s": work})
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < rules * len(items)
