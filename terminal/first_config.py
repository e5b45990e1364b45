"""What `headway init` does: it asks what the flags leave open, looks, and writes a first config."""

from collections.abc import Sequence
from pathlib import Path

import typer

from config.drafting import SourceDraft, flagged, variables_of
from config.fields import is_id, read_zone
from config.words import advice
from terminal.context import Context
from terminal.discovering import short
from terminal.drafting import SCHEMA, Started, config_text, next_steps, quarter
from terminal.failures import Failure
from terminal.interview import Interviewer
from terminal.settling import Settling
from terminal.text import harmless

_SOURCE = "--source"


def write(
    context: Context, sources: Sequence[str], output: Path | None, timezone: str | None, *, connect: bool, ask: bool
) -> None:
    """Write a first config of these sources.  Raises Failure, and BadParameter for flags that do not do."""
    path = _target(output or context.config)
    interviewer = Interviewer(context.out) if ask else None
    drafts = _drafts(context, sources)
    if not drafts and interviewer is None:
        raise typer.BadParameter(
            "nothing can be asked here, so say what to read, as in --source CONNECTOR:KEY=VALUE,…; "
            f"connectors: {', '.join(context.ports.connectors())}",
            param_hint=_SOURCE,
        )
    zone = _zone(timezone, interviewer)
    settling = Settling(context.ports, context.out, path.absolute().parent, connect, interviewer)
    started = [settling.source(draft) for draft in drafts] or _asked(context, settling, interviewer)
    schema = (path.absolute().parent / SCHEMA).exists()
    text = config_text(started, quarter(context.ports.today(zone)), zone, schema=schema)
    if interviewer and not interviewer.confirm(f"Write {harmless(str(path))}?"):
        raise Failure("Nothing was written.")
    context.ports.write_config(path, text)
    context.out.answer.print("\n".join(_written(context, path, started)))


def _target(path: Path) -> Path:
    """Return the file to write.  Raises Failure at once where it is there already: nobody is asked in vain."""
    target = path / "headway.yaml" if path.is_dir() else path
    if target.exists():
        raise Failure(f"{target} is there already and stays as it is: name another file with --output.")
    if not target.absolute().parent.is_dir():
        raise Failure(f"There is no folder {target.parent}: make it first.")
    return target


def _drafts(context: Context, sources: Sequence[str]) -> list[SourceDraft]:
    drafts: list[SourceDraft] = []
    for text in sources:
        connector, _, keys = text.partition(":")
        _known(context, connector)
        name = _free(connector, drafts)
        try:
            drafts.append(flagged(name, connector, context.ports.connectors()[connector], keys))
        except ValueError as error:
            raise typer.BadParameter(harmless(str(error), 400), param_hint=_SOURCE) from None
    return drafts


def _known(context: Context, connector: str) -> None:
    names = list(context.ports.connectors())
    if connector not in names:
        # What stands there may be anything, also a secret: it is not repeated.
        sentence = f"there is no connector of the name before the colon; {advice(connector, names, 'there are')}"
        raise typer.BadParameter(sentence, param_hint=_SOURCE)


def _free(connector: str, drafts: Sequence[SourceDraft]) -> str:
    """Return a name for a source that no other one has."""
    name = connector if is_id(connector) else short(connector, "tracker")
    count = sum(each.connector == connector for each in drafts)
    return name if not count else f"{name}-{count + 1}"


def _zone(timezone: str | None, interviewer: Interviewer | None) -> str:
    if timezone is None:
        return interviewer.zone() if interviewer else "UTC"
    try:
        return read_zone(timezone)
    except ValueError as error:
        raise typer.BadParameter(harmless(str(error), 400), param_hint="--timezone") from None


def _asked(context: Context, settling: Settling, interviewer: Interviewer | None) -> list[Started]:
    """Ask for one tracker after the other."""
    started: list[Started] = []
    names = list(context.ports.connectors())
    while interviewer:
        if started and not interviewer.confirm("Read another tracker, too?", default=False):
            break
        interviewer.say("\nWhich tracker is to be read?")
        connector = interviewer.one_of("tracker, by number or name", names)
        started.append(settling.source(SourceDraft(_free(connector, [each.draft for each in started]), connector)))
    return started


def _written(context: Context, path: Path, started: Sequence[Started]) -> list[str]:
    names = dict.fromkeys(name for each in started for name in variables_of(each.draft))
    unset = [name for name in names if not context.ports.is_set(name)]
    return [
        f"{harmless(str(path), 400)} is written. Look into it, then:",
        *(f"  {line}" for line in next_steps(unset, str(path))),
    ]
