"""What stations have shown of themselves: EVSEs in quarantine, probes of firmware, assessments of sites."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evse_quarantine",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("most_a", sa.Float(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "station_id", "evse_id", name=op.f("pk_evse_quarantine")),
    )
    op.create_table(
        "firmware_probe",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("firmware", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "operator_id", "vendor", "model", "firmware", "version", name=op.f("pk_firmware_probe")
        ),
    )
    op.create_table(
        "site_assessment",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("assessment_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "assessment_id", name=op.f("pk_site_assessment")),
    )
    op.create_index(
        op.f("ix_site_assessment_operator_id_site_id"), "site_assessment", ["operator_id", "site_id"]
    )
    with op.batch_alter_table("site") as site:
        site.add_column(sa.Column("stop_disobedient", sa.Boolean, nullable=False, server_default=sa.false()))
