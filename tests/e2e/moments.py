"""A company at several moments of its life, and what its people do then: where the crash drills begin."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.scenario import environment
from sandbox.team import work
from tests.e2e.conftest import Headway, at_work, plain_environment
from tests.e2e.crashing import Act, Drill
from tests.e2e.forking import Forks

ACTS = {
    "first sync": Act(("sync", "--json"), 15, "empty", atomic=False, steps=True),
    "sync": Act(("sync", "--json"), 30, "behind", atomic=False, steps=True, code=4),
    "sync --full": Act(("sync", "--full", "--json"), 20, "behind", atomic=False, steps=True, code=4),
    "close": Act(("close", "sandbox", "--early", "--yes"), 30, again="sandbox was closed on"),
    "approve": Act(("approve", "{hold}", "--expect", "0"), 20, "held", again="No update waits"),
    "reject": Act(("reject", "{hold}", "--why", "no"), 10, "held", again="No update waits"),
    "set": Act(("set", "p1-bugs", "7", "--why", "counted"), 10),
    "resume": Act(("resume", "p1-bugs", "--why", "counted again"), 10, "set"),
    "checkin": Act(("checkin", "p1-bugs", "--note", "it goes", "--confidence", "0.7"), 10, again=None),
    "prune": Act(("prune", "--older-than", "1s", "--vacuum"), 25, "old", atomic=False),
    "import": Act(("import", "../ledger.jsonl"), 25, "made", again="is not empty: it holds"),
    "import anew": Act(("import", "../ledger.jsonl"), 10, "empty", again="is not empty: it holds"),
    "forget": Act(("forget", "{key}", "--yes"), 15),
    "backfill": Act(("backfill", "p1-bugs", "--json"), 15, "behind", atomic=False),
}


@dataclass(frozen=True)
class Bases:
    """A company at several moments, and the process that forks its commands."""

    folder: Path
    bases: dict[str, Headway]
    forks: Forks
    words: dict[str, str]

    def drill(self, name: str, folder: Path, plant: str | None = None) -> Drill:
        act = ACTS[name]
        said = tuple(each.format(**self.words) for each in act.arguments)
        known = dataclasses.replace(act, arguments=said)
        shutil.copyfile(self.folder / "ledger.jsonl", folder / "ledger.jsonl")
        return Drill(known, self.bases[act.base], self.forks, folder, plant=plant)


def _in_its_file(life: Headway, _forks: Forks) -> Headway:
    return life


def moments(folder: Path, kept: Callable[[Headway, Forks], Headway] = _in_its_file) -> Iterator[Bases]:
    """A company that was read, that closed and opened work, lost some to sight, and went on.

    `kept` says where its database is.
    """
    (folder / "life").mkdir()
    for office in at_work(folder / "life"):
        with Forks({**plain_environment(), **environment(office.sandbox.tokens)}) as forks:
            life = kept(office, forks)

            def done(*arguments: str, code: int = 0, at: Headway = life) -> str:
                ran = forks.run(at.folder, *arguments)
                assert ran.code == code, ran
                return ran.out

            found = {"empty": life.beside(folder / "empty"), "made": life.beside(folder / "made")}
            done("db", "upgrade", at=found["made"])
            done("sync", "--json")
            work(life.sandbox.world, days=5, seed=3)
            done("sync", "--json")
            done("export", "../ledger.jsonl")
            found["settled"] = life.beside(folder / "settled")
            found["set"] = life.beside(folder / "set")
            done("set", "p1-bugs", "7", "--why", "counted", at=found["set"])
            found["old"] = life.beside(folder / "old")
            with found["old"].plain() as connection:  # as if all of that were long ago
                for table in ("item", "item_version"):
                    connection.execute(f"UPDATE {table} SET seen_at = seen_at - 400 * 86400 * 1000000")
            told = json.loads(done("explain", "open-bugs", "--json"))["parts"][0]["counted"]
            for each in told:
                life.sandbox.world.delete(life.sandbox.world.item(each["key"]))
            done("sync", "--full", "--json")
            done("sync", "--full", "--json", code=4)
            [hold] = [each for each in json.loads(done("holds", "--json")) if each["key_result"] == "open-bugs"]
            found["held"] = life.beside(folder / "held")
            found["behind"] = life.beside(folder / "behind")
            work(life.sandbox.world, days=5, seed=4)
            counted = json.loads(done("explain", "p1-bugs", "--json"))["parts"][0]["counted"]
            yield Bases(folder, found, forks, {"hold": hold["id"], "key": counted[0]["key"]})
