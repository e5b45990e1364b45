"""The tables.  Times are whole microseconds since 1970 in UTC, numbers whole millionths; every constraint is named.

source ── container ── presence ── item ── item_version        the mirror
       ── former_key                                           keys that items had before
       ── absence                                              when items were not in the mirror
       ── faceted, term ── facet, dressed                      what rules ask of the items of a large mirror
       ── arrival                                              items that may have been transferred from elsewhere
              ├ incoming (pages of a read that is under way)
              └ roll (identities of a census that is under way)
       ── query ── query_hit                                   what the trackers' own queries find
       ── family                                               what lies under an epic where the source does not read
run ── run_source                                              which sync read what, by which connector
rule ── ledger_entry ── ledger_delta, ledger_head              the ledger, append-only
key_result, evidence                                           what the ledger says now, kept for speed
hold, override, final                                          what waits for people, what they set, how cycles ended
frozen_scope                                                   what belonged to a key result when its scope was frozen
forgotten, forgotten_name                                      items and people whose names are not to be kept any more
schedule                                                       when each source is read next
config_file                                                    the files of the config as they were last good
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy import Text as AnyText
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

from okrs.numbers import from_millionths, to_millionths

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970: exact, ordered, and the same in SQLite and PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else from_micros(whole(value))


class Millionths(TypeDecorator[Decimal]):
    """A decimal of at most six places as a whole number, so that the database adds without error."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else to_millionths(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ANN401, ARG002 - the driver's own type; SQLAlchemy's signature
        return None if value is None else from_millionths(whole(value))


class Text(TypeDecorator[str]):
    """A text without U+0000, which PostgreSQL refuses: one such title of a tracker must not end every run."""

    impl = AnyText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """Return a text as both databases keep it."""
    return text.replace("\0", "")


_LONGEST_INDEXED = 200


def short(text: str) -> str:
    """Return what stands for a text of any length in an index: PostgreSQL refuses entries of more than 2.7 kB.

    It is the text itself, or of a long one its digest, which none stands for that is itself: those have no `#` before.
    """
    if len(text) <= _LONGEST_INDEXED and not text.startswith("#"):
        return text
    return f"#{sha256(text.encode()).hexdigest()}"


def whole(value: Any) -> int:  # noqa: ANN401 - the driver's own type
    """SQLite takes a fraction where a whole number should stand; cutting it off would hide that it was put there."""
    if type(value) is not int:
        raise ValueError(f"{value!r} stands where only whole numbers do")
    return value


def micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    since = instant - _EPOCH  # by its parts: a third of what a division takes, and thousands of items have three each
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(number: int) -> datetime:
    """The inverse of `micros`."""
    seconds, rest = divmod(number, 1_000_000)
    return _EPOCH + timedelta(0, seconds, rest)  # twice as fast as from microseconds alone


metadata = MetaData()

source = Table(
    "source",
    metadata,
    Column("name", Text, nullable=False),
    # Moves whenever an item changed; a key result remembers the generation it was measured at.
    Column("generation", BigInteger, nullable=False, default=0),
    # The fencing token: grows with every lease, so that a worker which slept through its lease cannot commit.
    Column("fence", BigInteger, nullable=False, default=0),
    Column("lease_holder", Text),
    Column("lease_until", Instant),
    Column("last_success", Instant),
    Column("last_attempt", Instant),
    Column("state", Text, nullable=False, default="never"),
    Column("error", Text),
    PrimaryKeyConstraint("name", name="pk_source"),
)

# Webhooks whose tracker asks whether they are wanted, as long as a person's command waits for that.
handshake = Table(
    "handshake",
    metadata,
    # Of the part of the address that nobody can guess, its SHA-256.
    Column("ticket", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("until", Instant, nullable=False),
    PrimaryKeyConstraint("ticket", name="pk_handshake"),
)

schedule = Table(
    "schedule",
    metadata,
    Column("source", Text, nullable=False),
    # Null: not before somebody changes the config, or asks for it.
    Column("due", Instant),
    # Reads that failed since the last that did not.
    Column("failures", Integer, nullable=False),
    # Until when its tracker asked to wait, whoever asks for it earlier.
    Column("not_before", Instant),
    PrimaryKeyConstraint("source", name="pk_schedule"),
)

container = Table(
    "container",
    metadata,
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("name", Text, nullable=False),
    # What the tracker called it when it was read.
    Column("called", Text, nullable=False, default=""),
    # The START of the last read that finished; reads go on from a little before it.
    Column("watermark", Instant),
    Column("read_at", Instant),
    # What that read brought, and which fields the tracker refused (`store.sources.demand_text`).
    Column("demand", Text, nullable=False),
    Column("error", Text),
    # When a read last went back a whole day, and when a census was last taken.
    Column("wide_at", Instant),
    Column("census_at", Instant),
    # When a read last listed everything there is.
    Column("full_at", Instant),
    # What the connector asked to be kept for its next read, as JSON.
    Column("memo", Text, nullable=False, server_default="{}"),
    PrimaryKeyConstraint("source", "id", name="pk_container"),
    ForeignKeyConstraint(["source"], ["source.name"], name="fk_container_source"),
)

item = Table(
    "item",
    metadata,
    Column("source", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Text),
    Column("resolution", Text),
    Column("children", Integer, nullable=False),
    Column("updated_at", Instant),
    Column("hash", Text, nullable=False),
    # When we first saw this version (joins item_version), and since when we see this state, status and resolution.
    Column("seen_at", Instant, nullable=False),
    Column("state_since", Instant, nullable=False),
    # Why it is no longer in the mirror: deleted, hidden, moved, removed.  Null while it is.
    Column("gone", Text),
    Column("gone_at", Instant),
    # The source's generation in which it, or what its facets rest on, last changed, came back or left.
    Column("changed", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("source", "id", name="pk_item"),
    Index("ix_item_key", "key"),
    Index("ix_item_changed", "source", "changed"),
)

item_version = Table(
    "item_version",
    metadata,
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("seen_at", Instant, nullable=False),
    # The source's generation that this version made: what a key result measured at a generation knew of the item.
    Column("generation", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("source", "item", "seen_at", name="pk_item_version"),
)

absence = Table(
    "absence",
    metadata,
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    # When it left the mirror, and why: deleted, hidden, moved, removed.
    Column("gone_at", Instant, nullable=False),
    Column("why", Text, nullable=False),
    # When it came back; null while it has not.
    Column("back_at", Instant),
    PrimaryKeyConstraint("source", "item", "gone_at", name="pk_absence"),
)

presence = Table(
    "presence",
    metadata,
    Column("source", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("item", Text, nullable=False),
    # How many censuses in a row missed the item; it leaves at two.
    Column("misses", Integer, nullable=False, default=0),
    # When the item was last looked up because a census missed it.
    Column("looked_at", Instant),
    PrimaryKeyConstraint("source", "container", "item", name="pk_presence"),
    Index("ix_presence_item", "source", "item"),
)

term = Table(
    "term",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("source", Text, nullable=False),
    # A facet and one value of it, as in ("label", "~p1"): what `short` makes of them.
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    # How many items have it.
    Column("items", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("id", name="pk_term"),
    UniqueConstraint("source", "name", "value", name="uq_term"),
)

facet = Table(
    "facet",
    metadata,
    Column("term", BigInteger, nullable=False),
    Column("item", Text, nullable=False),
    # What a plain measure needs of the item, so that a question is one range of this table: `store.dressing.Cover`.
    Column("kind", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("closed", BigInteger),
    Column("seen", BigInteger),
    Column("created", BigInteger),
    Column("number", BigInteger),
    # Two bits for every term that the item has: where they are not set, it has not got the term.
    Column("marks", BigInteger, nullable=False),
    PrimaryKeyConstraint("term", "item", name="pk_facet"),
    sqlite_with_rowid=False,
)

dressed = Table(
    "dressed",
    metadata,
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    # Numbers of the terms that the item has, as JSON.
    Column("terms", Text, nullable=False),
    PrimaryKeyConstraint("source", "item", name="pk_dressed"),
    sqlite_with_rowid=False,
)

faceted = Table(
    "faceted",
    metadata,
    Column("source", Text, nullable=False),
    # By which code they were made: `store.facets.VERSION`.
    Column("version", Integer, nullable=False),
    # The source's generation whose items the facets are of.
    Column("generation", BigInteger, nullable=False),
    # Names of the facets that are kept, as JSON, and how the config called the containers.
    Column("asked", Text, nullable=False),
    Column("called", Text, nullable=False),
    # One for each time that all items were dressed, for terms have other numbers then.
    Column("build", Text, nullable=False),
    # The generation at which that was done, since when items say when they changed; null while it goes on.
    Column("built", BigInteger),
    PrimaryKeyConstraint("source", name="pk_faceted"),
)

former_key = Table(
    "former_key",
    metadata,
    Column("source", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("item", Text, nullable=False),
    # The source's generation in which the key came to mean the item.
    Column("changed", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("source", "key", name="pk_former_key"),
)

arrival = Table(
    "arrival",
    metadata,
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    PrimaryKeyConstraint("source", "item", name="pk_arrival"),
)

incoming = Table(
    "incoming",
    metadata,
    Column("source", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Text),
    Column("resolution", Text),
    Column("children", Integer, nullable=False),
    Column("updated_at", Instant),
    Column("hash", Text, nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("source", "container", "id", name="pk_incoming"),
)

roll = Table(
    "roll",
    metadata,
    Column("source", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("key", Text, nullable=False),
    PrimaryKeyConstraint("source", "container", "id", name="pk_roll"),
)

query = Table(
    "query",
    metadata,
    Column("source", Text, nullable=False),
    # What stands for the text in indexes, and as `query_hit.query`: `short`.
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("read_at", Instant),
    Column("error", Text),
    # The tracker refused it when it answered last: the rules that name it wait, whatever it found before.
    Column("refused", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("source", "name", name="pk_query"),
)

family = Table(
    "family",
    metadata,
    Column("source", Text, nullable=False),
    # What stands for `above` in the index: `short`.
    Column("name", Text, nullable=False),
    Column("deep", Boolean, nullable=False),
    Column("above", Text, nullable=False),
    Column("items", Integer, nullable=False),
    # JSON: keys of the first of them.
    Column("examples", Text, nullable=False),
    Column("error", Text),
    Column("asked_at", Instant),
    Column("tried_at", Instant),
    # JSON: ids of the containers that were read when it was tried.
    Column("containers", Text, nullable=False),
    PrimaryKeyConstraint("source", "name", "deep", name="pk_family"),
)

query_hit = Table(
    "query_hit",
    metadata,
    Column("source", Text, nullable=False),
    Column("query", Text, nullable=False),
    Column("item", Text, nullable=False),
    PrimaryKeyConstraint("source", "query", "item", name="pk_query_hit"),
    ForeignKeyConstraint(["source", "query"], ["query.source", "query.name"], name="fk_query_hit_query"),
)

run = Table(
    "run",
    metadata,
    Column("id", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("version", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_run"),
)

run_source = Table(
    "run_source",
    metadata,
    Column("source", Text, nullable=False),
    Column("run", Text, nullable=False),
    # The connector that read the source in this run, and its version.
    Column("connector", Text, nullable=False),
    Column("version", Text, nullable=False),
    # How that ended, and when; null while it goes on, and for ever where it was killed.
    Column("state", Text),
    Column("ended_at", Instant),
    PrimaryKeyConstraint("source", "run", name="pk_run_source"),
    ForeignKeyConstraint(["run"], ["run.id"], name="fk_run_source_run"),
)

rule = Table(
    "rule",
    metadata,
    Column("hash", Text, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("hash", name="pk_rule"),
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, nullable=False, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_ledger_head"),
    CheckConstraint("id = 1", name="ck_ledger_head_single"),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("key_result", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),
    Column("old", Millionths),
    Column("new", Millionths),
    Column("run", Text),
    Column("rule", Text),
    Column("by", Text),
    Column("why", Text),
    Column("details", Text),
    Column("prev", Text, nullable=False),
    Column("hash", Text, nullable=False),
    PrimaryKeyConstraint("seq", name="pk_ledger_entry"),
    Index("ix_ledger_entry_key_result", "key_result", "seq"),
    # Few among many, and every page asks for the last check-ins and for all renames.
    Index("ix_ledger_entry_checkin", "key_result", "seq"),
    Index("ix_ledger_entry_target", "seq"),
)

ledger_delta = Table(
    "ledger_delta",
    metadata,
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("place", Integer, nullable=False, autoincrement=False),
    Column("part", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("old_weight", Millionths),
    Column("old_amount", Millionths),
    Column("new_weight", Millionths),
    Column("new_amount", Millionths),
    Column("cause", Text, nullable=False),
    Column("delta", Millionths, nullable=False),
    PrimaryKeyConstraint("seq", "place", name="pk_ledger_delta"),
    ForeignKeyConstraint(["seq"], ["ledger_entry.seq"], name="fk_ledger_delta_entry"),
)

key_result = Table(
    "key_result",
    metadata,
    Column("id", Text, nullable=False),
    Column("value", Millionths),
    Column("seq", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("measured_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
    # Generation of each source at the last measurement, as JSON: a key result is due when one of them moved.
    Column("generations", Text, nullable=False),
    Column("retired", Boolean, nullable=False, default=False),
    # What the evidence of each part adds up to, as JSON: amount and weight in millionths, and the items on the line.
    Column("totals", Text, nullable=False, server_default="[]"),
    PrimaryKeyConstraint("id", name="pk_key_result"),
)

# An update that waits for a person, or that one decided against: `store.holds`.
hold = Table(
    "hold",
    metadata,
    Column("key_result", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("old", Millionths),
    Column("new", Millionths),
    Column("reason", Text, nullable=False),
    # Digest of the evidence that the update would write.
    Column("proposal", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("rejected", Boolean, nullable=False),
    PrimaryKeyConstraint("key_result", name="pk_hold"),
    UniqueConstraint("id", name="uq_hold"),
)

# People who changed something by hand, under a random id: entries name that, so that a name can be forgotten.
person = Table(
    "person",
    metadata,
    Column("id", Text, nullable=False),
    Column("name", Text),
    PrimaryKeyConstraint("id", name="pk_person"),
    UniqueConstraint("name", name="uq_person"),
)

# A person's value of a key result, which is shown instead of the automatic one while it is in force.
override = Table(
    "override",
    metadata,
    Column("key_result", Text, nullable=False),
    Column("value", Millionths, nullable=False),
    Column("why", Text, nullable=False),
    # The id of the person.
    Column("by", Text, nullable=False),
    Column("since", Instant, nullable=False),
    # The first instant at which it is not in force any more; null for none.
    Column("until", Instant),
    # The entry that tells of it: the last of the human lane.
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_result", name="pk_override"),
)

# How a key result stood when its cycle was closed: nothing moves this any more.
final = Table(
    "final",
    metadata,
    Column("key_result", Text, nullable=False),
    Column("cycle", Text, nullable=False),
    Column("value", Millionths),
    Column("grade", Millionths, nullable=False),
    Column("at", Instant, nullable=False),
    # The hash of the ledger's head when the cycle was closed: the same for all key results of the cycle.
    Column("head", Text, nullable=False),
    # The entry that tells of it.
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_result", name="pk_final"),
)

# An item whose title and people are erased, and stay so when its tracker shows them again.
forgotten = Table(
    "forgotten",
    metadata,
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    PrimaryKeyConstraint("source", "item", name="pk_forgotten"),
)

# A name that is erased wherever a tracker shows it: what `store.forgetting.digest_of` makes of it.
forgotten_name = Table(
    "forgotten_name",
    metadata,
    Column("digest", Text, nullable=False),
    PrimaryKeyConstraint("digest", name="pk_forgotten_name"),
)

frozen_scope = Table(
    "frozen_scope",
    metadata,
    Column("key_result", Text, nullable=False),
    # What it is the scope of: `mapping.codec.scope_key`.
    Column("scope", Text, nullable=False),
    # Ids of the items that belong to it, as JSON.
    Column("items", Text, nullable=False),
    PrimaryKeyConstraint("key_result", "scope", name="pk_frozen_scope"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("key_result", Text, nullable=False),
    Column("part", Integer, nullable=False, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("weight", Millionths, nullable=False),
    Column("amount", Millionths, nullable=False),
    PrimaryKeyConstraint("key_result", "part", "source", "item", name="pk_evidence"),
    Index("ix_evidence_item", "source", "item"),
)

config_file = Table(
    "config_file",
    metadata,
    # What the file is called in its folder, and whether it is the one that holds `version`.
    Column("name", Text, nullable=False),
    Column("main", Boolean, nullable=False),
    # The last version that was right and could be kept, as JSON without secrets, and its SHA-256; null where none was.
    Column("document", Text),
    Column("hash", Text),
    # Since when the file is not right any more; null while it is.
    Column("wrong_since", Instant),
    PrimaryKeyConstraint("name", name="pk_config_file"),
)

_PARTIAL = {"ix_ledger_entry_checkin": text("kind = 'checkin'"), "ix_ledger_entry_target": text("kind = 'target'")}
"""Indexes of some rows, by name, and of which."""

_COVERED = ("kind", "state", "closed", "seen", "created", "number", "marks")
"""What the key of `facet` tells beside itself, where a table is not its key."""


def set_dialect_options(dialect: str) -> None:
    """Tell indexes and keys what a database's dialect has words for.

    Said before tables are made or compared, and no sooner: it loads that dialect, PostgreSQL's for everybody else.
    """
    for index in ledger_entry.indexes:
        if index.name in _PARTIAL:
            index.dialect_options[dialect]["where"] = _PARTIAL[index.name]
    if dialect == "postgresql":
        facet.primary_key.dialect_options[dialect]["include"] = _COVERED


@event.listens_for(metadata, "before_create")
def _before_create(_tables: MetaData, connection: Connection, **_: object) -> None:
    set_dialect_options(connection.dialect.name)


def ddl(dialect: Dialect) -> str:
    """Return the statements that make all tables of a new database of a dialect, as text."""
    set_dialect_options(dialect.name)
    statements: list[CreateTable | CreateIndex] = []
    for table in metadata.sorted_tables:
        statements.append(CreateTable(table))
        statements += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    return "\n".join(f"{_tidy(str(each.compile(dialect=dialect)))};\n" for each in statements)


def _tidy(statement: str) -> str:
    lines = statement.strip().splitlines()
    return "\n".join(f"{'    ' if line.startswith(chr(9)) else ''}{line.strip()}" for line in lines)
