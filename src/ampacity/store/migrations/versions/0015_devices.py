"""Devices of sites that are read and commanded, and who commands each."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("site") as site:
        site.add_column(sa.Column("devices", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "device_master",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "site_id", "device_id", name=op.f("pk_device_master")),
    )
