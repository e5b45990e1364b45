"""What every run tells: it is loaded every few minutes, and nothing else of what commands are told is."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING

from okrs.immutable import immutable

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.problems import Problem
    from okrs.anchor import Anchor
    from store.views.gaps import Gap
    from store.views.quarantine import Quarantined
    from store.views.refused import Refused
    from sync.engine import Report


@immutable
class Wrong:
    """What is wrong with a config that runs all the same."""

    problems: tuple[Problem, ...]
    quarantine: tuple[Quarantined, ...]

    @property
    def sentence(self) -> str:
        """How much is wrong, what runs, and what to do."""
        errors = sum(problem.severity == "error" for problem in self.problems)
        what = f"The config has {errors} error{'s' if errors != 1 else ''}"
        if any(each.main for each in self.quarantine):
            runs = "the last good one runs instead"
        else:
            runs = f"{', '.join(each.file for each in self.quarantine)} in quarantine, everything else is taken"
        return f"{what}: {runs}. Correct it; `headway validate` lists every mistake."


@immutable
class KeptAnchor:
    """An anchor that a run kept outside of the database, or meant to."""

    to: str
    """The file, or `log`."""
    anchor: Anchor
    problem: str = ""
    """Why it was not kept; empty when it was."""


@immutable
class Synced:
    """What a sync did, or would do."""

    report: Report
    gaps: tuple[Gap, ...] = ()
    """Parts of rules that select nothing."""
    refused: tuple[Refused, ...] = ()
    """Fields and queries that rules name and the trackers refuse."""
    dry_run: bool = False
    """Nothing was written."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Those of all key results by id, in the order of the config."""
    by_hand: Mapping[str, Decimal] = field(default_factory=dict)
    """Values that people set and that are shown whatever moved, by the id of the key result."""
    wrong: Wrong | None = None
    """What is wrong with the config that ran; None when nothing is."""
    unkept: tuple[Problem, ...] = ()
    """Warnings of files that are right, and cannot be kept as last good; and of those that nobody reads."""
    anchor: KeptAnchor | None = None
    """None where nothing was to be kept."""
