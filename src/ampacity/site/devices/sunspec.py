"""Inverters and batteries by SunSpec.

Read: 103 or 113 (inverter) or 701 (DER) for the power at the terminals, 713 or 124 for the state of charge,
702, 121 and 120 for ratings, 160 for the power of the solar strings. Commanded, the first that is there:

| | battery | inverter |
|---|---|---|
| 704 | WSet in watts, WSetRvrt and WSetRvrtTms | WMaxLimPct, its Rvrt and RvrtTms |
| 124, 123 | OutWRte and InWRte, closed to one value; InOutWRte_RvrtTms | WMaxLimPct and WMaxLimPct_RvrtTms |

SunSpec counts power positive that is given to the grid; here it is positive where the device draws. Of model
124 both rates are held to be shares of WChaMax, and a negative rate a duty to do the opposite (so storage
inverters of several makes read it; an assumption, which the read-back and the measured power put to the
test). Offsets: SunSpec Alliance, model definitions 103, 113, 120, 121, 123, 124, 160, 701, 702, 704, 713.
"""

from __future__ import annotations

import struct
from typing import Final

from ...model.devices import Device
from ..modbus import ModbusAddress, ModbusLink, ModbusTrouble
from ..modbus.sunspec import Model, Point, read_model, value, walk
from .told import DeviceTold

_POWER: Final = {
    101: Point(12, "int16", 13),
    102: Point(12, "int16", 13),
    103: Point(12, "int16", 13),
    111: Point(20, "float32"),
    112: Point(20, "float32"),
    113: Point(20, "float32"),
    701: Point(8, "int16", 114),
}
_STATE: Final = {101: 36, 102: 36, 103: 36, 111: 46, 112: 46, 113: 46, 701: 2}
_STATES: Final = (
    "",
    "off",
    "sleeping",
    "starting",
    "running",
    "throttled",
    "shutting down",
    "fault",
    "standby",
)
"""Of models 101..113, from 1; those of 701 begin with "off" at 0."""
_READ_LENGTH: Final = {701: 121}

_WMAX: Final = {702: Point(24, "uint16", 43), 121: Point(0, "uint16", 20), 120: Point(1, "uint16", 2)}
_CHARGE: Final = {702: Point(32, "uint16", 43), 120: Point(21, "uint16", 22), 124: Point(0, "uint16", 16)}
_DISCHARGE: Final = {702: Point(33, "uint16", 43), 120: Point(23, "uint16", 24)}
_SOC: Final = {713: Point(2, "uint16", 6), 124: Point(6, "uint16", 20)}

_BOTH_RATES = 3
"""StorCtl_Mod: bit 0 holds the charging rate, bit 1 the discharging rate."""
_WATTS = 1
"""WSetMod: in watts, not in a share of the rating."""


class SunSpecDevice:
    """One device of a SunSpec map; the map is walked once a connection."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._link = ModbusLink(ModbusAddress.parse(device.address))
        self._models: dict[int, Model] = {}
        self._words: dict[int, tuple[int, ...]] = {}
        self._ratings: dict[int, tuple[int, ...]] = {}
        self.has_watchdog = True

    async def open(self) -> None:
        await self._link.open()
        self._models = {}
        for model in await walk(self._link):
            self._models.setdefault(model.number, model)
        if not self._measured():
            there = ", ".join(map(str, self._models)) or "none"
            raise ModbusTrouble(
                "missing", f"no SunSpec model 101..103, 111..113 or 701 tells its power; its models: {there}"
            )
        if self._device.commanded and self._control() is None:
            wanted = "704 or 124" if self._device.kind == "battery" else "704 or 123"
            raise ModbusTrouble("missing", f"no SunSpec model {wanted}: it can't be commanded, only read")
        self._ratings = {
            number: await read_model(self._link, self._models[number], length)
            for number, length in ((702, 44), (121, 30), (120, 26))
            if number in self._models
        }

    async def read(self) -> DeviceTold:
        measured = self._measured()
        self._words = dict(self._ratings)
        numbers = [measured, *(n for n in (713, 124, 123, 704, 160) if n in self._models)]
        for number in numbers:
            self._words[number] = await read_model(self._link, self._models[number], _READ_LENGTH.get(number))
        given_w = value(self._words[measured], _POWER[measured])
        state = value(self._words[measured], Point(_STATE[measured], "enum16"))
        code = None if state is None else int(state) + (measured == 701)
        command_w, step_w = self._stated()
        return DeviceTold(
            power_w=None if given_w is None else -given_w,
            soc_percent=self._first(_SOC),
            draw_w=self._first(_CHARGE),
            feed_w=self._first(_DISCHARGE),
            generation_w=self._strings(),
            command_w=command_w,
            step_w=step_w,
            state=_STATES[code] if code is not None and code < len(_STATES) else "",
            fault=code == 7,
            raw=tuple(word for number in numbers for word in self._words[number]),
        )

    async def write(self, command_w: float) -> None:
        control = self._control()
        if control is None or control not in self._words:
            raise ModbusTrouble("missing", "it was not read yet, so that nothing is known of its scale")
        watchdog = max(1, round(self._device.watchdog_s))
        if control == 704 and self._device.kind == "battery":
            watts = self._raw(-command_w, 53)
            back = self._raw(-(self._device.fallback_w or 0.0), 53)
            kept = self._words[704][26:28]
            body = (1, _WATTS, *_long(watts), *_long(back), *kept, 1, *_long(watchdog))
            await self._put(704, 20, body)
        elif control == 704:
            percent = self._raw(100.0 * -command_w / self._base_w(), 52)
            await self._put(704, 12, (1, percent, percent, 1, *_long(watchdog)))
        elif control == 124:
            share = self._raw(100.0 * command_w / self._base_w(), 23)
            await self._put(124, 10, (-share & 0xFFFF, share & 0xFFFF, 0, min(watchdog, 0xFFFE)))
            if self._words[124][3] != _BOTH_RATES:
                await self._put(124, 3, (_BOTH_RATES,))
        else:
            percent = self._raw(100.0 * -command_w / self._base_w(), 21)
            await self._put(123, 3, (percent, 0, min(watchdog, 0xFFFE), 0, 1))

    async def close(self) -> None:
        self._link.close()

    # ------------------------------------------------------------ what it says it follows

    def _stated(self) -> tuple[float | None, float]:
        """The command that it follows, in our sense, and how coarse it is; None where it follows none."""
        control = self._control()
        if control is None or control not in self._words:
            return None, 1.0
        words = self._words[control]
        if control == 704 and self._device.kind == "battery":
            set_w, step = value(words, Point(22, "int32", 53)), 10.0 ** self._exponent(53)
            on = words[20] == 1 and words[21] == _WATTS
            return (-set_w if on and set_w is not None else None), step
        if control == 124:
            step = self._base_w() / 100.0 * 10.0 ** self._exponent(23)
            out, into = value(words, Point(10, "int16", 23)), value(words, Point(11, "int16", 23))
            if words[3] & _BOTH_RATES != _BOTH_RATES or out is None or into is None or out != -into:
                return None, step
            return self._base_w() / 100.0 * into, step
        at, exponent, on = (13, 52, words[12] == 1) if control == 704 else (3, 21, words[7] == 1)
        percent = value(words, Point(at, "uint16", exponent))
        step = self._base_w() / 100.0 * 10.0 ** self._exponent(exponent)
        return (-self._base_w() / 100.0 * percent if on and percent is not None else None), step

    # ------------------------------------------------------------ small steps

    def _measured(self) -> int:
        return next((n for n in (701, 103, 113, 101, 102, 111, 112) if n in self._models), 0)

    def _control(self) -> int | None:
        wanted = (704, 124) if self._device.kind == "battery" else (704, 123)
        return next((n for n in wanted if n in self._models), None)

    def _first(self, points: dict[int, Point]) -> float | None:
        for number, point in points.items():
            if number in self._words:
                found = value(self._words[number], point)
                if found is not None:
                    return found
        return None

    def _base_w(self) -> float:
        """What a hundred percent are."""
        points = {124: _CHARGE[124]} if self._control() == 124 else _WMAX
        base = self._first(points)
        if not base:
            raise ModbusTrouble("missing", "it does not tell the rating that its percentages are of")
        return base

    def _exponent(self, offset: int) -> int:
        control = self._control()
        power = value(self._words[control or 0], Point(offset, "sunssf"))
        if power is None or not -10 <= power <= 10:
            raise ModbusTrouble("garbled", f"model {control} does not tell its scale at {offset}")
        return int(power)

    def _raw(self, number: float, exponent_at: int) -> int:
        """A number in units of the device, towards nothing where it is too fine."""
        return int(number / 10.0 ** self._exponent(exponent_at))

    def _strings(self) -> float | None:
        """What the solar strings give, of model 160: modules of 20 registers behind 8."""
        words = self._words.get(160)
        if words is None or len(words) < 8:
            return None
        total, known = 0.0, False
        for start in range(8, len(words) - 19, 20):
            dc_w = value(words, Point(start + 11, "uint16", 2))
            if dc_w is not None:
                total, known = total + dc_w, True
        return total if known else None

    async def _put(self, number: int, offset: int, words: tuple[int, ...]) -> None:
        await self._link.write(self._models[number].address + 2 + offset, words)


def _long(number: int) -> tuple[int, int]:
    high, low = struct.unpack(">2H", struct.pack(">i", number))
    return high, low
