"""What a command that was killed must have left, and how a drill chooses the instants to kill at.

A command is done once without a kill, on a copy of a database: that says what must come out, and how many statements
and seconds there are to kill it in.  Then copy after copy is killed at a random instant.  What that left is sound, and
whole: piece by piece it is what was there before, or what must come out.  Done again, it comes out.
"""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.database import open_database
from store.views.verify import verify
from tests.e2e.conftest import Headway
from tests.e2e.forking import NEVER, Forks, Ran, Stall


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


Pieces = Mapping[str, list[object]]

NO_ROOM = "There is no room left"

_ENTRIES = """\
SELECT key_result, kind, old, new, rule, person.name, why, details,
  (SELECT group_concat(told, char(10)) FROM (
    SELECT json_array(part, source, item, old_weight, old_amount, new_weight, new_amount, cause, delta) AS told
    FROM ledger_delta WHERE ledger_delta.seq = ledger_entry.seq ORDER BY place))
FROM ledger_entry LEFT JOIN person ON person.id = ledger_entry.by ORDER BY seq"""
_KEPT = {
    "state": "SELECT id, value, rule, terms, retired, totals FROM key_result",
    "evidence": "SELECT key_result, part, source, item, weight, amount FROM evidence ORDER BY 1, 2, 3, 4",
    "hold": "SELECT key_result, old, new, rejected FROM hold",
    "override": "SELECT key_result, value, why, until FROM override",
    "final": "SELECT key_result, cycle, value, grade FROM final",
}
_OF_RUN = ("head", "id", "since")
"""What the details of an entry say that another run says otherwise."""


def pieces(headway: Headway) -> Pieces:
    """Return what stands in a database by the pieces that are each written in one transaction.

    What tells when it was written, and by which run, is left out.
    """
    found: dict[str, list[object]] = {}
    if not headway.database.exists() or not headway.rows("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"):
        return found
    for name, *told, details, deltas in headway.rows(_ENTRIES):
        lane = "rebuilt" if told[0] == "reconstructed" else "lane"
        known = {key: each for key, each in json.loads(details or "{}").items() if key not in _OF_RUN}
        found.setdefault(f"{lane} of {name}", []).append((*told, json.dumps(known, sort_keys=True), deltas))
    for what, query in _KEPT.items():
        for name, *told in headway.rows(query):
            found.setdefault(f"lane of {name}", []).append((what, *told))
    for source, item, payload in headway.rows("SELECT source, item, payload FROM item_version ORDER BY 1, 2, seen_at"):
        found.setdefault(f"{source} {item}", []).append(payload)
    return found


def chain(headway: Headway) -> list[tuple[Any, ...]]:
    """Return the places and hashes of all entries."""
    if not pieces(headway):
        return []
    return headway.rows("SELECT seq, hash FROM ledger_entry ORDER BY seq")


@dataclass(frozen=True)
class Act:
    """Something that a command does."""

    arguments: tuple[str, ...]
    kills: int
    base: str = "settled"
    """What it is done to."""
    atomic: bool = True
    """It is done as a whole or not at all; else piece by piece."""
    steps: bool = False
    """It may be told in more entries: what was read before the kill is recorded before the rest."""
    code: int = 0
    again: str | None = ""
    """What is said when it was done already; empty when it is just not done twice, None when it would be."""


@dataclass
class Drill:
    """Kills of one act."""

    act: Act
    base: Headway
    forks: Forks
    folder: Path
    dice: random.Random = field(default_factory=lambda: random.Random(20261128))
    plant: str | None = None
    kills: int = 0
    landed: int = 0

    def __post_init__(self) -> None:
        self.before, self.entries = pieces(self.base), chain(self.base)
        self.twin = self.base.beside(self.folder / "twin")
        self.model = self._run(self.twin)
        assert self.model.code == self.act.code, self.model
        self.after, self.outcome = pieces(self.twin), outcome(self.twin)

    def __str__(self) -> str:
        return f"{' '.join(self.act.arguments)}: {self.landed} of {self.kills} kills landed"

    def _run(self, headway: Headway, stall: Stall = NEVER) -> Ran:
        return self.forks.run(headway.folder, *self.act.arguments, stall=stall, plant=self.plant)

    def instant(self) -> Stall:
        """Choose an instant: between two statements, within a commit, or any."""
        every, dice = self.model.statements, self.dice
        match dice.randrange(4):
            case 0 | 1:
                return Stall(at=dice.randint(1, len(every)))
            case 2:
                commits = [at for at, each in enumerate(every, 1) if each in ("COMMIT", "VACUUM", "DELETE", "INSERT")]
                return Stall(at=dice.choice(commits or [1]), wait=dice.random() * 0.002)
            case _:
                return Stall(wait=dice.random() * self.model.seconds)

    def kill(self, stall: Stall | None = None) -> None:
        """Kill it once, look at what that left, and do it again."""
        struck = stall or self.instant()
        where = f"{self}, now by {struck}"
        victim = self.base.beside(self.folder / f"victim{self.kills}")
        ran = self._run(victim, struck)
        self.kills += 1
        self.landed += ran.killed
        assert ran.killed or ran.code == self.act.code, ran
        self._looked_at(victim, where, cut=ran.killed)

    def cramp(self, folder: Path, room: Callable[[Headway], Ran]) -> Ran:
        """Do it once where there is no room, look at what that left, and do it again where there is."""
        victim = self.base.beside(folder / f"victim{self.kills}")
        ran = room(victim)
        self.kills += 1
        cut = ran.code != self.act.code
        self.landed += cut
        if cut:
            assert (ran.code, NO_ROOM in ran.err) == (1, True), f"{self}: {ran}"
        self._looked_at(victim, f"{self}, without room: {ran.err}", cut=cut)
        return ran

    def _looked_at(self, victim: Headway, where: str, *, cut: bool) -> None:
        self._is_whole(victim, where, cut=cut)
        self._again(victim, where)
        shutil.rmtree(victim.folder)

    def _is_whole(self, victim: Headway, where: str, *, cut: bool) -> None:
        if victim.database.exists():
            assert_whole(victim)
        left = pieces(victim)
        assert chain(victim)[: len(self.entries)] == self.entries, f"an entry was lost: {where}"
        names = {*left, *self.before, *self.after}
        half = [name for name in names if left.get(name) not in (self.before.get(name), self.after.get(name))]
        assert half == [], f"half-written: {where}"
        if self.act.atomic:
            assert left in (self.before, self.after), f"done in part: {where}"
        assert cut or left == self.after, f"not done: {where}"

    def _again(self, victim: Headway, where: str) -> None:
        done = pieces(victim) == self.after
        if not (done and self.act.again is None):
            ran = self._run(victim)
            if done and self.act.again:
                assert (ran.code, self.act.again in ran.err) == (1, True), f"{where}: {ran}"
            else:
                assert ran.code == self.act.code, f"{where}: {ran}"
        assert_whole(victim)
        assert chain(victim)[: len(self.entries)] == self.entries, f"an entry was lost: {where}"
        assert outcome(victim) == self.outcome, f"done again, it is not what was to come out: {where}"
        came = pieces(victim)
        if self.act.steps:
            came = {**self.after, **{name: each for name, each in came.items() if not name.startswith("lane of")}}
        other = _other(came, self.after)
        assert other == "", f"done again, it is not what was to come out: {where}: {other}"


def _other(came: Pieces, wanted: Pieces) -> str:
    """Say what came otherwise than wanted, line by line."""
    lines: list[str] = []
    for name in sorted({*came, *wanted}):
        one, two = came.get(name, []), wanted.get(name, [])
        lines += [f"{name}: came {each}" for each in one if each not in two]
        lines += [f"{name}: wanted {each}" for each in two if each not in one]
        lines += [f"{name}: another order"] if one != two and not lines else []
    return "\n".join(line[:400] for line in lines[:20])


def sweep(drill: Drill, word: str = "BEGIN") -> None:
    """Kill just before each transaction that the act begins, or each other statement that begins with a word."""
    for at in range(1, drill.model.statements.count(word) + 1):
        drill.kill(Stall(at=at, word=word))


def land(drill: Drill, kills: int) -> None:
    """Kill until that many kills landed; some find that all was done."""
    while drill.landed < kills:
        assert drill.kills < 3 * kills + 10, f"too few land: {drill}"
        drill.kill()
