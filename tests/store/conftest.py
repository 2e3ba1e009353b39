"""A real store: on SQLite in a temporary folder, and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ampacity.clock import WallClock
from ampacity.store import Store, StoreSettings
from ampacity.store.operators import ensure_operator

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OPERATOR = "stadtwerke"


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    """An open, empty store that knows one operator."""
    opened = await open_store(address)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[Store]:
    """The same in SQLite, where the test is about files."""
    opened = await open_store(f"sqlite:///{tmp_path / 'ampacity.db'}")
    yield opened
    await opened.close()


async def open_store(address: str, settings: StoreSettings | None = None) -> Store:
    """Open a store and let it know the operator."""
    opened = await Store.open(address, WallClock(), settings)
    await opened.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", NOON))
    return opened
