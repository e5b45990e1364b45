"""What the service decides beside its turns: when a config has changed, and by which names it may be asked."""

import os
from pathlib import Path

import pytest

from usecases.noticing import Notice
from usecases.serving import names_of


def write(path: Path, text: str) -> None:
    """Write a file, at another time than the last one, however coarse the clock of the disk is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "okrs"
    folder.mkdir()
    write(folder / "headway.yaml", "token: ${file:secrets/token}\n")
    return folder


@pytest.mark.parametrize("single", [False, True])
def test_a_change_is_told_once_and_not_before_the_file_stands_still(config: Path, single: bool) -> None:
    file = config / "headway.yaml"
    notice = Notice(file if single else config)
    assert not notice.changed()
    write(file, "half")
    assert not notice.changed()
    write(file, "half and more")
    assert not notice.changed(), "who writes it is not done"
    assert notice.changed()
    assert not notice.changed()


def test_files_that_come_and_go_and_those_of_secrets_are_noticed(config: Path) -> None:
    notice = Notice(config)
    secret, team = config / "secrets" / "token", config / "team.yaml"
    secret.parent.mkdir()
    write(secret, "a")
    assert [notice.changed(), notice.changed(), notice.changed()] == [False, True, False]
    write(secret, "b")
    assert [notice.changed(), notice.changed(), notice.changed()] == [False, True, False]
    write(team, "objectives: []")
    assert [notice.changed(), notice.changed(), notice.changed()] == [False, True, False]
    team.rename(config / "team.yml")
    assert [notice.changed(), notice.changed(), notice.changed()] == [False, True, False]
    write(config / "notes.txt", "none of ours")
    assert [notice.changed(), notice.changed()] == [False, False]


def test_this_machine_s_names_are_its_own_and_others_must_be_given() -> None:
    assert names_of("127.0.0.1", []) == {"localhost", "127.0.0.1", "[::1]"}
    assert names_of("::1", []) == names_of("127.0.0.1", [])
    assert names_of("127.0.0.1", ["OKRs.acme.example"]) >= {"okrs.acme.example"}
    others = names_of("2001:db8::7", ["2001:db8::8"])
    assert others >= {"[2001:db8::7]", "[2001:db8::8]"}
    assert "evil.example" not in others
