"""What every table of the config has in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

BAD_KEY = "bad_key"
"""Type of pydantic's error where a key itself is wrong, not its value."""


class Closed(BaseModel):
    """A table that takes its own keys alone.  One with nothing behind it counts as left out, but for those `filled`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    open_keys: ClassVar[tuple[str, ...]] = ()
    """How keys are spelled that are no single word, for people."""

    filled: ClassVar[tuple[str, ...]] = ()
    """Keys that, left out, select more: with nothing behind them they are mistakes, which their types tell."""

    synonyms: ClassVar[Mapping[str, str]] = {}
    """Words of others for keys, by which the keys are found that were meant."""

    @classmethod
    def takes(cls, key: str) -> bool:
        """Tell whether this is a key of the table."""
        return any(key == (field.alias or name) for name, field in cls.model_fields.items())

    @classmethod
    def fills(cls, key: str) -> bool:
        """Tell whether a key with nothing behind it is a mistake."""
        return key in cls.filled

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:  # noqa: ANN401 - whatever the config held
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or cls.fills(key) or not cls.takes(key)}


def wanted(value: Any) -> Any:  # noqa: ANN401 - whatever the config held; its type judges it next
    """Return the value of a key that must not be empty.  Raises ValueError where there is nothing behind it."""
    if value is None:
        raise ValueError("this key has nothing behind it: fill it in, or leave it out")
    return value
