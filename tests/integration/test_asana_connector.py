"""The Asana connector against real HTTP on loopback: whole reads of the sandbox, and its faults."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from connectors import asana, line
from connectors.asana.transport import Ask, Transport
from connectors.asana.walk import Tasks
from connectors.contract import (
    AccessDenied,
    Container,
    CredentialsRefused,
    Cursor,
    MalformedAnswer,
    RateLimited,
    Stop,
    TryLater,
    Unreadable,
)
from connectors.patience import Patient
from okrs.immutable import replace
from okrs.work import Kind, Ref, State
from sandbox.server import TOKENS
from tests.builders import Time
from tests.integration.asana_client import NOTHING, NOW, Launch, launched, pages, titles, walked

ABSENT = "1204000000009999"
LISTING = Cursor(now=NOW, resume=Tasks(whole=True).text())


@pytest.fixture
def launch() -> Iterator[Launch]:
    with launched() as launch:
        yield launch


# whole reads


def test_a_first_read_brings_everything_once(launch: Launch) -> None:
    for number in range(250):
        launch.task(f"task {number}", section="Shipped")
    connector = launch.connect()
    assert list(connector.containers()) == [launch.container]
    read = pages(connector, launch.container)
    assert sorted(titles(read)) == sorted(f"task {number}" for number in range(250))
    assert [len(items) for _, items in read] == [100, 100, 50]
    assert connector.requests == launch.sandbox.total("asana") == 1 + 1 + 3
    item = read[0][1][0]
    assert item.projects == (Ref(launch.project.key, "Launch"),)
    assert [section.name for section in item.sections] == ["Shipped"]


def test_nothing_changed_takes_three_requests(launch: Launch) -> None:
    launch.task("old")
    launch.clock.advance(timedelta(hours=1))
    connector = launch.connect()
    assert list(connector.containers()) == [launch.container]
    assert titles(pages(connector, launch.container, since=launch.clock.now() - timedelta(minutes=15))) == []
    assert connector.requests == launch.sandbox.total("asana") == 3


def test_an_incremental_read_brings_what_changed_with_milestones_that_got_a_task(launch: Launch) -> None:
    one, two = launch.task("one"), launch.task("two")
    beta = launch.task("Beta", "milestone")
    launch.world.block(beta, [one])
    launch.clock.advance(timedelta(hours=2))
    launch.world.block(beta, [two])
    launch.world.close(two)
    read = pages(launch.connect(), launch.container, since=launch.clock.now() - timedelta(minutes=15))
    assert sorted(titles(read)) == ["Beta", "two"]
    milestone = next(item for _, items in read for item in items if item.kind is Kind.MILESTONE)
    assert milestone.members == tuple(sorted([one.key, two.key]))


def test_subtasks_at_every_depth_are_walked_once(launch: Launch) -> None:
    top = launch.task("top")
    middle = launch.task("middle", parent=top)
    launch.task("gate", "milestone", parent=top)
    launch.task("leaf", parent=middle)
    launch.task("plain")
    connector = launch.connect()
    read = pages(connector, launch.container, parents=(middle.key,))
    assert sorted(titles(read)) == ["gate", "leaf", "middle", "plain", "top"]
    items = {item.title: item for _, found in read for item in found}
    assert items["leaf"].kind is Kind.SUBTASK
    assert items["leaf"].parent == Ref(middle.key, middle.key)
    assert items["gate"].kind is Kind.MILESTONE
    assert items["leaf"].projects == ()
    assert (items["top"].children, items["middle"].children, items["leaf"].children) == (2, 1, 0)
    assert connector.requests == 1 + 1 + 2


def test_an_incremental_read_walks_known_parents_although_they_did_not_change(launch: Launch) -> None:
    top = launch.task("top")
    leaf = launch.task("leaf", parent=top)
    launch.clock.advance(timedelta(hours=2))
    launch.world.close(leaf)
    since = launch.clock.now() - timedelta(minutes=15)
    read = pages(launch.connect(), launch.container, since=since, parents=(top.key,))
    assert [(item.title, item.state) for _, items in read for item in items] == [("leaf", State.DONE)]


def test_many_subtasks_of_one_parent_come_in_pages(launch: Launch) -> None:
    top = launch.task("top")
    for number in range(120):
        launch.task(f"leaf {number}", parent=top)
    read = pages(launch.connect(), launch.container)
    assert [len(items) for _, items in read] == [1, 100, 20]
    assert len(set(titles(read))) == 121


def test_any_page_can_be_asked_again_in_any_order_and_on_any_twin(launch: Launch) -> None:
    launch.sandbox.faults.page_caps["asana"] = 2
    parents = [launch.task(f"task {number}") for number in range(5)]
    for parent in parents[:2]:
        for number in range(3):
            launch.task(f"{parent.title}.{number}", parent=parent)
    connector, cursor = launch.connect(), Cursor(now=NOW)
    whole = walked(connector, launch.container, cursor)
    assert len(whole) == 1 + 3 + 2 + 2
    twin = connector.twin()
    for asked, page in reversed(whole[1:]):
        assert twin.changed(launch.container, replace(cursor, resume=asked), NOTHING) == page
    assert (connector.requests, twin.requests) == (8, 7)
    twin.close()


def test_a_deleted_parent_is_skipped_and_the_others_are_walked(launch: Launch) -> None:
    gone, kept = launch.task("gone"), launch.task("kept")
    launch.task("lost", parent=gone)
    launch.task("found", parent=kept)
    launch.world.delete(gone)
    since = launch.clock.now() + timedelta(minutes=1)
    read = pages(launch.connect(), launch.container, since=since, parents=(gone.key, kept.key))
    assert titles(read) == ["found"]


def test_a_private_parent_is_skipped(launch: Launch) -> None:
    top = launch.task("top")
    launch.task("leaf", parent=top)
    launch.sandbox.faults.status(403, path="/subtasks")
    assert titles(pages(launch.connect(), launch.container)) == ["top"]


def test_a_project_lost_during_the_walk_is_an_error_and_not_emptiness(launch: Launch) -> None:
    top = launch.task("top")
    launch.task("leaf", parent=top)
    connector = launch.connect()
    _, (_, listing) = walked(connector, launch.container, Cursor(now=NOW))[:2]
    launch.project.hidden = True
    with pytest.raises(Stop, match="does not know the project"):
        connector.changed(launch.container, Cursor(now=NOW, resume=listing.also[0]), NOTHING)


def test_the_same_answer_gives_the_same_items(launch: Launch) -> None:
    launch.task("one", labels=("b", "a"))
    assert pages(launch.connect(), launch.container) == pages(launch.connect(), launch.container)


# the way in


def test_projects_that_cannot_be_read_do_not_hide_the_others(launch: Launch) -> None:
    other = launch.world.add_project("asana", "Secret")
    launch.sandbox.faults.status(403, path=other.key)
    found = launch.connect(ABSENT, launch.project.key, other.key).containers()
    assert [one.name for one in found] == [ABSENT, launch.project.key, other.key]
    assert [type(one) for one in found] == [Unreadable, Container, Unreadable]
    reasons = [one.error for one in found if isinstance(one, Unreadable)]
    assert ["404" in reasons[0], "403" in reasons[1]] == [True, True]


def test_check_says_who_and_what(launch: Launch) -> None:
    launch.world.add_user("Ada Okafor", "ada")
    connector = launch.connect(launch.project.key, ABSENT)
    account = connector.check()
    assert account.who == "Ada Okafor <ada@acme.example>"
    assert (account.sees, account.missing) == ((launch.project.key,), (ABSENT,))
    assert "(404)" in account.reasons[ABSENT]
    assert "Launch" in account.detail
    assert connector.requests == 5


def test_a_wrong_token_stops_the_source(launch: Launch) -> None:
    connector = launch.connect(token="wrong-token")
    calls: list[Callable[[], object]] = [
        connector.containers,
        connector.check,
        lambda: connector.changed(launch.container, Cursor(now=NOW), NOTHING),
    ]
    for call in calls:
        with pytest.raises(CredentialsRefused, match="401") as caught:
            call()
        assert "wrong-token" not in str(caught.value)


# refusals and broken connections


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Stop),
        (401, CredentialsRefused),
        (402, Stop),
        (403, AccessDenied),
        (404, Stop),
        (429, RateLimited),
        (500, TryLater),
        (502, TryLater),
        (503, TryLater),
    ],
)
def test_statuses_become_typed_errors_after_one_request(launch: Launch, status: int, error: type[Exception]) -> None:
    connector = launch.connect()
    connector.containers()
    launch.sandbox.faults.status(status, path="/tasks")
    with pytest.raises(error) as caught:
        connector.changed(launch.container, LISTING, NOTHING)
    assert type(caught.value) is error
    assert connector.requests == launch.sandbox.total("asana") == 2
    assert TOKENS["asana"] not in str(caught.value)


@pytest.mark.parametrize(("status", "told", "wait"), [(429, 7, 7.0), (429, None, None), (403, 30, 30.0)])
def test_limits_say_how_long(launch: Launch, status: int, told: float | None, wait: float | None) -> None:
    connector = launch.connect()
    for path, ask in (
        ("/projects", connector.containers),
        ("/events", lambda: connector.changed(launch.container, Cursor(now=NOW), NOTHING)),
        ("/tasks", lambda: connector.changed(launch.container, LISTING, NOTHING)),
    ):
        launch.sandbox.faults.status(status, retry_after=told, path=path)
        with pytest.raises(RateLimited) as caught:
            ask()
        assert caught.value.wait == wait


def test_patience_outside_asks_the_page_again(launch: Launch) -> None:
    launch.task("one")
    launch.sandbox.faults.status(500)
    launch.sandbox.faults.status(429, retry_after=7)
    time = Time()
    patient = Patient(launch.connect(), time.pacer())
    assert titles(pages(patient, launch.container)) == ["one"]
    assert time.slept == [1.0, 7.0]
    assert patient.requests == 4


def test_a_dropped_connection_is_passing_trouble(launch: Launch) -> None:
    launch.task("one")
    connector = launch.connect()
    connector.containers()
    launch.sandbox.faults.drop()
    with pytest.raises(TryLater, match=r"The connection to the tracker at 127\.0\.0\.1:[0-9]+ broke"):
        connector.changed(launch.container, Cursor(now=NOW), NOTHING)
    assert titles(pages(connector, launch.container)) == ["one"]


def test_a_silent_tracker_times_out(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "TIMEOUT", (5, 0.05))
    launch.sandbox.faults.hang(60)
    with pytest.raises(TryLater, match="did not answer in time"):
        launch.connect().containers()


def test_what_sets_up_a_webhook_can_do_nothing_else_and_what_reads_cannot_do_that(launch: Launch) -> None:
    url, project = launch.sandbox.urls["asana"], launch.container.id
    keys = {"connector": "asana", "url": url, "token": TOKENS["asana"], "projects": [project]}
    settings = asana.Settings.model_validate(keys)
    with closing(Transport(settings)) as reading, pytest.raises(Stop, match="could change something"):
        reading.post(Ask("a webhook", "/webhooks"), b"{}")
    with pytest.raises(AccessDenied, match="no answer of this Headway"):
        asana.subscribe(settings, project, "http://127.0.0.1:1/hooks/launch/ticket")
    [(_, method, target, body)] = launch.sandbox.log
    assert (method, target) == ("POST", "/webhooks")
    assert b"/hooks/launch/ticket" in body
    launch.sandbox.faults.status(401, path="/webhooks")
    with pytest.raises(CredentialsRefused):
        asana.subscribe(settings, project, "http://127.0.0.1:1/")
    launch.sandbox.faults.html(path="/webhooks")
    with pytest.raises(MalformedAnswer):
        asana.subscribe(settings, project, "http://127.0.0.1:1/")
    assert launch.sandbox.requests["asana", "webhooks"] == 3, "each is asked once"
