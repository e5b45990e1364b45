"""Places of a read survive as text, and pages that run in a circle end."""

import subprocess
import sys

import pytest

from connectors.contract import MalformedAnswer
from connectors.github.paging import MOST_PAGES, Links, Listing, Place, links_of, targets

ROOT = "https://api.github.com"


def links(header: str) -> Links:
    return links_of(header, lambda url: url.startswith(f"{ROOT}/"), "the issues of acme/web")


def after(place: Place, link: str) -> Place:
    (following,) = place.after(Links(link), "x")
    return following


def walk(successor: dict[str, str], start: str, limit: int) -> int:
    """Follow the links until the place refuses; return after how many pages."""
    place = Place(Listing.ISSUES)
    coming = start
    for pages in range(limit):
        try:
            place = Place.read(after(place, coming).text())
        except MalformedAnswer:
            return pages
        coming = successor[coming]
    raise AssertionError("the circle was not seen")


def test_numbered_pages_are_all_named_by_the_first() -> None:
    first = Place.read(None)
    named = first.after(Links("page=2", 4), "x")
    assert [(place.page, place.last) for place in named] == [(2, 4), (3, 4), (4, 4)]
    assert named[0].after(Links("page=3", 4), "x") == ()
    assert named[-1].query({"state": "all"}) == {"state": "all", "page": "4"}


def test_a_listing_that_grew_meanwhile_goes_on_behind_its_last_page() -> None:
    last = Place(page=4, last=4)
    assert last.after(Links(), "x") == ()
    (more,) = last.after(Links("page=5", 5), "x")
    assert (more.link, more.page, more.pages) == ("page=5", 0, 5)
    assert more.after(Links("page=6", 6), "x")[0].link == "page=6"


def test_a_chain_stays_one_whatever_numbers_are_offered() -> None:
    assert [place.link for place in Place(chained=True).after(Links("page=2", 9), "x")] == ["page=2"]


def test_too_many_numbers_are_refused() -> None:
    with pytest.raises(MalformedAnswer, match="never end"):
        Place().after(Links("page=2", MOST_PAGES + 1), "x")


def test_a_place_survives_as_text() -> None:
    for place in (Place(Listing.SEARCH, True, 0, 0, "after=Y3Vy%3D%3D&page=7", 6, "page=5", "is:issue"), Place(page=3)):
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
        place = after(place, f"page={number}")
    assert (place.pages, place.link) == (2998, "page=2999")
    assert len(place.text()) < 100


def test_pages_are_capped() -> None:
    with pytest.raises(MalformedAnswer, match="never end"):
        Place(link="page=1", pages=MOST_PAGES).after(Links("page=2"), "x")


def test_our_query_wins_over_the_link() -> None:
    place = Place(link="after=abc%3D&page=2&state=open")
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
    assert links(header) == Links("after=Y3Vy%3D%3D&page=3&state=all")


def test_page_numbers_are_believed_where_the_next_one_is_the_second() -> None:
    last = f'<{ROOT}/x?page=9>; rel="last"'
    assert links(f'<{ROOT}/x?page=2>; rel="next", {last}') == Links("page=2", 9)
    assert links(f'<{ROOT}/x?after=abc&page=2>; rel="next", {last}').last == 0
    assert links(f'<{ROOT}/x?page=2>; rel="next", <{ROOT}/x?page=²>; rel="last"').last == 0


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ('<https://a.example/x?page=2>; rel="next"', {"next": "https://a.example/x?page=2"}),
        ('<a>; rel="next", <b>; rel="last"', {"next": "a", "last": "b"}),
        ('<a>;rel="prev",<b>;rel="next"', {"prev": "a", "next": "b"}),
        ("<a>; rel=next", {"next": "a"}),
        ("<a> ; REL = NEXT", {"next": "a"}),
        ('<a>; rel="last next"', {"next": "a", "last": "a"}),
        ('<a?q=is:open,label;x&page=2>; rel="next"', {"next": "a?q=is:open,label;x&page=2"}),
        ('<a>; title="of, <b>; rel=last"; rel="next"', {"next": "a"}),
        ('<a>; title="a \\" quote"; rel="next"', {"next": "a"}),
        ('<a>; rel="next"; rel="last"', {"next": "a"}),  # only the first counts
        ('<a>; rel="next", <b>; rel="next"', {"next": "a"}),
        ('<a>; results="true"; rel="next"', {"next": "a"}),
        ('<>; rel="next"', {"next": ""}),
        ("<a>, <b>; title=next", {}),
        ("<a>; rel", {}),
        ('a; rel="next"', {}),
        ('<a; rel="next"', {}),
        ("", {}),
    ],
)
def test_a_link_header_is_read_as_rfc_8288_writes_it(header: str, told: dict[str, str]) -> None:
    assert targets(header) == told


@pytest.mark.parametrize("part", ["<", "<>", "<a>;", '<a>;b="', "<a>;b=c,", " ", ";", '"'])
def test_no_link_header_takes_long(part: str) -> None:
    """The longest that a header may be; a pattern that tries in vain from every place would take minutes."""
    assert targets(part * (65_536 // len(part))) == {}


def test_a_last_page_that_is_no_address_is_no_number() -> None:
    assert links(f'<{ROOT}/x?page=2>; rel="next", <http://[oops?page=9>; rel="last"') == Links("page=2", 0)
    assert links(f'<{ROOT}/x?page=2>; rel="next", <https://evil.example/?page=9>; rel="last"').last == 0


def test_the_wire_needs_no_other_client_library() -> None:
    """Loading one costs more than a quiet poll."""
    loaded = "import sys, connectors.github.client; print({'requests', 'github'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


@pytest.mark.parametrize("header", ["", f'<{ROOT}/x?page=1>; rel="first"', "nonsense", "<>;;;"])
def test_no_next_link_is_the_last_page(header: str) -> None:
    assert links(header) == Links()


def test_a_next_link_to_another_host_is_refused() -> None:
    with pytest.raises(MalformedAnswer, match="another host"):
        links('<https://evil.example/repos/acme/web/issues?page=2>; rel="next"')
