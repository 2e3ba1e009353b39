"""PostgreSQL keeps what only grows in partitions (see `partitions`). Nothing changes in SQLite.

The key of a partitioned table must hold the time by which it is parted. What has been written so far goes
into `_rest`; the partitions of these days are made, and take their rows, when the store is opened.
Revision: 0002.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PARTED = (
    ("journal", "received_at", ("id", "received_at")),
    ("message_key", "at", ("operator_id", "at", "station_id", "retry_key")),
    ("message_log", "at", ("id", "at")),
    ("meter_reading", "at", ("operator_id", "station_id", "evse_id", "at")),
    (
        "rollup_15min",
        "start",
        ("operator_id", "station_id", "evse_id", "start", "measurand", "phase", "location"),
    ),
)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column, key in PARTED:
        op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
        op.execute(
            f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS) PARTITION BY RANGE ({column})"
        )
        op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
        op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")
        if table == "message_log":  # its counter belongs to a column
            op.execute("ALTER SEQUENCE message_log_id_seq OWNED BY message_log.id")
        op.execute(f"DROP TABLE {table}_before")
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({', '.join(key)})")
    # Old rows go by whole partitions, so nothing is looked for by operator and time. What lies in the order
    # of its time needs a few bytes a megabyte to be found by it.
    op.execute(
        "CREATE INDEX ix_message_log_operator_id_station_id_id ON message_log (operator_id, station_id, id)"
    )
    op.execute("CREATE INDEX ix_message_log_at ON message_log USING brin (at)")
