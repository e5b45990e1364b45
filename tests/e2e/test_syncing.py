"""What `sync` reads and writes: once is enough, no more than asked, nothing on a dry run, and no token anywhere."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.scenario import environment
from sandbox.server import Sandbox
from sandbox.team import work
from sandbox.world import World
from tests.e2e.conftest import TOKENS, Headway

TABLES = ("item", "item_version", "presence", "ledger_entry", "ledger_delta", "ledger_head", "evidence", "rule")


def dump(headway: Headway) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the tables that a repeated sync must leave alone."""
    return {name: sorted(headway.rows(f"SELECT * FROM {name}"), key=repr) for name in TABLES}


def parents_with_subtasks(world: World) -> int:
    return len({item.parent.id for item in world.items.values() if item.parent and item.project.tracker == "asana"})


def test_a_second_sync_finds_nothing_and_asks_little(headway: Headway) -> None:
    assert headway.run("sync", "--json").code == 0
    before = dump(headway)
    assert min(len(before[name]) for name in TABLES) > 0
    headway.sandbox.requests.clear()
    code, out, _ = headway.run("sync", "--json")
    assert (code, out["updates"]) == (0, [])
    assert [each["changed"] for each in out["sources"]] == [0, 0, 0]
    assert dump(headway) == before
    containers = 2
    assert 0 < headway.sandbox.total("jira") <= 3 * containers
    assert 0 < headway.sandbox.total("github") <= 3 * containers
    assert 0 < headway.sandbox.total("asana") <= 3 * containers + parents_with_subtasks(headway.sandbox.world)
    assert {each["name"]: each["requests"] for each in out["sources"]} == {
        f"acme-{name}": headway.sandbox.total(name) for name in TOKENS
    }


def test_a_closed_ticket_moves_its_key_result_and_is_named(headway: Headway) -> None:
    headway.run("sync", "--json")
    bug = next(
        item
        for item in headway.sandbox.world.items.values()
        if item.type == "Bug" and item.closed is None and set(item.labels) == {"p1", "checkout"}
    )
    old = headway.values()["p1-bugs"]
    headway.sandbox.world.close(bug)
    updates = headway.run("sync", "--json").out["updates"]
    assert {"key_result": "p1-bugs", "old": old, "new": old + 1} in updates
    entry = headway.run("history", "p1-bugs", "--json").out[-1]
    assert [(cause["kind"], cause["key"], cause["delta"]) for cause in entry["causes"]] == [("closed", bug.key, 1)]
    which = headway.run("which", bug.key, "--json").out
    assert {(each["key_result"], each["counted"]) for each in which} >= {("p1-bugs", True), ("open-bugs", False)}


def test_a_full_sync_of_an_unchanged_world_writes_nothing_new(headway: Headway) -> None:
    world = headway.sandbox.world
    headway.run("sync", "--json")
    before = dump(headway)
    code, out, _ = headway.run("sync", "--full", "--json")
    assert (code, out["updates"]) == (0, [])
    assert dump(headway) == before
    assert sum(each["seen"] for each in out["sources"]) == len(world.items) + len(world.milestones)


def test_full_sees_what_was_deleted(headway: Headway) -> None:
    headway.run("sync", "--json")
    bug = next(each["key"] for each in headway.run("explain", "open-bugs", "--json").out["parts"][0]["counted"])
    old = headway.values()["open-bugs"]
    headway.sandbox.world.delete(headway.sandbox.world.item(bug))
    assert headway.run("sync", "--full", "--json").out["updates"] == []
    assert headway.run("sync", "--full", "--json").out["updates"] == [
        {"key_result": "open-bugs", "old": old, "new": old - 1}
    ]
    assert [each["kind"] for each in headway.run("history", "open-bugs", "--json").out[-1]["causes"]] == ["hidden"]


def test_a_dry_run_tells_what_would_move_and_writes_nothing(headway: Headway, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    first = headway.run("sync", "--dry-run", "--json", TMPDIR=str(scratch))
    assert first.code == 0
    assert len(first.out["updates"]) == 12
    assert sorted(os.listdir(headway.folder)) == ["headway.yaml"]
    headway.run("sync", "--json")
    work(headway.sandbox.world, days=3, seed=5)
    before = headway.database.read_bytes()
    dry = headway.run("sync", "--dry-run", "--json", TMPDIR=str(scratch))
    assert headway.database.read_bytes() == before
    assert sorted(os.listdir(headway.folder)) == ["headway.db", "headway.yaml"]
    assert list(scratch.iterdir()) == []
    wet = headway.run("sync", "--json")
    assert dry.out["updates"] == wet.out["updates"] != []
    assert (dry.out["dry_run"], wet.out["dry_run"]) == (True, False)


def test_a_dry_run_says_that_nothing_was_written(headway: Headway) -> None:
    last = "Nothing was written (--dry-run)."
    assert headway.run("sync", "--dry-run").out.splitlines()[-1] == last
    assert last not in headway.run("sync").out


def test_sync_lists_key_results_as_the_config_does(headway: Headway) -> None:
    moved = [line for line in headway.run("sync").out.splitlines() if " – → " in line]
    titles = [each["title"] for each in headway.run("status", "--json").out["key_results"]]
    assert [line.partition("  ")[0] for line in moved] == titles


def test_one_source_alone_leaves_the_others_unread(headway: Headway) -> None:
    code, out, _ = headway.run("sync", "--source", "acme-github", "--json")
    assert code == 0
    assert [each["name"] for each in out["sources"]] == ["acme-github"]
    assert [each["key_result"] for each in out["updates"]] == ["accessibility", "performance", "storefront"]
    assert headway.sandbox.total("jira") == headway.sandbox.total("asana") == 0
    states = {each["name"]: each["state"] for each in headway.run("status", "--json").out["sources"]}
    assert states == {"acme-jira": "never", "acme-github": "ok", "acme-asana": "never"}
    both = headway.run("sync", "--source", "acme-asana", "--source", "acme-jira", "--json").out
    assert [each["name"] for each in both["sources"]] == ["acme-jira", "acme-asana"]
    assert len(both["updates"]) == 9


def test_a_changed_rule_and_target_are_entries_of_their_own(copy: Headway) -> None:
    copy.edit("label: p1, not: {label: test-only}", "label: [p1, p2]")
    copy.edit("start: 0, target: 25}", "start: 0, target: 50}")
    code, out, _ = copy.run("sync", "--json")
    assert code == 0
    assert [each["key_result"] for each in out["updates"]] == ["p1-bugs"]
    history = copy.run("history", "p1-bugs", "--json").out
    assert [each["kind"] for each in history] == ["baseline", "auto", "rule", "target"]
    assert history[-1]["old"] == history[-1]["new"] == out["updates"][0]["new"] > out["updates"][0]["old"]
    assert [each["kind"] for each in history[-2]["causes"]] == ["rule"]
    assert copy.run("verify", "--json").out["ok"] is True


def test_syncs_at_the_same_time_on_a_new_database_record_once(headway: Headway) -> None:
    headway.sandbox.faults.latency = 0.02
    processes = [headway.start("sync", "--json") for _ in range(3)]
    answers = [headway.end(process, "--json") for process in processes]
    assert [each.code for each in answers] == [0, 0, 0]
    told = [update["key_result"] for each in answers for update in each.out["updates"]]
    assert len(told) == len(set(told)) == 12  # whoever comes to a key result first tells of it
    assert headway.rows("SELECT count(*), count(DISTINCT key_result) FROM ledger_entry") == [(12, 12)]
    assert headway.run("verify", "--json").out["ok"] is True


HURRIED = """
import sys
import headway
sys.setswitchinterval(1e-4)
sys.argv = ["headway", "-c", sys.argv[1], "sync", "--dry-run", "--json"]
headway.main()
"""


def test_the_client_libraries_load_whole_however_threads_take_turns(headway: Headway) -> None:
    """Sources are opened in threads of their own; two imports of one package at once see it half made."""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", HURRIED, str(headway.config)],
            env={**os.environ, **environment(headway.sandbox.tokens)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_the_config_may_be_a_folder_or_named_by_the_environment(headway: Headway, tmp_path: Path) -> None:
    text = headway.config.read_text(encoding="utf-8")
    cut = text.index("objectives:")
    folder = headway.folder / "okrs"
    folder.mkdir()
    (folder / "headway.yaml").write_text(text[:cut], encoding="utf-8")
    (folder / "team.yaml").write_text(text[cut:], encoding="utf-8")
    headway.config.unlink()
    assert headway.run("-c", "okrs", "sync", "--json").code == 0
    assert (folder / "headway.db").exists(), "relative paths are relative to the config"
    elsewhere = Headway(headway.sandbox, tmp_path)
    for config in (folder, folder / "headway.yaml"):
        code, out, _ = elsewhere.run("status", "--json", HEADWAY_CONFIG=str(config))
        assert (code, len(out["key_results"])) == (0, 12 if config == folder else 0)
    assert elsewhere.run("-c", str(folder), "verify", HEADWAY_CONFIG="nope.yaml").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["office"]


def test_upgrade_makes_and_keeps_the_tables(headway: Headway) -> None:
    for _ in range(2):
        code, out, err = headway.run("db", "upgrade")
        assert (code, err) == (0, "")
        assert "this version's tables" in out
    assert headway.run("sync", "--json").code == 0
    before = dump(headway)
    assert headway.run("db", "upgrade").code == 0
    assert dump(headway) == before


@pytest.mark.parametrize(
    ("revision", "commands", "told"),
    [
        ("0001", [["status"], ["sync"]], "run `headway db upgrade` first"),
        ("9999", [["status"], ["sync"], ["db", "upgrade"]], "which a newer Headway made"),
    ],
)
def test_a_database_of_another_version_is_not_touched(
    copy: Headway, revision: str, commands: list[list[str]], told: str
) -> None:
    with copy.plain() as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    before = copy.database.read_bytes()
    for command in commands:
        code, _, err = copy.run(*command)
        assert code == 1
        assert told in err
    assert copy.database.read_bytes() == before


def held_tokens(folder: Path, sandbox: Sandbox) -> list[str]:
    """The files that hold a token."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{path.name}: {name}" for name, token in sandbox.tokens.items() if token.encode() in content]
    return found


def test_tokens_are_written_nowhere_whether_a_run_succeeds_or_fails(headway: Headway, tmp_path: Path) -> None:
    """`run` looks at what is printed, in every test; here are the files, and the noisiest ways to run."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    noisy = {"TMPDIR": str(scratch), "HOME": str(tmp_path), "HEADWAY_DEBUG": "1"}
    assert headway.run("--verbose", "--log-json", "sync", "--json", **noisy).code == 0
    headway.sandbox.faults.status(401, tracker="jira", times=20)
    headway.sandbox.faults.html(tracker="github", times=20)
    headway.sandbox.faults.cut(tracker="asana", times=20)
    for arguments in (["sync"], ["check"], ["sync", "--full", "--json"], ["sync", "--dry-run"]):
        assert headway.run("--verbose", *arguments, **noisy).code in (1, 3)
    headway.run("status", **noisy)
    assert held_tokens(tmp_path, headway.sandbox) == []
    assert headway.database.exists()
