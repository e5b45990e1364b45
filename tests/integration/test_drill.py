"""The drill: thousands of random steps a tracker, after which the mirror is the sandbox; and bugs that it must find."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from okrs.demand import Container
from store import mirror
from store.census import Compared, Settled
from store.database import Database, open_database
from store.mirror import Reach, Taken
from store.sources import Lease
from store.tables import incoming
from sync import listing, roll_call
from terminal.logs import configure
from tests.integration.drill import Mode, drilling

MODES: tuple[Mode, ...] = ("jira", "jira data center", "github", "asana")
LIVES, STEPS = 25, 120
MOST_LIVES = 60
"""Until a planted bug must have shown; about a tenth of a second each."""


@pytest.fixture(autouse=True)
def _quiet() -> None:
    configure(verbose=False, as_json=False)


def a_database(folder: Path, seed: int) -> Database:
    return open_database(f"sqlite:///{folder / f'{seed}.db'}", create=True)


def live(mode: Mode, seed: int, folder: Path) -> tuple[dict[str, Any], int, int]:
    """Live one life.  Returns what differs in the end, and how many polls there were and how many failed."""
    database = a_database(folder, seed)
    try:
        with drilling(mode, seed, database) as drill:
            for _ in range(STEPS):
                drill.step()
            return drill.settle(), drill.polls, drill.failures
    finally:
        database.close()


@pytest.mark.drill
@pytest.mark.parametrize("mode", MODES)
def test_after_any_life_the_mirror_is_the_tracker(mode: Mode, tmp_path: Path) -> None:
    polls = failures = 0
    for seed in range(LIVES):
        different, asked, failed = live(mode, seed, tmp_path)
        assert different == {}, f"{mode}, life {seed}"
        polls, failures = polls + asked, failures + failed
    assert polls > LIVES * 5
    assert LIVES < failures < polls  # the faults were met


# --- planted bugs --------------------------------------------------------------------------------------------------


def _newest_seen(database: Database, lease: Lease, known: Container, reach: Reach, now: Any) -> Taken:
    """The watermark that everybody writes first: the newest date that the listing showed."""
    here = (incoming.c.source == lease.source, incoming.c.container == known.id)
    with database.read() as connection:
        newest = connection.execute(select(func.max(incoming.c.updated_at)).where(*here)).scalar()
    return TAKE(database, lease, known, replace(reach, watermark=newest or reach.watermark), now)


TAKE = mirror.take


def _plant_no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "OVERLAP", timedelta(0))
    monkeypatch.setattr(listing, "WIDE_OVERLAP", timedelta(days=1000))  # and never due


def _plant_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    _plant_no_overlap(monkeypatch)
    monkeypatch.setattr(mirror, "take", _newest_seen)


def _plant_no_census(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll_call, "due", lambda *_: False)


def _plant_blind_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever a census misses is gone for good, without a question."""
    monkeypatch.setattr(roll_call, "_slices", lambda _compared: [])

    def unasked(compared: Compared, _found: object) -> Settled:
        return Settled(hidden=[ref.id for ref in compared.missing])

    monkeypatch.setattr(roll_call, "_settled", unasked)


def _plant_partial_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing that breaks off counts as read."""
    _plant_no_overlap(monkeypatch)
    plain = listing.listing

    def forgiving(*args: Any) -> Any:
        walk = plain(*args)
        walk.failed = lambda _error: walk.done()
        return walk

    monkeypatch.setattr("sync.reading.listing", forgiving)


PLANTED = {
    "the watermark is the newest date seen": _plant_newest,
    "nobody takes a census": _plant_no_census,
    "whoever a census misses is not looked up": _plant_blind_look_ups,
    "a listing that breaks off counts as read": _plant_partial_pages,
}


UNSEEN = {
    ("whoever a census misses is not looked up", "github"),  # its listings show whatever is there
    ("a listing that breaks off counts as read", "asana"),  # its events name again what a listing lost
}
"""What these lives do not show, because the tracker has a second way to tell."""


@pytest.mark.drill
@pytest.mark.parametrize(("bug", "mode"), [pair for pair in product(PLANTED, MODES) if pair not in UNSEEN])
def test_a_planted_bug_is_found(mode: Mode, bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[bug](monkeypatch)
    for seed in range(MOST_LIVES):
        try:
            if live(mode, seed, tmp_path)[0]:
                return
        except AssertionError:  # it even kept the last polls from succeeding
            return
    pytest.fail(f"{MOST_LIVES} lives did not show it")
