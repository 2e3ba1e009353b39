"""Messages between the rooms of one process (later: of many nodes)."""

from .local import Bus, LocalBus, NoResponder

__all__ = ["Bus", "LocalBus", "NoResponder"]
