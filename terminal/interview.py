"""What `headway init` asks on a terminal.  Ctrl-C ends it, and nothing is half-written: nothing was written yet."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from config.drafting import Question, Value, is_variable
from config.fields import read_zone
from config.words import meant, quoted
from connectors.contract import Listed
from okrs.immutable import immutable
from terminal.context import Out
from terminal.text import harmless

_T = TypeVar("_T")

Complain = Callable[[Value | None], str | None]
"""Says what is wrong with a value, or with leaving it out."""

_LONGEST_NUMBER = 6
"""Digits of what may be meant as a number of the list; what is longer is an id."""

_MOST_LISTED = 40
"""Projects that are listed to choose from; others may be typed."""


@immutable
class Interviewer:
    """Asks on the terminal, until an answer fits."""

    out: Out

    def say(self, line: str) -> None:
        self.out.aside.print(line)

    def confirm(self, text: str, *, default: bool = True) -> bool:
        return bool(typer.confirm(text, default=default, err=True))

    def zone(self) -> str:
        """Return the IANA name of the zone in which days begin."""

        return self._until("Time zone in which your days begin", "UTC", read_zone)

    def one_of(self, text: str, words: Sequence[str]) -> str:
        """Return one of the words, given by itself or by its number."""
        self._list([(word, "") for word in words])
        return self._until(text, None, lambda answer: _picked(answer, words))

    def value(self, question: Question, complain: Complain) -> Value | None:
        """Return the value of a key; None where it may be left out and was."""
        self.say(f"\n{question.told}")
        if question.secret:
            return self._variable(question)

        def fitting(answer: str) -> Value | None:
            value: Value | None = None if not answer else _split(answer) if question.many else answer
            wrong = complain(value)
            if wrong:
                raise ValueError(wrong)
            return value

        hint = f", as {question.example}" if question.example else ""
        left_out = "" if question.optional else None
        return self._until(f"{question.key}{hint}{' (Enter for none)' if question.optional else ''}", left_out, fitting)

    def containers(self, question: Question, rows: Sequence[Listed], complain: Complain) -> Value:
        """Return the projects or repositories that are chosen among those that the tracker lists."""
        self.say(f"\n{question.told}")
        self._list([(row.value, row.name) for row in rows[:_MOST_LISTED]])
        if len(rows) > _MOST_LISTED:
            self.say(f"  … and {len(rows) - _MOST_LISTED} more, which can be typed")
        names = [row.value for row in rows]

        def chosen(answer: str) -> Value:
            value = tuple(dict.fromkeys(_picked(each, names, free=True) for each in _split(answer)))
            wrong = complain(value)
            if wrong:
                raise ValueError(wrong)
            return value

        only = names[0] if len(names) == 1 else None
        return self._until(f"{question.key}, by number or name, with commas between several", only, chosen)

    def _variable(self, question: Question) -> str:
        def named(answer: str) -> str:
            if not is_variable(answer):
                raise ValueError("the name of a variable is wanted, in capitals; the secret itself is never written")
            return f"${{{answer}}}"

        return self._until(f"Name of the environment variable that holds the {question.key}", question.example, named)

    def _list(self, rows: Sequence[tuple[str, str]]) -> None:
        for number, (value, name) in enumerate(rows, 1):
            self.say(f"  {number:>2}  {harmless(value)}{f'   {harmless(name)}' if name else ''}")

    def _until(self, text: str, default: str | None, fit: Callable[[str], _T]) -> _T:
        while True:
            answer = str(typer.prompt(text, default=default, show_default=bool(default), err=True)).strip()
            try:
                return fit(answer)
            except ValueError as error:
                self.say(f"  {harmless(str(error), 400)}")


def _split(answer: str) -> tuple[str, ...]:
    return tuple(piece.strip() for piece in answer.split(",") if piece.strip())


def _picked(answer: str, words: Sequence[str], *, free: bool = False) -> str:
    """Return the word that an answer names or whose number it is, as long as no word looks like that number.

    Where other words are `free` to be typed, some of these may not be shown, and have no number.
    """
    if answer in words:
        return answer
    shown = min(len(words), _MOST_LISTED) if free else len(words)
    if answer.isascii() and answer.isdigit() and len(answer) <= _LONGEST_NUMBER and 1 <= int(answer) <= shown:
        return words[int(answer) - 1]
    if free and answer.isascii() and answer.isdigit() and len(answer) <= _LONGEST_NUMBER:
        raise ValueError(f"there is no {answer} in the list: choose a number from 1 to {shown}, or type a name")
    if free:
        return answer
    close = meant(answer, words)
    near = f"did you mean {quoted(close)}? " if close else ""
    raise ValueError(f"{near}Choose a number from 1 to {len(words)}, or one of these names")
