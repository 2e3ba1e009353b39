"""A file service over a real store and a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msgspec
import pytest

from ampacity.clock import WallClock
from ampacity.files.http import FileDoor
from ampacity.files.listening import FilesListener, tls_context
from ampacity.files.service import FileService
from ampacity.files.settings import FilesSettings
from ampacity.store import Store
from ampacity.store.operators import ensure_operator

OPERATOR = "stadtwerke"


class Served:
    """A service, its store, and a client that knows no address."""

    def __init__(
        self, service: FileService, door: FileDoor, store: Store, folder: Path, client: httpx.AsyncClient
    ) -> None:
        self.service = service
        self.door = door
        self.store = store
        self.folder = folder
        self.client = client

    async def image(self, content: bytes, name: str = "image.bin") -> Any:
        """A firmware image."""
        return await self.service.keep(OPERATOR, "firmware", name, blocks(content), "user:ada")

    async def fetch_address(self, content: bytes, name: str = "image.bin") -> str:
        """Where CP1 fetches it."""
        file = await self.image(content, name)
        return await self.service.address(OPERATOR, "fetch", "CP1", "job1", file=file)

    async def bring_address(self) -> str:
        """Where CP1 brings a log."""
        return await self.service.address(OPERATOR, "bring", "CP1", "job1")

    def lying(self) -> list[str]:
        """What is on the disk."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


Serve: TypeAlias = Callable[..., Any]


async def blocks(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    """A content in pieces."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def until(truth: Callable[[], bool]) -> None:
    """Let what was begun come to its end."""
    async with asyncio.timeout(30):
        for _ in iter(truth, True):
            await asyncio.sleep(0.01)


@pytest.fixture
async def serve(address: str, tmp_path: Path) -> AsyncIterator[Serve]:
    """Start a service; keyword arguments are its settings."""
    stack = AsyncExitStack()
    store = await Store.open(address, WallClock())
    stack.push_async_callback(store.close)

    async def start(**settings: Any) -> Served:
        chosen = msgspec.convert({"host": "127.0.0.1", "port": 0} | settings, FilesSettings)
        now = store.clock.now()
        await store.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", now))
        folder = tmp_path / "files"
        service = FileService(store, store.clock, folder, chosen)
        await service.open()
        door = FileDoor(service)
        listener = FilesListener(door, chosen, tls_context(chosen))
        await listener.start()
        stack.push_async_callback(listener.stop)
        service.listens_at(listener.url)
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=30, trust_env=False, verify=False))
        return Served(service, door, store, folder, client)

    async with stack:
        yield start
