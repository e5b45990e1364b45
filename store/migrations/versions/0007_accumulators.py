"""What evidence adds up to, who has an item in evidence, and since when items say that they were touched."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("key_result", sa.Column("totals", sa.Text(), server_default="[]", nullable=False))
    op.create_index("ix_evidence_item", "evidence", ["source", "item"])
    op.add_column("faceted", sa.Column("built", sa.BigInteger(), server_default="0", nullable=False))
    # Facets of before do not say what touched whom; they are made anew.
    op.execute("DELETE FROM faceted")
