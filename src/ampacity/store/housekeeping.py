"""What a node runs beside its store: enforcing retention."""

from __future__ import annotations

from . import retention
from .database import Store
from .retention import RetentionPolicy


async def run(store: Store, policy: RetentionPolicy | None = None) -> None:
    """Enforce retention each hour until cancelled."""
    await retention.run(store, policy or RetentionPolicy())
