"""Stations' security: what each has proved, the certificates it got, its events."""

import sqlalchemy as sa
from alembic import op

from ampacity.store.columns import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "station_security",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("next_password_hashes", sa.Text(), nullable=False),
        sa.Column("tolerates_expired", sa.Boolean(), nullable=False),
        sa.Column("certificate", sa.Text()),
        sa.Column("certificate_ends_at", Instant()),
        sa.PrimaryKeyConstraint("operator_id", "station_id", name="pk_station_security"),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name="fk_station_security_operator"
        ),
    )
    op.create_table(
        "station_certificate",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("not_before", Instant(), nullable=False),
        sa.Column("not_after", Instant(), nullable=False),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "fingerprint", name="pk_station_certificate"),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name="fk_station_certificate_operator"
        ),
    )
    op.create_index(
        "ix_station_certificate_operator_id_station_id", "station_certificate", ["operator_id", "station_id"]
    )
    op.create_table(
        "security_event",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("critical", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("happened_at", Instant(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "event_id", name="pk_security_event"),
    )
    op.create_index("ix_security_event_operator_id_at", "security_event", ["operator_id", "at"])
