"""Places of a read survive as text, and pages that run in a circle end."""

import pytest

from connectors.contract import MalformedAnswer
from connectors.github.paging import MOST_PAGES, Listing, Place, next_link

ROOT = "https://api.github.com"


def link(header: str) -> str | None:
    return next_link(header, lambda url: url.startswith(f"{ROOT}/"), "the issues of acme/web")


def walk(successor: dict[str, str], start: str, limit: int) -> int:
    """Follow the links until the place refuses; return after how many pages."""
    place = Place(Listing.ISSUES)
    coming = start
    for pages in range(limit):
        try:
            following = place.after(coming, "x")
        except MalformedAnswer:
            return pages
        assert following is not None
        place = Place.read(following.text())
        coming = successor[coming]
    raise AssertionError("the circle was not seen")


def test_milestones_come_first_and_issues_last() -> None:
    first = Place.read(None)
    assert first.listing is Listing.MILESTONES
    second = first.after(None, "x")
    assert second == Place(Listing.ISSUES)
    assert second.after(None, "x") is None


def test_a_place_survives_as_text() -> None:
    place = Place(Listing.ISSUES, "after=Y3Vy%3D%3D&page=7", 6, "page=5")
    assert Place.read(place.text()) == place


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("lead", [0, 1, 10])
def test_a_circle_of_any_length_ends(lead: int, length: int) -> None:
    names = [f"page={number}" for number in range(lead + length)]
    successor = dict(zip(names, [*names[1:], names[lead]], strict=True))
    assert walk(successor, names[0], 4 * (lead + length) + 4) >= lead + length


def test_a_long_read_is_no_circle() -> None:
    place = Place(Listing.ISSUES)
    for number in range(2, 3000):
        following = place.after(f"page={number}", "x")
        assert following is not None
        place = following
    assert (place.pages, place.link) == (2998, "page=2999")
    assert len(place.text()) < 100


def test_pages_are_capped() -> None:
    with pytest.raises(MalformedAnswer, match="never end"):
        Place(Listing.ISSUES, "page=1", MOST_PAGES).after("page=2", "x")


def test_our_query_wins_over_the_link() -> None:
    place = Place(Listing.ISSUES, "after=abc%3D&page=2&state=open")
    assert place.query({"state": "all", "per_page": "100"}) == {
        "after": "abc=",
        "page": "2",
        "state": "all",
        "per_page": "100",
    }


def test_the_next_link_is_found_among_others() -> None:
    header = (
        f'<{ROOT}/repositories/42/issues?page=1>; rel="prev", '
        f'<{ROOT}/repositories/42/issues?state=all&page=3&after=Y3Vy%3D%3D>; rel="next", '
        f'<{ROOT}/repositories/42/issues?page=9>; rel="last"'
    )
    assert link(header) == "after=Y3Vy%3D%3D&page=3&state=all"


@pytest.mark.parametrize("header", ["", f'<{ROOT}/x?page=1>; rel="first"', "nonsense", "<>;;;"])
def test_no_next_link_is_the_last_page(header: str) -> None:
    assert link(header) is None


def test_a_next_link_to_another_host_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="another host"):
        link('<https://evil.example/repos/acme/web/issues?page=2>; rel="next"')
