"""Censuses, memos of connectors, and the trackers' own queries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("container", sa.Column("wide_at", sa.BigInteger(), nullable=True))
    op.add_column("container", sa.Column("census_at", sa.BigInteger(), nullable=True))
    op.add_column("container", sa.Column("memo", sa.Text(), nullable=False, server_default="{}"))
    op.create_table(
        "roll",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "container", "id", name="pk_roll"),
    )
    op.create_table(
        "query",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "text", name="pk_query"),
    )
    op.create_table(
        "query_hit",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "query", "item", name="pk_query_hit"),
        sa.ForeignKeyConstraint(["source", "query"], ["query.source", "query.text"], name="fk_query_hit_query"),
    )
