"""The fields of boards, and which of them a rule's name means."""

from collections.abc import Iterable

from connectors.contract import FieldsRefused, Stop
from okrs.demand import Demand
from okrs.immutable import immutable
from okrs.work import fold_name

NUMBERS = frozenset({"NUMBER", "SINGLE_SELECT"})
"""Types of fields that may hold numbers, as the options of a select do."""

KINDS = {"NUMBER": "number", "DATE": "date", "TEXT": "text", "SINGLE_SELECT": "name", "ITERATION": "title"}
"""Types of fields that hold a value of their own, and under which key it stands."""


@immutable
class BoardField:
    """A field of a board; `board` is owner/number, `kind` one of `KINDS`."""

    id: str
    name: str
    kind: str
    board: str


def meant_by(name: str, every: Iterable[BoardField], *, added: bool) -> list[BoardField]:
    """Return the fields that a rule's name means, those of numbers first.

    Raises Stop when there is none, and for what is added up when none may hold numbers, or several.
    """
    every = list(every)
    fitting = [one for one in every if fold_name(one.name) == fold_name(name)]
    able = [one for one in fitting if one.kind in NUMBERS]
    if added and len(able) > 1:
        homes = " and ".join(sorted(one.board for one in able))
        raise Stop(f"The field {name!r} is on the boards {homes}: rename one of them, or leave one board out.")
    if fitting and (able or not added):
        return sorted(fitting, key=lambda one: (one.kind != "NUMBER", one.board))
    usable = [one for one in every if one.kind in NUMBERS or not added]
    known = ", ".join(sorted({one.name for one in usable}))
    remedy = f"write one of {known or 'none that could be used'}."
    if fitting:
        kind = spoken(fitting[0].kind)
        raise Stop(f"The field {name!r} of the board {fitting[0].board} is a {kind}, and `by` needs a number: {remedy}")
    raise Stop(f"No board of this source has a field {name!r}: {remedy}")


def every_meant(demand: Demand, every: Iterable[BoardField]) -> dict[str, list[BoardField]]:
    """Return what each demanded name means.  Raises FieldsRefused, with all that cannot be had."""
    every, meant, refused = list(every), dict[str, list[BoardField]](), dict[str, str]()
    for name in sorted(demand.fields):
        try:
            meant[name] = meant_by(name, every, added=name in demand.numbers)
        except Stop as error:
            refused[name] = str(error)
    if refused:
        raise FieldsRefused(refused)
    return meant


def spoken(kind: str) -> str:
    """Return a type of fields in words, as `single select`."""
    return kind.casefold().replace("_", " ")
