"""Goals of sessions, rules of sharing, phase switching, who got what, boosts and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("sharing", sa.Text(), nullable=True))
    op.add_column("evse", sa.Column("phase_switch", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("session_wish", sa.Column("goals", sa.Text(), nullable=True))
    op.add_column("session_wish", sa.Column("goal_reached", sa.Text(), nullable=True))
    op.create_table(
        "session_share",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("energy_wh", sa.BigInteger(), nullable=False),
        sa.Column("connected_s", sa.Float(), nullable=False),
        sa.Column("wanting_s", sa.Float(), nullable=False),
        sa.Column("satisfied_s", sa.Float(), nullable=False),
        sa.Column("waited_s", sa.Float(), nullable=False),
        sa.Column("boosted_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(
            "operator_id", "site_id", "day", "transaction_id", name=op.f("pk_session_share")
        ),
    )
    op.create_table(
        "session_boost",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("token_key", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "operator_id", "site_id", "day", "transaction_id", name=op.f("pk_session_boost")
        ),
    )
    op.create_index(
        op.f("ix_session_boost_operator_id_site_id_day_token_key"),
        "session_boost",
        ["operator_id", "site_id", "day", "token_key"],
    )
    op.create_table(
        "session_feedback",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "transaction_id", name=op.f("pk_session_feedback")),
    )
