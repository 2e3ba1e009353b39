"""A node with a meter behind a password: sealed in its database, opened for the meter, after a restart."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ampacity.clock import WallClock
from ampacity.model.site import Circuit, MeterConfig, MeterValue, Site
from ampacity.node import Node
from ampacity.settings import NodeSettings, load_settings
from ampacity.site.safe import PREFIX

RIGHT = "Basic " + base64.b64encode(b"ada:s3cret").decode()


def built(port: int) -> Site:
    values = tuple(MeterValue(name=f"current_l{n}", path="i") for n in (1, 2, 3))  # type: ignore[arg-type]
    meter = MeterConfig(
        protocol="http",
        address=f"http://127.0.0.1:{port}/",
        interval_s=0.5,
        auth="basic",
        user="ada",
        password="s3cret",
        values=values,
    )
    return Site(
        site_id="yard",
        operator_id="default",
        name="Yard",
        time_zone="UTC",
        circuits=(Circuit(circuit_id="grid", name="Grid", rating_a=63.0, meter=meter),),
        evses=(),
    )


@asynccontextmanager
async def meter() -> AsyncIterator[tuple[int, list[str]]]:
    """Its port, and what each request proved itself with."""
    proofs: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                proofs.extend(line[15:] for line in head.split("\r\n") if line.startswith("Authorization: "))
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"i":7.5}')
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], proofs
    server.close()


@asynccontextmanager
async def running(settings: NodeSettings, site: Site | None = None) -> AsyncIterator[Node]:
    node = await Node.open(settings, WallClock())
    try:
        if site is not None:
            await node.save_site(site)
        await node.start()
        yield node
    finally:
        await node.stop()


async def read(node: Node) -> None:
    async with asyncio.timeout(30):
        while node.sites["yard"].view().circuits[0].metered_a != (7.5, 7.5, 7.5):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_password_outlives_the_node_and_is_nowhere_to_be_read(tmp_path: Path) -> None:
    environment = {
        "AMPACITY_DATA": str(tmp_path / "data"),
        "AMPACITY_API__PORT": "0",
        "AMPACITY_GATEWAY__OCPP_PORT": "0",
    }
    settings = load_settings(None, environment)
    async with meter() as (port, proofs):
        async with running(settings, built(port)) as node:
            await read(node)
        async with running(settings) as node:
            kept = node.sites["yard"].site.root.meter
            assert kept is not None
            assert kept.password.startswith(PREFIX)
            await read(node)
        assert len(proofs) >= 2
        assert set(proofs) == {RIGHT}
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
