"""What `headway discover` found: as a table, as JSON, and as YAML to paste, whatever the tracker's titles hold."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.where import FIELD, Where
from connectors.contract import Listed, What
from okrs.work import fold_key, fold_name
from terminal.answers import Discovered
from terminal.tables import Cells, Rows, bare
from terminal.text import harmless, plain_text

_TITLES = {
    What.PROJECT: "Projects and repositories",
    What.MILESTONE: "Milestones and versions",
    What.EPIC: "Epics",
    What.SPRINT: "Sprints",
    What.SECTION: "Sections",
    What.LABEL: "Labels",
    What.FIELD: "Fields",
    What.TYPE: "Types",
    What.STATUS: "Statuses",
}
_NOTHING = "Nothing of that was found."

_LONGEST = 1000
"""The longest text that a config takes."""

_MOST_TOLD = 8
"""Facts about one value; a type may stand in a hundred projects."""

_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Characters that a config refuses, escaped or not."""


def chosen(listed: Sequence[Listed], what: Sequence[What], match: str) -> list[Listed]:
    """Return the rows of these kinds (all when none is named) that hold the text, in the order of the kinds."""
    wanted, text = set(what or What), fold_name(match)
    rows = [row for row in listed if row.what in wanted and text in fold_name(f"{row.value}\n{row.name}")]
    return sorted(rows, key=lambda row: list(What).index(row.what))


def discovered(rows: Sequence[Listed]) -> RenderableType:
    """The rows for people, one table for each kind."""
    blocks: list[RenderableType] = []
    for what in What:
        mine = [row for row in rows if row.what is what]
        if mine:
            blocks += [
                Text(f"{_TITLES[what]} ({len(mine)})", "bold"),
                Rows([_cells(row) for row in mine], _columns, indent=2),
            ]
    return Group(*blocks) if blocks else Text(_NOTHING, "yellow")


def _columns() -> Table:
    table = bare()
    for _ in range(4):
        table.add_column(overflow="fold")
    return table


def _cells(row: Listed) -> Cells:
    return plain_text(row.value), plain_text(row.name), plain_text(row.container), plain_text(row.note)


def discovered_json(rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """The document of `discover --json`."""
    return [
        {
            "what": row.what.value,
            "value": row.value,
            "name": row.name,
            "container": row.container,
            "note": row.note,
        }
        for row in rows
    ]


def discovered_yaml(found: Discovered, rows: Sequence[Listed]) -> str:
    """A fragment of a config to paste from: what the config has stands plainly, what it could have as comments."""
    return "\n".join([*_source(found, rows), *_clauses(rows), ""]) if rows else f"# {_NOTHING}\n"


def _source(found: Discovered, rows: Sequence[Listed]) -> Iterator[str]:
    yield "# Paste what you need. The other keys of the source stay as they are."
    projects, every = _of(rows, What.PROJECT), _of(rows, What.FIELD)
    fields = [row for row in every if row.number]
    keys: list[str] = []
    if projects and found.key is not None:
        keys += _key(found.key, list(_containers(found.named, projects)))
    if every and found.fields is not None and (lines := list(_fields(found.fields, fields))):
        keys += _key("fields", lines)
    if keys:
        yield from _block(["sources:", f"  {scalar(found.source)}:"], keys)
    if projects and found.key is None:
        yield f"# {_TITLES[What.PROJECT]}:"
        yield from (f"# {written(row.value)}{remark(row)}" for row in projects)
    if fields and found.fields is None:
        yield "# Fields, for `by:` of a mapping's part:"
        yield from (f"# by: {written(row.value)}{remark(row)}" for row in fields)
    if len(fields) < len(every):
        yield "# Other fields, for `where:` of a mapping's part:"
        yield from _compared(every)


def _key(key: str, lines: list[str]) -> list[str]:
    """Return a key of the source with what stands below it."""
    return _block([f"    {key}:"], [f"      {line}" for line in lines])


def _block(heads: list[str], lines: list[str]) -> list[str]:
    """Return lines below their keys, which are comments when nothing else follows: a key alone breaks a config."""
    held = any(not line.lstrip().startswith("#") for line in lines)
    return [*(head if held else f"# {head}" for head in heads), *lines]


def _containers(named: Sequence[str], rows: Sequence[Listed]) -> Iterator[str]:
    """The containers that the tracker shows, then those that the config alone names."""
    had, seen = {fold_key(name) for name in named}, {fold_key(row.value) for row in rows}
    for row in rows:
        known = fold_key(row.value) in had and writable(row.value)
        yield f"{'' if known else '# '}- {written(row.value)}{remark(row, more='' if known else 'not in the config')}"
    for name in named:
        if fold_key(name) not in seen:
            yield f"# - {written(name)}   # in the config; not among what is shown here"


def _fields(known: dict[str, str], rows: Sequence[Listed]) -> Iterator[str]:
    """The fields that the config names, then the others under names that are still free."""
    for name, value in known.items():
        yield f"{scalar(name)}: {scalar(value)}"
    taken, had = set(known), {fold_name(value) for value in known.values()}
    for row in rows:
        if fold_name(row.value) in had or (row.name and fold_name(row.name) in had):
            continue
        plain = short(row.name or row.value)
        free = next(name for name in (plain, *(f"{plain}_{at}" for at in range(2, len(rows) + 3))) if name not in taken)
        taken.add(free)
        yield f"# {scalar(free)}: {written(row.value)}{remark(row)}"


def _compared(every: Sequence[Listed]) -> Iterator[str]:
    """The fields that hold no numbers, as keys of a clause: by their names, where those are clear."""
    values: dict[str, set[str]] = {}
    for row in every:
        values.setdefault(fold_name(row.name), set()).add(row.value)
    known: dict[str, list[Listed]] = {}
    for row in every:
        clear = writable(row.name) and len(values[fold_name(row.name)]) == 1
        if not row.number:
            known.setdefault(row.name if clear else row.value, []).append(row)
    for name, same in known.items():
        shown = f"{scalar(f'{FIELD}{name}')}:" if writable(name) else _comment(name)
        yield f"# {shown}{remark(*same, more='' if name == same[0].value else same[0].value)}"


def short(name: str, otherwise: str = "field") -> str:
    """Return a name as a key that is easy to type, as `grosse_h` of `Größe (h)`; `otherwise` where nothing is left."""
    letters = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "_", letters).strip("_")[:40] or otherwise


def _clauses(rows: Sequence[Listed]) -> Iterator[str]:
    for what in What:
        mine = [row for row in rows if row.what is what]
        if not mine or what is What.PROJECT or what.value not in Where.model_fields:
            continue
        yield f"# {_TITLES[what]}, for a mapping's part on this source:"
        for value, same in _by_value(mine).items():
            if writable(value):
                yield f"# where: {{{what.value}: {scalar(value)}}}{remark(*same)}"
            else:
                yield f"# {_comment(value)}   # cannot be written in a config: rename it, or choose by another key"


def _by_value(rows: Sequence[Listed]) -> dict[str, list[Listed]]:
    """Return the rows by what a config writes: a type that every project has is written once."""
    found: dict[str, list[Listed]] = {}
    for row in rows:
        found.setdefault(row.value, []).append(row)
    return found


def _of(rows: Sequence[Listed], what: What) -> list[Listed]:
    return [row for row in rows if row.what is what]


def writable(value: str) -> bool:
    """Tell whether a config takes the text as a value: no control characters, no placeholder, not too long."""
    return bool(value.strip()) and len(value) <= _LONGEST and "${" not in value and not _REFUSED.search(value)


def scalar(text: str) -> str:
    """Return a text as YAML on one line, that stands anywhere; what a terminal would act on is escaped."""
    plain = text.isprintable()
    written = yaml.safe_dump(
        [text],
        default_flow_style=True,
        default_style=None if plain else '"',
        allow_unicode=plain,
        width=float("inf"),  # one line
    )
    return written.removeprefix("[").removesuffix("]\n")


def written(value: str) -> str:
    """Return a value as YAML, or where a config cannot hold it as a comment says it."""
    return scalar(value) if writable(value) else _comment(value)


def remark(*rows: Listed, more: str = "") -> str:
    """What else is known of the rows of one value, as a comment at the end of its line."""
    texts = [str(getattr(row, part)) for part in ("name", "container", "note") for row in rows]
    told = [_comment(text) for text in dict.fromkeys([*texts, more]) if text.strip()]
    shown = told if len(told) <= _MOST_TOLD else [*told[:_MOST_TOLD], "…"]
    return f"   # {' · '.join(shown)}" if shown else ""


def _comment(text: str) -> str:
    """Return a text that may stand in a comment: one line, and nothing that YAML refuses even there."""
    return "".join(char for char in harmless(text) if char.isprintable())
