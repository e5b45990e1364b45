"""How measures are written: one word each, percentiles as `median` or `p85`."""

import re
from typing import Annotated

from pydantic import WithJsonSchema

from config.words import advice, quoted
from mapping.rule import MEDIAN, TIMES, Measure
from okrs.immutable import immutable

ESTIMATED = frozenset({Measure.PERCENT, Measure.SUM, Measure.MEAN, Measure.PERCENTILE})
"""Measures that take `by`; a percentage goes without, too."""

SHARES = frozenset({Measure.COUNT, Measure.PERCENT, Measure.SUM, Measure.RATIO})
"""Measures in which an item can have part of its credit."""

FINISHED = frozenset({Measure.THROUGHPUT, *TIMES})
"""Measures of finished work alone."""

_RANKED = "p[1-9][0-9]?"
_PERCENTILE = re.compile(_RANKED)
_LIKE_A_PERCENTILE = re.compile("[pP][0-9.]+")
_STATS = ("mean", "median", "p85")
_WORDS = ("count", "percent", "sum", *_STATS, "lead_time", "cycle_time", "throughput", "ratio")

MeasureText = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^(?:{'|'.join(_WORDS)}|{_RANKED})$"})]
StatText = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^(?:{'|'.join(_STATS)}|{_RANKED})$"})]
"""What editors are told of the two."""


@immutable
class Measuring:
    """A measure; of a percentile also its rank."""

    measure: Measure
    rank: int | None = None


def read_measure(text: object) -> Measuring:
    """Return the measure that a text says.  Raises ValueError."""
    return text if isinstance(text, Measuring) else _read(text, _WORDS)


def read_stat(text: object) -> Measuring:
    """Return which number of a distribution a text says.  Raises ValueError."""
    return text if isinstance(text, Measuring) else _read(text, _STATS)


def _read(text: object, words: tuple[str, ...]) -> Measuring:
    if not isinstance(text, str):
        raise ValueError(f"a single word is expected here: {', '.join(words)}")  # noqa: TRY004 - for pydantic
    percentile = _PERCENTILE.fullmatch(text)
    if percentile or text == "median":
        return Measuring(Measure.PERCENTILE, int(text[1:]) if percentile else MEDIAN)
    if text in words:
        return Measuring(Measure(text))
    if _LIKE_A_PERCENTILE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is no percentile: they go from p1 to p99, in whole numbers")
    raise ValueError(f"{quoted(text)} is not possible here; {advice(text, words, 'write one of')}")
