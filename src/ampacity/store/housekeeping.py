"""What a node runs beside its store: deriving samples and enforcing retention."""

from __future__ import annotations

import asyncio

from . import retention, samples
from .database import Store
from .retention import RetentionPolicy


async def run(store: Store, policy: RetentionPolicy | None = None) -> None:
    """Derive each 200 ms and enforce retention each hour until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(samples.run(store))
        tasks.create_task(retention.run(store, policy or RetentionPolicy()))
