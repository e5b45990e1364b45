"""Queries that trackers refuse: the rules that name them wait, whatever those found before."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("query", sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.false()))
