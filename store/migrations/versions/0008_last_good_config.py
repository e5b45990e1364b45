"""The files of the config as they were last good, without secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "config_file",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text()),
        sa.Column("hash", sa.Text()),
        sa.Column("wrong_since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name="pk_config_file"),
    )
