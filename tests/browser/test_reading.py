"""What people come for: are we going to make it, why did it move, which tickets, and how was it then."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Opening, Site
from tests.browser.reader import PHONE, WIDE, Reader

pytestmark = pytest.mark.browser

Keep = Callable[[Reader, str], None]


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_the_first_screen_answers_the_question(reading: Opening, site: Site, pictured: Keep, width: int) -> None:
    reader = reading(site.url, width=width)
    pictured(reader, str(width))
    page = reader.page
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    expect(page.get_by_text(re.compile(r"week \d+ of 13"))).to_be_in_viewport()
    week = page.get_by_role("list", name="This week")
    expect(week).to_be_in_viewport()
    expect(week).to_contain_text(re.compile(r"\d+ key results moved"))
    expect(week).to_contain_text("waits for you")
    expect(page.get_by_role("heading", name="Waits for somebody")).to_be_in_viewport()


def test_why_a_number_moved_is_two_clicks_away_from_it(reading: Opening, site: Site) -> None:
    page = reading(site.url).page
    page.get_by_role("main").get_by_role("link", name="Fix 25 P1 checkout bugs").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fix 25 P1 checkout bugs")
    why = page.get_by_role("region", name="Why it moved")
    expect(why.get_by_role("listitem").filter(has_text=re.compile(r"PAY-\d+ closed")).first).to_be_visible()
    counted = page.get_by_role("table", name=re.compile(r"^Counted \(\d+\)"))
    others = page.get_by_role("table", name=re.compile(r"^Not counted \(\d+\)"))
    assert counted.get_by_role("row").count() > 5
    expect(others).to_contain_text("still open")


def test_a_ticket_leads_to_its_tracker_which_learns_nothing_of_us(reading: Opening, site: Site) -> None:
    reader = reading(f"{site.url}/key-results/p1-bugs")
    link = reader.page.get_by_role("table", name=re.compile("^Counted")).get_by_role("link").first
    key, address = link.inner_text(), link.get_attribute("href") or ""
    assert address == f"{site.headway.sandbox.urls['jira']}/browse/{key}"
    headers: list[dict[str, str]] = []

    def answered(route: Route) -> None:
        headers.append(route.request.all_headers())
        route.fulfill(body=f"This is {key}.")

    reader.page.route(address, answered)
    link.click()
    expect(reader.page.locator("body")).to_have_text(f"This is {key}.")
    assert [each.get("referer") for each in headers] == [None]


def test_a_ticket_is_found_by_its_key(reading: Opening, site: Site) -> None:
    reader = reading(f"{site.url}/key-results/p1-bugs")
    key = reader.page.get_by_role("table", name=re.compile("^Counted")).get_by_role("link").first.inner_text()
    reader.page.get_by_role("searchbox").fill(key)
    reader.page.get_by_role("searchbox").press("Enter")
    expect(reader.page.get_by_role("heading", level=1)).to_have_text(key)
    expect(reader.page.get_by_role("heading", name="Counts in", exact=True)).to_be_visible()
    reader.page.get_by_role("main").get_by_role("link", name="Fix 25 P1 checkout bugs").click()
    expect(reader.page.get_by_role("heading", level=1)).to_have_text("Fix 25 P1 checkout bugs")


def test_looking_back_changes_the_page_and_says_so(reading: Opening, site: Site) -> None:
    page = reading(f"{site.url}/key-results/p1-bugs").page
    lead = page.locator(".lead").inner_text()
    then = date.today() - timedelta(days=8)  # noqa: DTZ011
    page.get_by_label("As of the end of").fill(then.isoformat())
    page.get_by_role("button", name="Look back").click()
    expect(page.get_by_text("This is how it was known at the end of")).to_be_in_viewport()
    assert page.locator(".lead").inner_text() != lead
    page.get_by_role("link", name="Back to now").click()
    assert page.locator(".lead").inner_text() == lead


def test_a_value_by_hand_and_a_held_update_say_who_why_and_what(reading: Opening, site: Site) -> None:
    reader = reading(f"{site.url}/key-results/launch-day")
    assert "Marco Bianchi" in reader.words
    assert "Two rehearsals are on paper only" in reader.words
    reader.go("/key-results/open-bugs")
    assert re.search(
        r"15 tickets were deleted or went out of sight|\d+ of the \d+ tickets .* went out of sight", reader.words
    )
    reader.go("/key-results/interviews")
    assert "Six customers are booked for next week" in reader.words


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_all_of_it_works_without_scripts(reading: Opening, site: Site, width: int) -> None:
    page = reading(site.url, scripts=False, width=width).page
    page.get_by_label("Team").select_option("launch")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("main")).not_to_contain_text("Fix 25 P1 checkout bugs")
    page.get_by_role("main").get_by_role("link", name="Talk to 26 customers").first.click()
    page.get_by_text("The chart as a table").click()
    expect(page.get_by_role("table", name="Value and expected value at the end of each week")).to_be_visible()
    page.get_by_label("As of the end of").fill((date.today() - timedelta(days=8)).isoformat())  # noqa: DTZ011
    page.get_by_role("button", name="Look back").click()
    expect(page.get_by_text("This is how it was known at the end of")).to_be_visible()
    page.get_by_role("link", name="Sources").click()
    page.get_by_text(re.compile("^What is read")).first.click()
    expect(page.get_by_role("table").first).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/key-results/p1-bugs", "/sources"])
def test_on_paper_it_is_black_on_white_without_what_only_a_screen_does(
    reading: Opening, site: Site, pictured: Keep, path: str
) -> None:
    reader = reading(site.url + path, dark=True)
    reader.page.emulate_media(media="print")
    for gone in ("header.site nav", ".find", ".skip"):
        expect(reader.page.locator(gone)).to_be_hidden()
    colours = reader.page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert [each for each in reader.barriers() if each.startswith("color-contrast")] == []
    pictured(reader, "print")
    assert reader.page.pdf(format="A4").startswith(b"%PDF")
