"""P1 telegrams over a real socket: signs, times, checks, pieces."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ampacity.clock import WallClock
from ampacity.model.site import MeterConfig
from ampacity.site.meters import Checks, MeterTrouble
from ampacity.site.meters.p1 import P1Source, crc16, telegram
from ampacity.site.meters.source import Around


def written(*lines: str, time: str = "260601120000S") -> bytes:
    """A telegram with its CRC. Meter and values are invented."""
    text = "/ABC5 TEST METER\r\n\r\n1-3:0.2.8(50)\r\n"
    text += f"0-0:1.0.0({time})\r\n" + "".join(f"{line}\r\n" for line in lines) + "!"
    return text.encode() + f"{crc16(text.encode()):04X}\r\n".encode()


PHASES = (
    "1-0:1.8.1(001234.567*kWh)",
    "1-0:1.8.2(000765.433*kWh)",
    "1-0:2.8.1(000001.000*kWh)",
    "1-0:1.7.0(01.193*kW)",
    "1-0:2.7.0(00.000*kW)",
    "1-0:32.7.0(230.1*V)",
    "1-0:52.7.0(231.0*V)",
    "1-0:72.7.0(229.0*V)",
    "1-0:31.7.0(008*A)",
    "1-0:51.7.0(003*A)",
    "1-0:71.7.0(000*A)",
    "1-0:21.7.0(01.900*kW)",
    "1-0:41.7.0(00.000*kW)",
    "1-0:61.7.0(00.066*kW)",
    "1-0:22.7.0(00.000*kW)",
    "1-0:42.7.0(00.773*kW)",
    "1-0:62.7.0(00.000*kW)",
)


def test_the_crc_is_the_one_of_the_standard() -> None:
    """CRC-16 with this polynomial of the nine digits is BB3D in every catalogue of CRCs (CRC-16/ARC)."""
    assert crc16(b"123456789") == 0xBB3D


def test_a_telegram_has_signs_from_the_power_and_the_meters_own_time() -> None:
    body, _, tail = written(*PHASES).partition(b"!")
    told = telegram(body + b"!", tail.strip(), 230.0)
    assert told.at == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    assert told.power_w == (1900.0, -773.0, 66.0)
    assert told.import_wh == pytest.approx(2_000_000.0)
    assert told.export_wh == pytest.approx(1000.0)
    reading = Checks(MeterConfig(protocol="p1", address="h:1"), 25.0, 230.0).judge(told, datetime.now(UTC))
    l1, l2, l3 = reading.current_a
    assert l1 == pytest.approx(1900 / 230.1), "whole amperes were rounded off: its power takes more"
    assert l2 == pytest.approx(-773 / 231), "feeds in, and its amperes have no sign"
    assert l3 == pytest.approx(66 / 229), "0 A is rounded off, too"


@pytest.mark.parametrize(("time", "hour"), [("261201120000W", 11), ("260601120000S", 10)])
def test_summer_and_winter_are_told_by_a_letter(time: str, hour: int) -> None:
    body, _, tail = written(*PHASES, time=time).partition(b"!")
    told = telegram(body + b"!", tail.strip(), 230.0)
    assert told.at is not None
    assert told.at.hour == hour


@pytest.mark.parametrize(
    ("body", "tail", "says"),
    [
        (b"/ABC\r\n\r\n!", b"", "no CRC"),
        (b"/ABC\r\n\r\n!", b"0000", "CRC is"),
        (b"/ABC\r\n\r\n!", b"XXXX", "CRC is"),
    ],
)
def test_a_telegram_that_is_not_whole_is_not_used(body: bytes, tail: bytes, says: str) -> None:
    with pytest.raises(MeterTrouble, match=says) as trouble:
        telegram(body, tail, 230.0)
    assert trouble.value.fault == "garbled"
    assert not trouble.value.reopen, "the next telegram comes by itself"


async def test_over_a_socket_in_pieces_from_the_middle_of_one_on() -> None:
    whole, damaged = written(*PHASES), bytearray(written(*PHASES, time="260601120001S"))
    damaged[60] ^= 1
    stream = whole[100:] + whole + bytes(damaged) + written(*PHASES, time="260601120002S")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(stream), 37):
            writer.write(stream[start : start + 37])
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = P1Source(MeterConfig(protocol="p1", address=f"127.0.0.1:{port}"), Around(clock=WallClock()))
    await source.open()
    first = await source.read()
    assert first.at == datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
    with pytest.raises(MeterTrouble, match="CRC"):
        await source.read()
    assert (await source.read()).at == datetime(2026, 6, 1, 10, 0, 2, tzinfo=UTC)
    with pytest.raises(MeterTrouble) as trouble:
        await source.read()
    assert trouble.value.fault == "no_connection"
    await source.close()
    server.close()


async def test_nobody_there_is_said(free_port: int) -> None:
    source = P1Source(MeterConfig(protocol="p1", address=f"127.0.0.1:{free_port}"), Around(clock=WallClock()))
    with pytest.raises(MeterTrouble) as trouble:
        await source.open()
    assert trouble.value.fault == "no_connection"
    await source.close()
