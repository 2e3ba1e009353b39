"""Schedules of limits, heat, demand, generation and signals of circuits; modes and groups of sites."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("circuit") as circuit:
        circuit.add_column(sa.Column("generation_a", sa.Float(), nullable=False, server_default="0"))
        circuit.add_column(sa.Column("export_a", sa.Float(), nullable=True))
        circuit.add_column(sa.Column("sensors", sa.Text(), nullable=False, server_default="[]"))
        circuit.add_column(sa.Column("hot_spot", sa.Text(), nullable=True))
        circuit.add_column(sa.Column("demand", sa.Text(), nullable=True))
        circuit.add_column(sa.Column("signals", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("circuit_limit") as limit:
        limit.add_column(sa.Column("pieces", sa.Text(), nullable=False, server_default="[]"))
    with op.batch_alter_table("evse") as evse:
        evse.add_column(sa.Column("sensors", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "site_mode",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("stop_sessions", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("operator_id", "site_id", "mode", name=op.f("pk_site_mode")),
    )
    op.create_table(
        "site_group",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("limit_a", sa.Float(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "group_id", name=op.f("pk_site_group")),
    )
