"""From the rows of a table to work items as the connectors tell them, and what is to become of each."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from config.model import Config
from mapping.cases import COUNTED
from mapping.judging import Line
from mapping.rule import Rule
from okrs.cycle import Calendar
from okrs.demand import Container
from okrs.work import Kind, Ref, State, Step, WorkItem, fold_name
from tests.cases.rows import Row, StepEntry, identity

KEY_RESULT = "kr"
OUT = "out"
"""What a table calls an item that a part does not select."""

_FATE = re.compile(r"([a-z_]+)(?: (\S+) of (\S+))?")

BOXES = {
    box.name: (box, ref)
    for box, ref in (
        (Container("10001", "PAY", "PAY"), Ref("PAY")),
        (Container("10002", "OPS", "OPS"), Ref("OPS")),
        (Container("7001", "acme/web", "acme/web"), Ref("7001", "acme/web")),
        (Container("7002", "acme/app", "acme/app"), Ref("7002", "acme/app")),
        (Container("7003", "acme/shop", "acme/store"), Ref("7003", "acme/store")),
        (Container("1204000000000001", "1204000000000001", "Launch"), Ref("1204000000000001", "Launch")),
        (Container("1204000000000002", "1204000000000002", "Research"), Ref("1204000000000002", "Research")),
    )
}
"""Each project or repository, and how its items name it: as the connectors tell them."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an item in one part.  Weight and amount are None where the table leaves them open."""

    word: str
    amount: Decimal | None = None
    weight: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An item of a source."""

    source: str
    box: str
    item: WorkItem


@dataclass(frozen=True, slots=True)
class Scene:
    """How everything stands at one time, and what is to come out."""

    now: datetime
    config: Config
    items: tuple[Held, ...]
    queries: Mapping[str, Mapping[str, frozenset[str]]]
    """Ids that the queries of a source find, by source and text."""
    expected: Decimal | None
    fates: Mapping[tuple[int, str, str], Fate]
    """By part, source and key; what no part selects is not in it."""

    @property
    def rule(self) -> Rule:
        return self.config.rules[KEY_RESULT]


def scene_of(step: StepEntry, rows: Sequence[Row], config: Config) -> Scene:
    rule = config.rules[KEY_RESULT]
    sources = {row.id or "": row.source or _only(rule.sources, row) for row in rows}
    groups = {
        source: {kind: _groups([row for row in rows if sources[row.id or ""] == source], kind) for kind in _GROUPS}
        for source in set(sources.values())
    }
    items = [_held(row, sources[row.id or ""], groups[sources[row.id or ""]], config) for row in rows]
    given = {(each.source, each.item.id) for each in items}
    named = [
        Held(source, config.sources[source].container_names[0], _group(kind, name, held))
        for source, kinds in groups.items()
        for kind, ids in kinds.items()
        for name, held in ids.items()
        if (source, held) not in given
    ]
    return Scene(
        now=instant(step.now, config.calendar),
        config=config,
        items=(*items, *named),
        queries=_queries(rule, rows, sources),
        expected=step.expect,
        fates=dict(_fates(rule, rows, sources)),
    )


def _only(sources: Sequence[str], row: Row) -> str:
    assert len(sources) == 1, f"{row.key} says not in which of {sources} it is"
    return sources[0]


_GROUPS = (Kind.MILESTONE, Kind.SPRINT)


def _groups(rows: Iterable[Row], kind: Kind) -> dict[str, str]:
    """Ids of the milestones or sprints by folded title: those with a row, and those that rows name."""
    rows = list(rows)
    found = {fold_name(row.title or row.key): row.id or "" for row in rows if row.kind is kind}
    found |= {fold_name(row.key): row.id or "" for row in rows if row.kind is kind}
    for row in rows:
        for title in row.milestone if kind is Kind.MILESTONE else row.sprint:
            found.setdefault(fold_name(title), f"{kind}:{fold_name(title)}")
    return found


def _group(kind: Kind, title: str, held: str) -> WorkItem:
    return WorkItem(held, held, kind, kind, title, "", State.TODO)


def _held(row: Row, source: str, groups: Mapping[Kind, Mapping[str, str]], config: Config) -> Held:
    boxes = row.project or config.sources[source].container_names[:1]
    above, calendar = row.parent or row.epic, config.calendar
    item = WorkItem(
        id=row.id or "",
        key=row.key,
        kind=row.kind,
        type=row.type,
        title=row.title or row.key,
        url=row.url,
        state=row.state,
        status=row.status,
        resolution=row.resolution,
        created_at=instant(row.created, calendar) if row.created else None,
        closed_at=instant(row.closed, calendar) if row.closed else None,
        parent=Ref(above if above.isdigit() else "", above) if above else None,
        projects=tuple(BOXES[name][1] for name in boxes if name in BOXES),
        milestones=tuple(groups[Kind.MILESTONE][fold_name(title)] for title in row.milestone),
        members=tuple(identity(key) for key in row.member),
        labels=row.label,
        sections=tuple(Ref(f"section:{name}", name) for name in row.section),
        assignees=row.assignee,
        fields=tuple(sorted(_values(row.fields))),
        aliases=row.alias,
        sprints=tuple(groups[Kind.SPRINT][fold_name(name)] for name in row.sprint),
        refs=row.links,
        history=tuple(Step(instant(one.at, calendar), one.state, one.status, one.resolution) for one in row.history),
    )
    return Held(
        source, next((name for name in boxes if name in BOXES), config.sources[source].container_names[0]), item
    )


def _values(fields: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Several values of a field stand behind each other, with a comma."""
    return ((name, value.strip()) for name, text in fields.items() for value in text.split(","))


def _queries(rule: Rule, rows: Iterable[Row], sources: Mapping[str, str]) -> dict[str, dict[str, frozenset[str]]]:
    found: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        for text in row.query:
            found.setdefault(sources[row.id or ""], {}).setdefault(text, set()).add(row.id or "")
    return {source: {text: frozenset(ids) for text, ids in texts.items()} for source, texts in found.items()}


def _fates(rule: Rule, rows: Iterable[Row], sources: Mapping[str, str]) -> Iterable[tuple[tuple[int, str, str], Fate]]:
    for row in rows:
        parts = [number for number, part in enumerate(rule.parts) if part.source == sources[row.id or ""]]
        assert len(parts) == len(row.fate), f"{row.key} has a fate in each of {len(parts)} parts"
        for number, text in zip(parts, row.fate, strict=True):
            told = _FATE.fullmatch(text)
            assert told is not None, f"{text} is no fate"
            if told[1] != OUT:
                numbers = (Decimal(each) if each else None for each in (told[2], told[3]))
                yield (number, sources[row.id or ""], row.key), Fate(told[1], *numbers)


def told(lines: Iterable[Line]) -> dict[tuple[int, str, str], Fate]:
    """What became of the items, as a table tells it."""
    return {
        (line.part, line.source, line.item.key): Fate(
            line.reason.value if line.reason else COUNTED, line.amount, line.weight
        )
        for line in lines
    }


def missed(scene: Scene, value: Decimal | None, lines: Iterable[Line]) -> list[str]:
    """Everything that came out otherwise than the table says."""
    got = told(lines)
    wrong = [f"value {value}, not {scene.expected}"] if value != scene.expected else []
    nothing = Fate(OUT)
    for place in sorted(scene.fates.keys() | got.keys()):
        wanted, is_ = scene.fates.get(place, nothing), got.get(place, nothing)
        if wanted.word != is_.word or (wanted.weight is not None and wanted != is_):
            wrong.append(f"{place}: {is_}, not {wanted}")
    return wrong


def instant(text: str, calendar: Calendar) -> datetime:
    """The instant of a day, which is its first one, or of a time; both are local unless an offset is written."""
    if "T" not in text:
        return calendar.midnight(date.fromisoformat(text))
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(calendar.timezone))).astimezone(UTC)
