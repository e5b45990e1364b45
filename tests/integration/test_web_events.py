"""The stream that says that something changed: what it tells, how many may listen, and how it ends."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from mapping.rule import Measure
from okrs.work import State
from store.database import Database
from store.views.pulse import pulse
from sync.overriding import Wanted, check_in, set_value
from tests.builders import SOURCE, a_part, a_rule, an_item
from tests.integration.fakes import Clock, FakeTracker, World
from tests.integration.test_web_pages import ada
from web.events import Pulse, router

LONGEST = 30.0


@dataclass
class Told:
    """A listener: what its stream said so far."""

    connection: http.client.HTTPConnection
    answer: http.client.HTTPResponse
    lines: list[str] = field(default_factory=list)

    def until(self, begin: str) -> str:
        """Read on until a line that begins so."""
        while True:
            line = self.answer.readline().decode()
            assert line, f"it ended before {begin}: {self.lines}"
            self.lines.append(line.rstrip("\n"))
            if line.startswith(begin):
                return line.removeprefix(begin).strip()

    def rest(self) -> bytes:
        return self.answer.read()

    def go(self) -> None:
        self.answer.close()
        self.connection.close()


@dataclass
class Site:
    port: int
    pulse: Pulse
    ended: Callable[[], None]
    listening: list[Told] = field(default_factory=list)

    def listen(self, since: str = "", **headers: str) -> Told:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", f"/events?since={since}", headers=named)
        self.listening.append(Told(connection, connection.getresponse()))
        return self.listening[-1]


@contextmanager
def site(heard: Pulse) -> Iterator[Site]:
    app = FastAPI()
    app.include_router(router(heard))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=60))
        thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
        thread.start()

        def ended() -> None:
            server.should_exit = True
            thread.join(LONGEST)
            assert not thread.is_alive(), "a stream kept the service from ending"

        here = Site(listener.getsockname()[1], heard, ended)
        try:
            yield here
        finally:
            for each in here.listening:
                each.go()
            server.force_exit = server.should_exit = True
            thread.join(LONGEST)


def until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def words() -> list[str]:
    return ["one"]


def heard(words: list[str], **facts: float) -> Pulse:
    return Pulse(lambda: words[-1], lambda: words[-1] == "end", **{"every": 0.02, **facts})  # type: ignore[arg-type]


def test_each_change_is_told_once_and_nothing_else(words: list[str]) -> None:
    with site(heard(words)) as here:
        told = here.listen("one")
        assert told.answer.getheader("content-type") == "text/event-stream; charset=utf-8"
        told.until("retry: ")
        words.append("two")
        assert told.until("data: ") == "two"
        words.append("three")
        assert told.until("data: ") == "three"
        assert [each for each in told.lines if each.startswith("event")] == ["event: changed"] * 2
        told.go()


def test_who_comes_back_is_told_what_was_missed(words: list[str]) -> None:
    with site(heard(words)) as here:
        assert here.listen("older").until("data: ") == "one"
        assert here.listen("one", Last_Event_ID="before").until("data: ") == "one"


def test_silence_is_broken_now_and_then(words: list[str]) -> None:
    with site(heard(words, beat=0.05)) as here:
        told = here.listen("one")
        told.until(": nothing new")
        told.until(": nothing new")
        assert not [each for each in told.lines if each.startswith("event")]


def test_only_so_many_listen_and_those_who_go_make_room(words: list[str]) -> None:
    with site(heard(words, most=2)) as here:
        some = [here.listen("one") for _ in range(2)]
        assert here.listen("one").answer.status == 503
        some[0].go()
        until(lambda: here.pulse.listeners == 1)
        third = here.listen("one")
        assert third.answer.status == 200
        third.go()
        until(lambda: here.pulse.listeners == 1)
        threads = threading.active_count()
        for _ in range(20):
            until(lambda: here.pulse.listeners < 2)
            here.listen("one").go()
        until(lambda: here.pulse.listeners == 1)
        assert threading.active_count() <= threads + 2


def test_many_listeners_are_one_question(words: list[str]) -> None:
    asked: list[str] = []

    def look() -> str:
        asked.append("look")
        return words[-1]

    with site(Pulse(look, lambda: False, every=1000)) as here:
        for _ in range(10):
            here.listen("none").until("data: ")
        assert len(asked) == 1


def test_a_database_that_fails_ends_no_stream(words: list[str]) -> None:
    def look() -> str:
        if words[-1] == "broken":
            raise OperationalError("SELECT", {}, Exception())
        return words[-1]

    with site(Pulse(look, lambda: False, every=0.02, beat=0.05)) as here:
        told = here.listen("one")
        words.append("broken")
        told.until(": nothing new")
        words.append("two")
        assert told.until("data: ") == "two"


def test_the_end_of_the_service_ends_the_stream(words: list[str]) -> None:
    with site(heard(words)) as here:
        told = here.listen("one")
        told.until("retry: ")
        words.append("end")
        told.rest()
        here.ended()
        assert here.pulse.listeners == 0


def test_what_pages_show_makes_a_change_and_a_read_that_brings_nothing_does_not(database: Database) -> None:
    clock = Clock()
    tracker = FakeTracker(clock, "PAY")
    tracker.put("PAY", an_item("PAY-1"))
    world = World(database, {SOURCE: tracker}, clock)
    world.feed("kr", a_rule(a_part(Measure.COUNT)))
    world.sync()

    def now() -> str:
        with world.database.read() as connection:
            return pulse(connection)

    seen = [now()]
    world.sync()
    assert now() == seen[-1]
    tracker.change("PAY", "PAY-1", state=State.DONE, closed_at=clock.now)
    world.read_only()  # the mirror alone
    seen.append(now())
    world.record()
    seen.append(now())
    set_value(world.database, "kr", Wanted(5, "so"), ada(world))  # type: ignore[arg-type]
    seen.append(now())
    check_in(world.database, "kr", "well", None, ada(world))
    seen.append(now())
    assert len(set(seen)) == len(seen)
