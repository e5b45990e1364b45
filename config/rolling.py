"""The next cycle's objectives, key results and mappings, made from the last's as they are written.

Mappings are taken over as they stand, templates and all; only the ids they name are new, since an id is never used
again.  A start goes on from where a number ended that is a level; one that counts anew begins where it began.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, timedelta
from decimal import Decimal

import yaml

from config.names import key_results_of, mappings_of, objectives_of
from config.tree import Plain, Spot, plain
from mapping.rule import AVERAGES, Measure, Part, Rule, Window
from okrs.cycle import Cycle
from okrs.immutable import immutable
from okrs.numbers import plain as written
from okrs.objective import Keep, KeyResult, Numeric
from okrs.progress import ONE, progress

_LONGEST = 100
"""Letters of an id."""

_PLAIN = re.compile(r"[A-Za-z0-9/._](?:[A-Za-z0-9 /._@+%()&;!?'-]*[A-Za-z0-9/._@+%()&;!?'-])?")
_EXACT = 15
"""Digits of a number that every reader keeps."""

_WORDS = frozenset({"null", "Null", "NULL"})
_DATES = re.compile(r"\d{4}-\d{2}-\d{2}\.\.")


@immutable
class Last:
    """How a key result of the last cycle ended, or stands."""

    value: Decimal | None
    grade: Decimal | None = None
    """None while its cycle is open."""

    def finished(self, key_result: KeyResult) -> bool:
        """Tell whether there is nothing left to do; a band is there to be kept."""
        if isinstance(key_result.terms, Keep):
            return False
        return (progress(key_result.terms, self.value) if self.grade is None else self.grade) >= ONE


@immutable
class Roll:
    """What the next cycle is made from."""

    old: Cycle
    new: Cycle
    roots: Sequence[Spot]
    """The files of the config as they are written."""
    key_results: Mapping[str, KeyResult]
    rules: Mapping[str, Rule]
    last: Mapping[str, Last]
    used: Collection[str]
    """Ids that must not be used again."""
    unfinished: bool = False
    """Leave out what was reached."""
    _names: dict[str, str] = field(default_factory=dict)

    @property
    def objectives(self) -> list[Spot]:
        """Those that go on."""
        mine = [each for each in objectives_of(self.roots) if each.word("cycle") == self.old.id]
        return [each for each in mine if self.carried(each) or not key_results_of(each)]

    def carried(self, objective: Spot) -> list[Spot]:
        """The key results of an objective that go on."""
        return [each for each in key_results_of(objective) if self.goes_on(each.word("id") or "")]

    def goes_on(self, name: str) -> bool:
        known = self.key_results.get(name)
        return known is not None and not (self.unfinished and self._last(name).finished(known))

    def _last(self, name: str) -> Last:
        return self.last.get(name, Last(None))

    @property
    def names(self) -> dict[str, str]:
        """New ids by the old ones."""
        if not self._names:
            taken = set(self.used)
            for objective in self.objectives:
                for spot in (objective, *self.carried(objective)):
                    name = spot.word("id") or ""
                    self._names[name] = _free(name, self.old.id, self.new.id, taken)
                    taken.add(self._names[name])
        return self._names

    def told_of(self, name: str) -> tuple[str, Decimal | None]:
        """Return what is to be said of a key result, and where it starts where that is not where it did."""
        last, known = self._last(name), self.key_results[name]
        if last.value is None:
            return f"{name} was never measured", None
        grade = "" if last.grade is None else f", grade {written(round(last.grade, 2))}"
        told = f"{name} {'ended' if last.grade is not None else 'stands'} at {written(round(last.value, 2))}{grade}"
        if not isinstance(known.terms, Numeric):
            return told, None
        if progress(known.terms, last.value) >= ONE:
            return f"{told}: it is reached, so choose a new start and target", None
        start = _next_start(known.terms, self.rules.get(name), last.value)
        ask = "is its target still the right one?"
        return (f"{told}: {ask}", None) if start is None else (f"{told}, where it goes on: {ask}", start)


def following(cycle: Cycle, name: str) -> Cycle:
    """Return the period behind a cycle, of the same length: of as many months where it is whole months."""
    start, days = cycle.end + timedelta(days=1), cycle.end - cycle.start
    if cycle.start.day != 1 or start.day != 1:
        return Cycle(name, start, start + days)
    months = (start.year - cycle.start.year) * 12 + start.month - cycle.start.month
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return Cycle(name, start, date(year, month + 1, 1) - timedelta(days=1))


def cycle_line(cycle: Cycle) -> str:
    """Return a cycle as an entry of `cycles:`."""
    return f"  - {{id: {_scalar(cycle.id)}, start: {cycle.start}, end: {cycle.end}}}"


def rolled(roll: Roll, head: Iterable[str] = ()) -> str:
    """Return the YAML of the next cycle's objectives and mappings, behind comments."""
    lines = [*_comments(head, ""), "objectives:"]
    for objective in roll.objectives:
        lines += _objective(roll, objective)
    mappings = [each for each in mappings_of(roll.roots) if each.word("key_result") in roll.names]
    if mappings:
        lines += ["", "mappings:"]
    for mapping in mappings:
        lines += _mapping(roll, mapping)
    return "\n".join(lines) + "\n"


# --- ids and numbers ---------------------------------------------------------------------------------------------


def _free(name: str, old: str, new: str, taken: Collection[str]) -> str:
    """Return an id of the new cycle: the old one's suffix is its cycle, or the end of that, as `q4` of `2026-Q4`."""
    base, suffix = name, f"-{new}"
    for was, then in ((old, new), (_tail(old), _tail(new))):
        for sign in "-_.":
            ending = f"{sign}{was}"
            if was and then and name.casefold().endswith(ending.casefold()) and len(name) > len(ending):
                lower = name.endswith(ending.lower())
                base = name[: -len(ending)]
                suffix = f"{sign}{then.lower() if lower else then}"
                return _first_free(base, [suffix, f"-{new}"], taken)
    return _first_free(base, [suffix], taken)


def _tail(cycle: str) -> str:
    """The end of a cycle's name that a quarter goes by: of `2026-Q4` the `Q4`."""
    last = re.split(r"[-_.]", cycle)[-1]
    return last if last != cycle and re.fullmatch(r"[A-Za-z]+\d+", last) else ""


def _first_free(base: str, suffixes: Sequence[str], taken: Collection[str]) -> str:
    tried = [*suffixes, *(f"{suffixes[-1]}-{number}" for number in range(2, len(taken) + 3))]
    names = (f"{base[: _LONGEST - len(suffix)]}{suffix}" for suffix in tried)
    return next(name for name in names if name not in taken)


def _next_start(terms: Numeric, rule: Rule | None, value: Decimal) -> Decimal | None:
    """Return where a number that is not reached goes on from; None where it begins as it began."""
    if rule is None or rule.scale is not None or value in (terms.start, terms.target):
        return None
    anew = [_begins_anew(part) for part in rule.parts]
    goes_on = all(anew) if rule.add_start else not any(anew)  # what is added to a start begins anew behind it
    return value if goes_on else None


def _begins_anew(part: Part) -> bool:
    """Tell whether a part counts from nothing in every cycle; a rate or an average is a level all the same."""
    level = part.measure in AVERAGES or part.measure in (Measure.RATIO, Measure.THROUGHPUT)
    return not level and part.window is Window.CYCLE


# --- text --------------------------------------------------------------------------------------------------------


def _objective(roll: Roll, spot: Spot) -> Iterator[str]:
    told = _table(spot) | {"id": roll.names[spot.word("id") or ""], "cycle": roll.new.id}
    helps = [roll.names.get(name, name) for name in _supported(roll, spot)]
    if told.pop("supports", None) is not None and helps:
        told["supports"] = list(helps)
    told.pop("key_results", None)
    told.pop("was", None)  # the new one was never called otherwise
    yield from _keys(told, "  ")
    own = roll.carried(spot)
    if own:
        yield "    key_results:"
    for each in own:
        name = each.word("id") or ""
        remark, start = roll.told_of(name)
        yield from _comments([remark], "      ")
        known = _table(each) | {"id": roll.names[name]}
        known.pop("was", None)
        yield from _keys(known if start is None else known | {"start": written(start)}, "      ")


def _supported(roll: Roll, spot: Spot) -> Iterator[str]:
    """Yield what an objective helps that still is there to be helped."""
    old = {name for each in objectives_of(roll.roots) if each.word("cycle") == roll.old.id for name in _ids(each)}
    for each in spot.listed("supports"):
        if each.text and (each.text in roll.names or each.text not in old):
            yield each.text


def _ids(objective: Spot) -> Iterator[str]:
    yield objective.word("id") or ""
    yield from (each.word("id") or "" for each in key_results_of(objective))


def _mapping(roll: Roll, spot: Spot) -> Iterator[str]:
    name = spot.word("key_result") or ""
    texts = [each.text or "" for each in spot.walk()]
    if any(map(_DATES.search, texts)):
        yield from _comments([f"its dates are those of {roll.old.id}: look at them"], "  ")
    if any(roll.old.id.casefold() in text.casefold() for text in texts if text != name):
        yield from _comments([f"it names {roll.old.id}: look at it"], "  ")
    told = _table(spot) | {"key_result": roll.names[name]}
    parts = told.pop("from", None)
    yield from _keys(told, "  ")
    if parts:
        yield "    from:"
        yield from (f"      - {_flow(part)}" for part in (parts if isinstance(parts, list) else [parts]))


def _table(spot: Spot) -> dict[str, Plain]:
    found = plain(spot.node)
    return dict(found) if isinstance(found, dict) else {}


def _keys(table: Mapping[str, Plain], indent: str) -> Iterator[str]:
    """An entry of a list, a key a line."""
    sign = "- "
    for key, value in table.items():
        if value is not None:
            yield f"{indent}{sign}{_scalar(key)}: {_flow(value)}"
            sign = "  "


def _flow(value: Plain) -> str:
    match value:
        case list():
            return f"[{', '.join(map(_flow, value))}]"
        case dict():
            return (
                f"{{{', '.join(f'{_scalar(key)}: {_flow(each)}' for key, each in value.items() if each is not None)}}}"
            )
        case None:
            return '""'
    return _scalar(value)


def _scalar(text: str) -> str:
    """Return a text as YAML on one line, without quotes where none are needed.

    A number that other readers of YAML would round, such as a long id, has them.
    """
    long = text.isdigit() and len(text) > _EXACT
    if _PLAIN.fullmatch(text) and text not in _WORDS and not long:
        return text
    bare = text.isprintable()
    style = None if bare else '"'
    told = yaml.safe_dump([text], default_flow_style=True, default_style=style, allow_unicode=bare, width=float("inf"))
    return str(told).removeprefix("[").removesuffix("]\n")


def _comments(sentences: Iterable[str], indent: str) -> Iterator[str]:
    for each in sentences:
        yield f"{indent}# {''.join(char if char.isprintable() else ' ' for char in each)}"
