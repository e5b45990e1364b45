"""A disk without room: a sentence says so, what the last commit left is there, and with room again it goes on."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.conftest import Headway
from tests.e2e.crashing import NO_ROOM, Drill, assert_whole, chain
from tests.e2e.forking import Ran
from tests.e2e.moments import Bases, moments

SIZE = 48 * 1024 * 1024
FULL = 6
"""How often the room must not have been enough."""
GROWING = ("first sync", "sync", "sync --full", "close", "approve", "import", "backfill")
OTHERS = ("reject", "set", "resume", "checkin", "prune", "forget")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bases]:
    """A company at several moments."""
    yield from moments(tmp_path_factory.mktemp("bases"))


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    folder: Path

    @property
    def room(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    @contextmanager
    def filled(self, but: int) -> Iterator[None]:
        """Leave that many bytes free."""
        ballast = self.folder / "ballast"
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, self.room - but))
        try:
            yield
        finally:
            ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "headway-test", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mount: a file system of its own needs more rights than these tests have")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.drill
@pytest.mark.parametrize("name", GROWING)
def test_a_database_that_may_not_grow_stays_whole(bases: Bases, name: str, tmp_path: Path) -> None:
    """As on a full disk, which SQLite tells apart by nothing; on any machine."""
    drill, dice = bases.drill(name, tmp_path), random.Random(20261128)
    least, most = pages(drill.base), pages(drill.twin)
    for _ in range(FULL):
        allowed = dice.randint(least, max(least, most - 1))
        drill.cramp(tmp_path, partial(bounded, bases, drill, allowed))
    assert drill.landed >= FULL // 2 or most <= least, f"{drill} ({least} to {most} pages)"


def bounded(bases: Bases, drill: Drill, allowed: int, victim: Headway) -> Ran:
    return bases.forks.run(victim.folder, *drill.act.arguments, pages=allowed)


def pages(headway: Headway) -> int:
    return int(headway.rows("PRAGMA page_count")[0][0]) if headway.database.exists() else 1


@pytest.mark.drill
@pytest.mark.parametrize("name", [*GROWING, *OTHERS])
def test_a_disk_that_is_full_stops_it_with_a_sentence(bases: Bases, name: str, disk: Disk, tmp_path: Path) -> None:
    drill, dice, enough = bases.drill(name, tmp_path), random.Random(20261128), 4 * 1024 * 1024
    (disk.folder / "ledger.jsonl").write_bytes((tmp_path / "ledger.jsonl").read_bytes())
    while drill.landed < FULL:
        assert drill.kills < 40, f"the disk is hardly ever full: {drill}, {enough} bytes"
        room = dice.randrange(enough)
        ran = drill.cramp(disk.folder, partial(squeezed, bases, drill, disk, room))
        enough = room + 1 if ran.code == drill.act.code else enough


def squeezed(bases: Bases, drill: Drill, disk: Disk, room: int, victim: Headway) -> Ran:
    with disk.filled(room):
        return bases.forks.run(victim.folder, *drill.act.arguments)


@pytest.mark.drill
@pytest.mark.parametrize("command", ["export", "backup"])
def test_a_file_is_whole_or_not_there(bases: Bases, command: str, disk: Disk) -> None:
    dice, enough, full = random.Random(20261128), 4 * 1024 * 1024, 0
    victim = bases.bases["settled"].beside(disk.folder / "victim")
    before, file = chain(victim), victim.folder / "there"
    while full < FULL:
        room = dice.randrange(enough)
        with disk.filled(room):
            ran = bases.forks.run(victim.folder, command, "there")
        if ran.code == 0:
            enough = room + 1
            file.unlink()
            continue
        full += 1
        assert (ran.code, ran.out, NO_ROOM in ran.err) == (1, "", True), ran
        assert sorted(each.name for each in victim.folder.iterdir() if "there" in each.name) == []
        assert_whole(victim)
        assert chain(victim) == before
    assert bases.forks.run(victim.folder, command, "there").code == 0
    assert file.exists()


def test_the_config_of_the_next_cycle_is_whole_or_not_there(bases: Bases, disk: Disk) -> None:
    """A file that is there is never written over: half of one would stand in the way of the next try."""
    victim = bases.bases["settled"].beside(disk.folder / "victim")
    written, words = victim.folder / "next.yaml", ("roll", "sandbox", "next", "--out", "next.yaml")
    with victim.plain() as reader:  # what it takes to read the database is there already
        reader.execute("SELECT count(*) FROM item").fetchone()
        for room in (0, 4096):
            with disk.filled(room):
                ran = bases.forks.run(victim.folder, *words)
            assert (ran.code, NO_ROOM in ran.err, written.exists()) == (1, True, False), ran
        assert bases.forks.run(victim.folder, *words).code == 0
    assert written.read_text(encoding="utf-8").endswith("\n")
