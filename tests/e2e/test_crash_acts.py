"""Every command that writes, killed at random instants: never a lost or doubled entry, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.crashing import land, sweep
from tests.e2e.moments import ACTS, Bases, moments

LANDED = 200
SOON = 60
"""Kills within which a mistake is found that is made on purpose."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    """A company at several moments."""
    yield from moments(tmp_path_factory.mktemp("bases"))


def test_the_drills_are_as_many_as_promised() -> None:
    assert sum(each.kills for each in ACTS.values()) >= LANDED


@pytest.mark.drill
@pytest.mark.parametrize("name", ACTS)
def test_killed_at_any_instant_it_is_whole_or_not_at_all(bases: Bases, name: str, tmp_path: Path) -> None:
    drill = bases.drill(name, tmp_path)
    land(drill, drill.act.kills)


PLANTED = [
    ("entry before state", "sync", "is kept of .* for speed differs"),
    ("entry before state", "approve", "is kept of .* for speed differs"),
    ("entry before state", "close", "is kept of the end of .* differs"),
    ("close one by one", "close", "half-written|done in part|is kept of"),
    ("import piece by piece", "import", "ledger ends at|stands behind entry|is not empty|half-written|done in part"),
]


@pytest.mark.drill
@pytest.mark.parametrize(("plant", "name", "told"), PLANTED)
def test_a_mistake_is_found_soon(bases: Bases, plant: str, name: str, told: str, tmp_path: Path) -> None:
    drill = bases.drill(name, tmp_path, plant)
    with pytest.raises(AssertionError, match=told):
        land(drill, SOON)
    assert drill.landed <= SOON


@pytest.mark.drill
def test_killed_between_any_two_transactions_a_run_goes_on(bases: Bases, tmp_path: Path) -> None:
    drill = bases.drill("sync", tmp_path)
    sweep(drill)
    assert drill.landed > 30, drill
