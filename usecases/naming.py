"""Key results as people name them: found, or told what may have been meant."""

from collections.abc import Sequence
from difflib import get_close_matches

from config.model import Config
from store.views.quarantine import message_for
from store.views.setup import Setup
from terminal.failures import Failure
from usecases.ground import setup_of

_FEW = 8
"""Ids that an error names all together."""


def having(known: Config, name: str, *, recorded: bool, gone: bool = False) -> Setup:
    """Return what the config says.  Raises Failure where it has no such key result, be one recorded or not.

    With `gone` one that is recorded may have left the config.
    """
    setup = setup_of(known)
    if setup.key_result(name) is None:
        called = {each.was: each.id for each in setup.objectives} | {each.was: each.id for each in setup.key_results}
        if now := called.get(name):
            raise Failure(f"{name} is called {now} now: ask for that.")
        if told := message_for(known.quarantine, name):
            raise Failure(f"{told} `headway history {name}` shows what is recorded of it.")
        if recorded and gone:
            return setup
        if recorded:
            told = f"{name} is not in the config any more: `headway history {name}` shows what is recorded of it."
            raise Failure(told)
        if any(each.id == name for each in setup.objectives):
            raise Failure(_objective(name, [each.id for each in setup.key_results if each.objective == name]))
        raise Failure(_no_key_result(name, [each.id for each in setup.key_results]))
    return setup


def require_sound(known: Config, name: str) -> None:
    """Raise Failure for a key result whose file of the config is broken: what a person says of it waits for that."""
    if told := message_for(known.quarantine, name):
        raise Failure(f"Nothing was written: {told}")


def _objective(name: str, own: Sequence[str]) -> str:
    more = f" and {len(own) - _FEW} more" if len(own) > _FEW else ""
    which = f"name one of its key results, {', '.join(own[:_FEW])}{more}." if own else "it has no key results yet."
    return f"{name} is an objective: {which}"


def _no_key_result(name: str, known: Sequence[str]) -> str:
    """Name the ids that may have been meant: the nearest, or all where they are few."""
    near = get_close_matches(name, known, cutoff=0.5)
    if near:
        remedy = f"did you mean {' or '.join(near)}?"
    elif len(known) <= _FEW:
        remedy = f"it has {', '.join(known) or 'none'}."
    else:
        remedy = "`headway status` lists them with their ids."
    return f"There is no key result {name} in the config: {remedy}"
