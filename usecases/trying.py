"""`mapping test`: the rules of a config on an admin's own cases.  Nothing else is opened."""

from collections.abc import Sequence
from pathlib import Path

from config.cases import files_beside, read_cases
from config.loader import load
from mapping.cases import Verdict, tried
from terminal.failures import Failure, InvalidConfig
from usecases.ground import Ground


def try_mappings(ground: Ground, config: Path, files: Sequence[Path]) -> list[Verdict]:
    """Try the rules of a config on the cases of these files, or of those beside it."""
    loaded = load(config, ground.environ, connect=False, opens=False)
    if loaded.config is None:
        raise InvalidConfig(loaded.problems)
    paths = list(files) or files_beside(config)
    if not paths:
        raise Failure(f"There are no cases beside {config}: write some (docs/testing-mappings.md), or name a file.")
    cases, problems = read_cases(paths, loaded.config)
    if problems:
        raise InvalidConfig(problems, "The cases have")
    return [tried(loaded.config.rules[case.key_result], case) for case in cases]
