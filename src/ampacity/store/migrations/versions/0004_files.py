"""Files, addresses of files, firmware images, and the jobs around them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "file_id", name=op.f("pk_stored_file")),
    )
    op.create_index(
        op.f("ix_stored_file_operator_id_kind_created_at"),
        "stored_file",
        ["operator_id", "kind", "created_at"],
        unique=False,
    )
    op.create_table(
        "file_grant",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("max_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "sha256", name=op.f("pk_file_grant")),
    )
    op.create_index(
        op.f("ix_file_grant_operator_id_job_id"), "file_grant", ["operator_id", "job_id"], unique=False
    )
    op.create_index(op.f("ix_file_grant_sha256"), "file_grant", ["sha256"], unique=True)
    op.create_table(
        "firmware_image",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("image_id", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signing_certificate", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("signature_check", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", "image_id", name=op.f("pk_firmware_image")),
    )
    op.create_table(
        "firmware_job",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("image_id", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("checksum", sa.Text(), nullable=True),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("retrieve_at", sa.BigInteger(), nullable=True),
        sa.Column("install_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("stalled_at", sa.BigInteger(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=True),
        sa.Column("version_before", sa.Text(), nullable=False),
        sa.Column("version_wanted", sa.Text(), nullable=False),
        sa.Column("version_after", sa.Text(), nullable=True),
        sa.Column("version_check", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "job_id", name=op.f("pk_firmware_job")),
    )
    op.create_index(
        op.f("ix_firmware_job_operator_id_phase_job_id"),
        "firmware_job",
        ["operator_id", "phase", "job_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_firmware_job_operator_id_station_id_job_id"),
        "firmware_job",
        ["operator_id", "station_id", "job_id"],
        unique=False,
    )
    op.create_table(
        "log_job",
        sa.Column("operator_id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("log_type", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=True),
        sa.Column("latest", sa.BigInteger(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("stalled_at", sa.BigInteger(), nullable=True),
        sa.Column("file_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("operator_id", "job_id", name=op.f("pk_log_job")),
    )
    op.create_index(
        op.f("ix_log_job_operator_id_phase_job_id"),
        "log_job",
        ["operator_id", "phase", "job_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_log_job_operator_id_station_id_job_id"),
        "log_job",
        ["operator_id", "station_id", "job_id"],
        unique=False,
    )
