"""Where entries come from: the run with its version, the connectors that had read the sources, and the rule's text.

None of it is in the hashed bytes but the names: the run's id and the rule's hash.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from mapping.codec import parse_rule
from okrs.immutable import immutable
from okrs.ledger import Entry
from store.database import slices
from store.tables import rule, run, run_source

NOTHING_READ = ("unauthenticated", "skipped")
"""How a read ended that brought nothing into the mirror."""


@immutable
class Reading:
    """The last read of a source before an entry was written."""

    name: str
    """Of the source."""
    connector: str | None = None
    """None where it is not on record: before runs kept it."""
    version: str | None = None
    """Of the connector."""
    run: str | None = None


@immutable
class Run:
    """What is on record of a run."""

    version: str | None = None
    """Of Headway."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    """None while the run goes on, and for ever where it was killed."""


@immutable
class Origin:
    """What an entry rests on, besides its tickets."""

    version: str | None = None
    """Of Headway, as the run has it."""
    rule_text: str | None = None
    readings: tuple[Reading, ...] = ()


UNKNOWN = Origin()


def origins(connection: Connection, entries: Iterable[Entry]) -> dict[int, Origin]:
    """Return the origin of each entry by its `seq`."""
    told = list(entries)
    runs = runs_of(connection, (each.run for each in told if each.run))
    rules = _rules(connection, {each.rule for each in told if each.rule})
    sources = {digest: _sources(text) for digest, text in rules.items()}
    wanted = {
        each.seq: sorted(sources.get(each.rule or "", frozenset()) | {row.source for row in each.deltas})
        for each in told
    }
    readings = _readings(connection, {(source, each.run) for each in told if each.run for source in wanted[each.seq]})
    return {
        each.seq: Origin(
            runs.get(each.run or "", Run()).version,
            rules.get(each.rule or ""),
            tuple(readings.get((source, each.run or ""), Reading(source)) for source in wanted[each.seq]),
        )
        for each in told
    }


def runs_of(connection: Connection, names: Iterable[str]) -> dict[str, Run]:
    """Return what is on record of runs, by their ids."""
    columns = (run.c.id, run.c.version, run.c.started_at, run.c.finished_at)
    return {
        name: Run(*told)
        for some in slices(sorted(set(names)))
        for name, *told in connection.execute(select(*columns).where(run.c.id.in_(some)))
    }


def _rules(connection: Connection, digests: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in slices(sorted(digests)):
        found |= {row.hash: row.text for row in connection.execute(select(rule).where(rule.c.hash.in_(some)))}
    return found


def _sources(text: str) -> frozenset[str]:
    try:
        return frozenset(parse_rule(text).sources)
    except (ValueError, TypeError, KeyError, ArithmeticError):  # a hand was in the table: `verify` tells of it
        return frozenset()


def _readings(connection: Connection, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Reading]:
    """Find who read each source in a run, or in the last one before it that did."""
    found: dict[tuple[str, str], Reading] = {}
    for source, name in sorted(wanted):
        mine = (run_source.c.source == source, run_source.c.run <= name)
        brought = run_source.c.state.is_(None) | run_source.c.state.not_in(NOTHING_READ)
        newest = select(run_source).where(*mine, brought).order_by(run_source.c.run.desc()).limit(1)
        row = connection.execute(newest).one_or_none()
        if row is not None:
            found[source, name] = Reading(source, row.connector, row.version, row.run)
    return found
