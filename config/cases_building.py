"""From the rows of a case to work items among their neighbours, as a read of the trackers would leave them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from config.cases_schema import CaseEntry, ItemEntry
from config.model import Config
from config.tree import Place
from mapping.cases import Case, names_of
from mapping.family import Candidate, Lore, Seen, candidates
from mapping.rule import Rule
from okrs.cycle import Calendar
from okrs.work import Kind, Ref, State, Step, WorkItem, fold_name

_BEFORE = timedelta(seconds=1)


def build(entry: CaseEntry, place: Place, rule: Rule, config: Config) -> Case:
    """Return the case of an entry that passed every check."""
    now = _instant(entry.now, config.calendar) if entry.now else rule.period.end - _BEFORE
    rows: dict[str, list[ItemEntry]] = {name: [] for name in rule.sources}
    for row in entry.items:
        rows[row.source or rule.sources[0]].append(row)
    return Case(
        key_result=entry.key_result,
        name=entry.name or "",
        file=place.file,
        line=place.line,
        now=now,
        items=MappingProxyType({name: _source(name, mine, now, config) for name, mine in rows.items()}),
        names=MappingProxyType(names_of((row.source or rule.sources[0], row.key) for row in entry.items)),
        expected=entry.expect,
        counted=None if entry.counted is None else frozenset(entry.counted),
        excluded=tuple(entry.excluded.items()),
    )


def _source(name: str, rows: Sequence[ItemEntry], now: datetime, config: Config) -> list[Candidate]:
    """The rows of a source; milestones and sprints that they only name are there, too, and selected by no rule."""
    containers = config.sources[name].container_names
    home = containers if len(containers) == 1 else ()
    groups = {kind: _groups(rows, kind) for kind in (Kind.MILESTONE, Kind.SPRINT)}
    items = [_item(row, config.calendar, _projects(row.project or home, containers), groups) for row in rows]
    given = {item.id for item in items}
    named = [_named(kind, title) for kind, ids in groups.items() for title, held in ids.items() if held not in given]
    lore = Lore(queries={text: {row.key for row in rows if text in row.query} for row in rows for text in row.query})
    every = candidates((Seen(item, "", now) for item in [*items, *named]), lore)
    return [each for each in every if each.item.id in given]


def _groups(rows: Iterable[ItemEntry], kind: Kind) -> dict[str, str]:
    """Ids of the milestones or sprints, by folded title: those with a row, and those that rows name."""
    rows = list(rows)
    found = {fold_name(row.title or row.key): row.key for row in rows if row.kind is kind}
    for title in (title for row in rows for title in _titles(row, kind)):
        found.setdefault(fold_name(title), f"{kind}:{fold_name(title)}")
    return found


def _titles(row: ItemEntry, kind: Kind) -> tuple[str, ...]:
    return row.milestone if kind is Kind.MILESTONE else row.sprint


def _named(kind: Kind, title: str) -> WorkItem:
    held = f"{kind}:{title}"
    return WorkItem(held, held, kind, kind, title, "", State.TODO)


def _item(
    row: ItemEntry, calendar: Calendar, projects: tuple[Ref, ...], groups: Mapping[Kind, Mapping[str, str]]
) -> WorkItem:
    above = row.parent or row.epic
    return WorkItem(
        id=row.key,
        key=row.key,
        kind=row.kind,
        type=row.type,
        title=row.title or row.key,
        url="",
        state=row.state,
        status=row.status,
        resolution=row.resolution,
        created_at=_instant(row.created, calendar) if row.created else None,
        closed_at=_instant(row.closed, calendar) if row.closed else None,
        parent=Ref("", above) if above else None,
        projects=projects,
        milestones=tuple(groups[Kind.MILESTONE][fold_name(title)] for title in row.milestone),
        labels=row.label,
        sections=_refs(row.section),
        assignees=row.assignee,
        fields=tuple(sorted(row.fields.items())),
        sprints=tuple(groups[Kind.SPRINT][fold_name(title)] for title in row.sprint),
        refs=row.links,
        history=tuple(Step(_instant(one.at, calendar), one.state, one.status, one.resolution) for one in row.history),
    )


def _projects(names: Iterable[str], containers: Iterable[str]) -> tuple[Ref, ...]:
    """What the config reads goes by its key, which compares exactly; any other project may be told by its name."""
    return tuple(Ref(name) if name in containers else Ref(name, name) for name in names)


def _refs(names: Iterable[str]) -> tuple[Ref, ...]:
    return tuple(Ref(name, name) for name in names)


def _instant(text: str, calendar: Calendar) -> datetime:
    """The instant of a day, which is its first one, or of a time; both are local unless an offset is written."""
    if "T" not in text:
        return calendar.midnight(date.fromisoformat(text))
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=ZoneInfo(calendar.timezone))).astimezone(UTC)
