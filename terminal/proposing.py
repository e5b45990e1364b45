"""What a first config may measure, out of what `discover` found: something open to finish, and bugs to fix."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from connectors.contract import Listed, What
from okrs.work import fold_name
from terminal.discovering import scalar, short, writable
from terminal.text import harmless

_FINISHED = re.compile(r"\b(released|closed|completed?|done|archived|cancell?ed)\b", re.IGNORECASE)
_BUGS = frozenset({"bug", "bugs", "defect", "defects"})
_LONGEST_TITLE = 80

_SHARE = "measure: percent, window: cycle"
"""What was closed before the cycle is left out: it would make the share stand near its target from the start."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A key result in percent, and the part of a mapping that feeds it.

    Nobody knows yet how many tickets there are: a share is never past its target, a number of them may well be.
    """

    id: str
    title: str
    part: str
    """As YAML on one line."""
    why: str
    """What the part measures, in a sentence."""


def proposals(source: str, listed: Sequence[Listed], taken: AbstractSet[str]) -> list[Proposal]:
    """Return one or two for a source, whose ids are not taken."""
    found = [each for each in (_finish(source, listed), _fix(source, listed)) if each] or [_anything(source)]
    ids = set(taken)
    fresh = []
    for each in found:
        free = next(name for name in _variants(each.id) if name not in ids)
        ids.add(free)
        fresh.append(Proposal(free, each.title, each.part, each.why))
    return fresh


def _variants(name: str) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, 1000))]


def _finish(source: str, listed: Sequence[Listed]) -> Proposal | None:
    """The first milestone, else the first epic, that nobody calls finished."""
    for what in (What.MILESTONE, What.EPIC):
        for row in listed:
            if row.what is what and writable(row.value) and not _FINISHED.search(row.note):
                name = _readable(row) or what.value
                part = f"source: {source}, where: {{{what.value}: {scalar(row.value)}}}, measure: percent"
                why = f"The share of the {what.value}'s work that is done, in percent."
                return Proposal(_id(name, what.value), f"{name} is done", f"{{{part}}}", why)
    return None


def _readable(row: Listed) -> str:
    """A name as a title may say it: on one line, short, and without what looks like a placeholder."""
    return harmless(row.name or row.value, _LONGEST_TITLE).replace("${", "$ {").strip()


def _fix(source: str, listed: Sequence[Listed]) -> Proposal | None:
    for what in (What.TYPE, What.LABEL):
        for row in listed:
            if row.what is what and fold_name(row.value) in _BUGS and writable(row.value):
                part = f"source: {source}, where: {{{what.value}: {scalar(row.value)}}}, {_SHARE}"
                why = "The share, in percent, of those still open when the cycle began, or found since, that is fixed."
                return Proposal("bugs", "Every bug is fixed", f"{{{part}}}", why)
    return None


def _anything(source: str) -> Proposal:
    why = "The share of the cycle's issues that is done. Say which ones with `where`, as in where: {label: checkout}."
    return Proposal("finished", "All the work is done", f"{{source: {source}, {_SHARE}}}", why)


def _id(name: str, otherwise: str) -> str:
    return short(name, otherwise).replace("_", "-")
