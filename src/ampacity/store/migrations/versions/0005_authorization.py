"""What a token may and where, the local lists that stations hold, and reservations.

Revision: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("id_token") as token:
        token.add_column(sa.Column("message", sa.Text, nullable=False, server_default=""))
        token.add_column(sa.Column("language", sa.Text, nullable=False, server_default=""))
        token.add_column(sa.Column("allowed", sa.Text))
        token.add_column(sa.Column("concurrent", sa.Boolean))
        token.add_column(sa.Column("priority", sa.Integer))
        token.add_column(sa.Column("listed", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_table(
        "local_list",
        sa.Column("operator_id", sa.Text, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seen_version", sa.Integer),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("held", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id", "station_id"],
            ["station.operator_id", "station.station_id"],
            name="fk_local_list_station",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("operator_id", "station_id", name="pk_local_list"),
    )
    op.create_table(
        "reservation",
        sa.Column("operator_id", sa.Text, nullable=False),
        sa.Column("reservation_id", sa.Integer, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("connector_type", sa.Text),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("token_kind", sa.Text, nullable=False),
        sa.Column("token_key", sa.Text, nullable=False),
        sa.Column("group", sa.Text),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("no_show", sa.Boolean, nullable=False),
        sa.Column("transaction_id", sa.Text),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "reservation_id", name="pk_reservation"),
    )
    op.create_index(
        "ix_reservation_operator_id_station_id_state",
        "reservation",
        ["operator_id", "station_id", "state"],
    )
    op.create_index("ix_reservation_operator_id_expires_at", "reservation", ["operator_id", "expires_at"])
