"""What the pages may change: the use cases of the commands, in the name of whoever sits at this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

from okrs.immutable import replace
from okrs.numbers import plain
from store.database import StoreError
from terminal.failures import Changed, Failure, InvalidConfig
from usecases import holding, overriding
from usecases.ground import Ground
from web.ports import Refused

NOBODY = "local, unauthenticated"
"""Who is said to have done it: nobody signed in."""

_BROKEN = (
    "Nothing was written: the config on disk has errors, and what is changed goes by what it says. "
    "`headway validate` lists them."
)


class Editing:
    """Changes what the pages ask for, by the config as it is written now."""

    def __init__(self, ground: Ground, config: Path) -> None:
        self._ground, self._config = replace(ground, speaker=NOBODY), config

    def set_value(self, name: str, value: Decimal, *, why: str, until: date | None) -> None:
        with _refusing():
            overriding.set_value(self._ground, self._config, name, value, why=why, until=until)

    def resume(self, name: str, *, why: str | None) -> None:
        with _refusing():
            overriding.resume(self._ground, self._config, name, why=why)

    def check_in(self, name: str, *, note: str, confidence: Decimal | None) -> None:
        with _refusing():
            overriding.check_in(self._ground, self._config, name, note=note, confidence=confidence)

    def approve(self, hold: str, *, expect: Decimal | None, why: str | None) -> None:
        with _refusing():
            holding.approve(self._ground, self._config, hold, expect=expect, why=why)

    def reject(self, hold: str, *, why: str | None) -> None:
        with _refusing():
            holding.reject(self._ground, self._config, hold, why=why)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what a command would say into what a page says."""
    try:
        yield
    except InvalidConfig:
        raise Refused(_BROKEN) from None
    except Changed as error:
        raise Refused(
            f"Nothing was approved: {plain(error.now)} waits by now. Look at it once more, and decide then."
        ) from None
    except (Failure, StoreError) as error:
        raise Refused(str(error)) from None
