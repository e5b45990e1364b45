"""What of a selection lasts: without the state of work and the days of it, which are others tomorrow.

A part that selects nothing today, though its lasting selection finds something, is a true zero: nobody is `doing` a
bug.  One whose lasting selection is empty, too, may hold a misspelt word.
"""

from mapping.rule import AllOf, AnyOf, Clause, Leaf, Match, Not, Part, Selector, Within, leaves_of
from okrs.immutable import replace


def lasting(part: Part) -> Part | None:
    """Return a part as it selects whatever state work is in, and whenever it was; None where it asks for neither."""
    if not any(map(_passes, leaves_of(part.where))):
        return None
    return replace(part, where=_lasting(part.where) or AllOf())


def _lasting(clause: Clause) -> Clause | None:
    """Return what lasts of a clause; None where that is nothing.  It holds wherever the clause does."""
    match clause:
        case AllOf(clauses):
            return AllOf(tuple(each for each in map(_lasting, clauses) if each is not None))
        case AnyOf(clauses):
            some = [_lasting(each) for each in clauses]
            kept = tuple(each for each in some if each is not None)
            return AnyOf(kept) if len(kept) == len(some) else None
        case Not(inner):
            return None if any(map(_passes, leaves_of(inner))) else clause
        case _:
            return None if _passes(clause) else clause


def _passes(leaf: Leaf) -> bool:
    return isinstance(leaf, Within) or (isinstance(leaf, Match) and leaf.selector is Selector.STATE)
