"""Facets of a version and of a build, when a former key was taken over, queries by a name that an index takes, and
which run read which source by which connector.

PostgreSQL refuses index entries of more than 2.7 kB, which a query may be; of a long one the name is a digest.
"""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.drop_table("faceted")  # facets are made anew
    op.create_table(
        "faceted",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("built", sa.BigInteger()),
        sa.PrimaryKeyConstraint("source", name="pk_faceted"),
    )
    op.add_column("former_key", sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False))
    asked, hits = _rows("source, text, read_at, error FROM query"), _rows("source, query, item FROM query_hit")
    op.drop_table("query_hit")
    op.drop_table("query")
    query = op.create_table(
        "query",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("source", "name", name="pk_query"),
    )
    query_hit = op.create_table(
        "query_hit",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "query", "item", name="pk_query_hit"),
        sa.ForeignKeyConstraint(["source", "query"], ["query.source", "query.name"], name="fk_query_hit_query"),
    )
    op.create_table(
        "run_source",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.PrimaryKeyConstraint("source", "run", name="pk_run_source"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_run_source_run"),
    )
    op.bulk_insert(query, [each | {"name": _short(each["text"])} for each in asked])
    op.bulk_insert(query_hit, [each | {"query": _short(each["query"])} for each in hits])


def _rows(what: str) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(sa.text(f"SELECT {what}")).mappings()]


def _short(text: str) -> str:
    return text if len(text) <= 200 and not text.startswith("#") else f"#{sha256(text.encode()).hexdigest()}"
