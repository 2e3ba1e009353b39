"""One dialect a version: the only place that knows what a station speaks."""

from __future__ import annotations

from functools import cache

from .dialect import Dialect, Unsupported

__all__ = ["Dialect", "Unsupported", "dialect"]


@cache
def dialect(version: str) -> Dialect:
    """The dialect of `version`; its messages are imported when the first station speaks it.

    Raises KeyError.
    """
    if version == "1.6":
        from .v16 import Dialect16

        return Dialect16()
    if version == "2.0.1":
        from .v201 import Dialect201

        return Dialect201()
    if version == "2.1":
        from .v21 import Dialect21

        return Dialect21()
    raise KeyError(f"OCPP {version!r} is not spoken here: 1.6, 2.0.1 and 2.1 are")
