"""Whatever trackers and people write is shown, and does nothing: in a real browser, which would run what it could."""

import csv
import io
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from urllib.parse import quote

import pytest
import uvicorn
from playwright.sync_api import expect

from mapping.rule import Measure
from okrs.guard import Guard
from okrs.immutable import replace
from okrs.work import State
from store.database import open_database
from store.views.setup import Setup
from sync.holding import Act
from sync.overriding import Wanted, check_in, set_value
from sync.recording import Run
from tests.browser.conftest import Opening
from tests.browser.reader import PHONE, WIDE
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.hostile import ADDRESSES, INVISIBLE, TITLES
from tests.integration.fakes import Clock, FakeTracker, World
from web.app import build
from web.ports import Ports

pytestmark = pytest.mark.browser

LONGEST = 60
KEY_RESULTS = {name: f"kr-{number}" for number, name in enumerate(TITLES)}
PAGES = (
    "/",
    "/activity",
    "/mappings",
    "/sources",
    f"/teams/{quote(TITLES['script'], safe='')}",
    f"/objectives/{quote('o<b>', safe='')}",
    f"/tickets?key={quote(TITLES['attribute'])}",
    "/tickets?key=T-0",
    "/tickets?key=T-1",
    *(f"/key-results/{each}" for each in KEY_RESULTS.values()),
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of pages on which every text is hostile; a thread serves them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'headway.db'}"
    with closing(open_database(url, create=True)) as database:
        world = a_world(World(database, {SOURCE: FakeTracker(Clock(), "PAY")}, Clock()))
        told = a_setup(world)
        ports = Ports(read=database.read, setup=lambda: told, clock=world.clock)
        server = uvicorn.Server(uvicorn.Config(build(ports), log_config=None, access_log=False))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
            thread.start()
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            give_up = time.monotonic() + LONGEST
            while not server.started:
                assert time.monotonic() < give_up
                time.sleep(0.05)
            yield address
            server.should_exit = True
            thread.join()


def a_world(world: World) -> World:
    """Tickets with every title and address, closed one by one; values by hand, check-ins and a held update."""
    tracker = world.trackers[SOURCE]
    tracker.clock = world.clock
    for number, (name, title) in enumerate(TITLES.items()):
        for state in (State.TODO, State.DONE):
            address = ADDRESSES[number % len(ADDRESSES)]
            key = f"T-{number}" if state is State.TODO else title[:300].replace("\x00", "")
            tracker.put("PAY", an_item(key, state, title=title, url=address, labels=(title[:100],)))
        world.feed(KEY_RESULTS[name], a_rule(a_part(Measure.COUNT)))
    world.sync()
    for number in range(len(TITLES)):
        tracker.change("PAY", f"T-{number}", state=State.DONE, closed_at=world.clock.forward(days=1))
        world.sync()
    for name, title in TITLES.items():
        act = Act(title[:200], world.clock.forward(minutes=1), Run("by hand", {}), title)
        said = title.replace("\x00", "")
        set_value(world.database, KEY_RESULTS[name], Wanted(Decimal(3), said, None), act)
        check_in(world.database, KEY_RESULTS[name], said, Decimal("0.5"), act)
    world.guard = Guard()
    return world


def a_setup(world: World) -> Setup:
    plain = world._setup()
    objective = replace(
        plain.objectives[0], id="o<b>", title=TITLES["script"], team=TITLES["script"], owner=TITLES["turned"]
    )
    titles = {KEY_RESULTS[name]: title for name, title in TITLES.items()}
    key_results = tuple(replace(each, title=titles[each.id], objective="o<b>") for each in plain.key_results)
    return replace(plain, objectives=(objective,), key_results=key_results)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_of_it_runs_asks_or_breaks_the_page(reading: Opening, hostile: str, path: str) -> None:
    for width in (WIDE, PHONE):
        reader = reading(hostile + path, width=width)  # which notes dialogs, errors, windows and requests
        page = reader.page
        for summary in page.locator("summary").all():
            summary.click()
        assert page.title().endswith("Headway")
        assert not INVISIBLE & set(page.content())
        made = page.locator("script:not([src^='/static/']), iframe, img, foreignObject, style, object").count()
        assert made == 0
        assert "49" not in page.locator("main").inner_text().replace("2049", "").replace("7*7", "")
        addresses = page.evaluate("() => [...document.querySelectorAll('[href]')].map(each => each.href)")
        assert all(each.startswith(hostile) for each in addresses), addresses
        assert reader.spread() == [], width


def test_hostile_links_can_be_clicked_all_the_same(reading: Opening, hostile: str) -> None:
    page = reading(f"{hostile}/key-results/kr-0").page
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url.startswith(f"{hostile}/tickets")


@pytest.mark.parametrize("name", TITLES)
def test_a_badge_shows_it_and_does_nothing(reading: Opening, hostile: str, name: str) -> None:
    reader = reading(f"{hostile}/key-results/{KEY_RESULTS[name]}/badge.svg")
    tags = reader.page.evaluate("() => [...new Set([...document.querySelectorAll('*')].map(each => each.tagName))]")
    assert sorted(tags) == ["g", "rect", "svg", "text", "title"]
    assert reader.page.evaluate("() => document.documentElement.getBoundingClientRect().width") < 1000
    assert not INVISIBLE & set(reader.page.content())


@pytest.mark.parametrize(("name", "told"), [("formula", "HYPERLINK"), ("command", "cmd|"), ("control", "red")])
def test_a_table_holds_no_formula(hostile: str, name: str, told: str) -> None:
    with urllib.request.urlopen(f"{hostile}/key-results/{KEY_RESULTS[name]}/history.csv") as answer:
        rows = list(csv.reader(io.StringIO(answer.read().decode(), newline="")))
    assert len({len(row) for row in rows}) == 1
    assert any(told in cell for row in rows for cell in row)
    for cell in (cell for row in rows for cell in row):
        assert not cell or cell[0] not in "=+@\t\r" or _is_number(cell), cell
        assert not cell.startswith("-") or _is_number(cell), cell
        assert not set("\x1b\x07\x00") & set(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
