"""What is wrong with the config that an answer comes from, told beside the answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import typer

from config.problems import Problem
from terminal.context import Context
from terminal.failures import Failure
from terminal.synced import Wrong
from terminal.text import harmless


def problem_lines(problems: Sequence[Problem]) -> list[str]:
    """One line a problem: how bad it is, where, and what."""
    return [f"{problem.severity}: {problem}" for problem in problems]


@contextmanager
def noted(context: Context) -> Iterator[None]:
    """Tell, beside an answer or a failure, what is wrong with the config that it came from."""
    try:
        yield
    except Failure:
        with suppress(typer.Exit):
            note(context, context.ports.wrong(context.config))
        raise
    note(context, context.ports.wrong(context.config))


@contextmanager
def warned(context: Context) -> Iterator[None]:
    """Tell the same beside what was done, which the mistake has nothing to do with: it does not end with 1."""
    try:
        yield
    finally:
        _tell(context, context.ports.wrong(context.config))


def note(context: Context, wrong: Wrong | None) -> None:
    """Tell what is wrong with the config that an answer came from, and end with 1."""
    if wrong is not None:
        _tell(context, wrong)
        raise typer.Exit(1)


def _tell(context: Context, wrong: Wrong | None) -> None:
    if wrong is not None:
        context.out.aside.print("\n".join(problem_lines(wrong.problems)))
        context.out.aside.print(f"headway: {harmless(wrong.sentence, 2000)}")
