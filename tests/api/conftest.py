"""A fresh node for each test that changes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .node import Node, running_node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node of this test's own."""
    async with running_node(tmp_path) as node:
        yield node
