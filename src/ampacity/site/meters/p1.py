"""Smart meters with a P1 port behind a serial-to-TCP bridge: DSMR telegrams.

A telegram is text from `/` to `!` with a CRC16 of four hex digits behind it (DSMR P1 companion standard
5.0.2, 5.2 and 6.12): polynomial x^16+x^15+x^2+1, reflected, from `/` to `!` included. A telegram without one
(DSMR 2.2 and 3) or with a wrong one is not used.

Current is told without direction, in whole amperes by most meters; power is told per phase and direction. The
current of a phase counts as the higher of what is told and what its power takes; where the phase feeds in,
`checks` counts no more than its active current.
"""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ...model.site import MeterConfig
from .source import Around
from .told import MeterTrouble, Told, told_of

CONNECT_S: Final = 5.0
SILENT_S: Final = 12.0
"""Wall time. DSMR 4 tells each 10 s, DSMR 5 each second."""

LONGEST: Final = 16 * 1024

_OBIS: Final = {
    "1-0:31.7.0": ("current_l1", 1.0),
    "1-0:51.7.0": ("current_l2", 1.0),
    "1-0:71.7.0": ("current_l3", 1.0),
    "1-0:32.7.0": ("voltage_l1", 1.0),
    "1-0:52.7.0": ("voltage_l2", 1.0),
    "1-0:72.7.0": ("voltage_l3", 1.0),
    "1-0:21.7.0": ("power_l1", 1000.0),
    "1-0:41.7.0": ("power_l2", 1000.0),
    "1-0:61.7.0": ("power_l3", 1000.0),
    "1-0:22.7.0": ("power_export_l1", 1000.0),
    "1-0:42.7.0": ("power_export_l2", 1000.0),
    "1-0:62.7.0": ("power_export_l3", 1000.0),
    "1-0:1.7.0": ("power", 1000.0),
    "1-0:2.7.0": ("power_export", 1000.0),
}
_REGISTERS: Final = {
    "1-0:1.8.0": "energy_import",
    "1-0:1.8.1": "energy_import",
    "1-0:1.8.2": "energy_import",
    "1-0:2.8.0": "energy_export",
    "1-0:2.8.1": "energy_export",
    "1-0:2.8.2": "energy_export",
}
_LINE = re.compile(r"(\d+-\d+:\d+\.\d+\.\d+)\(([0-9.]+)(?:\*([A-Za-z]+))?\)")
_TIME = re.compile(r"0-0:1\.0\.0\((\d{12})([SW])\)")


class P1Source:
    """Reads what comes; the meter paces."""

    paced = False

    def __init__(self, config: MeterConfig, around: Around) -> None:
        self._host, _, port = config.address.rpartition(":")
        self._port = int(port)
        self._voltage_v = around.voltage_v
        self._phases = len(config.phases)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(
                    self._host, self._port, limit=LONGEST
                )
        except (OSError, TimeoutError) as problem:
            said = str(problem) or "no answer"
            raise MeterTrouble("no_connection", f"{self._host}:{self._port}: {said}") from None

    async def read(self) -> Told:
        assert self._reader is not None
        try:
            async with asyncio.timeout(SILENT_S):
                body = await self._reader.readuntil(b"!")
                tail = await self._reader.readline()
        except TimeoutError:
            raise MeterTrouble("no_answer", f"no telegram within {SILENT_S:g} s") from None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError) as problem:
            lost = isinstance(problem, asyncio.IncompleteReadError | OSError)
            what = "the line broke" if lost else f"no end of a telegram within {LONGEST} bytes"
            raise MeterTrouble("no_connection" if lost else "garbled", what) from None
        # The first one after connecting may have lost its beginning.
        start = body.rfind(b"/")
        if start < 0:
            return await self.read()
        return telegram(body[start:], tail.strip(), self._voltage_v, self._phases)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None


def telegram(body: bytes, tail: bytes, voltage_v: float, phases: int = 3) -> Told:
    """What a telegram from `/` to `!` tells; `tail` is its check. Raises MeterTrouble."""
    if len(tail) != 4:
        raise MeterTrouble("garbled", "the telegram has no CRC: meters before DSMR 4 are not read")
    if crc16(body) != _hex(tail):
        raise MeterTrouble(
            "garbled", f"the telegram's CRC is {crc16(body):04X}, not {tail.decode('ascii', 'replace')}"
        )
    text = body.decode("ascii", "replace")
    values: dict[str, float | None] = {}
    for code, digits, _unit in _LINE.findall(text):
        try:
            told = float(digits)
        except ValueError:
            continue
        if code in _OBIS:
            name, scale = _OBIS[code]
            values[name] = told * scale
        elif code in _REGISTERS:
            name = _REGISTERS[code]
            values[name] = (values.get(name) or 0.0) + told * 1000.0
    for line in range(1, phases + 1):
        _complete(values, line, voltage_v)
    return told_of(values, at=_time(text))


def _complete(values: dict[str, float | None], line: int, voltage_v: float) -> None:
    """The current of a phase is at least what its power takes: whole amperes may be rounded off."""
    amperes = values.get(f"current_l{line}")
    if amperes is None:
        return
    watts = max(values.get(f"power_l{line}") or 0.0, values.get(f"power_export_l{line}") or 0.0)
    volts = values.get(f"voltage_l{line}") or voltage_v
    if abs(watts / volts - amperes) <= 1.0:
        values[f"current_l{line}"] = max(amperes, watts / volts)


def _time(text: str) -> datetime | None:
    """YYMMDDhhmmss in Central European time, winter or summer told by its letter."""
    found = _TIME.search(text)
    if found is None:
        return None
    try:
        local = datetime.strptime(found[1], "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise MeterTrouble("garbled", f"the telegram's time {found[1]} is none") from None
    return local - timedelta(hours=2 if found[2] == "S" else 1)


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 0x8005, reflected, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def _hex(text: bytes) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return -1
