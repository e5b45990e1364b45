"""Names that a config defines, and whether what refers to them can be found.

Names are taken from the text, not from models, so that a mistake elsewhere in an objective does not make it unknown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from config.fields import is_id
from config.problems import Problems
from config.tree import Listing, Spot, Step, Table
from config.words import advice, meant, quoted
from okrs.immutable import immutable

_TABLES = ("sources", "templates")

TWICE = " twice, first at "
"""In every sentence about a name that two places define."""

_MANY = 50
"""Unknown names after which no closest one is searched any more."""


@dataclass(slots=True)
class Names:
    """Everything of one sort, as cycles, by name."""

    what: str
    found: dict[str, Spot] = field(default_factory=dict)
    """The table of each; the first one where a name is given twice."""
    complete: bool = True
    """False when some definition's name is broken or given twice, so that an unknown name may be meant for that one."""
    _unknown: int = 0

    def require(self, spot: Spot | None, problems: Problems) -> Spot | None:
        """Return what the spot's text names; None, with the problem added, where nothing has that name."""
        name = spot.text if spot else None
        if spot is None or name is None:
            return None
        if name in self.found:
            return self.found[name]
        self._unknown += 1
        known = sorted(self.found) if self._unknown <= _MANY else []
        if self.complete or meant(name, known):
            what_to_do = advice(name, known, "known") if self._unknown <= _MANY else "check the spelling"
            problems.error(spot, f"unknown {self.what} {quoted(name)}; {what_to_do}")
        return None


@immutable
class Known:
    """All names of a config."""

    cycles: Names
    sources: Names
    objectives: Names
    key_results: Names
    mapped: Names
    """Mappings, by the key result they feed."""

    def promises(self) -> Names:
        """Objectives and key results, which share their names."""
        return Names(
            "objective or key result",
            {**self.key_results.found, **self.objectives.found},
            self.objectives.complete and self.key_results.complete,
        )


def objectives_of(roots: Iterable[Spot]) -> list[Spot]:
    return [spot for root in roots for spot in _section(root, "objectives")]


def mappings_of(roots: Iterable[Spot]) -> list[Spot]:
    return [spot for root in roots for spot in _section(root, "mappings")]


def key_results_of(objective: Spot) -> list[Spot]:
    return _section(objective, "key_results")


def _section(root: Spot, key: str) -> list[Spot]:
    spot = root.get(key)
    return spot.items() if spot else []


def gather(roots: list[Spot], problems: Problems, *, whole: bool, main: bool) -> Known:
    """Collect every name; one that is given twice is a problem at the second place, naming the first.

    `whole` and `main` are False when something, or the main file, is not among the roots though there is one.
    """
    cycles = Names("cycle", complete=main and readable(roots, "cycles", problems))
    sources = Names("source", complete=main and readable(roots, "sources", problems))
    objectives = Names("objective", complete=whole and readable(roots, "objectives", problems))
    key_results = Names("key result", complete=objectives.complete)
    mapped = Names("mapping", complete=whole and readable(roots, "mappings", problems))
    for root in roots:
        for spot in _section(root, "cycles"):
            _define(cycles, spot, problems)
        section = root.get("sources")
        sources.found.update(section.entries() if section else [])
        sources.complete &= section is None or not problems.torn(section)
    for spot in objectives_of(roots):
        _define(objectives, spot, problems, key_results)
        key_results.complete &= readable([spot], "key_results", problems)
        for inner in key_results_of(spot):
            _define(key_results, inner, problems, objectives)
    for spot in mappings_of(roots):
        _define(mapped, spot, problems, key="key_result")
    return Known(cycles, sources, objectives, key_results, mapped)


def readable(parents: Iterable[Spot], key: str, problems: Problems) -> bool:
    """Tell whether a section is where it should be: not under a misspelt or refused key, and of the right shape."""
    for parent in parents:
        spot = parent.get(key)
        if problems.misspelt(parent, key) or problems.torn(parent):
            return False
        if spot is not None and not isinstance(spot.node, Table if key in _TABLES else Listing):
            return False
    return True


def _define(names: Names, spot: Spot, problems: Problems, other: Names | None = None, key: Step = "id") -> None:
    written = spot.child(key)
    if written is None or written.text is None:
        names.complete = False
        return
    names.complete &= is_id(written.text)
    first = names.found.get(written.text) or (other.found.get(written.text) if other else None)
    if first is None:
        names.found[written.text] = spot
        return
    names.complete = False
    before = first.down((key,))
    text = quoted(written.text)
    if key == "id":
        problems.error(written, f"the id {text} is given{TWICE}{before.node.place}: choose another one")
    else:
        problems.error(written, f"{text} is mapped{TWICE}{before.node.place}: join both as parts of one")
