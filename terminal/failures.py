"""Why a command cannot be done; `service.run` says it."""

from __future__ import annotations  # the types of an answer are known to those who give and take it

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what only some commands need is loaded for these alone
    from config.problems import Problem


class Failure(Exception):
    """A command cannot be done; the text says what happened and what to do next."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Changed(Failure):
    """Another update waits than the one that was meant."""

    def __init__(self, message: str, now: Decimal) -> None:
        super().__init__(message)
        self.now = now


class InvalidConfig(Failure):
    """The config has errors."""

    def __init__(self, problems: Sequence[Problem], what: str = "The config has", hint: str = "") -> None:
        errors = sum(problem.severity == "error" for problem in problems)
        super().__init__(f"{what} {errors} error{'s' if errors != 1 else ''}; nothing was done.")
        self.problems = tuple(problems)
        self.hint = hint
        """What else there is to say; empty when nothing."""
