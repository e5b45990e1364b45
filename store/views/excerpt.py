"""`explain` as a page shows it: some tickets of each list, and how many there are.

A key result may have thousands of tickets, of which a page names a few.  Where SQL tells which of them are on the line
(`store.drawing`), those that are shown are read and judged, and the others only counted; else all of it is explained.
A property test holds the first against the second.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeAlias, TypeVar

from sqlalchemy import Connection

from mapping.codec import parse_rule
from mapping.family import Candidate, candidates
from mapping.judging import Line
from mapping.measure import lines_of, lines_of_some
from mapping.rule import OF_COUNTED, Part, Rule
from mapping.totals import ONE, Total, part_value, value_of, weeks_over
from okrs.immutable import immutable
from okrs.numbers import from_millionths, to_millionths
from okrs.work import WorkItem
from store import facets, ledger, lookup, sources
from store.cache import MirrorCache
from store.drawing import GROWN, ON_LINE, WEIGHTLESS, draw, draws
from store.facets import Index
from store.families import Unread
from store.finals import has_ended
from store.holds import hold_of
from store.ledger import Recorded
from store.narrowing import present
from store.renames import on_record
from store.views.explain import Explained, explain, idle_among, line_as_recorded, not_read_of
from store.views.setup import Setup

T = TypeVar("T")


@immutable
class Leaf(Generic[T]):
    """One page of a list."""

    lines: tuple[T, ...]
    total: int
    page: int
    pages: int


Lines: TypeAlias = Leaf[Line]


@immutable
class PartExcerpt:
    """What a page shows of a part."""

    value: Decimal | None
    counted: Lines
    others: Lines
    grown: int
    """How many items it selects that were created since the cycle began."""
    lacks: bool
    """It selects nothing that the number needs."""
    plainly: bool
    """Every ticket counts as one, or not at all."""


@immutable
class Excerpt:
    """What a page shows of a key result and its tickets: see `store.views.explain.Explained`."""

    rule: Rule
    value: Decimal | None
    parts: tuple[PartExcerpt, ...]
    not_read: Mapping[int, tuple[Unread, ...]] = field(default_factory=dict)


@immutable
class Leafing:
    """Which pages are wanted: of what counts and of the others, by part; else the first."""

    most: int
    """Tickets on a page."""
    pages: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def cut(self, total: int, wanted: int) -> tuple[int, int]:
        """Return the page that is shown of a list, and how many there are."""
        pages = max(1, -(-total // self.most))
        return min(wanted, pages), pages

    def of(self, part: int) -> tuple[int, int]:
        """Return which pages of a part are wanted."""
        return self.pages.get(part, (1, 1))

    def span(self, page: int) -> slice:
        """Return the place of a page in its list."""
        return slice((page - 1) * self.most, page * self.most)


def excerpt(
    connection: Connection, setup: Setup, name: str, now: datetime, *, leafing: Leafing, cache: MirrorCache
) -> Excerpt | None:
    """Return what a page shows of a key result now.  None and errors as of `explain`."""
    told = by_sql(connection, setup, name, now, leafing=leafing, cache=cache)
    if told is not None:
        return told
    answer = explain(connection, setup, name, now, cache)
    return None if answer is None else excerpt_of(answer, leafing)


def excerpt_of(answer: Explained, leafing: Leafing) -> Excerpt:
    """Return what a page shows of an explanation: the meaning of all of this."""
    parts = tuple(_part_of(answer, number, leafing) for number in range(len(answer.rule.parts)))
    return Excerpt(answer.rule, answer.value, parts, answer.not_read)


def _part_of(answer: Explained, number: int, leafing: Leafing) -> PartExcerpt:
    mine = [each for each in answer.measured.lines if each.part == number]
    lists = [each for each in mine if each.counted], [each for each in mine if not each.counted]
    counted, others = (_leaf(some, wanted, leafing) for some, wanted in zip(lists, leafing.of(number), strict=True))
    plainly = all(each.amount in (0, 1, None) for each in mine)
    return PartExcerpt(
        answer.part_value(number), counted, others, answer.grown(number), answer.lacks(number), plainly
    )  # fmt: skip


def _leaf(some: Sequence[T], wanted: int, leafing: Leafing) -> Leaf[T]:
    page, pages = leafing.cut(len(some), wanted)
    return Leaf(tuple(some[leafing.span(page)]), len(some), page, pages)


# --- by SQL ----------------------------------------------------------------------------------------------------------

_ONE = to_millionths(ONE)

Live: TypeAlias = Mapping[tuple[int, str], Line]
"""What items are to parts by now, by the number of the part and the id."""
_Leaves: TypeAlias = tuple[Leaf[str], Leaf[str]]
"""The ids on a page of what counts, and on one of the others."""


@immutable
class _Asked:
    """What is measured, on one snapshot."""

    connection: Connection
    rule: Rule
    at: datetime
    indexes: Mapping[str, Index]

    def late(self) -> Live:
        """Return what the items are to the parts of which the facets tell how they were."""
        late = {source: index.late for source, index in self.indexes.items() if index.late}
        if not late:
            return {}
        mirror = {source: self._among(source, ids) for source, ids in late.items()}
        lines = lines_of(self.rule, mirror, self.at).lines
        return {(line.part, line.item.id): line for line in lines if line.item.id in late[line.source]}

    def drawn(self, late: Live) -> list[dict[str, int]] | None:
        """Return what each part selects, by id, and what that is to it; None where facets do not tell."""
        found = []
        for number, part in enumerate(self.rule.parts):
            index = self.indexes[part.source]
            some = draw(self.connection, index, self.rule, number, self.at)
            if some is None:
                return None
            found.append({item: bits for item, bits in some.items() if item not in index.late} if index.late else some)
        for (number, item), line in late.items():
            found[number][item] = _bits(self.rule, line)
        return found

    def live(self, late: Live, lists: "Sequence[_Lists]", leaves: "Sequence[_Leaves]") -> Live:
        """Return what is shown, as far as it is selected now."""
        found = dict(late)
        for number, part in enumerate(self.rule.parts):
            shown = {*leaves[number][0].lines, *leaves[number][1].lines}
            ids = (shown & lists[number].drawn.keys()) - self.indexes[part.source].late
            some = [each for each in self._known(part, ids) if each.item.id in ids]
            found |= {(number, line.item.id): line for line in lines_of_some(self.rule, number, some, self.at)}
        return found

    def _known(self, part: Part, ids: Iterable[str]) -> list[Candidate]:
        """Return items among those that a part asks for, which is nobody where the facets told who is selected."""
        if part.of is not None:
            return self._among(part.source, ids)
        some = present(self.connection, part.source, ids)
        return candidates(some.values(), self.indexes[part.source].lore)

    def _among(self, source: str, ids: Iterable[str]) -> list[Candidate]:
        return facets.among(self.connection, self.indexes[source], self.rule, ids, alone=True)


def _bits(rule: Rule, line: Line) -> int:
    on_line = 0 if line.weight is None else ON_LINE
    return on_line | _grown(rule, line.item) | (WEIGHTLESS if line.counted and line.amount == 0 else 0)


def _grown(rule: Rule, item: WorkItem) -> int:
    return GROWN if item.created_at is not None and item.created_at >= rule.period.start else 0


@immutable
class _Lists:
    """The ids of a part's lists, in order: what is on record, and what is selected and off the line."""

    recorded: Mapping[str, Recorded]
    drawn: Mapping[str, int]
    """What the part selects now."""
    counted: Sequence[str]
    others: Sequence[str]


def _lists(part: Part, recorded: Mapping[str, Recorded], drawn: Mapping[str, int]) -> _Lists:
    every = part.measure in OF_COUNTED
    counted = {item for item, line in recorded.items() if every or line.amount or drawn.get(item, 0) & WEIGHTLESS}
    off = {item for item, bits in drawn.items() if not bits & ON_LINE and item not in recorded}
    return _Lists(recorded, drawn, sorted(counted), sorted(off | (recorded.keys() - counted)))


def by_sql(
    connection: Connection, setup: Setup, name: str, now: datetime, *, leafing: Leafing, cache: MirrorCache
) -> Excerpt | None:
    """Return what a page shows of a key result; None where that follows from more than its items one by one."""
    known = setup.key_result(name)
    held_as = on_record(connection, known) if known else name
    state = ledger.state_of(connection, held_as)
    if state is None or has_ended(connection, held_as):
        return None
    rule, hold = parse_rule(ledger.rule_text_of(connection, state.rule)), hold_of(connection, held_as)
    if state.measured_at >= rule.period.end or not draws(rule) or (hold is not None and not hold.rejected):
        return None
    recorded: list[dict[str, Recorded]] = [{} for _ in rule.parts]
    for each in ledger.recorded(connection, held_as):
        recorded[each.part][each.item] = each
    with cache.indexes(connection, sources.generations(connection, rule.sources)) as indexes:
        asked = None if indexes is None else _Asked(connection, rule, state.measured_at, indexes)
        late = {} if asked is None else asked.late()
        drawn = None if asked is None else asked.drawn(late)
        if asked is None or drawn is None:
            return None
        lists = [_lists(*each) for each in zip(rule.parts, recorded, drawn, strict=True)]
        leaves = [_leaves(each, leafing, leafing.of(number)) for number, each in enumerate(lists)]
        live = asked.live(late, lists, leaves)
    parts = _parts(asked, lists, leaves, live, now)
    return None if parts is None else Excerpt(rule, state.value, parts, not_read_of(connection, rule))


def _parts(
    asked: _Asked, lists: Sequence[_Lists], leaves: Sequence[_Leaves], live: Live, now: datetime
) -> tuple[PartExcerpt, ...] | None:
    """Tell of the parts; None where something of that is not to be had so."""
    rule = asked.rule
    totals = [_total(*each) for each in zip(rule.parts, lists, strict=True)]
    value_of(rule, totals, asked.at)  # raises what `explain` does
    telling = _Telling(asked, _away(asked, lists), live)
    empty = {number for number, each in enumerate(lists) if not each.counted and not each.others}
    lacking = set(rule.lacking(empty)) - idle_among(asked.connection, rule, empty, now)
    weeks = weeks_over(rule, asked.at).days // 7
    try:
        return tuple(
            PartExcerpt(
                part_value(part, totals[number], weeks),
                telling.leaf(number, lists[number], leaves[number][0]),
                telling.leaf(number, lists[number], leaves[number][1]),
                telling.grown(number, lists[number]),
                number in lacking,
                all(line.amount in (0, _ONE) for line in lists[number].recorded.values()),
            )
            for number, part in enumerate(rule.parts)
        )
    except KeyError:  # of an item nobody knows anything
        return None


def _leaves(lists: _Lists, leafing: Leafing, wanted: tuple[int, int]) -> _Leaves:
    return _leaf(lists.counted, wanted[0], leafing), _leaf(lists.others, wanted[1], leafing)


def _away(asked: _Asked, lists: Sequence[_Lists]) -> dict[tuple[str, str], WorkItem]:
    """Return what is on record and not selected any more, as it was last seen."""
    ids: dict[str, set[str]] = {}
    for part, each in zip(asked.rule.parts, lists, strict=True):
        ids.setdefault(part.source, set()).update(each.recorded.keys() - each.drawn.keys())
    return {
        (source, item): found
        for source, some in ids.items()
        for item, (found, _gone) in lookup.look_up(asked.connection, source, sorted(some)).items()
    }


def _total(part: Part, lists: _Lists) -> Total:
    lines = lists.recorded.values()
    spread = sorted(line.amount for line in lines) if part.rank is not None else None
    return Total(
        from_millionths(sum(line.amount for line in lines)),
        from_millionths(sum(line.weight for line in lines)),
        len(lines),
        None if spread is None else tuple(map(from_millionths, spread)),
    )


@immutable
class _Telling:
    """Makes lines of what is on record, what is selected, and what was."""

    asked: _Asked
    away: Mapping[tuple[str, str], WorkItem]
    live: Live

    def leaf(self, number: int, lists: _Lists, ids: Leaf[str]) -> Lines:
        lines = tuple(self._line(number, item, lists.recorded.get(item)) for item in ids.lines)
        return Leaf(lines, ids.total, ids.page, ids.pages)

    def _line(self, number: int, item: str, recorded: Recorded | None) -> Line:
        if recorded is None:
            return self.live[number, item]
        live, away = self.live.get((number, item)), self.away.get((recorded.source, item))
        shown = away or self.live[number, item].item
        return line_as_recorded(self.asked.rule, recorded.evidence, live, shown, held=False)

    def grown(self, number: int, lists: _Lists) -> int:
        """Count who was created since the cycle began."""
        rule, recorded, drawn = self.asked.rule, lists.recorded, lists.drawn
        source = rule.parts[number].source
        gone = sum(bool(_grown(rule, self.away[source, item])) for item in recorded.keys() - drawn.keys())
        return gone + sum(
            bool(bits & GROWN) and (item in recorded or not bits & ON_LINE) for item, bits in drawn.items()
        )
