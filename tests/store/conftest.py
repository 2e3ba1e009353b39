"""A real store in a temporary folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ampacity.clock import WallClock
from ampacity.store import Store
from ampacity.store.operators import ensure_operator

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OPERATOR = "stadtwerke"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open, empty store that knows one operator."""
    opened = await Store.open(tmp_path / "ampacity.db", WallClock())
    await opened.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", NOON))
    yield opened
    await opened.close()
