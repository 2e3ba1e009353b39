"""Where a node serves files: beside the API, or at a door of their own that leads nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ampacity.api.context import ApiSettings
from ampacity.clock import WallClock
from ampacity.files.listening import FilesPortTaken
from ampacity.files.settings import FilesSettings
from ampacity.gateway import GatewaySettings
from ampacity.node import Node
from ampacity.settings import NodeSettings


@asynccontextmanager
async def running(
    folder: Path, certfile: str | None = None, **files: Any
) -> AsyncIterator[tuple[Node, httpx.AsyncClient]]:
    settings = NodeSettings(
        data=str(folder),
        api=ApiSettings(host="127.0.0.1", port=0),
        gateway=GatewaySettings(host="127.0.0.1", ocpp_port=0, certfile=certfile),
        files=FilesSettings(host="127.0.0.1", **files),
    )
    node = await Node.open(settings, WallClock())
    try:
        await node.start()
        async with httpx.AsyncClient(timeout=10, trust_env=False, verify=False) as client:
            yield node, client
    finally:
        await node.stop()


async def test_beside_the_api(tmp_path: Path) -> None:
    async with running(tmp_path) as (node, client):
        url = await node.files.address(node.operator_id, "bring", "CP1", "job1")
        assert url.startswith(f"{node.url}/files/")
        answer = await client.put(url, content=b"x" * 2_000_000)  # more than any body of the API may be
        assert answer.status_code == 201
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert (await client.get(f"{node.url}/files/nothing")).status_code == 404

        async def content() -> AsyncIterator[bytes]:
            yield b"0123456789" * 1_000

        file = await node.files.keep(node.operator_id, "firmware", "fw.bin", content(), "user:ada")
        url = await node.files.address(node.operator_id, "fetch", "CP1", "job2", file=file)
        head = await client.head(url)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, "10000", b"")
        part = await client.get(url, headers={"range": "bytes=5-", "accept-encoding": "gzip"})
        assert (part.status_code, part.content) == (206, (b"0123456789" * 1_000)[5:])
        assert "content-encoding" not in part.headers


async def test_at_a_door_of_their_own(tmp_path: Path) -> None:
    async with running(tmp_path, port=0) as (node, client):
        url = await node.files.address(node.operator_id, "bring", "CP1", "job1")
        assert not url.startswith(node.url)
        assert (await client.put(url, content=b"log")).status_code == 201
        there = url.split("/", 3)
        assert (await client.put(f"{node.url}/{there[3]}", content=b"log")).status_code in (404, 405)
        assert (await client.get(f"{'/'.join(there[:3])}/api/v1/health")).status_code == 404


async def test_with_the_certificates_that_stations_trust_already(tmp_path: Path) -> None:
    pem = str(Path(__file__).parents[1] / "gateway" / "localhost.pem")
    async with running(tmp_path, pem, port=0) as (node, client):
        url = await node.files.address(node.operator_id, "bring", "CP1", "job1")
        assert url.startswith("https://")
        assert (await client.put(url, content=b"log")).status_code == 201


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    async with running(tmp_path / "one", port=0) as (node, _):
        port = int(node.files.base_url.split(":")[2].split("/")[0])
        with pytest.raises(FilesPortTaken, match=rf"127\.0\.0\.1:{port}.*files\.port"):
            async with running(tmp_path / "two", port=port):
                pass
