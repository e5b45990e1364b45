"""A very small GraphQL: queries with fields, arguments, variables, aliases and inline fragments, over plain nodes."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

_TOKEN = re.compile(r'\.\.\.|\$?[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+|"[^"]*"|[{}()\[\]:!=]|[\s,]+')

Value = object
"""A scalar, None, a node, or a list of them; or a function of the arguments that gives one."""


@dataclass(frozen=True, slots=True)
class Node:
    """An object: its type, the interfaces it has, and its fields."""

    type: str
    fields: Mapping[str, Value]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """A field, or an inline fragment where `on` is a type."""

    name: str
    alias: str = ""
    on: str = ""
    arguments: Mapping[str, Value] = field(default_factory=dict)
    inner: tuple["Selection", ...] = ()


class Refusal(Exception):
    """The query cannot be answered; `kind` is the `type` of the error, "" for a query that is wrong in itself.

    `extensions` says of a wrong query what is wrong, as GitHub does.
    """

    def __init__(self, message: str, kind: str = "", extensions: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.extensions = dict(extensions or {})

    @classmethod
    def of_argument(cls, field: str, argument: str) -> Self:
        """Return the refusal of an argument that a field does not have."""
        told = {"code": "argumentNotAccepted", "name": field, "typeName": "Field", "argumentName": argument}
        return cls(f"Field '{field}' doesn't accept argument '{argument}'", extensions=told)


def answer(query: str, variables: Mapping[str, object], root: Node) -> dict[str, object]:
    """Return the data that a query asks for.  Raises Refusal."""
    return _resolved(root, _Parser(query, variables).document())


def _resolved(node: Node, selections: tuple[Selection, ...]) -> dict[str, object]:
    told: dict[str, object] = {}
    for selection in selections:
        if selection.on:
            if selection.on == node.type or selection.on in node.also:
                told |= _resolved(node, selection.inner)
            continue
        if selection.name not in node.fields:
            raise Refusal(f"Field '{selection.name}' doesn't exist on type '{node.type}'")
        value = node.fields[selection.name]
        if callable(value):
            call: Callable[[Mapping[str, Value]], Value] = value
            value = call(selection.arguments)
        told[selection.alias or selection.name] = _shown(value, selection)
    return told


def _shown(value: Value, selection: Selection) -> object:
    if isinstance(value, list):
        return [_shown(one, selection) for one in value]
    if isinstance(value, Node):
        if not selection.inner:
            raise Refusal(f"Field '{selection.name}' must have selections")
        return _resolved(value, selection.inner)
    return value


class _Parser:
    """Reads one query.  Raises Refusal for anything it does not know."""

    def __init__(self, text: str, variables: Mapping[str, object]) -> None:
        self._tokens = list(_tokens(text))
        self._variables = variables
        self._declared: set[str] = set()

    def document(self) -> tuple[Selection, ...]:
        if self._next() != "query":
            raise Refusal("Only queries are answered here")
        if self._peek() not in ("{", "("):
            self._next()
        if self._peek() == "(":
            self._declarations()
        found = self._selections()
        if self._tokens:
            raise Refusal("Expected the end of the query")
        unknown = set(self._variables) - self._declared
        if unknown:
            raise Refusal(f"The variables {', '.join(sorted(unknown))} are not declared")
        return found

    def _declarations(self) -> None:
        while (token := self._next()) != ")":
            if token.startswith("$"):
                self._declared.add(token[1:])

    def _selections(self) -> tuple[Selection, ...]:
        self._expect("{")
        found = []
        while self._peek() != "}":
            found.append(self._selection())
        self._next()
        return tuple(found)

    def _selection(self) -> Selection:
        name = self._next()
        if name == "...":
            self._expect("on")
            return Selection("", on=self._next(), inner=self._selections())
        alias = ""
        if self._peek() == ":":
            self._next()
            alias, name = name, self._next()
        arguments = self._arguments() if self._peek() == "(" else {}
        return Selection(name, alias, "", arguments, self._selections() if self._peek() == "{" else ())

    def _arguments(self) -> dict[str, Value]:
        self._expect("(")
        found: dict[str, Value] = {}
        while self._peek() != ")":
            name = self._next()
            self._expect(":")
            found[name] = self._value(self._next())
        self._next()
        return found

    def _value(self, token: str) -> Value:
        if token.startswith("$"):
            if token[1:] not in self._declared:
                raise Refusal(f"The variable {token} is not declared")
            return self._variables.get(token[1:])
        if token.startswith('"'):
            return token.strip('"')
        if token[0] == "[":
            found = []
            while self._peek() != "]":
                found.append(self._value(self._next()))
            self._next()
            return found
        return token if token[0].isalpha() else int(token)  # a word is a value of an enumeration

    def _peek(self) -> str:
        if not self._tokens:
            raise Refusal("The query ends too early")
        return self._tokens[0]

    def _next(self) -> str:
        token = self._peek()
        del self._tokens[0]
        return token

    def _expect(self, wanted: str) -> None:
        token = self._next()
        if token != wanted:
            raise Refusal(f"Expected {wanted}, not {token}")


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise Refusal(f"Unexpected sign {text[place]!r}")
        place = match.end()
        if match[0].strip(" \t\r\n,"):
            yield match[0]
