"""A node as a process: serve, a station that charges, polite ends, failures, and the commands beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from ampacity.clock import WallClock
from ampacity.model.station import IdToken
from ampacity.node import Node
from ampacity.ocpp.version import Version
from ampacity.settings import NodeSettings, load_settings
from ampacity.simulation.cars import Car
from ampacity.site.controller import SiteController
from ampacity.station import ChargingStation, EvseConfig, StationConfig
from tests.site.live import TAKES_22_KW

SITE = """
site_id = "yard"
name = "Yard"
time_zone = "Europe/Berlin"
commissioned = true
[[circuits]]
circuit_id = "grid"
name = "Grid"
rating_a = 63.0
[[evses]]
station_id = "CP1"
evse_id = 1
circuit_id = "grid"
phases = [0, 1, 2]
safe_a = 6.0
"""


def environment(folder: Path, database: str = "") -> dict[str, str]:
    return os.environ | {
        "AMPACITY_DATA": str(folder / "data"),
        "AMPACITY_DATABASE": database,
        "AMPACITY_API__PORT": "0",
        "AMPACITY_GATEWAY__OCPP_PORT": "0",
        "AMPACITY_CSMS__UNKNOWN_TOKENS": "accept",
    }


def ampacity(folder: Path, *words: str, database: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ampacity", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment(folder, database),
    )


def entered(folder: Path, text: str = SITE, database: str = "") -> subprocess.CompletedProcess[str]:
    file = folder / "site.toml"
    file.write_text(text)
    return ampacity(folder, "site", str(file), database=database)


async def until(truth: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(60):
        while not truth():  # noqa: ASYNC110 (what is awaited is anything)
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def serving(folder: Path, database: str = "") -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """`ampacity serve` and its OCPP port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ampacity", "serve",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=environment(folder, database),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = None
        async with asyncio.timeout(60):
            while port is None:
                line = (await process.stdout.readline()).decode()
                assert line, "it ended before it served"
                found = re.search(r"OCPP +port (\d+)", line)
                port = int(found.group(1)) if found else None
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()  # to the pipe's end: else it is closed after its event loop


async def test_a_station_connects_charges_and_is_kept(tmp_path: Path, address: str) -> None:
    said = entered(tmp_path, database=address)
    assert said.returncode == 0, said.stderr
    password = re.search(r"CP1 +password (\S+)", said.stdout)
    assert password is not None
    async with serving(tmp_path, address) as (process, port):
        config = StationConfig(
            station_id="CP1",
            url=f"ws://127.0.0.1:{port}",
            version=Version.V201,
            evses=(EvseConfig(evse_id=1),),
            password=password.group(1),
            boot_s=0.1,
            sample_interval_s=1.0,
        )
        clock = WallClock()
        station = ChargingStation(config, clock, random.Random(1))
        tasks = [asyncio.create_task(station.run()), asyncio.create_task(station.drive(0.1))]
        try:
            await until(lambda: station.connected)
            station.plug_in(1, Car(TAKES_22_KW, soc=0.2, at_s=clock.time()))
            assert await station.present(1, IdToken("CARD"))
            # The controller has proven it and writes leases; then current flows.
            await until(lambda: station.bays[1].hardware.current_a[0] > 4.0)
            assert station.limit_a(1) <= 32.0
            station.unplug(1)
            await until(lambda: station.unsent == 0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        # Beside the node: each works, or says what to do.
        link = await asyncio.to_thread(
            ampacity, tmp_path, "link", "ada", "--role", "viewer", database=address
        )
        assert link.returncode == 0, link.stderr
        assert "/#/sign-in?code=" in link.stdout
        copy = tmp_path / "copy.db"
        saved = await asyncio.to_thread(ampacity, tmp_path, "backup", str(copy), database=address)
        assert saved.returncode == 0, saved.stderr
        rebuilt = await asyncio.to_thread(ampacity, tmp_path, "rebuild", database=address)
        assert "The running node derives them anew" in rebuilt.stdout, rebuilt.stderr
        restored = await asyncio.to_thread(ampacity, tmp_path, "restore", str(copy), database=address)
        assert restored.returncode == 2
        assert "runs on" in restored.stderr
        assert "stop it" in restored.stderr
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    copy.unlink()
    assert ampacity(tmp_path, "backup", str(copy), database=address).returncode == 0
    with contextlib.closing(sqlite3.connect(copy)) as database:
        states = database.execute("select state from charging_transaction").fetchall()
    assert states == [("ended",)]
    rebuilt = ampacity(tmp_path, "rebuild", database=address)
    assert rebuilt.returncode == 0
    assert re.search(r"[1-9]\d* messages of the journal", rebuilt.stdout)
    restored = ampacity(tmp_path, "restore", str(copy), database=f"sqlite:///{tmp_path / 'other.db'}")
    assert restored.returncode == 0, restored.stderr
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_polite_end_takes_less_than_five_seconds(tmp_path: Path, number: signal.Signals) -> None:
    async with serving(tmp_path) as (process, _):
        process.send_signal(number)
        async with asyncio.timeout(5):
            assert await process.wait() == 0


async def test_a_part_that_fails_ends_the_node(tmp_path: Path) -> None:
    settings = NodeSettings(data=str(tmp_path))
    node = await Node.open(settings, WallClock())

    async def fails() -> None:
        raise RuntimeError("the part is broken")

    try:
        node.spawn("part", fails())
        async with asyncio.timeout(5):
            await node.failed()
        assert str(node.failure) == "the part is broken"
    finally:
        await node.stop()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rating_a = 63.0", 'rating_a = "much"'), ("rating_a", "site.toml")),
        (('circuit_id = "grid"\nphases', 'circuit_id = "roof"\nphases'), ("CP1/1", "roof")),
        (("phases = [0, 1, 2]", "phases = [1, 2, 3]"), ("phases",)),
        (
            ("rating_a = 63.0", 'rating_a = 63.0\nmeter = {protocol = "modbus-tcp", address = "a:b"}'),
            ("grid", "host:port"),
        ),
    ],
)
def test_a_site_file_with_nonsense_is_refused(
    tmp_path: Path, change: tuple[str, str], words: tuple[str, ...]
) -> None:
    said = entered(tmp_path, SITE.replace(*change))
    assert said.returncode == 2
    assert all(word in said.stderr for word in words), said.stderr
    assert "Traceback" not in said.stderr


def test_a_password_on_the_command_line_is_warned_of_and_never_shown(tmp_path: Path) -> None:
    said = ampacity(tmp_path, "link", "--database", "postgresql://ada:s3cret@127.0.0.1:1/charging")
    assert said.returncode == 2
    assert "AMPACITY_DATABASE" in said.stderr
    assert "postgresql://ada@127.0.0.1:1/charging" in said.stderr
    assert "see that the server runs" in said.stderr
    assert "s3cret" not in said.stdout + said.stderr
    assert "Traceback" not in said.stderr


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands in the way")
    said = ampacity(tmp_path, "serve")
    assert said.returncode == 2
    assert "data" in said.stderr
    assert "Traceback" not in said.stderr


async def test_a_limit_outlives_a_restart_and_can_still_be_raised_and_withdrawn(tmp_path: Path) -> None:
    assert entered(tmp_path).returncode == 0
    settings = load_settings(None, environment(tmp_path))

    async def with_site(deed: Callable[[SiteController], Awaitable[None]]) -> float:
        node = await Node.open(settings, WallClock())
        await node.start()
        site = node.sites["yard"]
        try:
            await until(lambda: site.figures.ticks > 0)
            await deed(site)
            ticks = site.figures.ticks
            await until(lambda: site.figures.ticks > ticks)
            return site.limit_a("grid")
        finally:
            await node.stop()

    async def nothing(_: SiteController) -> None:
        return

    assert (
        await with_site(lambda site: site.set_limit("grid", 40.0, "operator", None, None, "user:ada")) == 40
    )
    assert await with_site(nothing) == 40
    assert (
        await with_site(lambda site: site.set_limit("grid", 50.0, "operator", None, None, "user:ada")) == 50
    )
    assert await with_site(lambda site: site.withdraw_limit("grid", "operator", "user:ada")) == 63
    assert await with_site(nothing) == 63
