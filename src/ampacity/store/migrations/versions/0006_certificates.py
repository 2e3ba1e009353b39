"""Certificates: the roots that an operator trusts, and what each station holds.
Revision: 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trusted_certificate",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name="fk_trusted_certificate_operator"
        ),
        sa.PrimaryKeyConstraint("operator_id", "use", "fingerprint", name="pk_trusted_certificate"),
    )
    op.create_table(
        "held_certificate",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("use", sa.Text(), nullable=False),
        sa.Column("certificate_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("hash_algorithm", sa.Text(), nullable=False),
        sa.Column("issuer_name_hash", sa.Text(), nullable=False),
        sa.Column("issuer_key_hash", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("not_after", sa.BigInteger()),
        sa.Column("installed_at", sa.BigInteger()),
        sa.Column("reported_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name="fk_held_certificate_operator"
        ),
        sa.PrimaryKeyConstraint(
            "operator_id", "station_id", "use", "certificate_id", name="pk_held_certificate"
        ),
    )
    op.create_index(
        "ix_held_certificate_operator_id_not_after", "held_certificate", ["operator_id", "not_after"]
    )
