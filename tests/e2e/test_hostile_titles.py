"""Titles from trackers are hostile text: harmless on a terminal, valid in JSON and unchanged but for U+0000."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.conftest import Headway, at_work

TITLES = {
    "escape sequences": "\x1b[31mred\x1b[0m \x1b]0;owned\x07 \x9b2J bell\x07 back\x08\x08",
    "marks that turn the text around": "safe\u202eevil\u202c \u2066hidden\u2069 \u200bzero\ufeff",
    "Rich markup": "[red]not red[/red] [/] [link=http://evil] [bold :smile: :100: \\[x]",
    "lines": "one\nheadway: done\r\nthree\tfour\u2028five\x00six",
    "ten thousand signs": "A" * 10_000,
    "another script": "Zahlung über 5 € 支払い 🙂 e\u0301",
    "HTML and quotes": "<script>alert(1)</script> \"'`$(rm -rf /)` {{7*7}} %s %n",
}
CONTROL = {chr(code) for code in (*range(32), *range(0x7F, 0xA0))} - {"\n"}
TURNING = set("\u202e\u202c\u2066\u2069\u200b\ufeff\u2028\u200f")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headway]:
    """A company whose open bugs have such titles; one was closed between two syncs."""
    for headway in at_work(tmp_path_factory.mktemp("hostile")):
        world = headway.sandbox.world
        bugs = [
            item
            for item in world.items.values()
            if item.type == "Bug" and item.closed is None and set(item.labels) == {"p1", "checkout"}
        ]
        for bug, title in zip(bugs, TITLES.values(), strict=False):
            world.retitle(bug, title)
        assert headway.run("sync", "--json").code == 0
        for bug in bugs[: len(TITLES)]:
            world.close(bug)
        for milestone in world.milestones:
            milestone.title += "\x1b[2J[red]"
        world.users[0].name = "Mira \x1b[31m[red]\u202eAlbrecht"
        assert headway.run("sync", "--json").code == 4  # the milestones that mappings name are called otherwise now
        yield headway


def keys(hostile: Headway) -> list[str]:
    world = hostile.sandbox.world
    return [item.key for item in world.items.values() if item.title in TITLES.values()]


@pytest.mark.parametrize(
    "command", ["status", "explain p1-bugs", "explain one-click", "history p1-bugs", "which", "check"]
)
def test_text_is_harmless(hostile: Headway, command: str) -> None:
    arguments = ["which", keys(hostile)[0]] if command == "which" else command.split()
    code, out, err = hostile.run(*arguments)
    assert (code, err) == (0, "")
    assert not CONTROL & set(out)
    assert not TURNING & set(out)
    assert max(map(len, out.splitlines())) < 500


@pytest.mark.parametrize(
    "command",
    ["sync", "holds", "discover acme-jira", "validate", "status --at NOW", "explain p1-bugs --at NOW",
     "history p1-bugs --csv", "history p1-bugs --prov"],
)  # fmt: skip
def test_what_else_is_told_holds_no_escape_sequence_either(hostile: Headway, command: str) -> None:
    code, out, err = hostile.run(*command.replace("NOW", datetime.now(UTC).isoformat(timespec="seconds")).split())
    assert code in (0, 4), err
    assert not (CONTROL | TURNING) & set(out + err)


@pytest.mark.parametrize("option", [[], ["--markdown"]])
def test_a_plan_is_harmless(hostile: Headway, tmp_path: Path, option: list[str]) -> None:
    copy = hostile.beside(tmp_path / "copy")
    copy.edit("label: p1, not", "label: p2, not")
    code, out, err = copy.run("plan", *option)
    assert (code, err) == (0, "")
    assert not (CONTROL | TURNING) & set(out)
    assert ("<script>" in out) is (option == [])


def test_markup_is_shown_as_it_was_written(hostile: Headway) -> None:
    out = " ".join(hostile.run("explain", "p1-bugs", COLUMNS="300").out.split())
    assert TITLES["Rich markup"] in out
    assert TITLES["another script"] in out
    assert TITLES["HTML and quotes"] in out
    assert "\nheadway: done" not in out
    assert "A" * 119 + "…" in out


def test_json_keeps_every_title(hostile: Headway) -> None:
    [part] = hostile.run("explain", "p1-bugs", "--json").out["parts"]
    told = {each["title"] for each in part["counted"]}
    assert told >= {title.replace("\0", "") for title in TITLES.values()}  # which no database of PostgreSQL holds
    causes = hostile.run("history", "p1-bugs", "--json").out[-1]["causes"]
    assert {each["key"] for each in causes} == set(keys(hostile))


def test_hostile_arguments_are_harmless_too(hostile: Headway) -> None:
    for arguments in (
        ["explain", "[red]\x1b[31mx"],
        ["which", "\x1b[31m[/red]"],
        ["status", "--cycle", "\x1b]0;x\x07"],
    ):
        code, out, err = hostile.run(*arguments)
        assert (code, out) == (1, "")
        assert "\x1b" not in err
        assert "\x07" not in err
    assert "[red]" in hostile.run("explain", "[red]x").err
