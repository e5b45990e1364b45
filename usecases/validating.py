"""`validate`: every problem of a config, and what its rules select of what was read."""

from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from config.lint import warned
from config.loader import load
from config.problems import Problem, Problems
from store.database import StoreError, reason
from store.views.linting import linted
from store.views.setup import Setup
from terminal.failures import InvalidConfig
from usecases.ground import Ground, database_of, setup_of, wrong_with


def validate(ground: Ground, config: Path, *, offline: bool = False) -> tuple[Setup | None, tuple[Problem, ...]]:
    """Load the config as the commands that connect do, and look what it selects of what was read.

    Where it is `offline`, as those that do not: the variables of the sources need not be set.
    Raises nothing for a bad config, nor for a database that is not there.
    """
    loaded = load(config, ground.environ, connect=not offline)
    if loaded.config is None:
        with suppress(InvalidConfig):
            found = ground.taken(config, connect=not offline, last_good=True)
            ground.wrong[config] = wrong_with(found)
            alone = [each for each in loaded.problems if each not in found.echoes]
            return None, Problems(list(dict.fromkeys([*alone, *found.problems]))).sorted()
        return None, loaded.problems
    setup = setup_of(loaded.config)
    try:
        with database_of(loaded.config) as database, database.read() as connection:
            return setup, warned(loaded, linted(connection, setup, ground.clock()))
    except StoreError as error:
        return setup, warned(loaded, (), unasked=str(error))
    except DBAPIError as error:
        return setup, warned(loaded, (), unasked=f"The database failed: {reason(error)}.")
