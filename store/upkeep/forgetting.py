"""`forget`: erases the title and the people of items, or names of people everywhere, outside of the hashed bytes.

Ids, keys, links, amounts and states stay, and so does the chain.  What is erased is written down in `forgotten` and
`forgotten_name` first: who reads the item again erases it on its way in (`store.forgetting`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, literal, select, tuple_, update

from okrs.immutable import immutable
from okrs.work import Kind, fold_name
from store import dressing, ledger
from store.database import Database
from store.forgetting import PLACEHOLDER, digest_of, erased, forgotten_of, people_of
from store.items import ASSIGNEES, TITLE
from store.lookup import Ticket
from store.rows import put
from store.sources import following
from store.tables import (
    faceted,
    forgotten,
    forgotten_name,
    incoming,
    item,
    item_version,
    ledger_entry,
    person,
    source,
)

_AT_ONCE = 1000
_PLANS = (Kind.EPIC, Kind.MILESTONE, Kind.SPRINT)

_WHERE: tuple[tuple[Table, str], ...] = ((item_version, "item"), (incoming, "id"))
"""Where payloads stand, and the column that names their item."""


@immutable
class Erasure:
    """What is erased, or would be."""

    versions: int
    """Rows whose text changes."""
    items: int
    names: tuple[str, ...] = ()
    """Spellings of people, as they stood there."""
    titles: tuple[str, ...] = ()
    people: int = 0
    """People of the ledger who lose their name."""
    entries: int = 0
    """Entries that tell of something that they did."""
    selected: tuple[str, ...] = ()
    """Key results whose rules name a person who is erased: they may move."""
    planned: tuple[str, ...] = ()
    """Key results whose rules name the milestone, epic or sprint by its title: they would not find it any more."""
    sources: tuple[tuple[str, int], ...] = ()
    """How many items of each source, by its name."""
    unknown: tuple[str, ...] = ()
    """Names that nobody has, or had when they were forgotten."""
    near: tuple[str, ...] = ()
    """Whom these may mean."""


def tickets_erasure(connection: Connection, tickets: Sequence[Ticket]) -> Erasure:
    """Tell what forgetting these tickets erases."""
    names, titles, versions = dict[str, None](), dict[str, None](), 0
    for each in tickets:
        for table, column in _WHERE:
            here = (table.c.source == each.source, table.c[column] == each.item.id)
            gone = forgotten_of(connection, each.source)
            for payload in connection.execute(select(table.c.payload).where(*here)).scalars():
                facts = orjson.loads(payload)
                if erased(facts, whole=True, names=gone.names) is not None:
                    versions += 1
                    names |= dict.fromkeys(facts[ASSIGNEES])
                    titles[facts[TITLE]] = None
    return Erasure(
        versions,
        len(tickets),
        tuple(names),
        tuple(titles),
        selected=_naming(connection, names),
        planned=_naming(connection, [each.item.title for each in tickets if each.item.kind in _PLANS]),
        sources=_by_source((each.source, each.item.id) for each in tickets),
    )


def forget_tickets(database: Database, tickets: Sequence[Ticket]) -> None:
    """Erase titles and people of these tickets, for good."""
    with database.write() as connection:
        _secure(connection)
        for name in sorted({each.source for each in tickets}):
            ids = sorted({each.item.id for each in tickets if each.source == name})
            _locked(connection, [name])
            put(connection, forgotten, [{"source": name, "item": each} for each in ids], on=["source", "item"], anew={})
            people = False
            for table, column in _WHERE:
                here = (table.c.source == name, table.c[column].in_(ids))
                rows = connection.execute(select(*table.primary_key, table.c.payload).where(*here)).all()
                people |= any(set(orjson.loads(row[-1])[ASSIGNEES]) - {PLACEHOLDER} for row in rows)
                _erase(connection, table, rows, set(ids), frozenset())
            _said(connection, name, set(ids))
            if people:  # they are terms of the index
                _undress(connection, name)


def names_erasure(connection: Connection, names: Sequence[str]) -> Erasure:
    """Tell what forgetting these names erases.  Every version of every item is looked at."""
    digests, found, items, versions = frozenset(map(digest_of, names)), dict[str, None](), set[tuple[str, str]](), 0
    seen = set[str]()
    for table, column in _WHERE:
        asked = select(table.c.source, table.c[column], table.c.payload).execution_options(yield_per=_AT_ONCE)
        with connection.execute(asked) as rows:
            for name, held, payload in rows:
                facts = orjson.loads(payload)
                seen.update(facts[ASSIGNEES])
                mine = [each for each in people_of(facts) if digest_of(each) in digests]
                if mine:
                    found |= dict.fromkeys(mine)
                    items.add((name, held))
                    versions += 1
    ids, known = _people(connection, names), _known(connection, digests)
    seen.update(connection.execute(select(person.c.name).where(person.c.name.is_not(None))).scalars())
    there = known | {digest_of(each) for each in (*found, *seen)}
    unknown = tuple(dict.fromkeys(each for each in names if digest_of(each) not in there))
    acts = select(func.count()).select_from(ledger_entry).where(ledger_entry.c.by.in_(ids))
    entries = connection.execute(acts).scalar_one() if ids else 0
    return Erasure(
        versions,
        len(items),
        tuple(found),
        people=len(ids),
        entries=entries,
        selected=_naming(connection, [*names, *found]),
        sources=_by_source(items),
        unknown=unknown,
        near=_near(unknown, seen - {PLACEHOLDER}),
    )


def _known(connection: Connection, digests: Iterable[str]) -> frozenset[str]:
    """Those of the names that were forgotten before."""
    asked = select(forgotten_name.c.digest).where(forgotten_name.c.digest.in_(sorted(digests)))
    return frozenset(connection.execute(asked).scalars())


def _by_source(items: Iterable[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(name for name, _ in items).items()))


def _near(unknown: Iterable[str], seen: Iterable[str]) -> tuple[str, ...]:
    """The names that are nearest to those that nobody has."""
    spelled = {fold_name(each): each for each in sorted(seen)}
    close = (get_close_matches(fold_name(each), list(spelled), n=1, cutoff=0.7) for each in unknown)
    return tuple(dict.fromkeys(spelled[each] for found in close for each in found))


def forget_names(database: Database, names: Sequence[str]) -> None:
    """Erase these names of people, for good: at once where reads bring them, then version by version."""
    digests = frozenset(map(digest_of, names))
    with database.write() as connection:
        _secure(connection)
        _locked(connection, connection.execute(select(source.c.name).order_by(source.c.name)).scalars())
        put(connection, forgotten_name, [{"digest": each} for each in sorted(digests)], on=["digest"], anew={})
        for some in _people(connection, names):
            connection.execute(update(person).where(person.c.id == some).values(name=None))
    for table, _ in _WHERE:
        for _ in _swept(database, table, digests):
            pass
    with database.write() as connection:  # names are terms of the indexes, which are made anew
        dressed = sorted(connection.execute(select(faceted.c.source)).scalars())
        _locked(connection, dressed)  # for who dresses items just now, as they were before
        for name in dressed:
            _undress(connection, name)


def _swept(database: Database, table: Table, digests: frozenset[str]) -> Iterator[int]:
    """Erase names in a table, some rows a transaction."""
    keys = list(table.primary_key)
    last: tuple[Any, ...] | None = None
    while True:
        with database.write() as connection:
            _secure(connection)
            asked = select(*keys, table.c.payload).order_by(*keys).limit(_AT_ONCE)
            rows = connection.execute(asked if last is None else asked.where(_behind(keys, last))).all()
            if not rows:
                return
            sources = sorted({row[0] for row in rows})
            _locked(connection, sources)
            changed = _erase(connection, table, rows, set(), digests)
            for name in sources:
                _said(connection, name, _items(table, changed, name))
            last = tuple(rows[-1][:-1])
        yield len(changed)


def _behind(keys: Sequence[Column[Any]], last: Sequence[Any]) -> ColumnElement[bool]:
    """Rows after one, in the order of their keys."""
    values = [literal(value, column.type) for column, value in zip(keys, last, strict=True)]
    return tuple_(*keys) > tuple_(*values)


def _erase(
    connection: Connection, table: Table, rows: Iterable[Any], ids: set[str], digests: frozenset[str]
) -> list[tuple[Any, ...]]:
    """Write rows without what is forgotten; returns the keys of those that had some."""
    keys, changed = list(table.primary_key), []
    for *key, payload in rows:
        facts = orjson.loads(payload)
        text = erased(facts, whole=facts[0] in ids, names=digests)
        if text is not None:
            here = [column == value for column, value in zip(keys, key, strict=True)]
            connection.execute(update(table).where(*here).values(payload=text))
            changed.append(tuple(key))
    return changed


def _items(table: Table, changed: Iterable[tuple[Any, ...]], name: str) -> set[str]:
    """The items of a source in keys of a table."""
    keys = [column.name for column in table.primary_key]
    at = next(keys.index(column) for each, column in _WHERE if each is table)
    return {key[at] for key in changed if key[0] == name}


def _said(connection: Connection, name: str, ids: set[str]) -> None:
    """Say that items of a source read otherwise now, so that rules look at them again."""
    if not ids:
        return
    connection.execute(
        update(item).where(item.c.source == name, item.c.id.in_(sorted(ids))).values(changed=following(name))
    )
    connection.execute(update(source).where(source.c.name == name).values(generation=source.c.generation + 1))


def _undress(connection: Connection, name: str) -> None:
    """Drop the index of a source, whose terms hold names: the next run makes it anew."""
    dressing.forget(connection, name)
    connection.execute(delete(faceted).where(faceted.c.source == name))


def _locked(connection: Connection, names: Iterable[str]) -> None:
    """Wait for who writes of these sources just now, and let others wait: none of their pages comes in unseen.

    Their lease is not needed: everything that commits under one takes the same lock first, and looks behind it at what
    is forgotten.  Generations only grow, so whoever measured before this measures anew.
    """
    for name in names:
        connection.execute(select(source.c.name).where(source.c.name == name).with_for_update())


def _secure(connection: Connection) -> None:
    """Let SQLite overwrite what is erased."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _people(connection: Connection, names: Iterable[str]) -> list[str]:
    """The ids of the people of the ledger who have one of these names."""
    wanted = {fold_name(name) for name in names}
    rows = connection.execute(
        select(person.c.id, person.c.name).where(person.c.name.is_not(None)).order_by(person.c.id)
    )
    return [row.id for row in rows if fold_name(row.name or "") in wanted]


def _naming(connection: Connection, texts: Iterable[str]) -> tuple[str, ...]:
    """The key results whose rules on record name one of these texts."""
    wanted = {fold_name(text) for text in texts}
    found, named = dict[str, bool](), list[str]()
    for name, state in ledger.states(connection).items():
        if state.rule not in found:
            text = ledger.rule_text_of(connection, state.rule)
            found[state.rule] = any(fold_name(each) in wanted for each in _texts(orjson.loads(text)))
        if found[state.rule] and not state.retired:
            named.append(name)
    return tuple(named)


def _texts(document: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON document
    match document:
        case str():
            yield document
        case list():
            for each in document:
                yield from _texts(each)
        case dict():
            for each in document.values():
                yield from _texts(each)
