"""One node for the tests of a module that only ask or hardly change anything, and a fresh one for those that do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from .node import Node, running_node


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A node of this test's own."""
    async with running_node(tmp_path) as node:
        yield node
