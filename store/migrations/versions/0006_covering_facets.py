"""Facets as numbered terms whose rows hold what measures need.  What was kept is dressed anew by the next run."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_table("facet")
    op.execute("DELETE FROM faceted")
    op.add_column("faceted", sa.Column("builder", sa.Text()))
    op.create_table(
        "term",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("items", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_term"),
        sa.UniqueConstraint("source", "name", "value", name="uq_term"),
    )
    told = (
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("closed", sa.BigInteger()),
        sa.Column("seen", sa.BigInteger()),
        sa.Column("created", sa.BigInteger()),
        sa.Column("number", sa.BigInteger()),
        sa.Column("marks", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "facet",
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        *told,
        sa.PrimaryKeyConstraint("term", "item", name="pk_facet", postgresql_include=[each.name for each in told]),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dressed",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "item", name="pk_dressed"),
        sqlite_with_rowid=False,
    )
