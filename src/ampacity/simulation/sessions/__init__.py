"""Files of charging sessions: real ones are replayed, generated ones are written in the same form.

One reader, `read_sessions`, for three forms (docs/session-files.md): the ACN form, our own plain CSV, and the
CDRs of OCPI. One row, `SessionRow`, whatever the form.
"""

from __future__ import annotations

from .acn import COLUMNS, write_sessions
from .plain import PLAIN_COLUMNS
from .reading import read_sessions
from .rows import SessionFile, SessionFileError, SessionRow

__all__ = (
    "COLUMNS",
    "PLAIN_COLUMNS",
    "SessionFile",
    "SessionFileError",
    "SessionRow",
    "read_sessions",
    "write_sessions",
)
