"""What a mapping would do that somebody types: its value, its tickets, its warnings.  Nothing is written."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from config.lint import told_of
from config.loader import load
from config.problems import Problem
from config.trying import TYPED, retold, written
from okrs.immutable import immutable, replace
from store.views.linting import linted
from store.views.setup import Setup
from store.views.trial import trial
from usecases.ground import setup_of
from web.ports import Preview, Tried

_BROKEN = "The config itself has errors by now, so nothing can be tried: `headway validate` lists them."


@immutable
class Previewing:
    """Tries mappings on the config as it is written now, and on the mirror."""

    config: Path
    environ: Mapping[str, str]

    def written(self, name: str) -> str:
        """Return the mapping of a key result as it is written now."""
        return written(load(self.config, self.environ, connect=False, opens=False), name)

    def tried(self, connection: Connection, text: str, now: datetime) -> Preview:
        loaded, names = retold(self.config, self.environ, text)
        if loaded.config is None:
            return Preview(problems=tuple(dict.fromkeys(_said(each) for each in loaded.problems if _wrong(each))))
        setup = _alone(setup_of(loaded.config), names)
        warnings = told_of(loaded, linted(connection, setup, now))
        tried = (
            Tried(each, trial(connection, setup, each.id, now), tuple(warnings.get(each.id, ())))
            for each in setup.key_results
        )
        return Preview(tuple(tried))


def _alone(setup: Setup, names: tuple[str, ...]) -> Setup:
    key_results = tuple(each for each in setup.key_results if each.id in names)
    return replace(setup, key_results=key_results, rules={name: setup.rules[name] for name in names})


def _wrong(problem: Problem) -> bool:
    return problem.severity == "error"


def _said(problem: Problem) -> str:
    """A problem where it was typed; what is wrong elsewhere is not what is asked."""
    if problem.file != TYPED:
        return _BROKEN
    path = problem.path.removeprefix("mappings[0].")
    return f"Line {problem.line}: {path + ': ' if path else ''}{problem.message}"
