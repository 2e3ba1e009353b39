"""Files and their addresses, firmware images, and the jobs of stations around both: evidence, which stands
alone.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from ..columns import Document, Instant
from .core import metadata, operator_id

stored_file = Table(
    "stored_file",
    metadata,
    operator_id(),
    Column("file_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # firmware, log
    Column("name", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("md5", Text, nullable=False),
    Column("station_id", Text),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Index(None, "operator_id", "kind", "created_at"),
)
"""Files by id; their content lies in the node's folder."""

file_grant = Table(
    "file_grant",
    metadata,
    operator_id(),
    Column("sha256", Text, primary_key=True),
    Column("purpose", Text, nullable=False),  # fetch, bring
    Column("file_id", Text),
    Column("station_id", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("max_bytes", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("uses", Integer, nullable=False),
    Index(None, "sha256", unique=True),
    Index(None, "operator_id", "job_id"),
)
"""Addresses at which one station fetches or brings one file, by the hash of their secret part."""

firmware_image = Table(
    "firmware_image",
    metadata,
    operator_id(),
    Column("image_id", Text, primary_key=True),  # also the file's
    Column("vendor", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("signing_certificate", Text),
    Column("signature", Text),
    Column("signature_check", Text, nullable=False),  # none, good, unknown
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
)

firmware_job = Table(
    "firmware_job",
    metadata,
    operator_id(),
    Column("job_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # install, publish
    Column("request_id", BigInteger),
    Column("image_id", Text),
    Column("location", Text, nullable=False),
    Column("checksum", Text),
    Column("signed", Boolean, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("retrieve_at", Instant),
    Column("install_at", Instant),
    Column("answer", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("phase", Text, nullable=False),  # open, done, failed, cancelled, refused
    Column("steps", Document, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("stalled_at", Instant),
    Column("fetched_at", Instant),
    Column("version_before", Text, nullable=False),
    Column("version_wanted", Text, nullable=False),
    Column("version_after", Text),
    Column("version_check", Text, nullable=False),  # waiting, confirmed, different, unknown
    Column("published_at", Document),
    Index(None, "operator_id", "station_id", "job_id"),
    Index(None, "operator_id", "phase", "job_id"),
)

log_job = Table(
    "log_job",
    metadata,
    operator_id(),
    Column("job_id", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("log_type", Text, nullable=False),
    Column("request_id", BigInteger),
    Column("location", Text, nullable=False),
    Column("oldest", Instant),
    Column("latest", Instant),
    Column("requested_by", Text, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("answer", Text, nullable=False),
    Column("file_name", Text),
    Column("state", Text, nullable=False),
    Column("phase", Text, nullable=False),  # open, done, failed, cancelled, refused
    Column("steps", Document, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("stalled_at", Instant),
    Column("file_id", Text),
    Index(None, "operator_id", "station_id", "job_id"),
    Index(None, "operator_id", "phase", "job_id"),
)
