"""Lists in pages: each page carries the cursor of the next one, the last page none.

A full page doesn't tell whether anything follows, so one row more than a page holds is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection

from ..store.columns import from_micros, to_micros
from .context import ApiContext
from .errors import ApiError, invalid

Row = TypeVar("Row")
Cursor = TypeVar("Cursor")

Moment: TypeAlias = tuple[datetime, str]
"""Where a page ends in rows that are ordered by a time, then by an id."""


async def page_of(
    api: ApiContext,
    find: Callable[[Connection, int], Sequence[Row]],
    limit: int,
    cursor: Callable[[Row], Cursor],
) -> tuple[Sequence[Row], Cursor | None]:
    """At most `limit` rows of those that `find` gives (it is told how many to look for), and the last one's
    `cursor`; None where no row comes after it.
    """
    found = await api.store.read(lambda connection: find(connection, limit + 1))
    page = found[:limit]
    return page, cursor(page[-1]) if len(found) > limit else None


def cursor_of(at: datetime, row_id: str) -> str:
    """The end of a page in rows that are ordered by a time: microseconds and the id."""
    return f"{to_micros(at)}-{row_id}"


def read_cursor(text: str | None) -> Moment | None:
    """The end of a page again, None for None; 422 for what is none."""
    if text is None:
        return None
    micros, dash, row_id = text.partition("-")
    try:
        if dash and row_id.isalnum():
            return from_micros(int(micros)), row_id
    except (ValueError, OverflowError):
        pass
    raise no_cursor("before", text)


def no_cursor(where: str, text: str) -> ApiError:
    """422: it is no end of a page."""
    return invalid(where, f"{text!r} is no end of a page.", "Use the `next` of the page before.")
