"""What the mirror lacks for a rule, and what of it the next read will let go of: the words behind "not ready"."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from mapping.demand import demand_of
from mapping.rule import Rule
from okrs.demand import Demand
from okrs.immutable import immutable
from store import queries, sources
from sync.task import SourceToRead


@immutable
class Lack:
    """What one source has not brought yet."""

    source: str
    unread: tuple[str, ...] = ()
    """Containers that were never read completely."""
    beyond: Demand = Demand()
    """What the containers that were read did not bring."""
    unasked: tuple[str, ...] = ()
    """Queries that were never answered, or are refused."""
    refused: tuple[str, ...] = ()
    """Why fields, or what is asked beside them, cannot be had: the tracker's sentences.  Another read does not help."""
    awaited: tuple[str, ...] = ()
    """What that is, by `Demand.names`."""
    denied: tuple[str, ...] = ()
    """Why queries are not answered, just so."""


def lacks(connection: Connection, rule: Rule, containers: Mapping[str, tuple[str, ...]]) -> tuple[Lack, ...]:
    """Return what each source of a rule lacks; nothing when `sync.recording.ready` holds."""
    found = (_lack(connection, rule, name, containers.get(name, ())) for name in rule.sources)
    return tuple(each for each in found if each != Lack(each.source))


def _lack(connection: Connection, rule: Rule, name: str, wanted: tuple[str, ...]) -> Lack:
    demand = demand_of(rule, name)
    found = sources.state_of(connection, name).read_as(wanted)
    beyond = Demand()
    for each in filter(None, found):
        beyond = beyond.union(demand.beyond(each.demand))
    unread = tuple(container for container, read in zip(wanted, found, strict=True) if read is None)
    asked = queries.answered(connection, name) if demand.queries else frozenset[str]()
    told = {(name, each.refusal(name, demand)) for each in filter(None, found) for name in demand.names}
    refused = {name: why for name, why in sorted(told, key=str) if why}
    denied = queries.refusals_of(connection, name) if demand.queries - asked else {}
    words = tuple(error for query, error in denied.items() if query in demand.queries)
    return Lack(
        name,
        unread,
        beyond,
        tuple(sorted(demand.queries - asked)),
        refused=tuple(dict.fromkeys(refused.values())),
        awaited=tuple(refused),
        denied=words,
    )


@immutable
class NextRead:
    """What the next read of a source does to the mirror because its settings changed."""

    source: str
    dropped: tuple[str, ...] = ()
    """Containers that the config does not name any more: their items leave."""
    added: tuple[str, ...] = ()
    """Containers that the config names beside what a run tried to read: what they hold nobody knows yet."""
    anew: bool = False
    """Settings changed that say where or how items are read: everything is read again."""


def next_reads(connection: Connection, configured: Iterable[SourceToRead]) -> tuple[NextRead, ...]:
    """Return the sources whose items the next read will change whatever the trackers say."""
    found = (_next_read(connection, each) for each in configured)
    return tuple(each for each in found if each != NextRead(each.source))


def _next_read(connection: Connection, source: SourceToRead) -> NextRead:
    held = sources.state_of(connection, source.name).containers
    settings = Demand(site=source.demand.site, shaping=source.demand.shaping)
    return NextRead(
        source.name,
        tuple(each.name for each in held if each.read_at and not any(map(each.goes_by, source.containers))),
        tuple(each for each in source.containers if held and not any(known.goes_by(each) for known in held)),
        anew=any(each.read_at and not each.demand.covers(settings) for each in held),
    )
