"""The part of JQL that this sandbox understands: projects, keys and dates joined by AND, and an order.

Anything else is a JqlError, never a guess.  As in Jira, a date without a zone is read in the account's own zone and
a minute is the finest step.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from zoneinfo import ZoneInfo

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

    def select(self, items: list[Item]) -> list[Item]:
        """Return the matching items in order; by default the newest first."""
        found = [item for item in items if all(test(item) for test in self.tests)]
        for name, descending in reversed(self.orders or (("created", True),)):
            found.sort(key=_ORDERS[name], reverse=descending)
        return found


def parse(text: str, projects: set[str], now: datetime) -> Query:
    """Return the query that a JQL text means.  Raises JqlError."""
    tokens = _Tokens(text)
    tests: list[Test] = []
    while not tokens.done() and not tokens.next_is("order"):
        if tests:
            tokens.expect("and")
        tests.append(_clause(tokens, projects, now))
    if not tests:
        raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    return Query(tuple(tests), tuple(_order(tokens)))


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

    def expect(self, word: str) -> None:
        if not self.next_is(word):
            raise JqlError(f"Error in the JQL Query: Expecting '{word.upper()}' but got '{self.take()}'.")
        self._at += 1


def _clause(tokens: _Tokens, projects: set[str], now: datetime) -> Test:
    name, operator = tokens.take().lower(), tokens.take().lower()
    values = _values(tokens, operator)
    if name == "project" and operator in ("=", "in"):
        for value in values - projects:
            raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
        return lambda item: item.project.key in values
    if name in ("key", "issuekey", "issue", "id") and operator in ("=", "in"):
        return lambda item: item.key in values or str(item.id) in values
    if name in _DATES and operator in (">=", ">", "<=", "<"):
        return _date_test(_DATES[name], operator, _moment(values.pop(), now))
    raise JqlError(f"Field '{name}' does not exist or the operator '{operator}' is not supported by it.")


def _values(tokens: _Tokens, operator: str) -> set[str]:
    if operator != "in":
        return {tokens.take()}
    tokens.expect("(")
    values = {tokens.take()}
    while tokens.next_is(","):
        tokens.expect(",")
        values.add(tokens.take())
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
