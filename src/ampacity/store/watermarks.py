"""Watermarks: up to which row of the journal what is derived from it has been written."""

from __future__ import annotations

from sqlalchemy import Connection, select

from .statements import upsert
from .tables import watermark

LEDGER = "ledger"
"""Transactions and the keys of messages."""
SAMPLES = "samples"
"""Readings and rollups."""
REBUILDING = -1
"""Watermark of samples that are to be derived anew."""

Marks = dict[tuple[str, str], int]
"""(operator, what) -> journal id."""


def set_mark(connection: Connection, operator_id: str, what: str, journal_id: int) -> None:
    """Say that everything up to `journal_id` is written."""
    upsert(connection, watermark, {"operator_id": operator_id, "what": what, "journal_id": journal_id})


def read_marks(connection: Connection, hold: bool = False) -> Marks:
    """All watermarks; one that was never set counts as 0. With `hold` nobody changes them before this
    transaction ends (a command may ask for a rebuild).
    """
    query = select(watermark.c.operator_id, watermark.c.what, watermark.c.journal_id)
    rows = connection.execute(query.with_for_update() if hold else query)
    return {(row.operator_id, row.what): row.journal_id for row in rows}


def behind(connection: Connection) -> list[tuple[str, int]]:
    """Operators whose samples are behind what the ledger has written, with their watermark."""
    marks = read_marks(connection)
    return [
        (operator_id, marks.get((operator_id, SAMPLES), 0))
        for (operator_id, what), journal_id in marks.items()
        if what == LEDGER and marks.get((operator_id, SAMPLES), 0) < journal_id
    ]
