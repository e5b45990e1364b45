"""Everybody reaches everything: by keyboard, read aloud, on a phone, in the dark; and nothing is fetched from afar."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opening, Site
from tests.browser.reader import PHONE, WIDE, Reader

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/?team=launch",
    "/key-results/p1-bugs",
    "/key-results/one-click",
    "/key-results/open-bugs",
    "/key-results/launch-day",
    "/key-results/interviews",
    "/key-results/p1-bugs?at=THEN",
    "/objectives/reliable-checkout",
    "/teams/payments",
    "/activity",
    "/mappings",
    "/mappings/try?key_result=one-click",
    "/sources",
    "/tickets",
    "/tickets?key=PAY-7",
    "/tickets?key=nothing+of+the+kind",
    "/nowhere",
)
"""One of each kind, with a held update, a value by hand, a past day, and what is not there."""


def opened(reading: Opening, site: Site, path: str, width: int = WIDE) -> Reader:
    then = (date.today() - timedelta(days=8)).isoformat()  # noqa: DTZ011
    status = 404 if path == "/nowhere" else 200
    return reading(site.url + path.replace("THEN", then), width=width, status=status)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_in_anybodys_way(
    reading: Opening, site: Site, path: str, pictured: Callable[[Reader, str], None]
) -> None:
    reader = opened(reading, site, path)
    for summary in reader.page.locator("details:not([open]) > summary").all()[::-1]:  # those that are opened leave
        summary.click()
    for width in (WIDE, PHONE):
        for dark in (False, True):
            reader.look(width, dark=dark)
            pictured(reader, f"{width}-{'dark' if dark else 'light'}")
            assert reader.barriers() == [], (width, dark)
            paper = reader.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(20, 23, 27)") is dark


@pytest.mark.parametrize("path", PAGES)
def test_on_a_phone_nothing_is_wider_than_the_screen(reading: Opening, site: Site, path: str) -> None:
    for width in (PHONE, 320):
        reader = opened(reading, site, path, width)
        assert reader.spread() == [], width
        for summary in reader.page.locator("summary").all():
            summary.click()
        assert reader.spread() == [], width


@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_reaches_all_in_order_and_one_sees_where(reading: Opening, site: Site, path: str) -> None:
    reader = opened(reading, site, path)
    stops, reached = reader.stops(), list[int]()
    while len(reached) < len(stops):
        at = reader.tab()
        assert at["stop"] is not None, f"after {stops[reached[-1]] if reached else 'the beginning'}"
        if reached and int(at["stop"]) == reached[-1]:
            continue  # a date is several fields in one
        reached.append(int(at["stop"]))
        assert at["ring"], stops[reached[-1]]
        assert at["seen"], stops[reached[-1]]
    assert reached == list(range(len(stops)))


def test_one_key_skips_to_the_content(reading: Opening, site: Site) -> None:
    reader = reading(site.url)
    reader.page.keyboard.press("Tab")
    skip = reader.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    reader.page.keyboard.press("Enter")
    reader.page.keyboard.press("Tab")
    assert reader.page.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_what_is_asked_of_elsewhere_would_be_seen(reading: Opening, site: Site) -> None:
    reader = reading(site.url)
    reader.page.evaluate("() => { location.href = 'http://tracker.example/'; }")
    reader.page.wait_for_timeout(100)
    assert [each for each in reader.strange if "tracker.example" in each]
    reader.strange.clear()


def test_a_page_is_small(reading: Opening, site: Site) -> None:
    for path in PAGES[:-1]:
        reader = opened(reading, site, path)
        sizes = reader.page.evaluate(
            "() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".map(each => each.decodedBodySize)"
        )
        assert len(sizes) >= 2, "the page and its style"
        assert 0 < sum(sizes) < 300_000, path
