"""When items were not in the mirror, and when each read of a source ended: what was known on a past day.

Of what came back before this, nobody knows that it was away.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "absence",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("back_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("source", "item", "gone_at", name="pk_absence"),
    )
    op.execute(
        "INSERT INTO absence (source, item, gone_at, why)"
        " SELECT source, id, gone_at, gone FROM item WHERE gone IS NOT NULL AND gone_at IS NOT NULL"
    )
    op.add_column("run_source", sa.Column("ended_at", sa.BigInteger()))
