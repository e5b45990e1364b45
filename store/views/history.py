"""`history`: the ledger of a key result, each entry with the tickets that caused it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from okrs.immutable import facts, immutable, replace
from okrs.ledger import Cause, Entry, causes, timestamp
from okrs.numbers import as_json
from okrs.work import WorkItem
from store import ledger, lookup, people
from store.views.origins import UNKNOWN, Origin, origins


@immutable
class ShownCause:
    """A cause with the ticket behind it; item None when the cause is no single ticket's."""

    cause: Cause
    item: WorkItem | None


@immutable
class ShownEntry:
    entry: Entry
    causes: tuple[ShownCause, ...]
    by: str | None = None
    """Who did it, by name; `somebody` where the name is forgotten."""
    origin: Origin = UNKNOWN
    """Unknown unless it was asked for."""


def history(connection: Connection, name: str) -> list[ShownEntry]:
    """Return all entries of a key result with their origins, oldest first."""
    entries = list(ledger.entries_of(connection, name))
    found = origins(connection, entries)
    return [replace(each, origin=found[each.entry.seq]) for each in shown(connection, entries)]


def shown(connection: Connection, entries: Iterable[Entry]) -> list[ShownEntry]:
    """Join entries with the tickets that caused them, as they were last seen."""
    told = [(entry, causes(entry)) for entry in entries]
    wanted: dict[str, set[str]] = {}
    for _, each in told:
        for cause in each:
            if cause.source and cause.item:
                wanted.setdefault(cause.source, set()).add(cause.item)
    known = {
        (source, item): found
        for source, items in wanted.items()
        for item, (found, _gone) in lookup.look_up(connection, source, sorted(items)).items()
    }
    names = people.names_of(connection, {entry.by for entry, _ in told if entry.by})
    return [
        ShownEntry(
            entry,
            tuple(ShownCause(cause, known.get((cause.source or "", cause.item or ""))) for cause in each),
            names.get(entry.by or "", entry.by),
        )
        for entry, each in told
    ]


def history_json(entries: Iterable[ShownEntry]) -> list[dict[str, Any]]:
    """The document of `history --json`."""
    return [
        {
            "seq": each.entry.seq,
            "at": timestamp(each.entry.at),
            "kind": each.entry.kind.value,
            "old": as_json(each.entry.old),
            "new": as_json(each.entry.new),
            "causes": [cause_json(cause) for cause in each.causes],
            "run": each.entry.run,
            "headway_version": each.origin.version,
            "sources": [facts(reading) for reading in each.origin.readings],
            "rule": each.entry.rule,
            "rule_text": each.origin.rule_text,
            "by": each.by,
            "why": each.entry.why,
            "details": each.entry.details,
            "hash": each.entry.hash,
            "prev": each.entry.prev,
        }
        for each in entries
    ]


def cause_json(each: ShownCause) -> dict[str, Any]:
    """One of the `causes` of an entry, as documents have it."""
    return {
        "kind": each.cause.kind.value,
        "key": each.item.key if each.item else None,
        "url": each.item.url if each.item else None,
        "title": each.item.title if each.item else None,
        "source": each.cause.source,
        "delta": as_json(each.cause.delta),
    }
