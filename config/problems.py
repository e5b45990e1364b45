"""What is wrong with a config: each problem with its place, what it is, and what to do."""

from dataclasses import dataclass, field
from typing import Literal

from config.tree import Place, Spot, Step, path_text
from config.words import printable
from okrs.immutable import immutable

Severity = Literal["error", "warning"]


@immutable
class Problem:
    """One mistake.  `line` and `column` are 1-based; `path` is the field as in `mappings[0].from[1].source`."""

    file: str
    line: int
    column: int
    path: str
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        path = f" {self.path}" if self.path else ""  # of a file as a whole there is none
        return f"{self.file}:{self.line}:{self.column}{path} ← {self.message}"


@dataclass(slots=True)
class Problems:
    """Gathers the problems of one load.

    A value is complained about once: the first error about a field at a place is the cause, what follows is an echo.
    """

    found: list[Problem] = field(default_factory=list)
    causes: list[tuple[Place, Problem]] = field(default_factory=list)
    """Every error with its place, also those that another use of the same template told."""
    _blamed: set[tuple[Place, tuple[Step, ...]]] = field(default_factory=set)
    _meant: set[tuple[Place, tuple[Step, ...]]] = field(default_factory=set)
    _torn: set[Place] = field(default_factory=set)
    _told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.found)

    def absorb(self, others: "Problems") -> None:
        """Take over what others gathered, as if it had been told here."""
        self.found += others.found
        self.causes += others.causes
        self._blamed |= others._blamed
        self._meant |= others._meant
        self._torn |= others._torn
        self._told |= others._told

    def error(self, spot: Spot, message: str) -> None:
        """Complain about a value."""
        self.at(spot.node.place, spot.path, message)

    def warning(self, spot: Spot, message: str) -> None:
        self.at(spot.node.place, spot.path, message, "warning")

    def missing(self, parent: Spot, key: str, message: str) -> None:
        """Complain, at the parent's line, that a key is missing, unless a misspelt or refused key tells already."""
        if not self.misspelt(parent, key) and not self.torn(parent):
            self.at(parent.home, (*parent.path, key), message)

    def misspell(self, parent: Spot, key: str) -> None:
        """Remember that an unknown key of the parent was meant to be `key`."""
        self._meant.add((parent.node.place, (*parent.path, key)))

    def misspelt(self, parent: Spot, key: str) -> bool:
        return (parent.node.place, (*parent.path, key)) in self._meant

    def tear(self, table: Place) -> None:
        """Remember that an entry of the table that begins here was refused."""
        self._torn.add(table)

    def torn(self, spot: Spot) -> bool:
        return spot.node.place in self._torn

    def at(self, place: Place, path: tuple[Step, ...], message: str, severity: Severity = "error") -> None:
        if severity == "error":
            if (place, path) in self._blamed:
                return
            self._blamed.add((place, path))
        repeated = place.use is not None and (str(place), message) in self._told
        if place.use is not None:
            self._told.add((str(place), message))
            message = f"{message} (in a template, used at {place.use})"
        problem = Problem(
            file=printable(place.file),
            line=place.line,
            column=place.column,
            path=printable(path_text(path)),
            message=printable(message),
            severity=severity,
        )
        if severity == "error":
            self.causes.append((place, problem))
        if not repeated:  # another use of the template has told the same of this line
            self.found.append(problem)

    def sorted(self) -> tuple[Problem, ...]:
        """All problems in the order of the files."""
        return tuple(sorted(self.found, key=lambda problem: (problem.file, problem.line, problem.column, problem.path)))
