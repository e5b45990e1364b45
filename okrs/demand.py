"""What is read: a container as a whole, and what rules need of it beyond the plain items."""

from collections.abc import Iterable
from enum import StrEnum

from okrs.immutable import immutable, replace


@immutable
class Container:
    """A project or repository that is read as a whole.  `id` is immutable, `name` is how the config spells it."""

    id: str
    name: str
    called: str = ""
    """What the tracker calls it today; items carry that name, so that a new one makes them all be read anew.  It stays
    the same container."""

    def __eq__(self, other: object) -> bool:
        return (self.id, self.name) == (other.id, other.name) if isinstance(other, Container) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.id, self.name))


@immutable
class Family:
    """What lies under an item, of which a tracker may have some where a source does not read."""

    above: str
    """The item, as a rule names it."""
    deep: bool
    """Everything below it, not its direct children alone."""

    def __lt__(self, other: object) -> bool:
        return (self.above, self.deep) < (other.above, other.deep) if isinstance(other, Family) else NotImplemented


class Extra(StrEnum):
    """What is asked beside items and fields.  A tracker may refuse it as it may a field, and no config names one so."""

    HISTORIES = "\x1fhistories"
    SPRINTS = "\x1fsprints"
    REFS = "\x1flinks"

    @property
    def word(self) -> str:
        """What it is called for people."""
        return self.removeprefix("\x1f")


@immutable
class Demand:
    """What a read must bring: what the mappings need beyond the plain items, from which site, read in which way."""

    fields: frozenset[str] = frozenset()
    """Names of custom fields, as mappings spell them."""
    site: str = ""
    """Where the items live; two sites share none, even where their ids are equal.  Empty: any."""
    shaping: str = ""
    """The settings that change what an item reads as.  Empty: any."""
    histories: bool = False
    """`WorkItem.history`: how items stood at any time."""
    sprints: bool = False
    """Sprint items, and `WorkItem.sprints`."""
    refs: bool = False
    """`WorkItem.refs` from links and branches, which cost requests or bytes of their own."""
    numbers: frozenset[str] = frozenset()
    """Those of `fields` that are added up, so that they must hold numbers; the others are compared as text."""
    queries: frozenset[str] = frozenset()
    """Queries in the tracker's own language, whose ids are asked in every run; they are of no single container."""

    families: frozenset[Family] = frozenset()
    """Of what lies under these it is told what lies outside the containers, so that it is not read."""

    @property
    def extras(self) -> frozenset[Extra]:
        asked = {Extra.HISTORIES: self.histories, Extra.SPRINTS: self.sprints, Extra.REFS: self.refs}
        return frozenset(extra for extra, wanted in asked.items() if wanted)

    @property
    def names(self) -> frozenset[str]:
        """By which names what is asked may be refused: those of fields, and of what is asked beside them."""
        return self.fields.union([extra.value for extra in self.extras])

    def covers(self, other: "Demand") -> bool:
        """Tell whether a container read for this demand also serves the other one."""
        same_site, same_shape = other.site in ("", self.site), other.shaping in ("", self.shaping)
        extras = self.histories >= other.histories and self.sprints >= other.sprints and self.refs >= other.refs
        fields = self.fields >= other.fields and self.numbers >= other.numbers
        return fields and extras and same_site and same_shape

    def beyond(self, other: "Demand") -> "Demand":
        """Return what this demand asks and a read for the other one did not bring, without queries and families."""
        return Demand(
            fields=(self.fields - other.fields) | (self.numbers - other.numbers),
            histories=self.histories and not other.histories,
            sprints=self.sprints and not other.sprints,
            refs=self.refs and not other.refs,
        )

    def union(self, other: "Demand") -> "Demand":
        """Return this demand with what the other one asks besides."""
        return replace(
            self,
            fields=self.fields | other.fields,
            histories=self.histories or other.histories,
            sprints=self.sprints or other.sprints,
            refs=self.refs or other.refs,
            numbers=self.numbers | other.numbers,
            queries=self.queries | other.queries,
            families=self.families | other.families,
        )

    def without(self, refused: Iterable[str]) -> "Demand":
        """Return this demand without what cannot be had, by `names`: a field to be added up may still be compared.

        One that is refused as text, too, is asked no more.
        """
        every = frozenset(refused)
        added = self.numbers & every
        left = self.extras - every
        return replace(
            self,
            fields=self.fields - (every - added),
            numbers=self.numbers - added,
            histories=Extra.HISTORIES in left,
            sprints=Extra.SPRINTS in left,
            refs=Extra.REFS in left,
        )
