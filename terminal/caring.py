"""How the answers of the commands for the care of the database look."""

from typing import Any

from okrs.ledger import timestamp
from store.upkeep.forgetting import Erasure
from terminal.answers import BackedUp, Exported, Forgot, Imported, Pruned
from terminal.text import counted, harmless, nobody

_UNITS = ("kB", "MB", "GB", "TB")


def size_text(size: int) -> str:
    """Say how many bytes, in the unit that people read."""
    if size < 1000:
        return f"{size} bytes"
    place = min((len(str(size)) - 1) // 3, len(_UNITS))
    number = size / 1000**place
    return f"{number:.3g} {_UNITS[place - 1]}" if number < 100 else f"{number:.0f} {_UNITS[place - 1]}"


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _file(name: str) -> str:
    return harmless(name, 400)


def exported(answer: Exported) -> str:
    """What `export` did."""
    head = f", head {answer.hash[:12]}" if answer.entries else ""
    return f"{_file(answer.file)} holds the ledger: {_entries(answer.entries)}{head}, in {answer.lines} lines."


def exported_json(answer: Exported) -> dict[str, Any]:
    """The document of `export --json`."""
    return {
        "file": answer.file,
        "lines": answer.lines,
        "entries": answer.entries,
        "head": {"seq": answer.seq, "hash": answer.hash},
    }


def imported(answer: Imported) -> str:
    """What `import` did."""
    return (
        f"The ledger is whole: {_entries(answer.entries)}, head {answer.hash[:12]}, out of {answer.lines} lines. "
        "`headway sync` reads the trackers anew and goes on."
    )


def imported_json(answer: Imported) -> dict[str, Any]:
    """The document of `import --json`."""
    return {
        "file": answer.file,
        "lines": answer.lines,
        "entries": answer.entries,
        "head": answer.hash,
        "written_by": answer.version,
    }


def backed_up(answer: BackedUp) -> str:
    """What `backup` did."""
    return f"{_file(answer.file)} is a copy of the database: {size_text(answer.size)}."


def backed_up_json(answer: BackedUp) -> dict[str, Any]:
    """The document of `backup --json`."""
    return {"file": answer.file, "bytes": answer.size}


def pruned(answer: Pruned) -> str:
    """What `prune` did."""
    found = answer.found
    what = f"{counted(found.versions, 'old version')} of tickets and {counted(found.runs, 'old run')}"
    size = f"about {size_text(found.size)}"
    before = f"from before {found.before:%Y-%m-%d}"
    done = f"{what} {before} would go: {size}." if answer.dry_run else f"{what} {before} are gone: {size}."
    lines = [done if found.versions or found.runs else f"Nothing {before} can go."]
    return "\n".join([*lines, *_space(answer)])


def _space(answer: Pruned) -> list[str]:
    if answer.dry_run or (not answer.found.versions and not answer.found.runs and not answer.asked):
        return []
    if not answer.sqlite:
        return ["PostgreSQL uses the space again by itself; `VACUUM FULL` in psql gives it back."]
    if answer.compacted:
        return ["The file was written anew."]
    if answer.asked:
        return ["The file could not be written anew, because somebody else uses it: try again with --vacuum."]
    return ["The file keeps its size and uses the space again; --vacuum gives it back."]


def pruned_json(answer: Pruned) -> dict[str, Any]:
    """The document of `prune --json`."""
    found = answer.found
    return {
        "before": timestamp(found.before),
        "versions": found.versions,
        "runs": found.runs,
        "bytes": found.size,
        "dry_run": answer.dry_run,
        "vacuumed": answer.compacted,
    }


def forgettable(answer: Forgot) -> str:
    """What `forget` would erase."""
    return "\n".join(["This will be erased for good:", *(f"  {line}" for line in _erasure(answer)), *_warning(answer)])


def _erasure(answer: Forgot) -> list[str]:
    found = answer.erasure
    lines = [f"{harmless(key)} of {harmless(source)}" for source, key in answer.tickets]
    lines += [f"the title “{harmless(title)}”" for title in found.titles]
    lines += [f"the name {harmless(name)}" for name in dict.fromkeys([*answer.people, *found.names])]
    lines.append(f"in {_extent(found)}")
    if found.people:
        lines.append(f"as who did what {_acts(found)}")
    return lines


def _extent(found: Erasure) -> str:
    """In how much: `3 versions of 2 tickets (pay-jira 1, web-github 1)`."""
    where = ", ".join(f"{harmless(source)} {items}" for source, items in found.sources)
    told = f"{counted(found.versions, 'version')} of {counted(found.items, 'ticket')}"
    return f"{told} ({where})" if where else told


def _acts(found: Erasure) -> str:
    return f"{_entries(found.entries)} of the ledger {'tells' if found.entries == 1 else 'tell'}"


def _warning(answer: Forgot) -> list[str]:
    named, unknown = answer.erasure.selected, answer.erasure.unknown
    told = [f"Left out: {nobody(unknown, answer.erasure.near)}"] if unknown else []
    if not named:
        return told
    return [
        *told,
        f"The mapping of {', '.join(map(harmless, named))} selects by such a name: it may move with the next sync.",
    ]


def forgot(answer: Forgot) -> str:
    """What `forget` did."""
    found = answer.erasure
    who = ", ".join(key for _, key in answer.tickets) or counted(len(answer.people), "name")
    also = f", and as who did what {_acts(found)}" if found.people else ""
    lines = [f"{harmless(who, 400)}: erased in {_extent(found)}{also}."]
    lines += _warning(answer)
    if not answer.clean:
        lines.append(
            "The file still holds traces, for somebody else uses it: run `headway prune --vacuum` when nobody does."
        )
    lines.append("Copies and exports from before still hold it.")
    return "\n".join(lines)


def forgot_json(answer: Forgot) -> dict[str, Any]:
    """The document of `forget --json`: nothing that was erased is in it."""
    found = answer.erasure
    return {
        "tickets": [{"source": source, "key": key} for source, key in answer.tickets],
        "versions": found.versions,
        "items": found.items,
        "people": found.people,
        "entries": found.entries,
        "sources": [{"name": source, "items": items} for source, items in found.sources],
        "unknown": list(found.unknown),
        "may_move": list(found.selected),
        "clean": answer.clean,
    }
