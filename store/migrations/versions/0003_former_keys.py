"""Keys that items had before, when everything was last listed, and when a missing item was last looked up."""

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
