"""A config that is still to be written: what a source is to be asked for, and whether the answers fit.

The models of the connectors say it all, so a connector of another distribution is asked for as the built-in ones are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from config.interpolation import Resolver, is_secret, refuse_elsewhere, with_mark
from config.problems import Problem, Problems
from config.reading import parse
from config.sources import read_sources
from connectors.settings import Asked, Containers, SourceSettings
from okrs.immutable import immutable, replace

Value = str | tuple[str, ...]

ENV = "_env"
"""What a flag puts behind the key of a secret: it takes the name of the variable that holds it."""

_VARIABLE = re.compile("[A-Z][A-Z0-9_]{0,59}")
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@immutable
class Question:
    """A key of a source that a first config needs."""

    key: str
    told: str
    example: str
    """A value that fits; of a secret the name of a variable; "" when none is proposed."""
    secret: bool
    many: bool
    """Several values are possible."""
    optional: bool
    containers: bool
    """It names the projects or repositories, which the tracker lists."""

    @property
    def flag(self) -> str:
        """How a flag spells the key."""
        return f"{self.key}{ENV}" if self.secret else self.key


@immutable
class SourceDraft:
    """A source of the config to come.  A secret's value is `${NAME}`."""

    name: str
    connector: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def having(self, key: str, value: Value) -> "SourceDraft":
        return replace(self, values={**self.values, key: value})

    def lacking(self, key: str) -> "SourceDraft":
        return replace(self, values={name: value for name, value in self.values.items() if name != key})


def is_variable(text: str) -> bool:
    """Tell whether a text may name a variable.  Capitals only: a secret that was pasted instead has others, too."""
    return _VARIABLE.fullmatch(text) is not None


def variables_of(draft: SourceDraft) -> list[str]:
    """Return the names of the variables that a source needs, in their order."""
    texts = [text for value in draft.values.values() for text in ([value] if isinstance(value, str) else value)]
    return list(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))


def questions(connector: str, model: type[SourceSettings]) -> list[Question]:
    """Return what is asked for a source: the keys of its own that are required, or marked `Asked`."""
    asked = {name for name, _ in with_mark(model, Asked)}
    containers = {name for name, _ in with_mark(model, Containers)}
    return [
        Question(
            key=info.alias or name,
            told=info.description or "",
            example=_example(connector, name, info.examples, secret=is_secret(info)),
            secret=is_secret(info),
            many=_is_list(info.annotation),
            optional=not info.is_required(),
            containers=name in containers,
        )
        for name, info in model.model_fields.items()
        if name not in SourceSettings.model_fields and (info.is_required() or name in asked)
    ]


def others(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of a connector's own that nobody is asked for."""
    asked = {name for name, _ in with_mark(model, Asked)}
    return tuple(
        info.alias or name
        for name, info in model.model_fields.items()
        if name not in SourceSettings.model_fields and not info.is_required() and name not in asked
    )


def _example(connector: str, key: str, examples: list[Any] | None, *, secret: bool) -> str:
    example = str(examples[0]) if examples else ""
    if not secret:
        return example
    named = _PLACEHOLDER.fullmatch(example)
    return named[1] if named else re.sub("[^A-Z0-9]+", "_", f"{connector}_{key}".upper())


def _is_list(annotation: Any) -> bool:  # noqa: ANN401 - any type expression
    return get_origin(annotation) in (tuple, list) or any(map(_is_list, get_args(annotation)))


def flagged(name: str, connector: str, model: type[BaseModel], text: str) -> SourceDraft:
    """Return the draft that `key=value,key=value` says.  A piece without `=` belongs to the key before it.

    Raises ValueError with a sentence that repeats no value, which may be a secret.
    """
    draft = SourceDraft(name, connector)
    fields = {info.alias or key: info for key, info in model.model_fields.items() if key != "connector"}
    for flag, pieces in _pieces(text):
        key = flag.removesuffix(ENV) if flag not in fields else flag
        if key not in fields:
            flags = [f"{each}{ENV}" if is_secret(info) else each for each, info in fields.items()]
            raise ValueError(f"{connector} has no {flag}; it has {', '.join(flags)}")
        if is_secret(fields[key]):
            draft = draft.having(key, _placeholder(key, flag, ",".join(pieces)))
        else:
            many = _is_list(fields[key].annotation)
            draft = draft.having(key, tuple(pieces) if many else ",".join(pieces))
    return draft


def _placeholder(key: str, flag: str, variable: str) -> str:
    if flag == key:
        raise ValueError(f"a secret is no argument: write {key}{ENV}=NAME with the name of the variable that holds it")
    if not is_variable(variable):
        raise ValueError(f"{flag} takes the name of a variable, in capitals, as in {flag}=TRACKER_TOKEN")
    return f"${{{variable}}}"


def _pieces(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each flag with its pieces; a flag that is repeated has those of all its places."""
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for piece in text.split(",") if text else ():
        flag, equals, value = piece.partition("=")
        if equals and re.fullmatch(r"\w+", flag.strip()):
            last = found.setdefault(flag.strip(), [])
            last.append(value)
        elif last is not None:
            last.append(piece)
        else:
            raise ValueError("write key=value, and more of them behind commas")
    yield from found.items()


def examined(
    draft: SourceDraft, folder: Path, environ: Mapping[str, str] | None = None
) -> tuple[SourceSettings | None, tuple[Problem, ...]]:
    """Read a draft as a config in the folder would be.  Without an environment its variables need not be set.

    The settings are None where anything is wrong; the path of a problem ends with its key.
    """
    keys = {"connector": draft.connector, **{key: _plain(value) for key, value in draft.values.items()}}
    text = yaml.safe_dump({"sources": {draft.name: keys}}, allow_unicode=True)
    problems = Problems()
    root = parse(text.encode("utf-8", "surrogatepass"), "", problems)
    if root is None:
        return None, problems.sorted()
    resolver = None if environ is None else Resolver(environ, folder)
    found = read_sources(root, folder, resolver, problems)
    refuse_elsewhere(root, ["sources"], found.interpolated, problems)
    return (None if problems.failed else found.settings.get(draft.name)), problems.sorted()


def _plain(value: Value) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def complaints(draft: SourceDraft, folder: Path) -> dict[str, str]:
    """Return what is wrong with a draft, by key; a key that is missing is wrong, too."""
    _, problems = examined(draft, folder)
    prefix = f"sources.{draft.name}."
    found: dict[str, str] = {}
    for problem in problems:
        key = re.split(r"[.\[]", problem.path.removeprefix(prefix))[0]
        if problem.severity == "error":
            found.setdefault(key, problem.message)
    return found


def settings_of(
    draft: SourceDraft, model: type[SourceSettings], folder: Path, environ: Mapping[str, str]
) -> tuple[SourceSettings | None, tuple[Problem, ...]]:
    """Return the settings to connect with, also of a draft that names no projects or repositories yet."""
    nameless = [each for each in questions(draft.connector, model) if each.containers and each.key not in draft.values]
    for each in nameless:
        draft = draft.having(each.key, (each.example,))
    settings, problems = examined(draft, folder, environ)
    empty: dict[str, tuple[str, ...]] = {each.key: () for each in nameless}
    return (settings.model_copy(update=empty) if settings else None), problems
