"""Nothing of the mapping language is without a case: every key, every word, every reason."""

from collections.abc import Iterator
from enum import StrEnum

import yaml
from pydantic import BaseModel

from config.mappings import (
    DefaultsEntry,
    DoneWhenEntry,
    LinkByEntry,
    MappingEntry,
    PartEntry,
    PartialEntry,
    ScaleEntry,
    TemplateEntry,
)
from config.where import Where
from mapping.judging import Reason
from mapping.rule import Cancelled, Combine, Counts, Measure, Missing, Moment, Regress, Scope, Selector, Window
from okrs.work import Kind, State
from tests.cases.tables import tables

TABLES = tables()
MODELS: tuple[type[BaseModel], ...] = (
    MappingEntry,
    PartEntry,
    Where,
    DoneWhenEntry,
    PartialEntry,
    ScaleEntry,
    DefaultsEntry,
    TemplateEntry,
    LinkByEntry,
)
WORDS: dict[str, type[StrEnum]] = {
    "counts": Counts,
    "cancelled": Cancelled,
    "window": Window,
    "scope": Scope,
    "regress": Regress,
    "missing": Missing,
    "combine": Combine,
    "kind": Kind,
    "state": State,
}


def written(node: object) -> Iterator[tuple[str, str]]:
    """Yield every key of a tree with each of its values; a table is none."""
    if isinstance(node, dict):
        for key, inner in node.items():
            each = inner if isinstance(inner, list) else [inner]
            yield from ((key, one if isinstance(one, str) else "") for one in each)
            yield from written(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from written(inner)


def language() -> set[tuple[str, str]]:
    texts = [text for table in TABLES for text in (table.entry.top, *(step.rule for step in table.steps)) if text]
    return {pair for text in texts for pair in written(yaml.load(text, Loader=yaml.BaseLoader))}


PAIRS = language()


def test_there_are_enough_cases() -> None:
    assert len(TABLES) >= 240
    assert len({str(table) for table in TABLES}) == len(TABLES), "two cases have one name"


def test_every_key_is_in_some_case() -> None:
    keys = {field.alias or name for model in MODELS for name, field in model.model_fields.items()}
    assert keys - {key for key, _ in PAIRS} == {"key_result"}  # the tables' own rules go without
    assert any(key.startswith("field.") for key, _ in PAIRS)
    assert {*Selector, *Moment} <= {key for key, _ in PAIRS}


def test_every_word_is_in_some_case() -> None:
    for key, words in WORDS.items():
        assert {(key, word.value) for word in words} <= PAIRS, key
    measures = {value for key, value in PAIRS if key == "measure"}
    assert {*Measure} - {Measure.PERCENTILE} | {"median", "p85"} <= measures
    assert {"mean", "p90"} <= {value for key, value in PAIRS if key == "stat"}
    for moment in Moment:
        spans = {value.split(" ")[0] for key, value in PAIRS if key == moment}
        assert {"cycle", "last"} <= spans, moment
        assert any(".." in span for span in spans), moment


def test_every_reason_is_in_some_case() -> None:
    fates = {text.split(" ")[0] for table in TABLES for rows in table.rows for row in rows for text in row.fate}
    assert fates == {*Reason, "counted", "out"}
