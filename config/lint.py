"""Warnings about a config that is right: where each stands, what may be wrong, what to do."""

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from config.documents import document_of
from config.interpolation import marks
from config.loader import Loaded
from config.mappings import ID
from config.model import Config
from config.names import key_results_of, mappings_of, objectives_of
from config.problems import Problem, Problems
from config.tree import Spot, Step
from config.words import advice, meant, quoted
from connectors.settings import Containers
from mapping.lint import (
    Ambiguous,
    FieldRefused,
    Finding,
    Finished,
    Misspelt,
    NeverBegun,
    NeverDone,
    NotRead,
    Overlap,
    Reached,
    Reused,
    SelectsNothing,
    Twice,
    Unanswered,
    Unestimated,
    Unknown,
)
from mapping.rule import Counts, FieldMatch, Match, Measure, Rule, Selector
from okrs.immutable import replace
from okrs.numbers import plain
from okrs.objective import KeyResult, Numeric
from okrs.work import fold_key, fold_name

_RISING = frozenset({Measure.COUNT, Measure.PERCENT, Measure.SUM})
"""Measures that grow with every finished ticket."""


def warned(loaded: Loaded, findings: Iterable[Finding], unasked: str = "") -> tuple[Problem, ...]:
    """Return the problems of a config with its warnings among them, in the order of the files.

    `unasked` is a sentence when there is a database that could not be asked.
    """
    problems = Problems(list(loaded.problems))
    places = _Places(loaded.roots)
    if unasked:
        problems.warning(places.database, f"{unasked} So nothing is said of what the mappings select.")
    if loaded.config is None:
        return problems.sorted()
    for root in (file.root for file in loaded.files if file.root):
        document_of(root, loaded.config, problems)
    _tell(_warnings(loaded.config, places, findings), problems)
    return problems.sorted()


def warned_of(loaded: Loaded, findings: Iterable[Finding], key_results: Collection[str]) -> tuple[Problem, ...]:
    """Return the warnings about these key results alone, in the words of `warned` and in the order of the files."""
    problems = Problems()
    if loaded.config is not None:
        every = _warnings(loaded.config, _Places(loaded.roots), findings)
        _tell((each for each in every if not each.about.isdisjoint(key_results)), problems)
    return problems.sorted()


def told_of(loaded: Loaded, findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Return the warnings about each key result, in the words of `warned`."""
    told: dict[str, list[str]] = {}
    if loaded.config is not None:
        for each in _warnings(loaded.config, _Places(loaded.roots), findings):
            for name in sorted(each.about):
                if each.text not in told.setdefault(name, []):
                    told[name].append(each.text)
    return told


def _tell(warnings: Iterable["Told"], problems: Problems) -> None:
    # What a part names twice has one place.
    for spot, message in {(each.spot.node.place, each.spot.path, each.text): each[:2] for each in warnings}.values():
        problems.warning(spot, message)


def _warnings(config: Config, places: "_Places", findings: Iterable[Finding]) -> Iterator["Told"]:
    """What the config alone tells, then what was found in the mirror and does not follow from that."""
    astray = _astray(config)
    elsewhere = list(_elsewhere(config))
    yield from _of_config(config, astray, places)
    for name, part, value, text in elsewhere:
        yield Told(places.word(name, part, Selector.PROJECT, value), text, frozenset((name,)))
    yield from _misspelt_fields(config, places)
    told = {each[:3] for each in elsewhere}
    for each in findings:
        # One that goes the wrong way is reached at once, and nothing read is of a project that is not read.
        follows = isinstance(each, Reached) and each.key_result in astray
        if not follows and not _is_elsewhere(each, told) and not places.links(each):
            written = places.as_written(each)
            yield Told(_place(written, places), _words(written), _about(each))


def _about(found: Finding) -> frozenset[str]:
    return frozenset((found.key_result, found.other) if isinstance(found, Overlap) else (found.key_result,))


class _Places:
    """Where key results, their mappings and their parts stand."""

    def __init__(self, roots: Sequence[Spot]) -> None:
        self._root = roots[0] if roots else None
        self._roots = roots
        self._words: dict[tuple[str, int], dict[tuple[Step, str], Spot]] = {}
        """By part: what it says, by the key that it says it for."""
        self._mappings = {each.word("key_result"): each for each in mappings_of(roots)}
        self._objectives = {each.word("id"): each for each in objectives_of(roots)}
        self._key_results = {
            inner.word("id"): inner for each in self._objectives.values() for inner in key_results_of(each)
        }

    def as_written(self, found: Finding) -> Finding:
        """A finding without the label that `link_by` adds to a mapping's part: nobody needs to use it yet."""
        if not isinstance(found, SelectsNothing) or found.key_result not in self._mappings:
            return found
        labels = self._linked(found.key_result)
        kept = (each for each in found.unknown if each[0] is not Selector.LABEL or each[1] not in labels)
        return replace(found, unknown=tuple(kept))

    def links(self, found: Finding) -> bool:
        """Tell whether a finding is about the spelling of a label that `link_by` makes, and nobody wrote."""
        return (
            isinstance(found, Misspelt)
            and found.selector is Selector.LABEL
            and found.value in self._linked(found.key_result)
        )

    def _linked(self, name: str) -> list[str]:
        links = (root.get("link_by") for root in self._roots)
        return [(link.word("label") or "").replace(ID, name) for link in links if link]

    @property
    def database(self) -> Spot:
        return next(spot for root in self._roots if (spot := root.get("database")))

    def objective(self, name: str) -> Spot:
        return self._objectives[name].down(("id",))

    def key_result(self, name: str, key: str = "id") -> Spot:
        return self._key_results[name].down((key,))

    def mapping(self, name: str) -> Spot:
        """The mapping of a key result; a link by label may feed one that has none."""
        return self._mappings[name].down(("key_result",)) if name in self._mappings else self.key_result(name)

    def part(self, name: str, number: int, *keys: str) -> Spot:
        """A key of a part, or as near to it as the config says anything."""
        if name not in self._mappings:
            return self.key_result(name)
        return self._mappings[name].down(("from", number, *keys))

    def word(self, name: str, number: int, selector: Selector, value: str) -> Spot:
        """Where a part names a value, however deep."""
        if (name, number) not in self._words:
            found: dict[tuple[Step, str], Spot] = {}
            for spot in self.part(name, number).walk():
                for key in spot.path[-2:] if spot.text is not None else ():
                    found.setdefault((key, spot.text or ""), spot)
            self._words[name, number] = found
        return self._words[name, number].get((selector.value, value)) or self.part(name, number, "where")


class Told(NamedTuple):
    """A warning, and where it stands."""

    spot: Spot
    text: str
    about: frozenset[str]
    """The key results that it is about."""


def _of_config(config: Config, astray: Iterable[str], places: _Places) -> Iterator[Told]:
    """What needs no mirror."""
    for name in astray:
        yield Told(
            places.key_result(name, "target"),
            "the target lies below the start, and every finished ticket raises the value: count what is left with "
            "counts: open, or exchange start and target",
            frozenset((name,)),
        )
    for objective in config.objectives:
        own = frozenset(each.id for each in config.key_results if each.objective == objective.id)
        rules = [config.rules.get(each) for each in own]
        if len(rules) > 1 and all(rule and _counts_tickets(rule) for rule in rules):
            yield Told(
                places.objective(objective.id),
                "all its key results count finished tickets: consider one that tells whether the work helped, "
                "as open bugs, the time a ticket takes, or a share",
                own,
            )


def _elsewhere(config: Config) -> Iterator[tuple[str, int, str, str]]:
    """Yield key result, part, value and a sentence of each project that the part's source does not read."""
    for name, rule in config.rules.items():
        for number, part in enumerate(rule.parts):
            settings = config.sources[part.source]
            if not any(not each.shared for each in marks(type(settings), Containers)):
                continue
            names = settings.container_names
            read = {fold_key(each) for each in names}
            for leaf in part.leaves:
                for value in leaf.values if isinstance(leaf, Match) and leaf.selector is Selector.PROJECT else ():
                    if fold_key(value) not in read:
                        told = (
                            f"{quoted(part.source)} does not read {quoted(value)}; {advice(value, names, 'it reads')}"
                        )
                        yield name, number, value, told


def _misspelt_fields(config: Config, places: _Places) -> Iterator[Told]:
    """Fields that are nearly one to which the config gives a name: with one that nobody has a mapping has no effect."""
    for name, rule in config.rules.items():
        for number, part in enumerate(rule.parts):
            own = config.sources[part.source].own_field_names
            asked = {each.field: "where" for each in part.leaves if isinstance(each, FieldMatch)}
            for field, key in (asked | ({part.by: "by"} if part.by else {})).items():
                close = meant(field, own) if field not in own else None
                if close and _spaced(close) != _spaced(field):
                    told = (
                        f"{quoted(part.source)} gives no field the name {quoted(field)}; did you mean {quoted(close)}?"
                    )
                    yield Told(
                        places.part(name, number, key),
                        f"{told} If its tracker has no such field either, the mapping does not take effect",
                        frozenset((name,)),
                    )


def _spaced(field: str) -> str:
    """A field's name as its tracker may compare it: `story_points` is how a config spells its Story Points."""
    return fold_name(field.replace("_", " "))


def _is_elsewhere(found: Finding, told: Set[tuple[str, int, str]]) -> bool:
    return (
        isinstance(found, Unknown)
        and found.selector is Selector.PROJECT
        and (found.key_result, found.part, found.value) in told
    )


def _astray(config: Config) -> set[str]:
    """Key results that every finished ticket takes further away from their target."""
    rules = ((each, config.rules.get(each.id)) for each in config.key_results)
    return {each.id for each, rule in rules if rule and _runs_away(each, rule)}


def _runs_away(key_result: KeyResult, rule: Rule) -> bool:
    terms = key_result.terms
    falling = isinstance(terms, Numeric) and terms.target < terms.start
    rising = all(part.counts is Counts.DONE and part.measure in _RISING for part in rule.parts)
    return falling and rising and rule.scale is None


def _counts_tickets(rule: Rule) -> bool:
    return all(part.counts is Counts.DONE and part.measure is Measure.COUNT for part in rule.parts)


_KEYS = {
    SelectsNothing: "where",
    Twice: "where",
    Ambiguous: "once",
    NeverDone: "done_when",
    NeverBegun: "measure",
    Unestimated: "by",
}
"""The key of a part at which it is told."""


_NEEDING = {"sprints": "where", "links": "once", "histories": "done_when"}
"""By which key a part needs what a tracker may refuse beside fields; a `cycle_time` needs histories by itself."""


def _place(found: Finding, places: _Places) -> Spot:
    name = found.key_result
    match found:
        case Unknown(_, part, selector, value) | Misspelt(_, part, selector, value) | NotRead(_, part, selector, value):
            spot = places.word(name, part, selector, value)
        case Unanswered(_, part, query):
            spot = places.word(name, part, Selector.QUERY, query)
        case FieldRefused(_, part, field, extra=True):
            spot = places.part(name, part, _NEEDING[field])
        case FieldRefused(_, part, field):
            by = places.part(name, part).word("by") == field
            spot = places.part(name, part, "by" if by else "where")
        case SelectsNothing() | Twice() | Ambiguous() | NeverDone() | NeverBegun() | Unestimated():
            spot = places.part(name, found.part, _KEYS[type(found)])
        case Overlap():
            spot = places.mapping(name)
        case Reached():
            spot = places.key_result(name, "target")
        case Reused() | Finished():
            spot = places.key_result(name)
    return spot


def _words(found: Finding) -> str:
    match found:
        case SelectsNothing() | Unknown() | Misspelt() | NeverDone() | NeverBegun():
            text = _missed(found)
        case Overlap(_, other, items, examples):
            shared = f"{_tickets(items)} in {quoted(other)}, too, as {', '.join(examples)}"
            text = f"{shared}: narrow one of the two, unless the same work is to move both"
        case Unestimated(_, _, field, items, of, examples):
            text = (
                f"{items} of {of} tickets ({round(100 * items / of)} %) have no number in {quoted(field)}, as "
                f"{', '.join(examples)}, and are left out: estimate them, or say with missing: what they weigh"
            )
        case Twice(_, _, items, (child, above)):
            text = (
                f"{_tickets(items)} beside what they lie under, as {child} under {above}: unless they are work of "
                "their own it weighs twice, leave one level out by kind: or type:"
            )
        case NotRead(_, _, _, above, source, items, examples):
            verb = "is" if items == 1 else "are"
            text = (
                f"{items} of what lies under {quoted(above)} {verb} not read by {quoted(source)}, as "
                f"{', '.join(examples)}: add where they are to the source, or say project: beside it if that is meant"
            )
        case Ambiguous(_, _, items, examples):
            text = (
                f"{_tickets(items)} though an earlier part may have the same work, as {', '.join(examples)}: several "
                "sources have a ticket of that key, and nobody knows which is meant: map one of them alone"
            )
        case Unanswered() | FieldRefused():
            text = _refused(found)
        case Reached():
            text = _all_it_asks_for(found)
        case Reused() | Finished():
            text = _of_another_cycle(found)
    return text


def _missed(found: SelectsNothing | Unknown | Misspelt | NeverDone | NeverBegun) -> str:
    """What a rule asks for, and no ticket has."""
    match found:
        case SelectsNothing():
            return _nothing(found)
        case Unknown(_, _, selector, value, near):
            remedy = f"did you mean {quoted(near)}?" if near else "check the spelling, or read it first if it is new"
            return f"nothing that was read has the {selector.value} {quoted(value)}; {remedy}"
        case Misspelt(_, _, selector, value, near):
            word = f"the {selector.value} {quoted(value)}"
            return f"{word} is used by no ticket that was read; did you mean {quoted(near)}?"
        case NeverBegun(_, _, items, examples):
            return (
                f"none of {items} finished tickets tells when it began, as {', '.join(examples)}, so there is nothing "
                "to measure: where its tracker does not tell, measure lead_time"
            )
        case NeverDone(_, _, items, instead):
            told = f"no ticket is done by done_when, though the tracker calls {items} of them done"
            if not instead:
                return (
                    f"{told}: it gives them no such word, so say done_when on the parts of other sources alone, and "
                    "not under defaults:"
                )
            return (
                f"{told}, as {' or '.join(map(quoted, instead))}: correct the spelling, or leave it until the first "
                "one gets there"
            )


def _of_another_cycle(found: Reused | Finished) -> str:
    match found:
        case Reused(_, cycle, first, last):
            return (
                f"its history of {first} to {last} would go on in {quoted(cycle)}, value and all: give what is "
                "wanted of another cycle an id of its own"
            )
        case Finished(_, cycle, of):
            return (
                f"its result is that of {quoted(of)}, which is closed, so nothing of it is recorded in "
                f"{quoted(cycle)}: put it back into {quoted(of)}, and give what is wanted of {quoted(cycle)} an id of "
                "its own"
            )


def _all_it_asks_for(found: Reached) -> str:
    began = "it began" if found.measured else "it would begin"
    if found.binary:
        return f"{began} done, which is all it asks for: let its mapping select work that lies ahead"
    return f"{began} with {plain(found.value)}, which is all it asks for: set a target that lies ahead"


def _refused(found: Unanswered | FieldRefused) -> str:
    match found:
        case FieldRefused(_, _, field, error, True):
            return f"the tracker cannot give {field}, so this mapping does not take effect: {error}"
        case FieldRefused(_, _, field, error):
            return f"the tracker cannot give the field {quoted(field)}, so this mapping does not take effect: {error}"
        case Unanswered(_, _, _, None | ""):
            return "this query was not asked yet: run `headway sync`"
    told = "refuses this query, so this mapping does not take effect" if found.refused else "did not answer this query"
    return f"the tracker {told}: {found.error}"


def _nothing(found: SelectsNothing) -> str:
    labels = [each for each in found.unknown if each[0] is Selector.LABEL]
    if found.linked and labels:
        (_, label, near), *_ = labels
        some = f"; some have {quoted(near)}" if near else ""
        told = "yet, and labels alone feed this key result: put it on a ticket, or write a mapping"
        return f"no ticket has the label {quoted(label)} {told}{some}"
    text = "selects nothing that was read"
    if found.kinds:
        kinds = ", ".join(found.kinds)
        asked = kinds if len(found.kinds) == 1 else f"[{kinds}]"
        return f"{text}: without kind or type only issues are selected, so ask for kind: {asked} to select some"
    for selector, value, near in found.unknown:
        text += f"; no ticket has the {selector.value} {quoted(value)}"
        text += f", did you mean {quoted(near)}?" if near else ""
    return text if found.unknown else f"{text}: no ticket has all of this at once"


def _tickets(number: int) -> str:
    return "1 ticket counts" if number == 1 else f"{number} tickets count"
