"""Files in the making: a maker that was killed leaves some, the next one clears them away, and nobody's who lives."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from store.database import open_database
from store.upkeep import copying
from store.upkeep.parts import part_of

_MAKER = """\
import sys
from pathlib import Path
from store.upkeep.parts import part_of
with part_of(Path(sys.argv[1])) as part:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{part}{suffix}").write_text("half of it")
    print(part, flush=True)
    sys.stdin.read()
"""


@contextmanager
def making(path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that makes a file, and where it does so."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def killed(path: Path) -> Path:
    """What a process was making that was killed."""
    with making(path) as (process, part):
        process.kill()
    assert part.exists()
    return part


def beside(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir() if each.name.startswith("."))


def half_made(path: Path) -> None:
    with part_of(path) as part:
        part.write_text("half")
        raise ZeroDivisionError


def test_what_was_made_or_not_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with part_of(path) as part:
        assert (part.parent, part.exists()) == (tmp_path, False)
        part.write_text("whole")
        part.rename(path)
    assert beside(path) == []
    with pytest.raises(ZeroDivisionError):
        half_made(path)
    assert (beside(path), path.read_text()) == ([], "whole")


def test_the_next_one_clears_away_what_the_dead_left_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "headway.db"
    for name in ("another.db", "headway.db.gz"):  # which has a maker of its own
        killed(tmp_path / name)
    (tmp_path / ".headway.db.1234.part").write_text("somebody's, by a name of the same form")
    (tmp_path / ".headway.db.part.txt").write_text("somebody's")
    others = beside(path)
    gone = [killed(path) for _ in range(2)]
    with making(path) as (process, living):
        assert [each.exists() for each in gone] == [False, False]
        with part_of(path) as part:
            assert part != living
            assert living.read_text() == Path(f"{living}-wal").read_text() == "half of it"
        assert living.exists()
        assert process.communicate("")[0] == ""
    assert beside(path) == others


def test_where_the_folder_is_not_there_the_file_is_named_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "out"
    with pytest.raises(FileNotFoundError) as caught, part_of(path):
        pass
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("there", [False, True], ids=["anew", "there already"])
def test_a_backup_clears_away_also_where_it_is_refused(tmp_path: Path, *, there: bool) -> None:
    copy = tmp_path / "copy.db"
    if there:
        copy.write_text("something")
    killed(copy)
    with closing(open_database(f"sqlite:///{tmp_path / 'headway.db'}", create=True)) as database:
        refused = pytest.raises(FileExistsError) if there else nullcontext()
        with refused:
            copying.copy_to(database, copy, lambda _done, _total: None)
    assert beside(copy) == []


@pytest.mark.parametrize("there", [False, True], ids=["anew", "there already"])
def test_so_does_an_import(tmp_path: Path, *, there: bool) -> None:
    path = tmp_path / "headway.db"
    if there:  # killed when it had its name, but its other one, too
        open_database(f"sqlite:///{path}", create=True).close()
    killed(path)
    with copying.filled(f"sqlite:///{path}"):
        pass
    assert path.exists()
    assert beside(path) == []
