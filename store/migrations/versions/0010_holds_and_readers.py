"""Updates that wait for a person, the people who decide, and which run read which source by which connector."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "hold",
        sa.Column("key_result", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("old", sa.BigInteger()),
        sa.Column("new", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key_result", name="pk_hold"),
        sa.UniqueConstraint("id", name="uq_hold"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("name", name="uq_person"),
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
