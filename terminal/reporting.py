"""What `headway sync` says: what was read, and what moved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from connectors.contract import Quota
from okrs.anchor import anchor_json
from okrs.immutable import facts
from okrs.ledger import Entry, EntryKind
from okrs.numbers import as_json, plain
from store.holds import Hold, holds_json
from store.views.gaps import Gap, gaps_json
from store.views.quarantine import Quarantined, quarantine_json
from store.views.refused import Refused, refused_json, refused_queries_json
from sync.task import Outcome, SourceReport
from terminal.synced import KeptAnchor, Synced
from terminal.text import counted, harmless


def report(synced: Synced) -> RenderableType:
    """What a sync did: each source, then each key result that moved, in the order of the config."""
    view, lines = synced.report, list[RenderableType]()
    for source in view.sources:
        told = f"{harmless(source.name)}: {counted(source.seen, 'item')} read, {source.changed} changed"
        told += f", {source.removed} left" if source.removed else ""
        told += f", {source.missed} not found: what the next census misses, too, leaves" if source.missed else ""
        ok = source.state is Outcome.OK
        line = Text(f"✓ {told}" if ok else f"✗ {harmless(source.name)}: {source.state.value}", "" if ok else "red")
        if source.error:
            line.append(f" · {harmless(source.error, 400)}")
        lines.append(line)
    place = {name: at for at, name in enumerate(synced.titles)}
    for update in sorted(view.updates, key=lambda each: place.get(each.key_result, len(place))):
        title = harmless(synced.titles.get(update.key_result, update.key_result))
        line = Text.assemble((title, "bold"), f"  {number(update.old)} → {number(update.new)}")
        if update.key_result in synced.by_hand:
            line.append(f" (shown is {number(synced.by_hand[update.key_result])}, set by hand)")
        lines.append(line)
    for each in view.retired:
        kept = f"; its value stays {number(each.new)}, as `headway history` tells"
        lines.append(Text(f"{harmless(each.key_result)} is retired: {each.why}{kept}", "yellow"))
    for each in view.resumed:
        title = harmless(synced.titles.get(each.key_result, each.key_result))
        over = f"  is not set to {number(each.old)} by hand any more: {each.why}"
        lines.append(Text.assemble((title, "bold"), over))
    for each in view.corrections:
        title = harmless(synced.titles.get(each.key_result, each.key_result))
        what = f" stays as it was closed; by what is known now its tickets give {number(each.new)}"
        lines.append(Text.assemble((title, "bold"), what))
    if not view.updates:
        lines.append(Text("No key result moved.", "dim"))
    lines += _unmoved(synced)
    lines += [held_line(each, synced.titles) for each in view.held]
    lines += quarantine_lines(synced.wrong.quarantine if synced.wrong else ())
    lines += refused_lines(synced.refused)
    lines += gap_lines(synced.gaps)
    if synced.dry_run:
        lines.append(Text("Nothing was written (--dry-run).", "bold"))
    return Group(*lines)


_SILENT = (EntryKind.RULE, EntryKind.TARGET, EntryKind.AUTO)
"""What is written of a key result though its value stays, and is told nowhere else."""


def _unmoved(synced: Synced) -> list[Text]:
    """Tell of key results that keep their value what was written all the same."""
    moved, told = {each.key_result for each in synced.report.updates}, dict[str, list[Entry]]()
    for entry in synced.report.entries:
        if entry.kind in _SILENT and entry.key_result not in moved:
            told.setdefault(entry.key_result, []).append(entry)
    if not told:
        return []
    from terminal.render import happened  # a quiet run needs nothing of it

    return [
        Text.assemble(
            (harmless(synced.titles.get(name, name)), "bold"),
            f"  stays {number(entries[-1].new)}: {', '.join(map(happened, entries))}",
        )
        for name, entries in told.items()
    ]


def _source_json(source: SourceReport) -> dict[str, Any]:
    quota = source.quota and quota_json(source.quota)
    told = {"state": source.state.value, "quota": quota, "wait_until": instant_json(source.wait_until)}
    return facts(source) | told


def quota_json(quota: Quota) -> dict[str, Any]:
    """What a tracker still allows, as `check --json` and `sync --json` have it."""
    return {
        "remaining": quota.remaining,
        "limit": quota.limit,
        "reset": instant_json(quota.reset),
        "near": quota.near,
    }


def instant_json(instant: datetime | None) -> str | None:
    """An instant that a tracker told."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def report_json(synced: Synced) -> dict[str, Any]:
    """The document of `sync --json`."""
    report = synced.report
    return {
        "run": report.run,
        "sources": [_source_json(each) for each in report.sources],
        "updates": [
            {"key_result": each.key_result, "old": as_json(each.old), "new": as_json(each.new)}
            for each in report.updates
        ],
        "corrections": [
            {"key_result": each.key_result, "old": as_json(each.old), "new": as_json(each.new)}
            for each in report.corrections
        ],
        "retired": [{"key_result": each.key_result, "why": each.why} for each in report.retired],
        "resumed": [{"key_result": each.key_result, "old": as_json(each.old)} for each in report.resumed],
        "held": holds_json(report.held),
        "selects_nothing": gaps_json(synced.gaps),
        "refused_fields": refused_json(synced.refused),
        "refused_queries": refused_queries_json(synced.refused),
        "dry_run": synced.dry_run,
        "anchor": _anchor(synced.anchor) if synced.anchor else None,
        "quarantine": quarantine_json(synced.wrong.quarantine if synced.wrong else ()),
    }


def held_line(each: Hold, titles: Mapping[str, str]) -> Text:
    """Tell of an update that waits, why, and what to do."""
    title = harmless(titles.get(each.key_result, each.key_result))
    would = f"  stays {number(each.old)}, would become {number(each.new)}"
    if each.old == each.new:
        would = f"  would lose tickets; its value is {number(each.old)} either way"
    if each.rejected:
        told = f"An update to {number(each.new)} was rejected: {harmless(each.reason, 400)}"
        return Text(f"{told} `headway approve {each.id}` takes it after all", "yellow")
    line = Text.assemble(("⏸ ", "yellow"), (title, "bold"), (would, "yellow"))
    return line.append(f" · {harmless(each.reason, 400)} `headway approve {each.id}` or `headway reject {each.id}`")


def _anchor(kept: KeptAnchor) -> dict[str, Any]:
    return {"to": kept.to, **anchor_json(kept.anchor), "problem": kept.problem or None}


def number(value: Decimal | None, places: int = 2) -> str:
    """A number for people: at most two decimals; a dash when nothing was measured."""
    return "–" if value is None else plain(round(value, places))


def quarantine_lines(quarantine: Sequence[Quarantined]) -> list[Text]:
    """Tell of files of the config that are not right, what runs instead, and what to do."""
    return [Text(harmless(each.sentence, 2000), "yellow") for each in quarantine]


def refused_lines(refused: Sequence[Refused]) -> list[Text]:
    """Tell of key results whose rules do not take effect because a tracker refuses what they name."""
    return [
        Text(
            f"{harmless(each.key_result)} waits for {each.awaited}: "
            f"{harmless(each.source)}: {harmless(each.error, 400)}",
            "yellow",
        )
        for each in refused
    ]


def gap_lines(gaps: Sequence[Gap]) -> list[Text]:
    """Tell of parts that select nothing: their 0 may be a misspelt word, or a label that nobody uses."""
    return [
        Text(f"{harmless(each.key_result)}: {empty_part(each.part, each.source, linked=each.linked)}", "yellow")
        for each in gaps
    ]


def empty_part(part: int, source: str, *, linked: bool) -> str:
    """Say that a part selects nothing, and what helps."""
    if linked:
        return f"no ticket of {harmless(source)} bears its label yet, and labels alone feed it: put it on a ticket"
    return f"part {part + 1} selects nothing in {harmless(source)}: check the spelling of its `where`"
