"""Leases: who may read a source, who loses that right, and what a fence keeps out."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import update

from okrs.demand import Container, Demand
from store import sources
from store.database import Database, open_database
from store.rehearsal import rehearsal
from store.sources import LEASE, Lease, LeaseLostError
from store.tables import source
from tests.integration.fakes import Clock, dump


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _held(database: Database, clock: Clock) -> Lease:
    lease = sources.acquire(database, "s", clock())
    assert lease is not None
    return lease


def _renew(database: Database, lease: Lease, clock: Clock) -> None:
    with database.write() as connection:
        sources.fenced(connection, lease, clock())


def test_a_source_is_leased_to_one_at_a_time(database: Database, clock: Clock) -> None:
    _held(database, clock)
    assert sources.acquire(database, "s", clock()) is None
    assert sources.acquire(database, "other", clock()) is not None


def test_a_rehearsal_does_not_wait_for_a_lease_of_the_real_one(database: Database, clock: Clock) -> None:
    _held(database, clock)
    with rehearsal(database) as copy:
        _held(copy, clock)
    assert sources.acquire(database, "s", clock()) is None


def test_a_lease_given_back_can_be_taken_at_once_and_the_fence_grows(database: Database, clock: Clock) -> None:
    first = _held(database, clock)
    sources.release(database, first, clock(), "ok", None)
    second = _held(database, clock)
    assert second.fence == first.fence + 1
    assert second.holder != first.holder


def test_a_lease_ends_when_its_time_is_over(database: Database, clock: Clock) -> None:
    first = _held(database, clock)
    clock.now += LEASE - timedelta(microseconds=1)
    assert sources.acquire(database, "s", clock()) is None
    clock.now += timedelta(microseconds=1)
    second = _held(database, clock)
    assert second.fence == first.fence + 1
    with pytest.raises(LeaseLostError):
        _renew(database, first, clock)
    _renew(database, second, clock)


def test_every_commit_renews_the_lease(database: Database, clock: Clock) -> None:
    lease = _held(database, clock)
    clock.forward(seconds=50)
    _renew(database, lease, clock)
    clock.forward(seconds=50)
    assert sources.acquire(database, "s", clock()) is None


def test_one_that_overslept_goes_on_while_nobody_else_came(database: Database, clock: Clock) -> None:
    lease = _held(database, clock)
    clock.forward(hours=1)
    _renew(database, lease, clock)
    assert sources.acquire(database, "s", clock()) is None


def test_an_exception_after_the_check_leaves_the_lease_as_it_was(database: Database, clock: Clock) -> None:
    lease = _held(database, clock)
    before = dump(database, source)
    clock.forward(seconds=30)
    with suppress(ZeroDivisionError), database.write() as connection:
        sources.fenced(connection, lease, clock())
        raise ZeroDivisionError
    assert dump(database, source) == before


def _gone() -> str:
    """The pid of a process that lived on this host."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return str(child.pid)


@pytest.mark.parametrize(
    ("holder", "taken"),
    [
        (lambda: f"{socket.gethostname()}/{_gone()}/x", True),
        (lambda: f"{socket.gethostname()}/{os.getpid()}/x", False),
        (lambda: f"{socket.gethostname()}/1/x", False),
        (lambda: f"another-host/{_gone()}/x", False),
        (lambda: "nonsense//", False),
    ],
    ids=["gone", "alive", "alive, another user's", "another host", "nonsense"],
)
def test_only_a_process_of_this_host_that_is_gone_loses_it_early(
    database: Database, clock: Clock, holder: Callable[[], str], taken: bool
) -> None:
    lease = _held(database, clock)
    with database.write() as connection:
        connection.execute(update(source).values(lease_holder=holder()))
    again = sources.acquire(database, "s", clock())
    assert (again is not None) is taken
    if again:
        assert again.fence == lease.fence + 1


def test_of_many_at_once_one_gets_the_lease(database_url: str, clock: Clock) -> None:
    open_database(database_url, create=True).close()
    many, rounds = 4, 5
    together = Barrier(many)

    def worker(_: int) -> list[Lease | None]:
        with closing(open_database(database_url, create=True)) as mine:
            taken = []
            for number in range(rounds):
                together.wait()
                taken.append(sources.acquire(mine, f"s{number}", clock()))
            return taken

    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(worker, range(many)))
    for number in range(rounds):
        (lease,) = [each[number] for each in answers if each[number]]
        assert lease is not None
        assert (lease.source, lease.fence) == (f"s{number}", 1)


# --- what is known of a source ---------------------------------------------------------------------------------


def test_a_release_says_how_it_went_and_failures_keep_the_last_success(database: Database, clock: Clock) -> None:
    with database.read() as connection:
        assert sources.state_of(connection, "s").state == "never"
    sources.release(database, _held(database, clock), clock(), "ok", None)
    success = clock.now
    clock.forward(minutes=5)
    sources.release(database, _held(database, clock), clock(), "failed", "It said 500.")
    with database.read() as connection:
        state = sources.state_of(connection, "s")
    assert (state.state, state.error, state.last_success) == ("failed", "It said 500.", success)


def test_an_error_of_a_container_is_kept_beside_what_was_read(database: Database, clock: Clock) -> None:
    lease, known = _held(database, clock), Container("#PAY", "PAY")
    sources.note_error(database, lease, known, "It is gone.", clock())
    with database.read() as connection:
        state = sources.state_of(connection, "s")
    (held,) = state.containers
    assert (held.name, held.error, held.read_at, held.watermark) == ("PAY", "It is gone.", None, None)
    assert not state.ready(["PAY"], Demand())


def test_generations_of_sources_never_read_are_zero(database: Database) -> None:
    with database.read() as connection:
        assert sources.generations(connection, ["s", "t"]) == {"s": 0, "t": 0}


@pytest.mark.parametrize("demand", [Demand(), Demand(frozenset({"points"})), Demand(frozenset({"b", "Ä a"}))])
def test_a_demand_is_kept_as_text(demand: Demand) -> None:
    assert sources.parse_demand(sources.demand_text(demand)) == demand
