"""A sync killed at any instant leaves what the last commit left; the next one ends where an uninterrupted one would."""

import random
import signal
import time

import pytest

from sandbox.world import World
from tests.e2e.conftest import Headway
from tests.e2e.crashing import assert_whole, outcome

KILLS = 20
REQUESTS = 22
"""About what the first sync of the company asks; later ones ask less, so that some kills land after the reads."""


def stir(world: World, dice: random.Random) -> None:
    """The teams close, reopen, estimate, re-label, open and begin some work.

    Nothing is deleted: a read that only asks what changed cannot see that, and a killed one may not even know the item.
    """
    with world.lock:
        alive = [item for item in world.items.values() if item.type not in ("Epic", "milestone") and not item.pull]
        for item in dice.sample(alive, 12):
            match dice.randrange(5):
                case 0 | 1:
                    world.reopen(item) if item.closed else world.close(item)
                case 2:
                    world.estimate(item, dice.choice((1.0, 2.0, 3.0, 5.0)))
                case 3:
                    world.relabel(item, dice.choice((["p1"], ["p2", "accessibility"], list(item.labels))))
                case 4:
                    world.create(item.project, f"{item.title} again", item.type, labels=tuple(item.labels))


def killed(headway: Headway, dice: random.Random) -> bool:
    """Kill a sync some time after one of its requests; tell whether it had not ended by itself."""
    enough = headway.sandbox.requests.total() + dice.randint(1, REQUESTS)
    arguments = ("sync", "--full", "--json") if dice.random() < 0.5 else ("sync", "--json")
    process = headway.start(*arguments)
    while headway.sandbox.requests.total() < enough and process.poll() is None:
        time.sleep(0.002)
    time.sleep(dice.random() * 0.15)
    process.kill()
    code, _, err = headway.end(process)
    assert code in (0, -signal.SIGKILL), err
    return code != 0


@pytest.mark.drill
def test_kills_at_any_instant_leave_no_trace(headway: Headway) -> None:
    dice = random.Random(20261122)
    reference = headway.beside(headway.folder.parent / "reference")
    headway.sandbox.faults.latency = 0.02
    landed = 0
    for _ in range(KILLS):
        landed += killed(headway, dice)
        if headway.database.exists():
            assert_whole(headway)
        stir(headway.sandbox.world, dice)
    assert landed >= KILLS // 2
    headway.sandbox.faults.clear()
    assert headway.run("sync", "--json").code == 0
    assert reference.run("sync", "--json").code == 0
    assert_whole(headway)
    assert outcome(headway) == outcome(reference)
    assert len(outcome(headway)["evidence"]) > 100
    assert headway.run("sync", "--json").out["updates"] == []
