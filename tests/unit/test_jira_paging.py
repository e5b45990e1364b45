"""Pages that come to an end: Cloud's chain of tokens, Data Center's numbers, a board's sprints."""

from collections.abc import Iterator
from itertools import chain, cycle, islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import MalformedAnswer
from connectors.jira import paging
from connectors.jira.paging import OVERLAP, PAGE_SIZE, Chained, Numbered, Place, Sprints, parse

PLACES = st.one_of(
    st.builds(Chained, st.text(), st.integers(1, 9), st.none() | st.text(), st.none() | st.text(), st.integers(0, 9)),
    st.builds(Numbered, st.text(), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Sprints, st.integers(1, 9), st.text(), st.integers(0, 9), st.none() | st.integers(0, 9)),
)


@given(PLACES)
def test_a_place_survives_as_text(place: Place) -> None:
    assert parse(place.text()) == place


def follow(tokens: Iterator[int]) -> int:
    """Follow page tokens until one is refused; return how many answers were taken before."""
    place: Chained | None = Chained("PAY")
    for taken, token in enumerate(tokens):
        assert place is not None
        try:
            place = place.following({"nextPageToken": f"t{token}"}, 1, "them")
        except MalformedAnswer:
            return taken
    raise AssertionError("the listing was followed to its end")


@pytest.mark.parametrize("length", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("lead", [0, 1, 5])
def test_a_circle_of_any_length_is_noticed(lead: int, length: int) -> None:
    circle = islice(chain(range(lead), cycle(range(lead, lead + length))), 1000)
    assert lead + length <= follow(circle) <= 4 * (lead + length) + 4


def test_a_listing_of_ever_new_tokens_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 5)
    assert follow(iter(range(100))) == 4
    with pytest.raises(MalformedAnswer, match="never ends"):
        Numbered("PAY").following({"total": 10**15}, PAGE_SIZE + OVERLAP, "them")


@pytest.mark.parametrize(
    "answer", [{}, {"isLast": True}, {"nextPageToken": None}, {"nextPageToken": "", "isLast": True}]
)
def test_no_token_is_the_end(answer: dict[str, object]) -> None:
    assert Chained("PAY").following(answer, 3, "them") is None


def test_a_chain_counts_what_came_before() -> None:
    second = Chained("PAY").following({"nextPageToken": "b"}, 70, "them")
    assert second is not None
    third = second.following({"nextPageToken": "c", "isLast": False}, 30, "them")
    assert third is not None
    assert (third.seen, third.token) == (100, "c")


class Listing:
    """A listing of Data Center that people keep working on: what is deleted moves the rest up."""

    def __init__(self, total: int, cap: int) -> None:
        self.ids = list(range(total))
        self.cap = cap
        self.seen: set[int] = set()

    def read(self, place: Numbered) -> list[Numbered]:
        asked = place.asked()
        start, size = int(asked["startAt"]), min(int(asked["maxResults"]), self.cap)
        page = self.ids[start : start + size]
        self.seen |= set(page)
        return place.following({"total": len(self.ids), "startAt": start}, len(page), "them")


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(1, 300), st.integers())
def test_every_page_is_named_whatever_the_site_gives_at_once(total: int, cap: int, seed: int) -> None:
    listing, dice = Listing(total, cap), Random(seed)
    waiting = [Numbered("PAY")]
    while waiting:
        dice.shuffle(waiting)
        waiting += listing.read(waiting.pop())
    assert listing.seen == set(range(total))


@given(st.integers(106, 900), st.data())
def test_a_few_deletions_between_the_pages_lose_nothing(total: int, data: st.DataObject) -> None:
    listing = Listing(total, 1000)
    waiting = listing.read(Numbered("PAY"))
    for _ in range(data.draw(st.integers(0, OVERLAP))):
        listing.ids.remove(data.draw(st.sampled_from(listing.ids)))
    while waiting:
        waiting += listing.read(waiting.pop())
    assert set(listing.ids) <= listing.seen


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_total_that_grows_or_shrinks_is_followed_to_its_end(total: int, later: int) -> None:
    listing = Listing(total, 1000)
    waiting = listing.read(Numbered("PAY"))
    listing.ids = list(range(later))
    while waiting:
        waiting += listing.read(waiting.pop())
    if total > PAGE_SIZE + OVERLAP:
        assert set(listing.ids) <= listing.seen


@given(st.integers(106, 500), st.integers(1, 104))
def test_a_page_that_gives_less_than_the_first_one_names_its_rest(total: int, cap: int) -> None:
    listing = Listing(total, 1000)
    waiting = listing.read(Numbered("PAY"))
    listing.cap = cap
    while waiting:
        waiting += listing.read(waiting.pop())
    assert listing.seen == set(range(total))


@pytest.mark.parametrize("total", [10_000_000, 2**63, 10**40])
def test_a_total_without_end_is_an_error(total: int) -> None:
    with pytest.raises(MalformedAnswer):
        Numbered("PAY").following({"total": total}, paging.PAGE_SIZE, "it")


def test_what_data_center_may_not_say() -> None:
    later = Numbered("PAY", 100, 105, 105)
    wrong: tuple[dict[str, object], ...] = ({}, {"total": "3"}, {"total": 400, "startAt": 0})
    for answer in wrong:
        with pytest.raises(MalformedAnswer):
            later.following(answer, 105, "them")
    with pytest.raises(MalformedAnswer, match="cut"):
        later.following({"total": 400}, 0, "them")
    assert later.following({"total": 90}, 0, "them") == []
