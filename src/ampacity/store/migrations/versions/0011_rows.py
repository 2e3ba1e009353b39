"""Limits in watts, neutral and unbalance of circuits, the supply of sites, shared power cabinets."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("site") as site:
        site.add_column(sa.Column("supply", sa.Text(), nullable=False, server_default="wye"))
        site.add_column(sa.Column("cabinets", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("circuit") as circuit:
        for name in ("rating_w", "rating_va", "neutral_a", "unbalance_a"):
            circuit.add_column(sa.Column(name, sa.Float(), nullable=True))
    with op.batch_alter_table("circuit_limit") as limit:
        limit.add_column(sa.Column("limit_w", sa.Float(), nullable=True))
        limit.add_column(sa.Column("fallback_w", sa.Float(), nullable=True))
    with op.batch_alter_table("evse") as evse:
        evse.add_column(sa.Column("line_to_line", sa.Boolean(), nullable=False, server_default=sa.false()))
        evse.add_column(sa.Column("cabinet_id", sa.Text(), nullable=True))
