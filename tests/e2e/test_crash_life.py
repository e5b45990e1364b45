"""A quarter in which hardly any command lives to its end, beside one in which all do: both end the same."""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.scenario import environment
from tests.e2e.conftest import Headway, plain_environment
from tests.e2e.crashing import assert_whole, chain, outcome
from tests.e2e.forking import Forks, Ran, Stall
from tests.e2e.test_crash_drill import stir

ROUNDS = 60
BY_HAND = """\
SELECT key_result, kind, why, iif(kind = 'checkin', NULL, old), iif(kind = 'checkin', NULL, new)
FROM ledger_entry WHERE kind IN ('override', 'resume', 'checkin') ORDER BY seq"""
"""A check-in names the automatic value, too, which one of them may not know yet."""
SET = "SELECT key_result, value, why, until FROM override ORDER BY 1"
ENDS = "SELECT key_result, cycle, value, grade FROM final ORDER BY 1"
CLOSE = ("close", "sandbox", "--early", "--yes")
KEY_RESULTS = ("p1-bugs", "one-click", "interviews")


@dataclass
class Life:
    """Two databases for one company; what is done to the one is killed."""

    victim: Headway
    twin: Headway
    forks: Forks
    folder: Path
    dice: random.Random
    kills: int = 0
    landed: int = 0
    lengths: dict[str, Ran] = field(default_factory=dict)
    """By command, how it went when it lived to its end."""

    def __str__(self) -> str:
        return f"{self.landed} of {self.kills} kills landed"

    def done(self, headway: Headway, *arguments: str) -> Ran:
        ran = self.forks.run(headway.folder, *arguments)
        assert ran.code == 0, (arguments, ran, str(self))
        self.lengths[arguments[0]] = ran
        return ran

    def killed(self, *arguments: str) -> bool:
        """Kill it; what is left is sound, and has all that was there.  Tell whether it had not ended by itself."""
        before, known = chain(self.victim), self.lengths.get(arguments[0])
        many, seconds = (len(known.statements), known.seconds) if known else (300, 0.5)
        by_time = self.dice.random() < 0.5
        stall = Stall(wait=self.dice.random() * seconds) if by_time else Stall(at=self.dice.randint(1, many))
        ran = self.forks.run(self.victim.folder, *arguments, stall=stall)
        assert ran.killed or ran.code == 0, (arguments, ran, str(self))
        self.kills += 1
        self.landed += ran.killed
        if self.victim.database.exists():
            assert_whole(self.victim)
        assert chain(self.victim)[: len(before)] == before, f"an entry was lost: {arguments} by {stall}; {self}"
        return ran.killed

    def sync(self) -> None:
        self.killed("sync", "--json", *(["--full"] if self.dice.random() < 0.3 else []))

    def say(self) -> None:
        """A person sets a value, takes it back, or notes something: once, whatever happens."""
        name, number = self.dice.choice(KEY_RESULTS), str(self.dice.randint(1, 20))
        options = (["set", name, number, "--why", f"counted {number}"], ["checkin", name, "--note", f"note {number}"])
        arguments = self.dice.choice(options)
        if self.twin.rows(f"SELECT 1 FROM override WHERE key_result = '{name}'"):
            arguments = self.dice.choice((["resume", name, "--why", f"back {number}"], options[1]))
        before = self.victim.rows(BY_HAND)
        self.killed(*arguments)
        if self.victim.rows(BY_HAND) == before:
            self.done(self.victim, *arguments)
        self.done(self.twin, *arguments)
        assert self.victim.rows(BY_HAND) == self.twin.rows(BY_HAND), str(self)

    def prune(self) -> None:
        self.killed("prune", "--older-than", "1s", *(["--vacuum"] if self.dice.random() < 0.5 else []))

    def move(self) -> None:
        """To another database, by an export and an import that are both killed first."""
        file, there = self.folder / f"{self.kills}.jsonl", Headway(self.victim.sandbox, self.folder / str(self.kills))
        self.killed("export", str(file))
        self.done(self.victim, "export", str(file))
        there.folder.mkdir()
        shutil.copyfile(self.victim.config, there.config)
        before, self.victim = self.victim, there
        self.killed("import", str(file))
        if not chain(there):
            self.done(there, "import", str(file))
        assert chain(there) == chain(before), str(self)

    def close(self) -> None:
        """All key results at once, or none."""
        every = len(self.twin.rows("SELECT 1 FROM key_result"))
        for _ in range(20):
            self.killed(*CLOSE)
            ends = len(self.victim.rows(ENDS))
            assert ends in (0, every), str(self)
            if ends:
                break
        else:
            self.done(self.victim, *CLOSE)
        self.done(self.twin, *CLOSE)


@pytest.mark.drill
def test_a_quarter_of_kills_ends_as_one_without(headway: Headway, tmp_path: Path) -> None:
    dice = random.Random(20261128)
    with Forks({**plain_environment(), **environment(headway.sandbox.tokens)}) as forks:
        life = Life(headway, headway.beside(tmp_path / "twin"), forks, tmp_path, dice)
        life.sync()
        for each in (life.victim, life.twin):
            life.done(each, "sync", "--json")
        for _ in range(ROUNDS):
            stir(headway.sandbox.world, dice)
            dice.choice([life.sync, life.sync, life.sync, life.say, life.say, life.prune, life.move])()
        for each in (life.victim, life.twin):
            life.done(each, "sync", "--json")
        same(life)
        assert life.done(life.victim, "sync", "--json").document["updates"] == []
        life.close()
        same(life)
        assert len(life.victim.rows(ENDS)) == 12
        assert life.landed > ROUNDS // 2, str(life)
        assert forks.run(life.victim.folder, *CLOSE).code == 1


def same(life: Life) -> None:
    """Values, evidence, mirror, sums for each key result and ticket, and what people said and closed."""
    assert_whole(life.victim)
    assert_whole(life.twin)
    assert outcome(life.victim) == outcome(life.twin), str(life)
    for query in (BY_HAND, SET, ENDS):
        assert life.victim.rows(query) == life.twin.rows(query), str(life)
