"""Arrivals, the front door: session files and their replay, models of arrivals and what they generate."""

from __future__ import annotations

from ..sessions import SessionFile, SessionFileError, SessionRow, read_sessions, write_sessions
from .archetypes import ARCHETYPES, UnknownArchetype, archetype
from .model import ArrivalModel
from .model_file import ArrivalFileError, load_arrivals
from .visits import Visit, evses_of_sessions, session_rows, visits_from_sessions

__all__ = (
    "ARCHETYPES",
    "ArrivalFileError",
    "ArrivalModel",
    "SessionFile",
    "SessionFileError",
    "SessionRow",
    "UnknownArchetype",
    "Visit",
    "archetype",
    "evses_of_sessions",
    "load_arrivals",
    "read_sessions",
    "session_rows",
    "visits_from_sessions",
    "write_sessions",
)
