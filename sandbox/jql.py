"""The part of JQL that this sandbox understands: a few fields and dates joined by AND, and an order.

Anything else is a JqlError, never a guess.  As in Jira, a date without a zone is read in the account's own zone and
a minute is the finest step.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from zoneinfo import ZoneInfo

from sandbox.jira_shapes import TYPES, status_of
from sandbox.records import Item

ACCOUNT_ZONE = "America/New_York"
"""The time zone in the profile of the account, on purpose not the one of the company."""

Test = Callable[[Item], bool]

_TOKEN = re.compile(
    r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(>=|<=|!=|=|>|<|\(|\)|,)|([^\s"'(),=<>!]+))""",
)
_RELATIVE = re.compile(r"-(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DATES = {"updated": "updated", "updateddate": "updated", "created": "created", "createddate": "created"}
_MANY: dict[str, Callable[[Item], set[str]]] = {
    "project": lambda item: {item.project.key, str(item.project.id)},
    "issuetype": lambda item: {item.type.lower(), TYPES[item.type][0]},
    "status": lambda item: {word.lower() for word in status_of(item.state, item.stage)},
    "labels": lambda item: set(item.labels),
    "sprint": lambda item: {name for one in item.sprints for name in (str(one.id), one.title.lower())},
    "key": lambda item: {item.key, str(item.id)},
    "parent": lambda item: {item.parent.key, str(item.parent.id)} if item.parent else set(),
    "cf[10008]": lambda item: (
        {item.parent.key, str(item.parent.id)} if item.parent and item.parent.type == "Epic" else set()
    ),
}
_NAMES = {"issuekey": "key", "issue": "key", "id": "key", "type": "issuetype"}
_ABOVE = ("parent", "cf[10008]")
_ISSUES = ("key", *_ABOVE)
_FOLDED = ("issuetype", "status", "sprint")
_ORDERS: dict[str, Callable[[Item], tuple[object, ...]]] = {
    "created": lambda item: (item.created,),
    "updated": lambda item: (item.updated,),
    "key": lambda item: (item.project.key, item.number),
    "id": lambda item: (item.id,),
}


class JqlError(Exception):
    """The text is no JQL that this sandbox understands; the message is what Jira would put into `errorMessages`."""


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search: an item must pass every test; orders apply from the last to the first."""

    tests: tuple[Test, ...]
    orders: tuple[tuple[str, bool], ...]
    """(field, descending)"""
    named: frozenset[str] = frozenset()
    """Ids and keys of issues that the query names."""
    dated: bool = False
    """Whether it asks for a date."""
    above: frozenset[str] = frozenset()
    """Ids and keys of issues under which it looks."""

    def select(self, items: list[Item]) -> list[Item]:
        """Return the matching items in order; by default the newest first."""
        found = [item for item in items if all(test(item) for test in self.tests)]
        for name, descending in reversed(self.orders or (("created", True),)):
            found.sort(key=_ORDERS[name], reverse=descending)
        return found


def parse(text: str, projects: set[str], now: datetime) -> Query:
    """Return the query that a JQL text means; `projects` are the names of those that exist.  Raises JqlError."""
    tokens = _Tokens(text)
    clauses: list[_Clause] = []
    while not tokens.done() and not tokens.next_is("order"):
        if clauses:
            tokens.expect("and")
        clauses.append(_clause(tokens, projects, now))
    if not clauses:
        raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    named = frozenset().union(*[clause.named for clause in clauses])
    dated = any(clause.dated for clause in clauses)
    above = frozenset().union(*[clause.above for clause in clauses])
    return Query(tuple([clause.test for clause in clauses]), tuple(_order(tokens)), named, dated, above)


@dataclass(frozen=True, slots=True)
class _Clause:
    test: Test
    named: frozenset[str] = frozenset()
    dated: bool = False
    above: frozenset[str] = frozenset()


class _Tokens:
    """The words of a query, taken one by one."""

    def __init__(self, text: str) -> None:
        self._words: list[tuple[str, bool]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise JqlError(f"Error in the JQL Query at character {position + 1}.")
            quoted = match[1] if match[1] is not None else match[2]
            word = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match[3] or match[4]
            self._words.append((word, quoted is not None))
            position = match.end()
        self._at = 0

    def done(self) -> bool:
        return self._at >= len(self._words)

    def next_is(self, word: str) -> bool:
        """Tell whether the next word is that one, unquoted, in any case."""
        if self.done():
            return False
        text, quoted = self._words[self._at]
        return not quoted and text.lower() == word

    def take(self) -> str:
        if self.done():
            raise JqlError("Error in the JQL Query: it ends too early.")
        self._at += 1
        return self._words[self._at - 1][0]

    def value(self) -> str:
        """Take a value.  A number in quotes stays one with quotes: as an issue it is a key, and not an id."""
        quoted = not self.done() and self._words[self._at][1]
        text = self.take()
        return f'"{text}"' if quoted and text.isdecimal() else text

    def expect(self, word: str) -> None:
        if not self.next_is(word):
            raise JqlError(f"Error in the JQL Query: Expecting '{word.upper()}' but got '{self.take()}'.")
        self._at += 1


def _clause(tokens: _Tokens, projects: set[str], now: datetime) -> _Clause:
    name, operator = tokens.take().lower(), tokens.take().lower()
    name = _NAMES.get(name, name)
    if operator == "is" and name in _MANY:
        return _Clause(_emptiness(tokens, _MANY[name]))
    values = _values(tokens, operator)
    if name not in _ISSUES:
        values = {value.strip('"') for value in values}
    if name in _FOLDED:
        values = {value.lower() for value in values}
    if name == "project":
        for value in values - projects:
            raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
    if name in _MANY and operator in ("=", "in"):
        held = _MANY[name]
        named, above = (frozenset(values if name in some else ()) for some in (("key",), _ABOVE))
        return _Clause(lambda item: bool(held(item) & values), named, above=above)
    if name in _DATES and operator in (">=", ">", "<=", "<"):
        return _Clause(_date_test(_DATES[name], operator, _moment(values.pop(), now)), dated=True)
    raise JqlError(f"Field '{name}' does not exist or the operator '{operator}' is not supported by it.")


def _emptiness(tokens: _Tokens, held: Callable[[Item], set[str]]) -> Test:
    negated = tokens.next_is("not")
    if negated:
        tokens.take()
    tokens.expect("empty")
    return lambda item: bool(held(item)) is negated


def _values(tokens: _Tokens, operator: str) -> set[str]:
    if operator != "in":
        return {tokens.value()}
    tokens.expect("(")
    values = {tokens.value()}
    while tokens.next_is(","):
        tokens.expect(",")
        values.add(tokens.value())
    tokens.expect(")")
    return values


def _moment(text: str, now: datetime) -> datetime:
    relative = _RELATIVE.fullmatch(text)
    if relative:
        moment = now - timedelta(**{_UNITS[relative[2]]: int(relative[1])})
    else:
        try:
            moment = datetime.fromisoformat(text.replace("/", "-")).replace(tzinfo=ZoneInfo(ACCOUNT_ZONE))
        except ValueError as error:
            raise JqlError(
                f"Date value '{text}' is invalid. Valid formats include: '-5d', 'yyyy-MM-dd HH:mm'."
            ) from error
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _date_test(name: str, operator: str, moment: datetime) -> Test:
    compare: dict[str, Callable[[datetime, datetime], bool]] = {">=": ge, ">": gt, "<=": le, "<": lt}
    return lambda item: compare[operator](getattr(item, name), moment)


def _order(tokens: _Tokens) -> list[tuple[str, bool]]:
    orders: list[tuple[str, bool]] = []
    if tokens.done():
        return orders
    tokens.expect("order")
    tokens.expect("by")
    while True:
        name = tokens.take().lower()
        name = _DATES.get(name, "key" if name == "issuekey" else name)
        if name not in _ORDERS:
            raise JqlError(f"Field '{name}' does not exist or does not support sorting.")
        descending = tokens.next_is("desc")
        if descending or tokens.next_is("asc"):
            tokens.take()
        orders.append((name, descending))
        if tokens.done():
            return orders
        tokens.expect(",")
