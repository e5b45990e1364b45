"""What of the config is not right, and what runs instead: said by every answer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from okrs.immutable import immutable
from okrs.ledger import timestamp

_FEW = 8
"""Ids that a sentence names."""


@immutable
class Quarantined:
    """A file of the config that is not right."""

    file: str
    main: bool
    """It is everybody's: sources, cycles, policies."""
    problem: str
    """Its first mistake, with its place."""
    more: int
    """How many other mistakes it has."""
    runs: bool
    """Its last good version runs instead."""
    key_results: tuple[str, ...]
    """The ids of its key results, as far as they are known."""
    still: tuple[str, ...] = ()
    """Those of them that stand still: nothing that is in force feeds them."""
    formerly: tuple[str, ...] = ()
    """Ids that these had before, under which they may be on record."""
    misfit: str = ""
    """Why its last good version does not run, where there is one."""
    since: datetime | None = None
    """When a run first met it so; None when none has."""
    hidden: bool = False
    """It cannot be read as it is written: any key result that is nowhere else may be in it."""

    @property
    def sentence(self) -> str:
        """What is wrong, what runs instead, and what to do."""
        since = f" since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        mend = "Correct it; `headway validate` lists every mistake."
        return f"{self.file} is in quarantine{since}: {self._instead} {mend}"

    @property
    def meanwhile(self) -> str:
        """What a run makes of it until it is corrected, for who lists the mistakes."""
        if self.since is None:
            return f"`headway sync --last-good` would go on meanwhile: of {self.file} {self._instead}"
        return f"{self.file} is in quarantine since {self.since:%Y-%m-%d %H:%M} UTC: {self._instead}"

    @property
    def _instead(self) -> str:
        if self.main:
            return "its last good version runs instead."
        names = ", ".join(self.key_results[:_FEW])
        names += f" and {len(self.key_results) - _FEW} more" if len(self.key_results) > _FEW else ""
        if self.runs:
            return f"its last good version runs on ({names or 'no key results'}); all other files are taken."
        why = "its last good version does not fit the other files" if self.misfit else "no good version of it is kept"
        why += f" ({self.misfit})" if self.misfit else ""
        stays = f"{names} stand still" if names else "its key results stand still"
        return f"{why}, so {stays}; all other files are taken."


def message_for(quarantine: Sequence[Quarantined], key_result: str) -> str | None:
    """Say in one sentence why a key result is in quarantine and what becomes of it; None when it is not."""
    for each in quarantine:
        if key_result in each.key_results:
            more = f" (and {each.more} more)" if each.more else ""
            fate = "stands still at its last value" if key_result in each.still else "goes on by the last good version"
            return f"{each.file} is in quarantine, and the key result {fate}: {each.problem}{more}"
    return None


def standing(quarantine: Sequence[Quarantined]) -> frozenset[str]:
    """Return the key results that stand still."""
    return frozenset(name for each in quarantine for name in each.still)


def spared(quarantine: Sequence[Quarantined]) -> frozenset[str]:
    """Return the names under which key results that stand still may be on record: none of them has left the config."""
    return standing(quarantine) | {name for each in quarantine for name in each.formerly}


def sure(quarantine: Sequence[Quarantined]) -> bool:
    """Tell whether a key result that is nowhere to be found has left the config."""
    return not any(each.hidden for each in quarantine)


def quarantine_json(quarantine: Sequence[Quarantined]) -> list[dict[str, Any]]:
    """The list under `quarantine` of `status --json` and `sync --json`."""
    return [
        {
            "file": each.file,
            "message": each.sentence,
            "problem": each.problem,
            "key_results": list(each.key_results),
            "runs": each.runs,
            "since": timestamp(each.since) if each.since else None,
        }
        for each in quarantine
    ]
