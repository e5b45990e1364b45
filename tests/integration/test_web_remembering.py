"""What a page costs most is found once, and anew as soon as anything of it may be another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from threading import Event, Thread
from time import sleep
from typing import cast

import pytest
from sqlalchemy import Connection, text

from okrs.immutable import replace
from store.cache import SharedCache
from store.database import Database
from store.views.setup import Setup
from tests.integration.fakes import MORNING
from usecases import pages
from web.desk import Desk, NotThere, Visit
from web.remembering import A_MOMENT, AT_MOST, SECONDS, Remembering, Visiting
from web.showing import Clockface

SETUP, OTHER = cast("Setup", object()), cast("Setup", object())


def visit(connection: Connection) -> Visit:
    return Visit(connection, SETUP, MORNING, cast("Clockface", None), dict, "", SharedCache())


CHANGES = (
    "INSERT INTO ledger_head (id, seq, hash) VALUES (1, 7, 'x')",
    "INSERT INTO source (name, generation, fence, state) VALUES ('s', 1, 0, 'ok')",
    "INSERT INTO hold (key_result, id, reason, proposal, since, rejected) VALUES ('k', 'h', 'r', 'p', 1, false)",
    "INSERT INTO forgotten (source, item) VALUES ('s', '1')",
    "INSERT INTO forgotten_name (digest) VALUES ('d')",
)


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_found_once_until_something_of_it_changes(database: Database, change: str) -> None:
    remembering, found = Remembering[int](), list[int]()

    def find(_visit: Visit) -> int:
        found.append(len(found))
        return found[-1]

    def look(changed: Callable[[Visit], Visit] = lambda each: each, about: str = "all") -> int:
        @contextmanager
        def visiting() -> Iterator[Visit]:
            with database.read() as connection:
                yield changed(visit(connection))

        return remembering.of(visiting, about, find, current=True)

    assert [look(), look(), look()] == [0, 0, 0]
    with database.write() as connection:
        connection.execute(text(change))
    assert [look(), look()] == [1, 1]
    assert look(about="one") == 2
    assert look(lambda each: replace(each, setup=OTHER)) == 3
    assert look() == 4
    assert look(lambda each: replace(each, now=each.now + timedelta(seconds=SECONDS))) == 5


@dataclass
class Hand:
    """Of a clock that somebody moves."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Moving:
    """Visits of a world in which something changes all the time."""

    visiting: Visiting
    steps: Iterator[int] = field(default_factory=count)
    edits: int = 0

    @contextmanager
    def __call__(self) -> Iterator[Visit]:
        with self.visiting() as each:
            now = each.now + next(self.steps) * timedelta(minutes=1)
            yield replace(each, now=now, edits=self.edits)


def test_what_was_found_a_moment_ago_will_do_unless_it_is_to_be_current(visiting: Visiting) -> None:
    hand, moving, found = Hand(), Moving(visiting), count()
    remembering = Remembering[int](hand)

    def look(*, current: bool = False) -> int:
        return remembering.of(moving, "all", lambda _: next(found), current=current)

    assert look() == 0
    hand.at = A_MOMENT
    assert (look(), look(current=True), look()) == (0, 1, 1)
    hand.at += AT_MOST + 0.1
    assert look() == 2
    moving.edits += 1  # whoever changed something sees it
    assert (look(), look()) == (3, 3)


def test_for_a_while_the_last_will_do_while_it_is_found_anew(visiting: Visiting) -> None:
    hand, begun, go_on, found = Hand(), Event(), Event(), count()
    remembering, moving = Remembering[int](hand), Moving(visiting)

    def find(_visit: Visit) -> int:
        begun.set()
        assert go_on.wait(60)
        return next(found)

    go_on.set()
    assert remembering.of(moving, "all", find) == 0
    go_on.clear()
    begun.clear()
    hand.at = AT_MOST
    assert remembering.of(moving, "all", find) == 0
    assert begun.wait(60), "nobody finds it anew"
    assert remembering.of(moving, "all", find) == 0
    hand.at += 0.1
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(remembering.of, moving, "all", find)
        sleep(0.05)
        assert not waiting.done()
        go_on.set()
        assert waiting.result(60) == 1


def test_what_fails_beside_is_told_to_whoever_has_to_wait(visiting: Visiting) -> None:
    hand, failed = Hand(), Event()
    remembering, moving = Remembering[float](hand), Moving(visiting)

    def fail(_visit: Visit) -> float:
        failed.set()
        return 1 / 0

    assert remembering.of(moving, "all", lambda _: 1) == 1
    hand.at = AT_MOST
    assert remembering.of(moving, "all", fail) == 1
    assert failed.wait(60)
    hand.at += 0.1
    with pytest.raises(ZeroDivisionError):
        remembering.of(moving, "all", fail)


def test_what_fails_beside_is_told_once_and_so_is_its_end(visiting: Visiting) -> None:
    hand, told, ended = Hand(), list[Exception | None](), Event()
    remembering, moving = Remembering[float](hand, told.append), Moving(visiting)

    def fail(_visit: Visit) -> float:
        ended.set()
        return 1 / 0

    def well(_visit: Visit) -> float:
        ended.set()
        return 2

    def beside(about: str, find: Callable[[Visit], float]) -> None:
        """Ask while the last will do, and wait until it was found anew beside that."""
        ended.clear()
        hand.at += A_MOMENT + 0.1
        remembering.of(moving, about, find)
        assert ended.wait(60)
        while any(each.finding.locked() for each in remembering._places.values()):
            sleep(0.01)

    for about in ("all", "one"):
        assert remembering.of(moving, about, lambda _: 1) == 1
    beside("all", fail)
    beside("one", fail)
    assert [type(each) for each in told] == [ZeroDivisionError]
    assert remembering.of(moving, "all", well, current=True) == 2
    assert len(told) == 1, "the other one still fails"
    with pytest.raises(ZeroDivisionError):  # which whoever has to wait is told on his own page
        remembering.of(moving, "one", fail, current=True)
    assert len(told) == 1
    assert remembering.of(moving, "one", well, current=True) == 2
    assert [type(each) for each in told] == [ZeroDivisionError, type(None)]
    beside("one", well)
    assert len(told) == 2
    beside("one", fail)
    assert len(told) == 3, "it is another failure"


@pytest.mark.parametrize("end", ["nobody asks again", "it is no more"])
def test_a_failure_does_not_last_for_ever(visiting: Visiting, end: str) -> None:
    hand, told = Hand(), list[Exception | None]()
    remembering, moving = Remembering[float](hand, told.append), Moving(visiting)

    def gone(_visit: Visit) -> float:
        raise NotThere("There is no such cycle.")

    for about in ("all", "page 2"):
        assert remembering.of(moving, about, lambda _: 1) == 1
    hand.at = A_MOMENT + 0.1
    assert remembering.of(moving, "page 2", lambda _: 1 / 0) == 1
    wait_until(lambda: bool(told))
    if end == "it is no more":
        with pytest.raises(NotThere):
            remembering.of(moving, "page 2", gone, current=True)
    else:
        hand.at += 61
        assert remembering.of(moving, "all", lambda _: 2) == 2
    assert [type(each) for each in told] == [ZeroDivisionError, type(None)]


def wait_until(there: Callable[[], bool]) -> None:
    for _ in range(6000):
        if there():
            return
        sleep(0.01)
    pytest.fail("it never came")


def test_the_log_names_what_fails_and_where(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, dict[str, object]]]()
    monkeypatch.setattr(pages, "tell", lambda _level, event, **facts: told.append((event, facts)))
    monkeypatch.setattr(pages, "announce", lambda event, **facts: told.append((event, facts)))
    trouble = Desk(pages.ports_of(database, lambda: SETUP, lambda: MORNING)).trouble("the overview")
    with pytest.raises(KeyError) as failed:
        dict[str, int]()["secret"]
    trouble(failed.value)
    trouble(None)
    [(failing, facts), recovered] = told
    place = str(facts.pop("place"))
    assert (failing, facts) == ("failing", {"what": "the overview", "error": "KeyError"})
    assert place.partition(":")[0] == __file__
    assert recovered == ("recovered", {"what": "the overview"})


def test_without_a_thread_the_last_will_do_until_somebody_has_to_wait(
    visiting: Visiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, found = Hand(), count()
    remembering, moving = Remembering[int](hand), Moving(visiting)

    def no_more(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    assert remembering.of(moving, "all", lambda _: next(found)) == 0
    monkeypatch.setattr(Thread, "start", no_more)
    hand.at = AT_MOST
    assert remembering.of(moving, "all", lambda _: next(found)) == 0
    hand.at += 0.1
    assert remembering.of(moving, "all", lambda _: next(found)) == 1


@pytest.fixture
def visiting(database: Database) -> Visiting:
    @contextmanager
    def opened() -> Iterator[Visit]:
        with database.read() as connection:
            yield visit(connection)

    return opened


def test_what_fails_is_not_kept(visiting: Visiting) -> None:
    remembering = Remembering[float]()
    with pytest.raises(ZeroDivisionError):
        remembering.of(visiting, "all", lambda _: 1 / 0)
    assert remembering.of(visiting, "all", lambda _: 1) == 1


def test_not_everything_is_kept_for_ever(visiting: Visiting) -> None:
    remembering = Remembering[int]()
    for number in range(1000):
        remembering.of(visiting, number, lambda _: 0)
    assert remembering.of(visiting, 0, lambda _: 1) == 1
    assert remembering.of(visiting, 999, lambda _: 1) == 0


def test_those_who_wait_meanwhile_take_what_is_found_then(visiting: Visiting) -> None:
    """Though everything changes all the time: what is found after they came is new enough."""
    moving = count()

    @contextmanager
    def ever_new() -> Iterator[Visit]:
        with visiting() as each:
            yield replace(each, now=each.now + next(moving) * timedelta(minutes=1))

    remembering, begun, go_on, found = Remembering[int](), Event(), Event(), list[int]()

    def find(_visit: Visit) -> int:
        begun.set()
        assert go_on.wait(60)
        found.append(len(found))
        return found[-1]

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(remembering.of, ever_new, "all", find, current=True)
        assert begun.wait(60)
        others = [pool.submit(remembering.of, ever_new, "all", find, current=True) for _ in range(6)]
        while next(copy(moving)) < 8:  # they have looked, and wait
            sleep(0.01)
        go_on.set()
        assert first.result(60) == 0
        assert {each.result(60) for each in others} == {1}
