"""Ids of our own: unique without asking the database, and sorted by time."""

from __future__ import annotations

import os
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


_drawn: list[bytes] = []
"""Random bytes for the next ids. The system is asked for those of 256 at a time: with each question another
thread may take the interpreter, and of a thousand limits that go out at once each would wait for it."""
os.register_at_fork(after_in_child=_drawn.clear)


def sortable_id(at: datetime) -> str:
    """26 characters: 48 bits of milliseconds UTC, 80 random bits. Later ids sort after earlier ones."""
    try:
        drawn = _drawn.pop()
    except IndexError:
        fresh = os.urandom(2560)
        _drawn.extend(fresh[start : start + 10] for start in range(0, 2560, 10))
        drawn = _drawn.pop()
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(drawn)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
