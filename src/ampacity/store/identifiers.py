"""Ids of our own: unique without asking the database, and sorted by time."""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def sortable_id(at: datetime) -> str:
    """26 characters: 48 bits of milliseconds UTC, 80 random bits. Later ids sort after earlier ones."""
    number = int(at.timestamp() * 1000) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
