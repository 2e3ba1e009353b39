"""Meters over a real Mosquitto: topics and paths, kept messages, last wills, passwords, TLS, a broker that
dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from ampacity.clock import WallClock
from ampacity.model.events import CircuitMetered, CircuitMeterFailed
from ampacity.model.site import Circuit, MeterConfig, MeterValue
from ampacity.site.meters import CircuitMeter, MeterTrouble, Told
from ampacity.site.meters.mqtt import MqttSource
from ampacity.site.meters.source import Around
from tests.fixtures.mosquitto import Broker
from tests.fixtures.ports import lasting_port
from tests.site.meters.certificates import loopback_certificate

TOPICS = tuple(MeterValue(name=f"current_l{n}", topic=f"meter/l{n}") for n in (1, 2, 3))  # type: ignore[arg-type]
DOCUMENT = (
    MeterValue(name="current_l1", path="a[0].i"),
    MeterValue(name="current_l2", path="a[1].i"),
    MeterValue(name="current_l3", path="a[2].i", unit="mA"),
    MeterValue(name="power", path="p", unit="kW"),
    MeterValue(name="time", path="at"),
)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    made = Broker(tmp_path, lasting_port())
    await made.start()
    yield made
    made.stop()


def config(broker: Broker, **changes: Any) -> MeterConfig:
    fields = {"protocol": "mqtt", "address": f"mqtt://127.0.0.1:{broker.port}", "values": TOPICS}
    return MeterConfig(**{**fields, **changes})


class Wire:
    """A source that reads in the background, and a client that publishes."""

    def __init__(self, broker: Broker, config: MeterConfig, password: str = "") -> None:
        self.source = MqttSource(config, Around(clock=WallClock(), password=password))
        self.client = aiomqtt.Client("127.0.0.1", broker.port)

    async def __aenter__(self) -> Wire:
        await self.client.__aenter__()
        await self.source.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.source.close()
        await self.client.__aexit__(None, None, None)

    async def tell(self, topic: str, payload: str, *, retain: bool = False) -> None:
        await self.client.publish(topic, payload, retain=retain, qos=1)

    async def read(self) -> Told:
        return await asyncio.wait_for(self.source.read(), 20)

    async def fault(self) -> str:
        with pytest.raises(MeterTrouble) as trouble:
            await self.read()
        assert not trouble.value.reopen
        return trouble.value.fault


async def test_a_topic_for_each_phase_makes_one_reading_as_old_as_its_oldest_part(broker: Broker) -> None:
    async with Wire(broker, config(broker)) as wire:
        await wire.tell("meter/l1", "1.5")
        before = datetime.now(UTC)
        await wire.tell("meter/l2", "-2.5")
        await wire.tell("meter/l1", "1.75")
        await wire.tell("meter/l3", "3.5")
        told = await wire.read()
        assert told.current_a == (1.75, -2.5, 3.5)
        assert told.arrived is not None
        assert told.arrived >= before
        await wire.tell("meter/l1", "9")
        await wire.tell("meter/l2", "9")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.source.read(), 0.3)


async def test_one_topic_with_a_document(broker: Broker) -> None:
    async with Wire(broker, config(broker, topic="meter", values=DOCUMENT)) as wire:
        text = '{"a":[{"i":1.5},{"i":2},{"i":"3500"}],"p":1.2,"at":"2026-06-01T12:00:00Z","x":null}'
        await wire.tell("meter", text)
        told = await wire.read()
        assert told.current_a == (1.5, 2.0, 3.5)
        assert told.total_w == 1200.0
        assert told.at == datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


async def test_what_the_broker_had_kept_is_no_reading(broker: Broker) -> None:
    async with Wire(broker, config(broker)) as before:
        for line in (1, 2, 3):
            await before.tell(f"meter/l{line}", "5", retain=True)
    async with Wire(broker, config(broker)) as wire:
        assert [await wire.fault() for _ in range(3)] == ["retained"] * 3
        for line in (1, 2, 3):
            await wire.tell(f"meter/l{line}", "6", retain=True)
        assert (await wire.read()).current_a == (6.0, 6.0, 6.0), (
            "a message that comes now is new, kept or not"
        )


async def test_a_last_will_says_that_the_meter_is_gone(broker: Broker) -> None:
    status = {"status_topic": "meter/LWT", "offline_text": "Offline"}
    async with Wire(broker, config(broker, **status)) as wire:
        meter = aiomqtt.Client(
            "127.0.0.1", broker.port, will=aiomqtt.Will("meter/LWT", "Offline", retain=True)
        )
        await meter.__aenter__()
        await meter.publish("meter/LWT", "Online", retain=True, qos=1)
        await wire.tell("meter/l1", "1")
        meter._client._sock.close()  # type: ignore[union-attr]  # no goodbye: the broker publishes the will
        assert await wire.fault() == "offline"
        for line in (1, 2, 3):
            await wire.tell(f"meter/l{line}", "5")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.source.read(), 0.3)
        await wire.tell("meter/LWT", "Online", retain=True)
        for line in (1, 2, 3):
            await wire.tell(f"meter/l{line}", "6")
        assert (await wire.read()).current_a == (6.0, 6.0, 6.0)
    async with Wire(broker, config(broker, **status)) as later:
        await later.tell("meter/LWT", "Offline", retain=True)
        assert await later.fault() == "offline"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("{", "garbled"),
        ("two", "garbled"),
        ("", "garbled"),
        ("nan", "not_a_number"),
        ('{"i": 1}', "garbled"),
        ("null", "garbled"),
    ],
)
async def test_nonsense_is_named_and_the_line_stays(broker: Broker, payload: str, expected: str) -> None:
    async with Wire(broker, config(broker)) as wire:
        await wire.tell("meter/l1", payload)
        assert await wire.fault() == expected
        for line in (1, 2, 3):
            await wire.tell(f"meter/l{line}", "6")
        assert (await wire.read()).current_a == (6.0, 6.0, 6.0)


async def opened(config: MeterConfig, password: str) -> str:
    """`ok`, or the fault of opening."""
    source = MqttSource(config, Around(clock=WallClock(), password=password))
    try:
        await source.open()
    except MeterTrouble as trouble:
        return trouble.fault
    finally:
        await source.close()
    return "ok"


async def test_tls_and_a_password(tmp_path: Path) -> None:
    certificate, key, pem = loopback_certificate(tmp_path)
    made = Broker(
        tmp_path, lasting_port(), user="meter", password="Zähler 7", certificate=certificate, key=key
    )
    await made.start()
    try:
        right = config(made, address=f"mqtts://127.0.0.1:{made.port}", user="meter", ca_pem=pem)
        assert await opened(right, "Zähler 7") == "ok"
        assert await opened(right, "wrong") == "refused"
        untrusted = config(made, address=f"mqtts://127.0.0.1:{made.port}", user="meter")
        assert await opened(untrusted, "Zähler 7") == "refused"
    finally:
        made.stop()
    assert await opened(right, "Zähler 7") == "no_connection"


async def test_a_broker_that_dies_and_comes_back(broker: Broker) -> None:
    readings: asyncio.Queue[CircuitMetered] = asyncio.Queue()
    faults: asyncio.Queue[CircuitMeterFailed] = asyncio.Queue()
    circuit = Circuit(circuit_id="main", name="Main", rating_a=100.0, meter=config(broker, interval_s=0.1))
    meter = CircuitMeter("s", circuit, WallClock(), readings.put_nowait, fail=faults.put_nowait)
    task = asyncio.create_task(meter.run())

    async def publish_until_read() -> CircuitMetered:
        async with asyncio.timeout(30), aiomqtt.Client("127.0.0.1", broker.port) as client:
            while readings.empty():
                for line in (1, 2, 3):
                    await client.publish(f"meter/l{line}", str(line))
                await asyncio.sleep(0.05)
        return await readings.get()

    assert (await publish_until_read()).current_a == (1.0, 2.0, 3.0)
    broker.stop()
    assert (await asyncio.wait_for(faults.get(), 30)).fault == "no_connection"
    while not readings.empty():
        readings.get_nowait()
    await broker.start()
    assert (await publish_until_read()).current_a == (1.0, 2.0, 3.0)
    assert meter.fault is None
    task.cancel()
    await asyncio.wait({task}, timeout=20)
    assert task.cancelled()
