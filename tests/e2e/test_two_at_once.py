"""Two processes sync one database for minutes while the teams work: nothing is written twice, nobody complains."""

import os
import random
import time

import pytest

from tests.e2e.conftest import Headway
from tests.e2e.crashing import assert_whole, outcome
from tests.e2e.test_crash_drill import stir

SECONDS = int(os.environ.get("HEADWAY_TOGETHER", "120"))


@pytest.mark.drill
def test_two_processes_on_one_database_write_nothing_twice(headway: Headway) -> None:
    dice = random.Random(20261128)
    assert headway.run("sync", "--json").code == 0
    reference = headway.beside(headway.folder.parent / "reference")
    headway.sandbox.faults.latency = 0.01
    ended, until = [0, 0], time.monotonic() + SECONDS
    while time.monotonic() < until:
        running = [headway.start("sync", "--json") for _ in range(2)]
        stir(headway.sandbox.world, dice)
        for number, process in enumerate(running):
            code, out, err = headway.end(process, "--json")
            assert (code, err) == (0, ""), out
            assert {each["state"] for each in out["sources"]} == {"ok"}
            ended[number] += 1
    headway.sandbox.faults.clear()
    assert headway.run("sync", "--json").code == reference.run("sync", "--json").code == 0
    assert_whole(headway)
    assert outcome(headway) == outcome(reference)
    assert min(ended) > 3
    assert headway.run("sync", "--json").out["updates"] == []
