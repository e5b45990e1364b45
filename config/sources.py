"""The sources of a config: each is held against the settings of its own connector, with secrets put in."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError, create_model
from pydantic.fields import FieldInfo

from config.explaining import explain, keys_of
from config.interpolation import CLOSED, Resolver, has_placeholder, is_secret, marked, paths_of, tables_of, well_formed
from config.problems import Problems
from config.tree import Spot, Step, plain
from config.words import advice, quoted
from connectors import registry
from connectors.settings import SHORTEST_SECRET, ExistingPath, SourceSettings

_NOT_KEPT = "Its secret stood in the config in plain, so it is not kept: correct the config to read on."

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class Sources:
    """What became of the `sources` section."""

    settings: dict[str, SourceSettings] = field(default_factory=dict)
    """The sources without a mistake."""
    custom_fields: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """What `by:` and `field.<name>` may name, for sources that tell; None when only the tracker knows."""
    interpolated: set[tuple[Step, ...]] = field(default_factory=set)
    """Paths at which a placeholder is no mistake."""
    closed: dict[str, str] = field(default_factory=dict)
    """Those that cannot be connected to, by name, each with a sentence that says why."""


def read_sources(
    root: Spot,
    folder: Path,
    resolver: Resolver | None,
    problems: Problems,
    only: Collection[str] = (),
    *,
    lenient: bool = False,
) -> Sources:
    """Read all sources.  Without a resolver placeholders of secrets and addresses stay as they are written.

    So do those of the sources that `only` does not name, where it names some: they are not connected to.  Nor is one
    whose placeholders stand for nothing, or for what is none, where this is `lenient`; else that is a mistake.

    Relative paths in them start from the folder.
    """
    found = Sources()
    section = root.get("sources")
    for name, spot in section.entries() if section else []:
        if any(CLOSED in (inner.text or "") for inner in spot.walk()):
            found.closed[name] = _NOT_KEPT
        connects = resolver if (not only or name in only) and name not in found.closed else None
        model = _model(spot, problems)
        if model is None:
            found.interpolated.update(inner.path for inner in spot.walk())  # nobody knows what its keys are
            continue
        found.interpolated.update((*spot.path, *path) for path in marked(model))
        found.interpolated.update(_unknown(spot, model))
        if connects and lenient and (why := _unfit(spot, model, folder, connects)):
            found.closed[name], connects = why, None
        if connects:
            _must_exist(spot, model, folder, problems)
        _read(spot, model, connects, problems, found)
    found.settings = {name: _located(settings, folder) for name, settings in found.settings.items()}
    return found


def _unfit(spot: Spot, model: type[SourceSettings], folder: Path, resolver: Resolver) -> str:
    """Say why a source cannot be connected to as the environment is; empty when it can.

    What is wrong with it as it is written is told besides, by who reads it without the environment.
    """
    problems = Problems()
    _must_exist(spot, model, folder, problems)
    _read(spot, model, resolver, problems, Sources())
    told = next((each for each in problems.sorted() if each.severity == "error"), None)
    return f"It cannot be connected to: {told.path}: {told.message}." if told else ""


def _must_exist(spot: Spot, model: type[SourceSettings], folder: Path, problems: Problems) -> None:
    """Complain about files that are not there.  What is in them is the business of `headway check`."""
    for name in paths_of(model, ExistingPath):
        inner = spot.get(model.model_fields[name].alias or name)
        if inner is not None and inner.text and not _exists(folder / inner.text):
            problems.error(
                inner, f"there is no file {quoted(inner.text)}: relative paths start from the config's folder"
            )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long, or none
        return False


def _unknown(spot: Spot, model: type[BaseModel]) -> Iterator[tuple[Step, ...]]:
    """Yield the paths of everything below unknown keys: one complaint, that the key is unknown, is enough."""
    for key, inner in spot.entries():
        if key not in keys_of(model):
            yield from (below.path for below in inner.walk())
        elif key in tables_of(model):
            yield from _unknown(inner, tables_of(model)[key])


def _located(settings: SourceSettings, folder: Path) -> SourceSettings:
    """Return the settings with paths that do not depend on the working directory."""
    paths = {name: getattr(settings, name) for name in paths_of(type(settings))}
    absolute = {name: str(folder / path) for name, path in paths.items() if path}
    return settings.model_copy(update=absolute) if absolute else settings


def _model(spot: Spot, problems: Problems) -> type[SourceSettings] | None:
    """Return the settings model of a source; None, with the problem added, when its connector is not clear."""
    connector = spot.get("connector")
    if connector is not None and connector.text is not None:
        return _found(connector, connector.text, problems)
    wanted = f"say which tracker it is ({', '.join(registry.names())})"
    if not spot.entries():
        problems.error(spot, f"a source is a mapping of keys, not {spot.shape}: begin with connector: and {wanted}")
    elif connector is None:
        problems.missing(spot, "connector", f"connector is missing: {wanted}")
    else:
        problems.error(connector, f"a text is expected here, not {connector.shape}: {wanted}")
    return None


def _found(connector: Spot, name: str, problems: Problems) -> type[SourceSettings] | None:
    try:
        return registry.find(name).settings
    except KeyError:
        problems.error(connector, f"unknown connector {quoted(name)}; {advice(name, registry.names(), 'known')}")
    except registry.Unusable as error:
        problems.error(connector, f"the connector {quoted(name)} cannot be used: {error}")
    return None


def _read(
    spot: Spot, model: type[SourceSettings], resolver: Resolver | None, problems: Problems, found: Sources
) -> None:
    name = str(spot.path[-1])
    data: dict[str, Any] = {key: plain(inner.node) for key, inner in spot.entries()}
    known = {inner.alias or key for key, inner in model.model_fields.items()}
    data = {key: value for key, value in data.items() if value is not None or key not in known}
    unresolved, secrets = _put_in(spot, model, data, resolver, problems)
    fitting = _unchecked(model, unresolved) if unresolved else model
    try:
        settings = fitting.model_validate(data)
    except ValidationError as error:
        explain(error, fitting, spot, problems, hidden=secrets)
        if _optional_fields_fit(error, model):
            failed = {detail["loc"][0] for detail in error.errors()}
            settings = model.model_construct(**{key: value for key, value in data.items() if key not in failed})
            found.custom_fields[name] = settings.field_names
    else:
        found.settings[name] = settings
        found.custom_fields[name] = settings.field_names


def _put_in(
    spot: Spot, model: type[SourceSettings], data: dict[str, Any], resolver: Resolver | None, problems: Problems
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Replace placeholders in the data; return the paths that keep theirs, and the texts no message may show."""
    unresolved: list[tuple[str, ...]] = []
    secrets: list[str] = []
    for path, field_info in marked(model).items():
        inner = _at(spot, path)
        if inner is None or inner.text is None:
            continue
        value = _value(inner, field_info, resolver, problems)
        if value is None:
            unresolved.append(path)
            continue
        if value is not inner.text:
            reduce(getitem, path[:-1], data)[path[-1]] = value
        if value is not inner.text or is_secret(field_info):
            secrets.append(value)
    return unresolved, secrets


def _value(spot: Spot, info: FieldInfo, resolver: Resolver | None, problems: Problems) -> str | None:
    """Return what a text stands for; None where that is not known, or is no secret though it should be one."""
    text = spot.text or ""
    if has_placeholder(text):
        value = resolver.resolve(spot, problems) if well_formed(spot, problems) and resolver else None
    else:
        value = text
        if is_secret(info):
            problems.warning(spot, f"{spot.path[-1]} stands here in plain: {_in_plain(text)}")
    if value and len(value) < SHORTEST_SECRET and is_secret(info):
        problems.error(
            spot, f"{spot.path[-1]} is shorter than {SHORTEST_SECRET} characters, as no secret is: write the whole one"
        )
        return None
    return value


_VARIABLE = re.compile("[$]([A-Z]+(?:_[A-Z]+)+)")
"""What is meant to be a variable, and no password that begins with a dollar."""


def _in_plain(text: str) -> str:
    meant = _VARIABLE.fullmatch(text)
    if meant:
        return f"did you mean ${{{meant[1]}}}?"
    return "write ${NAME} and set it in the environment"


def _at(spot: Spot, path: Sequence[str]) -> Spot | None:
    """Return what stands at a path below a spot; None where there is none."""
    here: Spot | None = spot
    for key in path:
        here = here.get(key) if here else None
    return here


def _unchecked(model: type[_Model], paths: Sequence[tuple[str, ...]]) -> type[_Model]:
    """Return a variant of the model that takes any text at these paths: a placeholder is no address yet."""
    own: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        inside = [path[1:] for path in paths if path[0] == (info.alias or name)]
        if not inside:
            continue
        default = info.default if not info.is_required() else ...
        inner = tables_of(model).get(info.alias or name)
        kind: Any = SecretStr if is_secret(info) else str
        own[name] = (kind if inner is None else _unchecked(inner, inside), default)
    return create_model(model.__name__, __base__=model, **own)


def _optional_fields_fit(error: ValidationError, model: type[SourceSettings]) -> bool:
    """Tell whether only required keys are wrong or missing, so that what the optional ones say can be relied on."""
    required = {info.alias or name for name, info in model.model_fields.items() if info.is_required()}
    return all(
        detail["type"] == "missing" or (detail["loc"][:1] and detail["loc"][0] in required) for detail in error.errors()
    )
