"""Holds a part of the tree against a pydantic model; what pydantic says becomes problems with place and remedy."""

import re
from collections.abc import Sequence
from inspect import isclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.closed import BAD_KEY, Closed
from config.problems import Problems
from config.tree import Spot, Step, Table, plain
from config.words import advice, meant, quoted
from connectors.settings import struck_out

_Model = TypeVar("_Model", bound=BaseModel)


def judge(model: type[_Model], spot: Spot, problems: Problems) -> _Model | None:
    """Return the spot's content as the model; None when it does not fit, with every reason among the problems."""
    try:
        return model.model_validate(plain(spot.node))
    except ValidationError as error:
        explain(error, model, spot, problems)
        return None


def explain(
    error: ValidationError, model: type[BaseModel], spot: Spot, problems: Problems, *, hidden: Sequence[str] = ()
) -> None:
    """Add a problem for everything that did not fit.  Unknown keys come first: they may explain missing ones.

    The `hidden` texts are secrets: a validator's words are shown without them.
    """
    if _is_foreign(model, spot):
        # Nobody knows what such a file holds, so nothing of it is repeated.
        problems.at(spot.node.place, (), FOREIGN)
        return
    details = error.errors(include_url=False, include_input=False)
    strangers = {detail["loc"] for detail in details if detail["type"] == "extra_forbidden"}
    for detail in details:
        if detail["type"] == "extra_forbidden":
            _unknown_key(detail, model, spot, problems)
    for detail in details:
        if any(detail["loc"][: length + 1] in strangers for length in range(len(detail["loc"]))):
            continue  # nobody knows what is to stand there
        if detail["type"] == "missing":
            _missing_key(detail, model, spot, problems)
        elif not _echoes(detail, spot):
            _misfit(detail, spot, problems, hidden)


FOREIGN = "no key of this file is one of a config, so it seems to be another file: a config begins with version: 1"


def _is_foreign(model: type[BaseModel], spot: Spot) -> bool:
    """Tell whether a whole file has keys, and not even one that may be a misspelt one of a config's."""
    if spot.path or not isinstance(spot.node, Table) or not spot.node.entries:
        return False
    known = keys_of(model)
    return not any(key in known or meant(key, known) for key in spot.node.entries)


def _echoes(detail: ErrorDetails, spot: Spot) -> bool:
    """Tell whether a list only seems empty because pydantic dropped its entries, each reported by itself."""
    return detail["type"] == "too_short" and bool(spot.down(detail["loc"]).items())


def _misfit(detail: ErrorDetails, spot: Spot, problems: Problems, hidden: Sequence[str]) -> None:
    place = spot.down(detail["loc"])
    message = said(detail, place)
    if detail["type"] == "value_error":
        message = struck_out(message, hidden)
    about_key = detail["loc"][-1:] == ("[key]",) or detail["type"] == BAD_KEY
    problems.at(place.home if about_key else place.node.place, place.path, message)


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys a table of this model takes, in the order of the model."""
    return [*(field.alias or name for name, field in model.model_fields.items()), *getattr(model, "open_keys", ())]


def _unknown_key(detail: ErrorDetails, model: type[BaseModel], spot: Spot, problems: Problems) -> None:
    *above, last = detail["loc"]
    key, parent, place = str(last), spot.down(tuple(above)), spot.down(detail["loc"])
    inner = model_at(model, tuple(above))
    allowed = keys_of(inner) if inner else []
    word = inner.synonyms.get(key.casefold(), key) if inner and issubclass(inner, Closed) else key
    into, beside = (_below(inner, key), _above(model, above, key)) if word == key else (None, None)
    close = into or (None if beside else meant(word, allowed))
    if close:
        problems.misspell(parent, close)
    if into or beside:
        belongs = f": it belongs {f'into {into}' if into else f'beside {beside}'}; allowed here: {', '.join(allowed)}"
    else:
        belongs = f"; {advice(word, allowed, 'allowed here')}"
    problems.at(place.home, place.path, f"unknown key {quoted(key)}{belongs}")


def _below(inner: type[BaseModel] | None, key: str) -> str | None:
    """Return the key of this table whose own tables take the key."""
    for name, field in inner.model_fields.items() if inner else ():
        model = None if get_origin(field.annotation) is dict else _model_in(field.annotation)
        if model is not None and key in keys_of(model):
            return field.alias or name
    return None


def _above(model: type[BaseModel], path: Sequence[Step], key: str) -> str | None:
    """Return the key, of the table that this one lies in, beside which the key may stand."""
    inner = model_at(model, tuple(path))
    for depth in range(len(path) - 1, -1, -1):
        outer, step = model_at(model, tuple(path[:depth])), path[depth]
        if outer is not None and outer is not inner and isinstance(step, str):
            return step if key in keys_of(outer) else None
    return None


def _missing_key(detail: ErrorDetails, model: type[BaseModel], spot: Spot, problems: Problems) -> None:
    *above, last = detail["loc"]
    inner = model_at(model, tuple(above))
    field = next((f for name, f in inner.model_fields.items() if last in (f.alias, name)), None) if inner else None
    wanted = f" ({field.description.rstrip('.')})" if field and field.description else ""
    parent = spot.down(tuple(above))
    written = parent.child(last)
    if written:
        problems.at(written.home, written.path, f"{last} has no value: fill it in{wanted}")
    else:
        problems.missing(parent, str(last), f"{last} is missing: add it{wanted}")


def model_at(model: type[BaseModel], path: tuple[Step, ...]) -> type[BaseModel] | None:
    """Return the model of the table at a path below a model; None where there is none."""
    here: type[BaseModel] | None = model
    named = False  # whether the next step is a name of the admin's own, and no key of a model
    for step in path:
        if isinstance(step, int) or here is None:
            continue
        if named:
            named = False
            continue
        field = next((f for name, f in here.model_fields.items() if step == (f.alias or name)), None)
        here = _model_in(field.annotation) if field else None
        named = field is not None and get_origin(field.annotation) is dict
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type expression
    if get_origin(annotation) is None:
        return annotation if isclass(annotation) and issubclass(annotation, BaseModel) else None
    return next((model for arg in get_args(annotation) if (model := _model_in(arg))), None)


_SAID = {
    "string_type": "a text is expected here, not {shape}",
    "tuple_type": "a list is expected here ([a, b], or lines that begin with -), not {shape}",
    "list_type": "a list is expected here ([a, b], or lines that begin with -), not {shape}",
    "model_type": "keys with values are expected here (key: value), not {shape}",
    "dict_type": "keys with values are expected here (key: value), not {shape}",
    "too_short": "at least one entry is needed here: add one, or leave the key out",
    "too_long": "at most {max_length} entries are possible here: take some out",
    "string_too_short": "this text is empty: fill it in, or leave the key out",
    "string_too_long": "this text is longer than {max_length} characters: shorten it",
    "greater_than": "write a number greater than {gt}",
    "greater_than_equal": "write a number from {ge} upwards",
    "less_than_equal": "write a number up to {le}",
}


def said(detail: ErrorDetails, spot: Spot) -> str:
    """Return what is wrong with a value, and what to write instead."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        allowed = re.findall(r"'([^']*)'", str(context["expected"]))
        written = spot.shape if spot.text is None else quoted(spot.text)
        return f"{written} is not possible here; {advice(spot.text or '', allowed, 'write one of')}"
    return _SAID[kind].format(shape=spot.shape, **context) if kind in _SAID else str(detail["msg"])
