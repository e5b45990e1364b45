"""A sync killed at any instant leaves what the last commit left; the next one ends where an uninterrupted one would."""

import random
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from sandbox.world import World
from store.database import open_database
from store.views.verify import verify
from tests.e2e.conftest import Headway

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


def assert_whole(headway: Headway) -> None:
    """What a kill left is a sound database with a sound ledger."""
    with closing(sqlite3.connect(headway.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database = open_database(f"sqlite:///{headway.database}", create=False)
    try:
        with database.read() as connection:
            answer = verify(connection)
    finally:
        database.close()
    assert answer.ok, answer.problem


_SUMS = """\
SELECT key_result, part, source, item, sum(coalesce(new_amount, 0) - coalesce(old_amount, 0)) AS net
FROM ledger_delta JOIN ledger_entry USING (seq) GROUP BY 1, 2, 3, 4 HAVING net <> 0 ORDER BY 1, 2, 3, 4"""
"""What all that was ever written of an item adds up to: a row that is lost or doubled makes it another number."""


def outcome(headway: Headway) -> dict[str, list[tuple[object, ...]]]:
    """Values, evidence and mirror, without what tells when we looked.

    Evidence also names the version of the item by which it last changed; who looked more often knows more of them.
    """
    return {
        "values": headway.rows("SELECT id, value, rule, retired FROM key_result ORDER BY id"),
        "evidence": headway.rows(
            "SELECT key_result, part, source, item, weight, amount FROM evidence ORDER BY 1, 2, 3, 4"
        ),
        "sums": headway.rows(_SUMS),
        "items": headway.rows("SELECT source, id, key, state, hash FROM item WHERE gone IS NULL ORDER BY source, id"),
        "presence": headway.rows("SELECT * FROM presence ORDER BY source, container, item"),
        "incoming": headway.rows("SELECT * FROM incoming"),
    }


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
