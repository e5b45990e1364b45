"""Whose a name is: that of the file whose last good version defines it, unless the file as written has given it away.

So nobody takes over a key result, a mapping or a template of a file that cannot be read just now.
"""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from config.explaining import keys_of
from config.fields import is_id
from config.files import File
from config.names import objectives_of
from config.problems import Problem, Problems
from config.schema import Document, ObjectiveEntry
from config.standin import Kind, Name, names_of
from config.tree import Listing, Place, Spot, Table
from config.versions import Case, Level
from config.words import quoted
from okrs.immutable import immutable

Owners = Mapping[Name, Case]


def owners_of(cases: Sequence[Case]) -> Owners:
    """Return which file each name belongs to, of those that are known to belong to one."""
    found: dict[Name, Case] = {}
    for case in cases:
        unread = unreadable(case.file)
        written = names_of(case.file.root) if case.file.root else {}
        for name in names_of(case.good) if case.good else ():
            if name in written or name[0] in unread:
                found.setdefault(name, case)
    return found


@immutable
class Taking:
    """What a file took that belongs to others."""

    wrong: list[Problem]
    at: frozenset[Place]
    """Where those names stand, in this file and in theirs: that they are there twice is told by this alone."""


def taken_away(case: Case, owners: Owners) -> Taking:
    """Complain about each name of a file, as written, that is another one's, and new to this."""
    problems, places = Problems(), set[Place]()
    if case.level is not Level.WRITTEN:
        return Taking([], frozenset())
    before = names_of(case.good) if case.good else {}
    for name, spot in names_of(case.versions[0].root).items():
        owner = owners.get(name, case)
        if owner is not case and name not in before:
            theirs = names_of(owner.file.root).get(name) if owner.file.root else None
            whose = f"{name[0].value} {quoted(name[1])} belongs to {_place(theirs) if theirs else owner.file.path}"
            problems.error(
                spot, f"{whose}, which has not given it away: take it out there first, or choose another one"
            )
            places |= {_place(each) for each in (spot, theirs) if each}
    return Taking(problems.found, frozenset(places))


def _place(spot: Spot) -> Place:
    """Return where the checks tell of a name: a template's is a key, the others are values."""
    return spot.home if isinstance(spot.node, Table) else spot.node.place


def unreadable(file: File) -> frozenset[Kind]:
    """Return of which kinds a file may define names that cannot be read as it is written."""
    root = file.root
    if root is None or file.problems.failed:
        return frozenset(Kind)
    objectives = objectives_of([root])
    told = {
        Kind.PROMISE: _lists(root, "objectives", "id", Document)
        and all(_lists(each, "key_results", "id", ObjectiveEntry) for each in objectives),
        Kind.MAPPING: _lists(root, "mappings", "key_result", Document),
        Kind.TEMPLATE: _holds(root, "templates", Table, Document),
    }
    return frozenset(kind for kind, read in told.items() if not read)


def _lists(parent: Spot, section: str, key: str, model: type[BaseModel]) -> bool:
    """Tell whether every entry of a section says what it is called."""
    inside = parent.get(section)
    return _holds(parent, section, Listing, model) and all(
        is_id(each.word(key) or "") for each in (inside.items() if inside else ())
    )


def _holds(parent: Spot, section: str, shape: type[Listing | Table], model: type[BaseModel]) -> bool:
    """Tell whether a section is of the right shape; or left out, and under no other key, which may be misspelt."""
    inside = parent.get(section)
    if inside is not None:
        return isinstance(inside.node, shape)
    return isinstance(parent.node, Table) and parent.node.entries.keys() <= set(keys_of(model))
