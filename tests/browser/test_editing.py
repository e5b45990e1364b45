"""What people say in the pages, and pages that follow what happens in the trackers while they are open."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.records import Item
from tests.browser.conftest import Opening, Site

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("scripts", "key_result"), [(True, "accessibility"), (False, "storefront")])
def test_a_value_is_set_by_hand_and_taken_back(
    reading: Opening, office: Site, *, scripts: bool, key_result: str
) -> None:
    page = reading(f"{office.url}/key-results/{key_result}", scripts=scripts).page
    lead = page.locator(".lead").inner_text()
    page.get_by_text("Set a value by hand").click()
    form = page.locator("#set-form")
    form.get_by_label("Value").fill("7")
    form.get_by_label("Why").fill("the rest is on paper")
    form.get_by_role("button").click()
    expect(page.get_by_role("main")).to_contain_text("the rest is on paper")
    expect(page.locator(".lead")).to_contain_text("7")
    expect(page.get_by_role("main")).to_contain_text(re.compile(r"by hand \(local, unauthenticated: .*automatic value"))
    page.reload()
    page.get_by_text("Go back to the automatic value").click()
    page.locator("#resume-form").get_by_role("button").click()
    expect(page.locator(".lead")).to_have_text(lead)
    [told] = [each for each in office.headway.run("status", "--json").out["key_results"] if each["id"] == key_result]
    assert told["override"] is None
    kinds = [each["kind"] for each in office.headway.run("history", key_result, "--json").out]
    assert kinds[-2:] == ["override", "resume"]


def test_what_cannot_be_is_said_at_its_field_and_nothing_typed_is_lost(reading: Opening, office: Site) -> None:
    reader = reading(f"{office.url}/key-results/p1-bugs")
    reader.status = 409  # the answer to the form is an error, and a browser notes so
    page = reader.page
    page.get_by_text("Set a value by hand").click()
    form = page.locator("#set-form")
    form.get_by_label("Value").fill("many")
    form.get_by_label("Why").fill("because")
    form.get_by_role("button").click()
    value = page.locator("#set-form").get_by_label("Value")
    expect(value).to_be_visible()
    expect(value).to_have_attribute("aria-invalid", "true")
    expect(value).to_have_value("many")
    expect(page.locator("#set-form").get_by_label("Why")).to_have_value("because")
    expect(value).to_be_focused()
    assert reader.barriers() == []


def test_a_check_in_is_kept(reading: Opening, office: Site) -> None:
    page = reading(f"{office.url}/key-results/performance").page
    page.get_by_text("Check in", exact=True).click()
    page.get_by_label("Note").fill("Two reviews are slow.\nElse all is well.")
    page.get_by_label("How sure").select_option(index=2)
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_role("region", name="Check-ins")).to_contain_text("Two reviews are slow.")


def test_a_held_update_is_accepted(reading: Opening, office: Site) -> None:
    page = reading(office.url).page
    page.get_by_role("region", name="Waits for somebody").get_by_role("link", name="Look at it").click()
    form = page.locator("#hold-form")
    expect(form).to_be_visible()
    accept = form.get_by_role("button", name=re.compile(r"^Accept \d+"))
    new = accept.inner_text().split()[-1]
    accept.click()
    expect(page.locator("#hold-form")).to_have_count(0)
    expect(page.locator(".lead")).to_contain_text(new)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("region", name="Waits for somebody")).to_have_count(0)


def test_an_open_page_follows_its_tickets(reading: Opening, office: Site) -> None:
    page = reading(f"{office.url}/key-results/interviews").page
    done, lead = an_open("Interview a customer", office), page.locator(".lead")
    before = lead.inner_text()
    page.get_by_text("The chart as a table").click()
    close_and_read(office, done)
    expect(lead).not_to_have_text(before)
    expect(page.get_by_role("region", name="Why it moved")).to_contain_text(done.title)
    expect(page.locator("#live")).to_contain_text("Updated just now")
    expect(page.get_by_role("table", name="Value and expected value")).to_be_visible()  # what was opened stays so


def test_what_somebody_types_is_not_taken_away(reading: Opening, office: Site) -> None:
    page = reading(f"{office.url}/key-results/legal-terms").page
    page.get_by_text("Check in", exact=True).click()
    page.get_by_label("Note").fill("I am still wri")
    done = an_open("Approve the terms", office)
    close_and_read(office, done)
    show = page.get_by_role("button", name="Show it")
    expect(show).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("I am still wri")
    show.click()
    expect(page.get_by_role("region", name="Why it moved")).to_contain_text(done.title)


def test_the_overview_follows_too(reading: Opening, office: Site) -> None:
    page = reading(f"{office.url}/").page
    done = an_open("Fix a crash in", office)
    close_and_read(office, done, source="acme-jira")
    expect(first_change(page)).to_contain_text(f"{done.key} closed")


def first_change(page: Page) -> Locator:
    return page.get_by_role("region", name="What changed, and why")


def an_open(verb: str, office: Site) -> Item:
    items = office.headway.sandbox.world.items.values()
    return next(each for each in items if each.title.startswith(verb) and each.closed is None)


def close_and_read(office: Site, item: Item, source: str = "acme-asana") -> None:
    office.headway.sandbox.world.close(item)
    assert office.served.ask(f"/api/sources/{source}/sync", "POST", X_Headway="1")[0] in (200, 202)
