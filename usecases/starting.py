"""`init` and `schema`: what a config that is still to be written may hold."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.drafting import SourceDraft, settings_of
from config.loader import load
from connectors import registry
from connectors.settings import SourceSettings
from terminal.answers import Looked
from terminal.failures import Failure, InvalidConfig
from terminal.ports import Schema
from usecases.connecting import checked, listed
from usecases.ground import Ground


def connectors() -> dict[str, type[SourceSettings]]:
    """The settings of every connector that can be used, by name.

    A broken one breaks no other; `validate` tells of it where a config names it.
    """
    found = {}
    for name in registry.names():
        with suppress(registry.Unusable):
            found[name] = registry.find(name).settings
    return found


def look(ground: Ground, draft: SourceDraft, folder: Path) -> Looked:
    """Ask the tracker of a source that no config has yet who asks, and what a config may name.

    Raises Failure when the draft is not fit for that; what the tracker refuses stands in the answer.
    """
    settings, problems = settings_of(draft, connectors()[draft.connector], folder, ground.environ)
    if settings is None:
        raise Failure(f"{draft.name}: {'; '.join(problem.message for problem in problems)}")
    answer = checked(ground, draft.name, settings)
    return Looked(answer, listed(ground, draft.name, settings) if answer.account else ())


def write_config(ground: Ground, path: Path, text: str) -> None:
    """Write a new config: whole and without a mistake, or not at all.  Raises Failure, never writes over a file."""
    if path.exists():
        raise Failure(f"{path} is there already and stays as it is: name another file with --output.")
    with TemporaryDirectory(prefix=".headway-", dir=path.parent) as folder:  # on the same disk, so that it can move
        written = Path(folder) / "headway.yaml"
        written.write_text(text, encoding="utf-8")
        loaded = load(written, ground.environ, connect=False)
        if loaded.config is None:
            raise InvalidConfig(loaded.problems)
        written.rename(path)


def schema(of: Schema) -> dict[str, Any]:
    """Return a JSON Schema; that of the config has the sources of every connector that is installed."""
    from config.json_schema import cases_schema, document_schema, team_schema  # pydantic's own generator loads slowly

    match of:
        case Schema.CONFIG:
            return document_schema(connectors())
        case Schema.TEAM:
            return team_schema()
        case Schema.CASES:
            return cases_schema()
