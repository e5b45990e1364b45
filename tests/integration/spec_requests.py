"""Holds recorded requests against a tracker's OpenAPI document: whatever a connector sends must be promised there.

Unknown query parameters are no error in OpenAPI, and trackers ignore a misspelt one in silence; here they are found.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft4Validator

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was recorded: `target` is path and query, from where the document's paths begin."""

    method: str
    target: str
    body: bytes = b""


def problems(document: Path, sent: Sent) -> list[str]:
    """Return what is wrong with a request: path, method, names, types and presence of parameters, and the body."""
    whole = _document(document)
    split = urlsplit(sent.target)
    found = _operation(whole, split.path, sent.method.lower())
    if isinstance(found, str):
        return [f"{sent.method} {split.path}: {found}"]
    operation, in_path = found
    given = parse_qsl(split.query, keep_blank_values=True)
    wrong = [*_parameters(whole, operation, in_path, given), *_body(whole, operation, sent.body)]
    return [f"{sent.method} {sent.target}: {one}" for one in wrong]


@cache
def _document(path: Path) -> Json:
    parsed: Json = json.loads(path.read_bytes())
    return parsed


@cache
def _patterns(path: str) -> re.Pattern[str]:
    pieces = re.split(r"\{([^}]*)\}", path)
    return re.compile("".join(re.escape(one) if index % 2 == 0 else "([^/]+)" for index, one in enumerate(pieces)))


def _operation(whole: Json, path: str, method: str) -> tuple[Json, Mapping[str, str]] | str:
    """Return the operation and the parts of the path, or what is wrong; a path without parts goes first."""
    for template in sorted(whole["paths"], key=lambda one: one.count("{")):
        match = _patterns(template).fullmatch(path)
        if match is None:
            continue
        known = whole["paths"][template]
        if method not in known:
            return f"only {', '.join(sorted(known))} here"
        names = re.findall(r"\{([^}]*)\}", template)
        parts = dict(zip(names, map(unquote, match.groups()), strict=True))
        operation = known[method]
        return {**operation, "parameters": [*known.get("parameters", []), *operation.get("parameters", [])]}, parts
    return "no such path"


def _parameters(whole: Json, operation: Json, in_path: Mapping[str, str], given: list[tuple[str, str]]) -> list[str]:
    known = {(one["in"], one["name"]): one for one in (_resolved(whole, each) for each in operation["parameters"])}
    wrong = [f"no parameter {name!r}" for name, _ in given if ("query", name) not in known]
    for (place, name), one in known.items():
        if place not in ("query", "path"):
            continue
        values = [text for key, text in given if key == name] if place == "query" else [in_path[name]]
        if not values and one.get("required"):
            wrong.append(f"the parameter {name!r} is required")
        wrong += _value(whole, one, values) if values else []
    return wrong


def _value(whole: Json, parameter: Json, values: list[str]) -> list[str]:
    """Hold the texts of one parameter against its schema; lists are joined by commas or given one by one."""
    schema, name = _resolved(whole, parameter.get("schema", {})), parameter["name"]
    if schema.get("type") == "array":
        items = _resolved(whole, schema.get("items", {}))
        texts = [text for value in values for text in value.split(",")]
        return [problem for text in texts for problem in _errors(whole, items, _typed(items, text), name)]
    if len(values) > 1:
        return [f"the parameter {name!r} is given {len(values)} times"]
    return _errors(whole, schema, _typed(schema, values[0]), name)


def _typed(schema: Json, text: str) -> object:
    """Return a text of a query as the value it stands for, itself where it is none of that type."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch("-?[0-9]+", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def _body(whole: Json, operation: Json, body: bytes) -> list[str]:
    known = _resolved(whole, operation.get("requestBody", {}))
    if not body:
        return ["a body is required"] if known.get("required") else []
    schema = known.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        return ["no body is known here"]
    try:
        value = json.loads(body)
    except ValueError:
        return ["the body is no JSON"]
    names = set(_resolved(whole, schema).get("properties", ()))
    unknown = [f"no property {name!r} in the body" for name in sorted(set(value) - names)] if names else []
    return unknown or _errors(whole, schema, value, "body")


def _errors(whole: Json, schema: Json, value: object, name: str) -> list[str]:
    validator = Draft4Validator({"allOf": [schema], "components": whole.get("components", {})})
    return [f"{name}: {error.message[:200]}" for error in validator.iter_errors(value)]


def _resolved(whole: Json, node: Json) -> Json:
    while "$ref" in node:
        reference: str = node["$ref"]
        node = whole
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
    return node
