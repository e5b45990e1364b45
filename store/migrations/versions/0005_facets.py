"""What clauses ask of items, as rows that are found fast; and in which generation each item last changed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("item", sa.Column("changed", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_item_changed", "item", ["source", "changed"])
    op.create_table(
        "facet",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "name", "value", "item", name="pk_facet"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_facet_item", "facet", ["source", "item"])
    op.create_table(
        "faceted",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("called", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_faceted"),
    )
