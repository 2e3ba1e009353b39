"""OCPP 2.0.1: what differs from 2.1."""

from __future__ import annotations

from typing import get_args

from ...ocpp.messages import v201 as wire
from .v2 import Dialect2


class Dialect201(Dialect2):
    """OCPP 2.0.1; see `Dialect`. Its token types are a closed list, its event streams don't exist."""

    version = "2.0.1"
    token_chars = 36
    wire = wire
    triggers = frozenset(get_args(wire.MessageTriggerEnumType))
