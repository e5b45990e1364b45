"""Links by label: tickets that carry a key result's label feed it, whatever its mapping selects (DESIGN 4.4)."""

from collections.abc import Callable, Iterable, Sequence

from config.mappings import ID, LinkByEntry
from config.schema import KeyResultEntry
from mapping.rule import AnyOf, Combine, Match, Measure, Part, Selector
from okrs.immutable import immutable, replace

_JOINS = {Measure.COUNT: Combine.SUM, Measure.PERCENT: Combine.MEAN}
"""What links may measure, and how such parts are joined where the mapping does not say."""


@immutable
class Feed:
    """The parts of one key result, and what joins them."""

    parts: tuple[Part, ...] = ()
    combine: Combine | None = None

    @property
    def percent(self) -> bool:
        """Whether the combined number is a percentage; the sum of several is not."""
        return self.combine is not Combine.SUM and all(part.measure is Measure.PERCENT for part in self.parts)


def linked(feed: Feed, link_by: LinkByEntry, key_result: KeyResultEntry, part: Callable[[str, Measure], Part]) -> Feed:
    """Return what feeds a key result with its label in mind.

    Each part on a linked source takes the labelled tickets too.  A linked source without a part gets one of its own,
    made by `part`, unless the mapping measures what neither a number of tickets nor a percentage can be joined to; it
    is joined once there is a labelled ticket.
    """
    label = Match(Selector.LABEL, (link_by.label.replace(ID, key_result.id),))
    parts = [
        replace(each, where=AnyOf((each.where, label))) if each.source in link_by.sources else each
        for each in feed.parts
    ]
    read, measure = {each.source for each in parts}, _measure(feed.parts, key_result)
    if measure is None or read.issuperset(link_by.sources):
        return Feed(tuple(parts), feed.combine)
    added = [
        replace(part(name, measure), where=label, linked=True)
        for name in _each_once(link_by.sources)
        if name not in read
    ]
    parts += added
    return Feed(tuple(parts), feed.combine if feed.combine or len(parts) == 1 else _JOINS[measure])


def _measure(parts: Sequence[Part], key_result: KeyResultEntry) -> Measure | None:
    """What a part of its own measures: what the mapping's parts do, and without a mapping what the unit says."""
    if not parts:
        percent = key_result.unit.strip() == "%" or key_result.kind == "binary"
        return Measure.PERCENT if percent else Measure.COUNT
    first = parts[0].measure
    return first if first in _JOINS and all(part.measure is first for part in parts) else None


def _each_once(names: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(names)
