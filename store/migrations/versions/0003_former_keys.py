"""Keys that items had before, arrivals that may be transfers, and when lists and look-ups were last complete."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("container", sa.Column("full_at", sa.BigInteger(), nullable=True))
    op.add_column("presence", sa.Column("looked_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "former_key",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_former_key"),
    )
    op.create_table(
        "arrival",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "item", name="pk_arrival"),
    )
