"""`history --prov`: the history of a key result as W3C PROV, written as PROV-JSON.

entity    a value of the key result at each `seq`; each version of a ticket that moved it; each rule (a plan)
activity  each run that wrote or read; what a person did
agent     Headway and the connectors, with their versions; persons, by their random ids

What an entry says is in the hashed ledger; keys and links of tickets are told as they were last seen.  Names are made
of ids and hashes alone, so the same ledger gives the same document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from okrs.lanes import Lane, lane_of
from okrs.ledger import Delta, Entry, timestamp
from okrs.numbers import plain
from okrs.work import WorkItem
from store import ledger, lookup
from store.views.origins import Origin, Reading, Run, origins, runs_of

PREFIX = "urn:headway:"

Items = Mapping[tuple[str, str], WorkItem]
"""Tickets as they were last seen, by source and id."""


def provenance(connection: Connection, name: str) -> dict[str, Any]:
    """Return the history of a key result as a document of PROV-JSON."""
    entries = list(ledger.entries_of(connection, name))
    found = origins(connection, entries)
    told = {each.run for each in entries} | {of.run for each in found.values() for of in each.readings}
    return document(entries, found, runs_of(connection, (each for each in told if each)), _items(connection, entries))


def _items(connection: Connection, entries: Iterable[Entry]) -> Items:
    wanted: dict[str, set[str]] = {}
    for row in (row for entry in entries for row in entry.deltas):
        wanted.setdefault(row.source, set()).add(row.item)
    return {
        (source, item): found
        for source, ids in wanted.items()
        for item, (found, _gone) in lookup.look_up(connection, source, sorted(ids)).items()
    }


def document(
    entries: Iterable[Entry], origins: Mapping[int, Origin], runs: Mapping[str, Run], items: Items
) -> dict[str, Any]:
    """Write entries of one key result, oldest first, as PROV-JSON."""
    made, last = _Document(), dict[Lane, str]()
    for entry in entries:
        origin, lane = origins[entry.seq], lane_of(entry.kind)
        before = last.get(lane)
        value, activity = made.value(entry), made.activity(entry, runs)
        made.relate("wasGeneratedBy", entity=value, activity=activity, time=timestamp(entry.at))
        if before is not None:
            made.relate("wasDerivedFrom", generatedEntity=value, usedEntity=before, type=_name("prov:Revision"))
        for row in entry.deltas:
            version = made.version(row, items.get((row.source, row.item)))
            made.relate("used", activity=activity, entity=version)
            made.relate("wasDerivedFrom", generatedEntity=value, usedEntity=version)
        made.associate(entry, origin, activity)
        if entry.run:
            for reading in origin.readings:
                made.read(reading, entry.run, runs)
        last[lane] = value
    return made.written()


@dataclass
class _Document:
    """Records by kind and name, each once, in the order in which they came."""

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    related: set[tuple[Any, ...]] = field(default_factory=set)

    def put(self, kind: str, name: str, **told: Any) -> str:  # noqa: ANN401 - any values of PROV-JSON
        """Add a record unless it is there; what is None is not said."""
        known = {key.replace("__", ":"): value for key, value in told.items() if value is not None}
        self.records.setdefault(kind, {}).setdefault(name, known)
        return name

    def relate(self, kind: str, **ends: Any) -> None:  # noqa: ANN401 - any values of PROV-JSON
        """Add a relation unless it is there."""
        told = {f"prov:{key}": value for key, value in ends.items() if value is not None}
        same = (kind, *(str(each) for each in told.items()))
        if same not in self.related:
            self.related.add(same)
            of_kind = self.records.setdefault(kind, {})
            of_kind[f"_:{kind}{len(of_kind) + 1}"] = told

    def value(self, entry: Entry) -> str:
        return self.put(
            "entity",
            f"headway:value/{entry.seq}",
            prov__type=_name("headway:Value"),
            prov__label=f"{entry.key_result} at {entry.seq}",
            prov__value=_decimal(entry.new),
            headway__keyResult=entry.key_result,
            headway__seq=entry.seq,
            headway__kind=entry.kind.value,
            headway__why=entry.why,
            headway__details=entry.details,
            headway__hash=entry.hash,
            headway__prev=entry.prev,
        )

    def version(self, row: Delta, item: WorkItem | None) -> str:
        return self.put(
            "entity",
            f"headway:item/{_word(row.source)}/{_word(row.item)}/{_word(row.version)}",
            prov__type=_name("headway:ItemVersion"),
            prov__label=item.key if item else None,
            headway__source=row.source,
            headway__id=row.item,
            headway__version=row.version,
            headway__url={"$": item.url, "type": "xsd:anyURI"} if item and item.url else None,
        )

    def activity(self, entry: Entry, runs: Mapping[str, Run]) -> str:
        """The run that wrote an entry; of what a person did, the act."""
        if entry.run and not entry.by:
            return self.run(entry.run, runs)
        act = self.put(
            "activity",
            f"headway:act/{entry.seq}",
            prov__startTime=timestamp(entry.at),
            prov__endTime=timestamp(entry.at),
            prov__type=_name("headway:Act"),
            headway__kind=entry.kind.value,
        )
        if entry.run:
            self.relate("wasInformedBy", informed=act, informant=self.run(entry.run, runs))
        return act

    def run(self, name: str, runs: Mapping[str, Run]) -> str:
        known = runs.get(name, Run())
        return self.put(
            "activity",
            f"headway:run/{_word(name)}",
            prov__startTime=_time(known.started_at),
            prov__endTime=_time(known.finished_at),
            prov__type=_name("headway:Run"),
        )

    def associate(self, entry: Entry, origin: Origin, activity: str) -> None:
        """Say who did it, and by which plan: the rule in force."""
        plan = self.plan(entry.rule, origin.rule_text) if entry.rule else None
        if entry.by:
            agent = self.put("agent", f"headway:person/{_word(entry.by)}", prov__type=_name("prov:Person"))
        elif entry.run:
            agent = self.software("headway:software", "Headway", origin.version)
        else:
            return
        self.relate("wasAssociatedWith", activity=activity, agent=agent, plan=plan)

    def plan(self, digest: str, text: str | None) -> str:
        name = f"headway:rule/{_word(digest)}"
        return self.put("entity", name, prov__type=_name("prov:Plan"), prov__value=text, headway__hash=digest)

    def read(self, reading: Reading, run: str, runs: Mapping[str, Run]) -> None:
        """Say by which connector a source was read, in this run or in one before."""
        if reading.run is None or reading.connector is None:
            return
        name = f"headway:connector/{_word(reading.connector)}"
        agent, reader = self.software(name, reading.connector, reading.version), self.run(reading.run, runs)
        self.relate("wasAssociatedWith", activity=reader, agent=agent, role=reading.name)
        if reading.run != run:
            self.relate("wasInformedBy", informed=self.run(run, runs), informant=reader)

    def software(self, name: str, called: str, version: str | None) -> str:
        return self.put(
            "agent",
            f"{name}/{_word(version)}" if version else name,
            prov__type=_name("prov:SoftwareAgent"),
            prov__label=f"{called} {version}" if version else called,
            headway__version=version or None,
        )

    def written(self) -> dict[str, Any]:
        return {"prefix": {"headway": PREFIX}, **self.records}


def _name(name: str) -> dict[str, str]:
    return {"$": name, "type": "prov:QUALIFIED_NAME"}


def _decimal(number: Decimal | None) -> dict[str, str] | None:
    return None if number is None else {"$": plain(number), "type": "xsd:decimal"}


def _time(instant: datetime | None) -> str | None:
    return timestamp(instant) if instant else None


def _word(text: str) -> str:
    """Ids of trackers may hold any sign; in a name only harmless ones stand, and it may not end in a dot."""
    word = quote(text, safe="")
    return f"{word[:-1]}%2E" if word.endswith(".") else word or "%00"
