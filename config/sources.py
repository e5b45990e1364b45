"""The sources of a config: each is held against the settings of its own connector, with secrets put in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError, create_model

from config.explaining import explain, keys_of
from config.interpolation import Resolver, has_placeholder, is_secret, marked, paths_of, well_formed
from config.problems import Problems
from config.tree import Spot, Step, plain
from config.words import advice, quoted
from connectors import registry
from connectors.settings import SourceSettings


@dataclass(slots=True)
class Sources:
    """What became of the `sources` section."""

    settings: dict[str, SourceSettings] = field(default_factory=dict)
    """The sources without a mistake."""
    number_fields: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """What `by:` may name, for sources that tell; None when only the tracker knows."""
    interpolated: set[tuple[Step, ...]] = field(default_factory=set)
    """Paths at which a placeholder is no mistake."""


def read_sources(root: Spot, folder: Path, resolver: Resolver | None, problems: Problems) -> Sources:
    """Read all sources.  Without a resolver placeholders of secrets and addresses stay as they are written.

    Relative paths in them start from the folder.
    """
    found = Sources()
    section = root.get("sources")
    for _, spot in section.entries() if section else []:
        model = _model(spot, problems)
        if model is None:
            found.interpolated.update(inner.path for inner in spot.walk())  # nobody knows what its keys are
            continue
        found.interpolated.update((*spot.path, key) for key in marked(model))
        for key, inner in spot.entries():
            if key not in keys_of(model):  # one complaint, that the key is unknown, is enough
                found.interpolated.update(below.path for below in inner.walk())
        _read(spot, model, resolver, problems, found)
    found.settings = {name: _located(settings, folder) for name, settings in found.settings.items()}
    return found


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
            found.number_fields[name] = settings.field_names
    else:
        found.settings[name] = settings
        found.number_fields[name] = settings.field_names


def _put_in(
    spot: Spot, model: type[SourceSettings], data: dict[str, Any], resolver: Resolver | None, problems: Problems
) -> tuple[list[str], list[str]]:
    """Replace placeholders in the data; return the keys that keep theirs, and the texts no message may show."""
    unresolved: list[str] = []
    secrets: list[str] = []
    for key, field_info in marked(model).items():
        inner = spot.get(key)
        if inner is None or inner.text is None:
            continue
        if not has_placeholder(inner.text):
            if is_secret(field_info):
                problems.warning(inner, f"{key} stands here in plain: write ${{NAME}} and set it in the environment")
                secrets.append(inner.text)
            continue
        fine = well_formed(inner, problems)
        value = resolver.resolve(inner, problems) if fine and resolver else None
        if value is None:
            unresolved.append(key)
        else:
            data[key] = value
            secrets.append(value)
    return unresolved, secrets


def _unchecked(model: type[SourceSettings], keys: Sequence[str]) -> type[SourceSettings]:
    """Return a variant of the model that takes any text under these keys: a placeholder is no address yet."""
    own: dict[str, Any] = {
        name: (SecretStr if is_secret(info) else str, info.default if not info.is_required() else ...)
        for name, info in model.model_fields.items()
        if (info.alias or name) in keys
    }
    return create_model(model.__name__, __base__=model, **own)


def _optional_fields_fit(error: ValidationError, model: type[SourceSettings]) -> bool:
    """Tell whether only required keys are wrong, so that what the optional ones say can be relied on."""
    required = {info.alias or name for name, info in model.model_fields.items() if info.is_required()}
    return all(detail["loc"][:1] and detail["loc"][0] in required for detail in error.errors())
