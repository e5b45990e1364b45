"""The pages over a real database: what each tells, how safe and how bounded it is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event, text

from connectors.contract import Stop
from mapping.rule import Measure, Regress
from okrs.cycle import Calendar
from okrs.demand import Family
from okrs.immutable import replace
from okrs.ledger import EntryKind
from okrs.objective import Binary, Keep, KeyResult, Numeric, Objective, Terms
from okrs.work import Ref, State
from store import schedule
from store.database import Database
from store.views.setup import Setup
from sync.deciding import Goal
from sync.holding import Act
from sync.overriding import Wanted, check_in, set_value
from sync.recording import Run
from tests.builders import SOURCE, a_part, a_rule, an_item, where
from tests.hostile import ADDRESSES, INVISIBLE, TITLES
from tests.integration.fakes import Clock, FakeTracker, World, just_measured
from tests.markup import Page, read
from web.app import build
from web.ports import Ports

PAGES = ("/", "/key-results/kr", "/objectives/objective", "/teams/payments", "/activity", "/sources", "/mappings",
         "/tickets?key=PAY-0", "/tickets", "/tickets?key=nothing+of+the+kind", "/nowhere", "/?page=many",
         "/key-results/kr?at=2026-11-20", "/key-results/kr?at=soon", "/teams/nobody")  # fmt: skip
"""One of each kind, those that say what went wrong among them."""


@pytest.fixture
def world(database: Database) -> World:
    """Five tickets, three of them done, and two days of work."""
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    for number in range(5):
        tracker.put("PAY", an_item(f"PAY-{number}", State.DONE if number < 2 else State.TODO, title=f"Ticket {number}"))
    made = World(database, {SOURCE: tracker}, clock)
    made.feed("kr", a_rule(a_part(Measure.COUNT)))
    made.sync()
    clock.forward(days=1)
    tracker.change("PAY", "PAY-2", state=State.DONE, closed_at=clock.now)
    made.sync()
    return made


def setup_of(world: World, **facts: Any) -> Setup:
    plain = world._setup()
    mine = replace(plain.objectives[0], title="Nobody is let down", team="payments", owner="ada@example.org")
    return replace(plain, **({"objectives": (mine,)} | facts))


def browser(world: World, setup: Setup | None = None, **ports: Any) -> TestClient:
    told = setup or setup_of(world)
    app = build(Ports(read=world.database.read, setup=lambda: told, clock=world.clock, **ports))
    return TestClient(app, base_url="http://localhost", follow_redirects=False, raise_server_exceptions=False)


def look(world: World, path: str, setup: Setup | None = None, code: int = 200) -> Page:
    answer = browser(world, setup).get(path)
    assert answer.status_code == code, answer.text
    return read(answer.text)


def ada(world: World) -> Act:
    return Act("Ada", world.clock.forward(minutes=1), Run("by hand", {}))


@contextmanager
def asked(world: World) -> Iterator[list[str]]:
    """The statements that a database is asked meanwhile."""
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        told.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    yield told
    event.remove(world.database.engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_stays_here(world: World, path: str) -> None:
    answer = browser(world).get(path)
    assert answer.status_code in (200, 400, 404)
    read(answer.text)
    assert len(answer.content) < 300_000
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_the_overview_says_what_stands_where_and_why(world: World) -> None:
    words = look(world, "/").words
    assert "Nobody is let down" in words
    assert "3 of 20" in words
    assert "1 key result moved" in words
    assert "trackers read just now" in words
    assert "PAY-2 closed" in words
    assert "2 → 3 +1" in words
    assert "off track" in words


def test_what_was_measured_for_the_first_time_did_not_move(database: Database) -> None:
    made = just_measured(database)
    words = look(made, "/").words
    assert "first measured this week" in words
    assert "key result moved" not in words
    made.trackers[SOURCE].put("PAY", an_item("PAY-1", State.DONE))
    made.clock.forward(days=1)
    made.sync()
    words = look(made, "/").words
    assert "first measured this week, +1 since" in words
    assert "1 key result moved" in words


def test_a_key_result_names_every_ticket_and_why_not(world: World) -> None:
    words = look(world, "/key-results/kr").words
    assert "3 of 20 · 15 % of the way · expected by now" in words
    assert "Counted (3)" in words
    assert "Not counted (2)" in words
    assert "PAY-3 Ticket 3 still open" in words
    assert "Counts issues that are done." in words


def test_what_lies_where_nobody_reads_is_told(world: World) -> None:
    tracker = world.trackers[SOURCE]
    tracker.change("PAY", "PAY-2", parent=Ref("", "PAY-9"))
    tracker.outside[Family("PAY-9", deep=True)] = ["OPS-1", "OPS-2", "OPS-3", "<i>OPS-4"]
    world.feed("kr", a_rule(a_part(where=where(epic="PAY-9"))))
    world.sync()
    told = "4 of what lies under PAY-9 are not read by its source: <i>OPS-4, OPS-1, OPS-2, …."
    assert told in look(world, "/key-results/kr").words
    tracker.outside[Family("PAY-9", deep=True)] = Stop("PAY-9 is <b>gone</b>.")
    world.sync(full=True)
    told = "What is not read under PAY-9 could not be asked since 2026-11-21: PAY-9 is <b>gone</b>."
    assert told in look(world, "/key-results/kr").words


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (Numeric(Decimal(0), Decimal(20)), "3 of 20 tickets ·"),
        (Numeric(Decimal(1), Decimal(20)), "3 of 20 tickets, from 1 ·"),
        (Numeric(Decimal(8), Decimal(2)), "3 tickets, from 8 down to 2 ·"),
        (Keep(Decimal(1), Decimal(5)), "3 tickets (stay between 1 and 5) ·"),
    ],
)
def test_the_sentence_says_where_it_comes_from_and_goes_to(world: World, terms: Terms, said: str) -> None:
    setup = setup_of(world)
    mine = tuple(replace(each, terms=terms, unit="tickets") for each in setup.key_results)
    world.feed("kr", a_rule(a_part(Measure.COUNT)), terms)
    world.sync()
    assert said in look(world, "/key-results/kr", replace(setup, key_results=mine)).words


def test_a_hand_set_value_stands_beside_the_automatic_one(world: World) -> None:
    set_value(world.database, "kr", Wanted(Decimal(18), "two are not in the tracker"), ada(world))
    for path in ("/", "/key-results/kr"):
        words = look(world, path).words
        assert "18 by hand (Ada: two are not in the tracker) — automatic value 3." in words
    assert "automatic → 18 Ada: set by hand: two are not in the tracker" in look(world, "/activity").words


@pytest.fixture
def held(world: World) -> World:
    """Three tickets are reopened, and others closed: the value would fall, and the mapping asks before it does."""
    world.feed("kr", a_rule(a_part(Measure.COUNT), regress=Regress.ASK))
    world.sync()
    tracker = world.trackers[SOURCE]
    for number in range(3):
        tracker.change("PAY", f"PAY-{number}", state=State.TODO, closed_at=None)
    tracker.change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock.now)
    tracker.put("PAY", an_item("PAY-5", State.DONE, title="Ticket 5", closed_at=world.clock.now))
    tracker.put("PAY", an_item("PAY-6", title="Ticket 6"))
    world.clock.forward(minutes=10)
    world.sync()
    assert world.status("kr").hold is not None
    return world


def test_what_a_held_update_brings_waits_with_it(held: World) -> None:
    words = look(held, "/key-results/kr").words
    assert "PAY-2 Ticket 2 (changes with the update)" in words
    assert "PAY-3 Ticket 3 waits with the update" in words
    assert "PAY-5 Ticket 5 waits with the update" in words
    assert "PAY-4 Ticket 4 still open" in words
    assert "PAY-6 Ticket 6 still open" in words
    assert "Counted (3)" in words
    assert "Not counted (4)" in words
    day = held.clock.now.date().isoformat()
    held.clock.forward(days=1)
    assert "PAY-5 Ticket 5 waits with the update" in look(held, f"/key-results/kr?at={day}").words


def test_that_an_update_was_asked_about_again_is_no_news(held: World) -> None:
    for number in (7, 8):
        held.trackers[SOURCE].put("PAY", an_item(f"PAY-{number}"))
        held.trackers[SOURCE].change("PAY", "PAY-3", state=State.DONE if number == 8 else State.TODO)
        held.clock.forward(minutes=10)
        held.sync()
    asks = "waits for a person: It would fall back"
    assert len([each for each in held.entries("kr") if each.kind is EntryKind.HOLD]) > 1
    assert look(held, "/activity").words.count(asks) > 1
    for path in ("/", "/key-results/kr", "/objectives/objective"):
        assert look(held, path).words.count(asks) == 1


def test_a_held_update_is_the_readers_to_decide(world: World) -> None:
    world.feed("kr", a_rule(a_part(Measure.COUNT), regress=Regress.ASK))
    world.sync()
    world.trackers[SOURCE].change("PAY", "PAY-2", state=State.TODO, closed_at=None)
    world.sync()
    assert world.status("kr").hold is not None
    words = look(world, "/").words
    assert "1 waits for you" in words
    assert "Keep 3, or accept 2?" in words
    assert "headway approve" in look(world, "/key-results/kr").words
    assert "still open; waits with an update" in look(world, "/tickets?key=PAY-2").words


def test_stale_is_said_before_any_colour(world: World) -> None:
    world.clock.forward(hours=1)
    words = look(world, "/").words
    assert "stale" in words
    assert "has not been read completely since. It was off track then." in words
    assert "1 source stale" in words
    assert "It was not polled for a while" in look(world, "/sources").words


def test_a_past_day_changes_the_whole_page_and_says_so(world: World) -> None:
    words = look(world, "/key-results/kr?at=2026-11-20").words
    assert "This is how it was known at the end of 2026-11-20." in words
    assert "2 of 20" in words
    assert "Counted (2)" in words
    assert "Nothing was known of it then" in look(world, "/key-results/kr?at=2026-11-19").words
    assert "soon is no day" in look(world, "/key-results/kr?at=soon").words
    assert "in the future" in look(world, "/key-results/kr?at=2027-01-01").words


def test_a_ticket_says_where_it_counts_and_where_not(world: World) -> None:
    world.feed("bugs", a_rule(a_part(where=where(type="Bug"))))
    words = look(world, "/tickets?key=pay-1").words
    assert "Counts in kr +1 since yesterday 09:01" in words
    assert "+1 since today 09:02" in look(world, "/tickets?key=PAY-2").words
    assert "Does not count in bugs: is not selected by the rule" in words
    assert "Key results Fix twenty" in look(world, "/tickets?key=twenty", _titled(world)).words


def _titled(world: World) -> Setup:
    plain = setup_of(world)
    return replace(plain, key_results=tuple(replace(each, title="Fix twenty") for each in plain.key_results))


def test_mappings_are_told_in_words_and_gaps_are_the_point(world: World) -> None:
    world.feed("none", None)
    world.feed("empty", a_rule(a_part(where=where(label="misspelt"))))
    world.feed("two", a_rule(a_part(where=where(type="Bug")), a_part(Measure.COUNT), combine=None))
    world.sync()
    words = look(world, "/mappings").words
    assert "Without a mapping" in words
    assert "Counts issues that are done. from tracker · 5 tickets on the line, 3 counted" in words
    assert "Counts issues labelled misspelt that are done." in words
    assert "This part selects nothing" in words
    warned = browser(world, warnings=lambda *_: {"kr": ["It <counts> twice."]}).get("/mappings")
    assert "It <counts> twice." in read(warned.text).words


def test_a_check_in_is_told_once_on_its_page(world: World) -> None:
    check_in(world.database, "kr", "Going well", Decimal("0.7"), ada(world))
    page = look(world, "/key-results/kr")
    assert page.words.count("Going well (confidence 70 %)") == 1


@pytest.mark.parametrize("kind", TITLES)
def test_titles_of_trackers_do_nothing(world: World, kind: str) -> None:
    for number, address in enumerate(ADDRESSES[:5]):
        world.trackers[SOURCE].change("PAY", f"PAY-{number}", title=TITLES[kind], url=address)
    for number in (3, 4):
        world.trackers[SOURCE].change("PAY", f"PAY-{number}", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    for path in ("/", "/key-results/kr", "/activity", "/mappings", "/tickets?key=PAY-0", "/tickets?key=PAY-4"):
        answer = browser(world).get(path)
        page = read(answer.text)  # which knows of no script, no handler, and no link that does anything
        assert answer.status_code == 200
        assert not INVISIBLE & set(answer.text)
        assert "A" * 121 not in answer.text
        assert "evil.example" not in "".join(told.get("href", "") for told in page.all("a"))
        assert "49" not in page.words.replace("2049", "")


def test_hostile_words_of_the_asker_do_nothing(world: World) -> None:
    for path in ("/?cycle={}", "/teams/{}", "/key-results/{}", "/objectives/{}", "/tickets?key={}", "/activity?kind={}",
                 "/activity?team={}", "/key-results/kr?at={}", "/?team={}", "/activity?key_result={}"):  # fmt: skip
        answer = browser(world).get(path.format("%3Cscript%3E%22%E2%80%AE"))
        assert answer.status_code in (200, 404)
        read(answer.text)


def test_only_its_own_names_are_answered(world: World) -> None:
    client = browser(world, hosts=frozenset({"headway.example", "[::1]"}))
    for host, code in {
        "headway.example": 200, "HEADWAY.example:8000": 200, "[::1]:8000": 200, "evil.example": 421, "localhost": 421,
        "headway.example.evil.example": 421, "": 421,
    }.items():  # fmt: skip
        answer = client.get("/", headers={"host": host})
        assert answer.status_code == code, host
        assert "content-security-policy" in answer.headers
    assert "Nobody is let down" not in client.get("/", headers={"host": "evil.example"}).text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(world: World, method: str) -> None:
    answer = browser(world).request(method, "/key-results/kr")
    assert answer.status_code == 405
    assert "for reading" in read(answer.text).words


def test_heads_are_answered(world: World) -> None:
    assert browser(world).head("/").status_code == 200


def test_the_style_is_kept_for_ever_and_changes_its_name(world: World) -> None:
    client = browser(world)
    [style] = [each for each in read(client.get("/").text).all("link") if each["rel"] == "stylesheet"]
    answer = client.get(style["href"])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    again = client.get(style["href"], headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "url(" not in answer.text
    assert "@import" not in answer.text


def test_a_badge_is_asked_for_each_time_and_sent_when_it_changed(world: World) -> None:
    client = browser(world, _titled(world))
    first = client.get("/key-results/kr/badge.svg")
    assert first.headers["content-type"].startswith("image/svg+xml")
    assert first.headers["cache-control"] == "no-cache"
    assert "Fix twenty: 3 of 20 · off track" in first.text
    tag = {"if-none-match": first.headers["etag"]}
    assert client.get("/key-results/kr/badge.svg", headers=tag).status_code == 304
    world.trackers[SOURCE].change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    assert client.get("/key-results/kr/badge.svg", headers=tag).status_code == 200
    plain = setup_of(world)
    evil = replace(plain, key_results=(replace(plain.key_results[0], title="</svg><script>x</script>"),))
    assert "<script" not in browser(world, evil).get("/key-results/kr/badge.svg").text


def test_the_history_comes_as_a_table(world: World) -> None:
    answer = browser(world).get("/key-results/kr/history.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="kr.csv"'
    rows = answer.text.splitlines()
    assert rows[0].startswith("seq,at,kind,old,new,cause,key")
    assert [row.split(",")[2:7] for row in rows[1:]] == [
        ["baseline", "", "2", "baseline", ""],
        ["auto", "2", "3", "closed", "PAY-2"],
    ]
    assert browser(world).get("/key-results/kr/prov.json").json()["prefix"]
    for paper in ("history.csv", "prov.json", "badge.svg"):
        assert browser(world).get(f"/key-results/nobody/{paper}").status_code == 404


def test_before_anything_is_there_it_says_what_to_do(database: Database) -> None:
    world = World(database, {}, Clock())
    words = look(world, "/", setup_of(world, objectives=())).words
    assert "Nothing is configured yet" in words
    assert "headway init" in words
    for path in ("/activity", "/sources", "/mappings"):
        assert "headway" in look(world, path, setup_of(world, objectives=())).words


def test_before_the_first_read_it_says_so(database: Database) -> None:
    world = World(database, {SOURCE: FakeTracker(Clock(), "PAY")}, Clock())
    world.feed("kr", a_rule(a_part(Measure.COUNT)))
    words = look(world, "/").words
    assert "Nothing was read yet" in words
    assert "not measured yet" in words
    assert "not read yet" in look(world, "/sources").words
    assert "the next read brings the first value" in look(world, "/key-results/kr").words
    assert "stale" not in words, "nothing was ever read that could be old"
    set_value(world.database, "kr", Wanted(Decimal(18), "by count", None), ada(world))
    for path in ("/", "/key-results/kr", "/objectives/objective"):
        words = look(world, path).words
        assert "tracker was never read completely." in words
        assert "on track" in words
        assert "stale" not in words
        assert "config changed" not in words
    assert "on track" in browser(world).get("/key-results/kr/badge.svg").text


def test_one_that_left_the_config_keeps_its_history(world: World) -> None:
    gone = setup_of(world, key_results=(), rules={})
    assert "in the config no more" in look(world, "/key-results/kr", gone).words
    assert look(world, "/key-results/other", gone, code=404).words


def test_a_closed_cycle_stands_as_it_was_closed(world: World) -> None:
    world.clock.forward(days=60)
    world.sync()
    world.close()
    assert "Every cycle is closed." not in look(world, "/").words  # the next one is open
    words = look(world, "/?cycle=cycle").words
    assert "with the grade 0.15" in words
    assert "closed" in look(world, "/key-results/kr").words
    assert "when cycle was closed: nothing moves that any more" in look(world, "/tickets?key=PAY-2").words
    assert "There is no cycle nope in the config" in look(world, "/?cycle=nope", code=404).words


def test_a_title_leads_to_its_tickets(world: World) -> None:
    page = look(world, "/tickets?key=Ticket+0")
    assert "Ticket 0 is the title of PAY-0." in page.words
    assert "/tickets?key=PAY-0" in [each.get("href") for each in page.all("a")]
    assert "was ever read" not in page.words


@pytest.mark.parametrize("path", ["/?team=nobody", "/activity?team=nobody", "/teams/nobody", "/teams/"])
def test_a_team_that_there_is_not_is_told_with_those_that_there_are(world: World, path: str) -> None:
    words = look(world, path, code=404).words
    assert "No objective names a team" in words
    assert "The teams are: payments." in words


def test_the_activity_of_a_key_result_that_nobody_ever_had_is_not_there(world: World) -> None:
    words = look(world, "/activity?key_result=nope", code=404).words
    assert "There is no key result nope in the config, and the ledger tells of none." in words
    gone = replace(setup_of(world), key_results=(), rules={})
    assert "Nothing of that kind is recorded." in look(world, "/activity?key_result=kr&kind=hand", gone).words


def test_a_past_day_shows_what_left_a_closed_cycle_as_it_stood_there(world: World) -> None:
    day = world.clock.now.date().isoformat()
    world.close(early=True)
    world.clock.forward(days=60)
    plain = setup_of(world)
    [mine] = plain.objectives
    [found] = plain.key_results
    setup = replace(plain, objectives=(replace(mine, cycle="next"),), key_results=(replace(found, cycle="next"),))
    assert "3 of 20" in look(world, f"/key-results/kr?at={day}", setup).words
    assert "3 of 20" not in look(world, "/key-results/kr", setup).words
    earlier = (world.clock.now - timedelta(days=61)).date().isoformat()
    assert "2 of 20" in look(world, f"/key-results/kr?at={earlier}", setup).words


def many(world: World, number: int) -> Setup:
    """So many key results more, some of which are binary, each with its objective of ten."""
    for each in range(number):
        terms = Binary(Decimal(99)) if each % 3 == 0 else Numeric(Decimal(0), Decimal(20))
        result = KeyResult(f"kr-{each}", f"o-{each // 10}", "cycle", f"Key result {each}", terms)
        world.goals[result.id] = Goal(
            result, a_rule(a_part(Measure.COUNT, weight=Decimal(each + 1))), Calendar(), world.guard
        )
    world.sync()
    objectives = tuple(Objective(f"o-{each}", "cycle", f"Objective {each}") for each in range(-(-number // 10)))
    return setup_of(world, objectives=(*setup_of(world).objectives, *objectives))


@pytest.mark.parametrize(
    "path", ["/", "/activity", "/mappings", "/sources", "/key-results/kr", "/objectives/objective"]
)
def test_more_key_results_are_not_more_questions(world: World, path: str) -> None:
    few = many(world, 20)
    with asked(world) as before:
        assert browser(world, few).get(path).status_code == 200
    lots = many(world, 120)
    with asked(world) as after:
        assert browser(world, lots).get(path).status_code == 200
    assert len(after) <= len(before) + 4  # the place of last week in a longer ledger is found by halving


def test_a_long_list_comes_in_pages_of_whole_objectives(world: World) -> None:
    setup = many(world, 250)
    seen: list[str] = []
    for number in (1, 2, 3):
        answer = browser(world, setup).get(f"/?page={number}")
        page = read(answer.text)
        assert len(answer.content) < 300_000
        assert f"Page {number} of 3" in page.words
        seen += [told["href"] for told in page.all("a") if told["href"].startswith("/objectives/")]
    assert len(seen) == len(set(seen)) == 26
    assert "Page 3 of 3" in look(world, "/?page=99", setup).words


def test_the_activity_comes_in_pages_and_by_kind(world: World) -> None:
    setup, seen, path = many(world, 60), 0, "/activity"
    while path:
        page = look(world, path, setup)
        seen += len(page.all("time"))
        path = next((told["href"] for told in page.all("a") if told.get("rel") == "next"), "")
    assert seen == len(world.entries())
    assert "PAY-2 closed" in look(world, "/activity?kind=moves&key_result=kr", setup).words
    assert "Nothing of that kind is recorded." in look(world, "/activity?kind=hand", setup).words
    assert look(world, "/activity?team=payments", setup).words.count("kr") < 10


def test_a_failing_database_is_told_without_its_words(world: World) -> None:
    @contextmanager
    def failing() -> Iterator[Any]:
        yield world.database.engine.connect().execute(text("SELECT secret"))

    told = setup_of(world)
    reported: list[tuple[str, str, str]] = []
    app = build(Ports(failing, lambda: told, world.clock, report=lambda *failed: reported.append(failed)))
    answer = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get("/")
    assert answer.status_code == 503
    assert "The database does not answer" in read(answer.text).words
    assert "secret" not in answer.text
    assert [each[:2] for each in reported] == [
        ("/", "OperationalError" if world.database.engine.dialect.name == "sqlite" else "ProgrammingError")
    ]


def test_a_mistake_of_ours_is_told_without_its_words(world: World) -> None:
    def broken() -> Setup:
        raise RuntimeError("hunter2")

    told: list[tuple[str, str, str]] = []
    app = build(Ports(world.database.read, broken, world.clock, report=lambda *failed: told.append(failed)))
    answer = TestClient(app, base_url="http://localhost", raise_server_exceptions=False).get("/?cycle=hunter3")
    [(path, kind, place)] = told
    assert (path, kind) == ("/", "RuntimeError")
    assert place.rpartition(":")[0].endswith("test_web_pages.py")
    assert "hunter" not in str(told)
    assert answer.status_code == 500
    assert "no number has changed" in read(answer.text).words
    assert "hunter2" not in answer.text
    assert answer.headers["content-security-policy"]


def test_the_week_is_told_by_what_stood_a_week_ago(world: World) -> None:
    world.clock.forward(days=8)
    world.trackers[SOURCE].change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock.now)
    world.sync()
    words = look(world, "/").words
    assert "+1 this week: PAY-3" in words
    world.clock.now += timedelta(days=8)
    assert "moved" not in look(world, "/").words


def test_what_a_page_read_of_the_mirror_serves_the_next_one_until_it_changes(world: World) -> None:
    client, path = browser(world), "/key-results/kr"

    def items_read() -> int:
        with asked(world) as statements:
            assert client.get(path).status_code == 200
        return sum("FROM item" in each for each in statements)

    first = items_read()
    assert items_read() < first
    world.trackers[SOURCE].change("PAY", "PAY-3", state=State.DONE, closed_at=world.clock.now, title="Anew")
    world.sync()
    page = read(client.get(path).text)
    assert "Counted (4)" in page.words
    assert "PAY-3 Anew" in page.words


def test_pages_that_are_asked_at_the_same_time_tell_the_same(world: World) -> None:
    client = browser(world)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: client.get("/key-results/kr").text, range(24)))
    assert len(set(texts)) == 1


def test_the_next_poll_is_as_the_service_plans_it(world: World) -> None:
    assert "in 5 min, every 5 min" in look(world, "/sources").words
    schedule.claim(world.database, SOURCE, None, world.clock.now + timedelta(seconds=20))
    assert "in 20 s, every 5 min" in look(world, "/sources").words
    turn = schedule.Turn(None, 1)
    schedule.settle(world.database, SOURCE, world.clock.now + timedelta(seconds=20), turn)
    assert "not before its token or settings change" in look(world, "/sources").words
