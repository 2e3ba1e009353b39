"""What may not be entered, what cars draw below a circuit, and the words of a trial."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ampacity.cli.offline import read_site
from ampacity.clock import WallClock
from ampacity.model.events import MeterSampled, TransactionChanged
from ampacity.model.phases import PerPhase, Rotation
from ampacity.model.site import Circuit, Evse, MeterConfig, MeterValue, Site
from ampacity.model.station import MeterReading, Sample
from ampacity.site.drawn import cars_a
from ampacity.site.knowledge import LiveEvse
from ampacity.site.meters import MeterConfigError, check_meter
from ampacity.site.meters.source import Around
from ampacity.site.meters.trial import try_out
from ampacity.site.wiring import Wiring
from tests.site.modbus.device import ModbusDevice, floats

PUSH = MeterConfig(protocol="push")
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def site(rotation: Rotation = (1, 2, 0)) -> Site:
    """One-phase socket A on the panel's L1 (the grid's L2), three-phase B at the grid."""
    return Site(
        site_id="s",
        operator_id="op",
        name="S",
        time_zone="UTC",
        circuits=(
            Circuit(circuit_id="grid", name="Grid", rating_a=100.0),
            Circuit(circuit_id="panel", name="Panel", rating_a=63.0, parent_id="grid", rotation=rotation),
        ),
        evses=(
            Evse(station_id="A", evse_id=1, circuit_id="panel", phases=(0,)),
            Evse(station_id="B", evse_id=1, circuit_id="grid", phases=(0, 1, 2)),
        ),
    )


@pytest.mark.parametrize(
    ("circuit", "phases", "missing"),
    [(0, (0, 1), "L3"), (0, (0,), "L2, L3"), (0, (2, 1, 0), ""), (1, (0,), ""), (1, (1,), "L1")],
)
def test_a_meter_must_see_every_phase_that_cars_load(
    circuit: int, phases: tuple[int, ...], missing: str
) -> None:
    built = site()
    config = MeterConfig(protocol="push", phases=phases)
    if not missing:
        check_meter(built, built.circuits[circuit], config)
        return
    with pytest.raises(MeterConfigError, match=f"load {missing}, which"):
        check_meter(built, built.circuits[circuit], config)


@pytest.mark.parametrize(
    ("meter", "says"),
    [
        ('{ protocol = "modbus-tcp", address = "host:x" }', "host:port/unit"),
        ('{ protocol = "modbus-tcp", address = "host", map = "unheard-of" }', "eastron-sdm630"),
        ('{ protocol = "http", address = "http://ada:pw@host/" }', "user apart"),
        ('{ protocol = "mqtt", address = "mqtt://host", topic = "a/#" }', "wildcard"),
        ('{ protocol = "push", import_is_postive = false }', "import_is_postive"),
        ('{ protocol = "telepathy" }', "telepathy"),
    ],
)
def test_a_sites_file_says_what_is_wrong_with_a_meter(tmp_path: Path, meter: str, says: str) -> None:
    file = tmp_path / "site.toml"
    file.write_text(
        'site_id = "s"\nname = "S"\ntime_zone = "UTC"\nevses = []\n[[circuits]]\ncircuit_id = "grid"\n'
        f'name = "Grid"\nrating_a = 100\nmeter = {meter}\n'
    )
    with pytest.raises(ValueError, match=says):
        read_site(file, "op")


def charging(built: Site, number: int, current_a: float | None, at: float = 100.0) -> LiveEvse:
    """An EVSE with a car that told so many amperes on each of its phases at monotonic second `at`."""
    evse = built.evses[number]
    live = LiveEvse(evse, built)
    live.transaction_changed(
        TransactionChanged(
            operator_id="op",
            station_id=evse.station_id,
            evse_id=1,
            transaction_id=evse.station_id,
            station_transaction_id="1",
            phase="Started",
            token=None,
            charging_state="Charging",
            started_at=NOW,
            energy_wh=0.0,
            power_w=None,
            stop_reason=None,
            at=NOW,
        )
    )
    if current_a is not None:
        samples = [Sample("Current.Import", current_a, "A", n + 1) for n in range(len(evse.phases))]
        live.sampled(
            MeterSampled(
                operator_id="op",
                station_id=evse.station_id,
                evse_id=1,
                transaction_id=evse.station_id,
                reading=MeterReading.of(NOW, samples),
                received_at=NOW,
            ),
            at,
        )
    return live


@pytest.mark.parametrize(
    ("first", "second", "at", "grid", "panel"),
    [
        (16.0, 10.0, 110.0, (10.0, 26.0, 10.0), (16.0, 0.0, 0.0)),
        (16.0, None, 110.0, None, (16.0, 0.0, 0.0)),
        (None, 10.0, 110.0, None, None),
        (16.0, 10.0, 131.0, None, None),
    ],
)
def test_what_cars_draw_is_known_only_while_all_of_them_tell(
    first: float | None, second: float | None, at: float, grid: PerPhase | None, panel: PerPhase | None
) -> None:
    built = site()
    evses = [charging(built, 0, first), charging(built, 1, second)]
    assert cars_a(Wiring(built), evses, "grid", at) == grid
    assert cars_a(Wiring(built), evses, "panel", at) == panel


def test_an_evse_without_a_car_draws_nothing() -> None:
    built = site()
    evses = [LiveEvse(evse, built) for evse in built.evses]
    assert cars_a(Wiring(built), evses, "grid", 100.0) == (0.0, 0.0, 0.0)


@pytest.fixture
async def device() -> AsyncIterator[ModbusDevice]:
    made = ModbusDevice()
    await made.start()
    yield made
    await made.stop()


async def tried(device: ModbusDevice, cars: PerPhase | None = None, **changes: Any) -> tuple[Any, str]:
    fields = {"protocol": "modbus-tcp", "address": f"127.0.0.1:{device.port}"}
    config = MeterConfig(**{**fields, **changes})
    trial = await try_out(site().circuits[0], config, Around(clock=WallClock()), None, lambda: cars)
    return trial, "\n".join(trial.words)


async def test_a_trial_tells_phase_by_phase(device: ModbusDevice) -> None:
    device.input = floats(0, 20.0, -5.0, 30.0)
    trial, words = await tried(device, (16.0, 0.0, 16.0), phases=(2, 1, 0))
    assert trial.reading.current_a == (30.0, -5.0, 20.0)
    assert "Grid L3 (its L1): 20.00 A from the grid, 20% of the rating; cars draw 16.0 A of it" in words
    assert "Grid L2 (its L2): 5.00 A fed in" in words
    assert "beside them" not in words


async def test_a_trial_notices_a_meter_that_does_not_show_the_cars(device: ModbusDevice) -> None:
    device.input = floats(0, 2.0, 2.0, 2.0)
    assert "stands beside them" in (await tried(device, (16.0, 0.0, 0.0)))[1]
    assert "beside" not in (await tried(device, (16.0, 0.0, 0.0), measures="without_evs"))[1]


async def test_a_trial_that_fails_says_how_far_it_came(device: ModbusDevice, free_port: int) -> None:
    trial, words = await tried(device)
    assert (trial.reading, trial.fault) == (None, "missing")
    assert words.startswith("Connected.")
    assert "no such register" in words
    trial, words = await tried(device, address=f"127.0.0.1:{free_port}")
    assert trial.fault == "no_connection"
    assert words.startswith("No reading (no_connection)")
    assert (await tried(device, protocol="push"))[1].startswith("Readings are pushed")


async def test_a_clock_that_is_behind_is_told() -> None:
    behind = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()
    body = f'{{"i": 5, "t": "{behind}"}}'.encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    paths = {"current_l1": "i", "current_l2": "i", "current_l3": "i", "time": "t"}
    config = MeterConfig(
        protocol="http",
        address=f"http://127.0.0.1:{port}/",
        values=tuple(MeterValue(name=name, path=path) for name, path in paths.items()),  # type: ignore[arg-type]
    )
    trial = await try_out(site().circuits[0], config, Around(clock=WallClock()))
    assert trial.reading is not None
    assert any("Its clock is 40 s behind" in line for line in trial.words)
    server.close()
