"""What is read: a container as a whole, and what rules need of it beyond the plain items."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """A project or repository that is read as a whole.  `id` is immutable, `name` is how the config spells it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What the mappings need of a source beyond the plain items."""

    fields: frozenset[str] = frozenset()
    """Names of custom fields, as mappings spell them."""

    def covers(self, other: "Demand") -> bool:
        """Tell whether a read for this demand also serves the other one."""
        return self.fields >= other.fields

    def union(self, other: "Demand") -> "Demand":
        return Demand(fields=self.fields | other.fields)
