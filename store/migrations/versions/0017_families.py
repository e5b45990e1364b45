"""What lies under epics and parents where a source does not read."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "family",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("deep", sa.Boolean(), nullable=False),
        sa.Column("above", sa.Text(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("examples", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("asked_at", sa.BigInteger()),
        sa.Column("tried_at", sa.BigInteger()),
        sa.Column("containers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "name", "deep", name="pk_family"),
    )
