"""What an admin may not have meant: rules held against the items that were read.  Pure; nothing here is an error.

Each finding is a fact with its numbers and a few examples; `config.lint` says where in the config it stands, and what
to do about it.  What is ordinary is not told: every limit below is there to keep a right config quiet.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from difflib import SequenceMatcher
from typing import TypeAlias

from mapping.judging import Line, Reason, meets
from mapping.lasting import lasting
from mapping.measure import Mirror, measure, selected
from mapping.naming import Named
from mapping.overlaps import Overlaps
from mapping.rule import AllOf, Counts, Match, Measure, Missing, Part, Rule, Selector, names_a_kind
from okrs.immutable import immutable, replace
from okrs.work import Kind, State, fold_key, fold_name

FEW = 3
"""Examples that are named."""

MANY = Decimal("0.2")
"""Share of a selection without estimates from which it is told."""

SHARED = Decimal("0.1")
"""Share of the smaller selection from which two are said to overlap, and of one from which it holds work twice."""

ALIKE = 0.8
"""Likeness from which a word that nobody uses is said to be another one that some use."""

_AMOUNTS_OF_WORK = frozenset({Measure.COUNT, Measure.PERCENT, Measure.SUM})
"""Measures in which the same ticket twice is the same work twice; times and averages look at it from another side."""

_THINGS = (
    Selector.PROJECT,
    Selector.MILESTONE,
    Selector.EPIC,
    Selector.PARENT,
    Selector.SECTION,
    Selector.SPRINT,
    Selector.KEY,
)
"""What a rule names one by one: an unknown name is always a mistake, or comes too early."""

_WORDS = (Selector.TYPE, Selector.LABEL, Selector.STATUS, Selector.RESOLUTION, Selector.ASSIGNEE)
"""What may well be used by nobody yet: told where a part selects nothing at all, or where another word is meant."""

_NEVER = "never"

_LOOKED_FOR = 50
"""Unknown names of a part after which no nearest one is looked for any more."""


@immutable
class SelectsNothing:
    """A part finds no item, and waits for none: one that a label alone feeds is left out where others go on."""

    key_result: str
    part: int
    unknown: tuple[tuple[Selector, str, str | None], ...] = ()
    """Words of its `where` that no item has, each with the nearest that some have."""
    linked: bool = False
    """Labels alone feed it, and nobody uses one yet."""
    kinds: tuple[Kind, ...] = ()
    """It says no kind, so it selects issues alone, and would select these if it asked for them."""


@immutable
class Misspelt:
    """A word that no item has and that is nearly one that some have, in a part that selects something all the same."""

    key_result: str
    part: int
    selector: Selector
    value: str
    near: str


@immutable
class NeverDone:
    """Nothing that a part selects is done by its own meaning of done, though the tracker calls some of it done."""

    key_result: str
    part: int
    items: int
    """Those that the tracker calls done."""
    instead: tuple[str, ...]
    """The statuses that they have, or the resolutions where only such are asked for; the most frequent first."""


@immutable
class NeverBegun:
    """A time that no item of a part gives, as nothing tells when work on any of them began, or when it was created."""

    key_result: str
    part: int
    items: int
    examples: tuple[str, ...]


@immutable
class Unknown:
    """A rule names something that nothing read is called."""

    key_result: str
    part: int
    selector: Selector
    value: str
    near: str | None


@immutable
class Overlap:
    """The same work counts in two key results."""

    key_result: str
    other: str
    items: int
    examples: tuple[str, ...]


@immutable
class Unestimated:
    """Many items of a part have no number in the field that weighs them."""

    key_result: str
    part: int
    field: str
    items: int
    of: int
    examples: tuple[str, ...]


@immutable
class Twice:
    """A part counts items and their children."""

    key_result: str
    part: int
    items: int
    example: tuple[str, str]
    """A child and what it lies under."""


@immutable
class NotRead:
    """Some of what lies under an item is where its source does not read."""

    key_result: str
    part: int
    selector: Selector
    value: str
    source: str
    items: int
    examples: tuple[str, ...]


@immutable
class Ambiguous:
    """Work of a part with `once` may be an earlier part's: the key that would say so is that of several tickets."""

    key_result: str
    part: int
    items: int
    examples: tuple[str, ...]


@immutable
class Unanswered:
    """A query that the tracker did not answer, or that nobody asked yet (`error` None)."""

    key_result: str
    part: int
    query: str
    error: str | None
    refused: bool = False
    """The tracker will not answer it before somebody corrects it."""


@immutable
class FieldRefused:
    """A field that the tracker cannot give as the part asks for it; `error` is its sentence."""

    key_result: str
    part: int
    field: str
    error: str
    extra: bool = False
    """It is no field: sprints, histories or links."""


@immutable
class Reached:
    """A key result that began, or would begin, where it is to end."""

    key_result: str
    value: Decimal
    measured: bool
    """It is on record; else it would begin so now."""
    binary: bool = False
    """It has no target: it is done or not."""


@immutable
class Reused:
    """A key result of one cycle that has a history in another one."""

    key_result: str
    cycle: str
    first: date
    last: date
    """The days of the cycle that its history is of."""


@immutable
class Finished:
    """A key result whose result is that of another cycle, which is closed."""

    key_result: str
    cycle: str
    """In which the config has it."""
    of: str
    """The one that is closed."""


Finding: TypeAlias = (
    SelectsNothing
    | Misspelt
    | NeverDone
    | NeverBegun
    | Unknown
    | Overlap
    | Unestimated
    | Twice
    | NotRead
    | Ambiguous
    | Unanswered
    | FieldRefused
    | Reached
    | Reused
    | Finished
)


@immutable
class Picked:
    """What is looked at of one part's selection."""

    some: bool
    """It selects anything at all, or would if nothing asked for a state or for days (`mapping.lasting`)."""
    work: AbstractSet[str] = frozenset()
    """Ids of what is on the line."""
    without: int = 0
    """Items that are left out for want of an estimate, where nothing is said of such."""
    unestimated: tuple[str, ...] = ()
    """Keys of the first of them."""
    weighing: int = 0
    """Items on the line with a weight above nothing."""
    nested: int = 0
    """Those of them that lie under another one."""
    example: tuple[str, str] = ("", "")
    """The first of these, and what it lies under."""
    ambiguous: tuple[str, ...] = ()
    """Keys of what an earlier part may have, too."""
    kinds: tuple[Kind, ...] = ()
    """Where it selects nothing: the kinds of which it would select some, if it asked for them."""
    undone: int = 0
    """Items that the tracker calls done, where none of the selection is done by the part's own meaning of done."""
    instead: tuple[str, ...] = ()
    """The statuses, or resolutions, that these have."""
    unbegun: tuple[str, ...] = ()
    """Keys of items that would count if it were known when they began, where nothing counts."""


@immutable
class Surveyed:
    """What is looked at of a rule."""

    value: Decimal | None
    parts: tuple[Picked, ...]

    def lacking(self, rule: Rule) -> tuple[int, ...]:
        """Return the parts that select nothing, of those that the number needs."""
        return rule.lacking([number for number, picked in enumerate(self.parts) if not picked.some])


def surveyed(rule: Rule, mirror: Mirror, now: datetime) -> Surveyed:
    """Survey a rule by measuring it.  Raises ArithmeticError for absurd estimates."""
    measured = measure(rule, mirror, now)
    ancestors = {source: {each.item.id: each for each in mirror[source]} for source in rule.sources}
    parts = []
    for number, part in enumerate(rule.parts):
        lines = sorted((line for line in measured.lines if line.part == number), key=lambda line: line.item.id)
        missed = [line.item.key for line in lines if line.reason is Reason.NO_ESTIMATE]
        without = missed if part.missing is Missing.EXCLUDE else []
        weighed = [line.item for line in lines if line.weight] if nests(part) else []
        keys = {fold_key(item.key): item.key for item in weighed}  # a milestone and an issue may share one
        pairs = [
            (item.key, keys[above])
            for item in weighed
            for above in sorted(ancestors[part.source][item.id].ancestors & keys.keys())[:1]
        ]
        work = frozenset(line.item.id for line in lines if line.weight is not None)
        first = pairs[0] if pairs else ("", "")
        some = bool(lines) or selects_lasting(rule, part, mirror, now)
        others = [] if some else other_kinds(part)
        undone, instead = _undone(part, lines)
        parts.append(
            Picked(
                some,
                work,
                len(without),
                tuple(without[:FEW]),
                len(weighed),
                len(pairs),
                example=first,
                ambiguous=tuple(line.item.key for line in lines if line.ambiguous),
                kinds=tuple(kind for kind, other in others if selected(rule, other, mirror, now)),
                undone=undone,
                instead=instead,
                unbegun=_unbegun(lines),
            )
        )
    return Surveyed(measured.value, tuple(parts))


def selects_lasting(rule: Rule, part: Part, mirror: Mirror, now: datetime) -> bool:
    """Tell whether a part would select anything if it asked for no state and no days; it does ask for such."""
    kept = lasting(part)
    return kept is not None and bool(selected(rule, kept, mirror, now))


def other_kinds(part: Part) -> list[tuple[Kind, Part]]:
    """Return a part as it would be if it asked for each kind that it leaves out; empty where it says which it wants."""
    if names_a_kind(part.where):
        return []
    asked = [(kind, Match(Selector.KIND, (kind.value,))) for kind in Kind if kind is not Kind.ISSUE]
    return [(kind, replace(part, where=AllOf((part.where, match)))) for kind, match in asked]


def _undone(part: Part, lines: Collection[Line]) -> tuple[int, tuple[str, ...]]:
    """How many items are done to the tracker alone, and what they have instead of what the part asks for."""
    own = part.done_when
    if own is None or part.counts is Counts.ALL or any(meets(own, line.item) for line in lines):
        return 0, ()
    done = [line.item for line in lines if line.item.state is State.DONE]
    if len(done) < FEW:
        return 0, ()
    words = Counter(item.status if own.status else item.resolution for item in done)
    return len(done), tuple(word for word, _ in words.most_common(FEW) if word)


def _unbegun(lines: Collection[Line]) -> tuple[str, ...]:
    """Keys of what has no history; none where something counts."""
    told = [line.item.key for line in lines if line.reason is Reason.NO_HISTORY]
    return () if any(line.reason is None for line in lines) else tuple(told)


def nests(part: Part) -> bool:
    """Tell whether an item beside what it lies under is the same work twice."""
    return part.measure in _AMOUNTS_OF_WORK


def findings(
    rules: Mapping[str, Rule],
    names: Mapping[str, Named],
    survey: Callable[[str, Rule], Surveyed],
    keys: Callable[[str, Collection[str]], Mapping[str, str]],
) -> Iterator[Finding]:
    """Yield what is to be said of each rule, by key result; `names` has every source of a rule.

    `survey` looks at a rule, which may raise ArithmeticError; `keys` returns the keys of items by source and ids.
    """
    overlaps, counted = Overlaps(), list[str]()
    for name, rule in rules.items():
        try:
            found = survey(name, rule)
        except ArithmeticError:  # absurd estimates; a run of the engine says so
            continue
        lacking = found.lacking(rule)
        for number, (part, picked) in enumerate(zip(rule.parts, found.parts, strict=True)):
            yield from _of_part(name, number, part, picked, names[part.source], lacks=number in lacking)
        overlaps.add(rule.period, _work(rule, found))
        counted.append(name)
    for each in overlaps.found(SHARED, FEW):
        told = tuple(keys(source, [item])[item] for source, item in each.examples)
        yield Overlap(counted[each.other], counted[each.one], each.items, told)


def _of_part(
    key_result: str, number: int, part: Part, picked: Picked, names: Named, *, lacks: bool
) -> Iterator[Finding]:
    leaves = [leaf for leaf in part.leaves if isinstance(leaf, Match)]
    texts = [(leaf.selector, value) for leaf in leaves for value in leaf.values]
    unasked = [text for selector, text in texts if selector is Selector.QUERY]
    unanswered = [each for each in unasked if names.queries.get(each, _NEVER) is not None]
    for text in unanswered:
        yield Unanswered(key_result, number, text, names.queries.get(text))
    unknown = _near([(each, text) for each, text in texts if each in _THINGS and not names.has(each, text)], names)
    for each in unknown:
        yield Unknown(key_result, number, *each)
    if lacks and not unknown and not unanswered:
        strange = [(each, text) for each, text in texts if each in _WORDS and not names.has(each, text)]
        near = tuple(_near(strange, names))
        yield SelectsNothing(key_result, number, near, linked=part.linked, kinds=picked.kinds)
    if picked.some:
        yield from _misspelt(key_result, number, texts, names)
    if picked.undone:
        yield NeverDone(key_result, number, picked.undone, picked.instead)
    if len(picked.unbegun) >= FEW:
        yield NeverBegun(key_result, number, len(picked.unbegun), picked.unbegun[:FEW])
    yield from _unestimated(key_result, number, part, picked)
    if picked.nested and picked.nested >= SHARED * picked.weighing:
        yield Twice(key_result, number, picked.nested, picked.example)
    if picked.ambiguous:
        yield Ambiguous(key_result, number, len(picked.ambiguous), picked.ambiguous[:FEW])


def _near(strange: Sequence[tuple[Selector, str]], names: Named) -> list[tuple[Selector, str, str | None]]:
    """Return unknown names of a part, each with the nearest known one; of many it is looked for among the first."""
    return [(*each, names.near(*each) if place < _LOOKED_FOR else None) for place, each in enumerate(strange)]


def _misspelt(
    key_result: str, number: int, texts: Collection[tuple[Selector, str]], names: Named
) -> Iterator[Misspelt]:
    """A word for which the part has the other one besides, or that differs from it by a number, is meant."""
    own = {(selector, fold_name(text)) for selector, text in texts}
    strange = [(selector, text) for selector, text in texts if selector in _WORDS and not names.has(selector, text)]
    for selector, text, near in _near(strange, names):
        if near and (selector, fold_name(near)) not in own and _nearly(fold_name(text), fold_name(near)):
            yield Misspelt(key_result, number, selector, text, near)


def _nearly(one: str, other: str) -> bool:
    apart = [[sign for sign in text if not sign.isdigit()] for text in (one, other)]
    return apart[0] != apart[1] and SequenceMatcher(None, one, other).ratio() >= ALIKE


def _unestimated(key_result: str, number: int, part: Part, picked: Picked) -> Iterator[Finding]:
    """What an admin said of missing estimates is meant; the default leaves work out without a word."""
    if part.by is None:
        return
    weighed = len(picked.work) + picked.without
    if picked.without and picked.without >= MANY * weighed:
        yield Unestimated(key_result, number, part.by, picked.without, weighed, picked.unestimated)


def _work(rule: Rule, found: Surveyed) -> dict[str, set[str]]:
    """Ids of what would count once it is done, by source."""
    work: dict[str, set[str]] = {}
    for part, picked in zip(rule.parts, found.parts, strict=True):
        if part.counts is Counts.DONE and part.measure in _AMOUNTS_OF_WORK:
            work.setdefault(part.source, set()).update(picked.work)
    return work
