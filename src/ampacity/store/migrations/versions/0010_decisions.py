"""The decision log: what a site's controller saw and did, in chains of compressed pieces."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decision_log",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("chain", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "site_id", "chain", "number", name=op.f("pk_decision_log")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decision_site",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "site_id", "digest", name=op.f("pk_decision_site")),
    )
    op.create_index(op.f("ix_decision_site_operator_id_last_at"), "decision_site", ["operator_id", "last_at"])
