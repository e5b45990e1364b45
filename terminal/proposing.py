"""What a first config may measure, out of what `discover` found: something open to finish, and bugs to fix."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from connectors.contract import Listed, What
from okrs.immutable import immutable
from okrs.work import fold_name
from terminal.discovering import scalar, short, writable
from terminal.text import harmless

_FINISHED = re.compile(r"\b(released|closed|completed?|done|archived|cancell?ed)\b", re.IGNORECASE)
_BUGS = frozenset({"bug", "bugs", "defect", "defects"})
_LONGEST_TITLE = 80

_SHARE = "measure: percent, window: cycle"
"""What was closed before the cycle is left out: it would make the share stand near its target from the start."""


@immutable
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
    found = _found(source, listed) or [_anything(source)]
    ids = set(taken)
    fresh = []
    for each in found:
        free = next(name for name in _variants(each.id) if name not in ids)
        ids.add(free)
        fresh.append(Proposal(free, each.title, each.part, each.why))
    return fresh


def _variants(name: str) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, 1000))]


def _found(source: str, listed: Sequence[Listed]) -> list[Proposal]:
    plan = next((row for what in (What.MILESTONE, What.EPIC) for row in listed if _is_open(row, what)), None)
    bugs = next((row for what in (What.TYPE, What.LABEL) for row in listed if _is_of_bugs(row, what)), None)
    first = [] if plan is None else [_finish(source, plan)]
    return first if bugs is None else [*first, _fix(source, bugs, plan)]


def _is_open(row: Listed, what: What) -> bool:
    """Tell whether it is a milestone, or an epic, that nobody calls finished."""
    return row.what is what and writable(row.value) and not _FINISHED.search(row.note)


def _is_of_bugs(row: Listed, what: What) -> bool:
    return row.what is what and fold_name(row.value) in _BUGS and writable(row.value)


def _finish(source: str, plan: Listed) -> Proposal:
    name = _readable(plan) or plan.what.value
    part = f"source: {source}, where: {{{_named(plan)}}}, measure: percent"
    why = f"The share of the {plan.what.value}'s work that is done, in percent."
    return Proposal(_id(name, plan.what.value), f"{name} is done", f"{{{part}}}", why)


def _named(row: Listed) -> str:
    """Say in a clause which tickets are meant."""
    return f"{row.what.value}: {scalar(row.value)}"


def _readable(row: Listed) -> str:
    """A name as a title may say it: on one line, short, and without what looks like a placeholder."""
    return harmless(row.name or row.value, _LONGEST_TITLE).replace("${", "$ {").strip()


def _fix(source: str, bugs: Listed, plan: Listed | None) -> Proposal:
    """Of the bugs beside the plan, which has a key result of its own: no work is to move both."""
    if plan is None:
        why = "The share, in percent, of those still open when the cycle began, or found since, that is fixed."
        part = f"source: {source}, where: {{{_named(bugs)}}}, {_SHARE}"
        return Proposal("bugs", "Every bug is fixed", f"{{{part}}}", why)
    part = f"source: {source}, where: {{{_named(bugs)}, not: {{{_named(plan)}}}}}, {_SHARE}"
    why = "The share, in percent, of the others still open when the cycle began, or found since, that is fixed."
    return Proposal("bugs", "Every other bug is fixed", f"{{{part}}}", why)


def _anything(source: str) -> Proposal:
    why = "The share of the cycle's issues that is done. Say which ones with `where`, as in where: {label: checkout}."
    return Proposal("finished", "All the work is done", f"{{source: {source}, {_SHARE}}}", why)


def _id(name: str, otherwise: str) -> str:
    return short(name, otherwise).replace("_", "-")
