"""Until when a tracker asked to wait: no webhook makes its source due earlier."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("schedule", sa.Column("not_before", sa.BigInteger()))
