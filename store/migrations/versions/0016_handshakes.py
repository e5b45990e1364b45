"""Webhooks that are being set up just now; and indexes of check-ins and of new terms."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "handshake",
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name="pk_handshake"),
    )
    for kind, columns in (("checkin", ["key_result", "seq"]), ("target", ["seq"])):
        mine = sa.text(f"kind = '{kind}'")
        op.create_index(f"ix_ledger_entry_{kind}", "ledger_entry", columns, sqlite_where=mine, postgresql_where=mine)
