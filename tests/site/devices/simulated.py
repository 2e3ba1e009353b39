"""Simulated devices: SunSpec maps on a real Modbus TCP server, that do what was written, or misbehave."""

from __future__ import annotations

import math
import struct

from ampacity.model.devices import Device
from tests.site.modbus.device import ModbusDevice
from tests.site.modbus.sunspec_map import NOT_THERE, common, signed, sunspec

BASE = 40000
RATED_W = 10_000
BUSY = 6


def long(value: int) -> list[int]:
    return list(struct.unpack(">2H", struct.pack(">i", value)))


class SunSpecUnit(ModbusDevice):
    """A battery or inverter of 10 kW with the models `numbers` (any of 103, 120, 123, 124, 701, 702, 704,
    713). `power_w` is what it gives, `follows` whether it does what it is told.
    """

    def __init__(self, *numbers: int, soc_percent: int = 60) -> None:
        super().__init__()
        self.refuses = self.forgets = self.frozen = False
        self.follows = True
        self.writes: list[tuple[int, list[int]]] = []
        self._last_write: tuple[int, list[int]] | None = None
        bodies = {
            103: self._body(50, {12: 0, 13: 0, 36: 4}),
            120: self._body(26, {0: 82, 1: RATED_W, 2: 0}),
            121: self._body(30, {0: RATED_W, 20: 0}),
            123: self._body(24, {3: 1000, 4: 0, 5: 0, 6: 0, 7: 0, 21: signed(-1)}),
            124: self._body(
                24,
                {0: RATED_W, 3: 0, 6: soc_percent, 10: 0, 11: 0, 12: 0, 13: 0, 16: 0, 20: 0, 23: signed(-2)},
            ),
            160: [signed(-1), signed(-1), 0, 0, 0, 0, 2, 0, *self._strings(1500), *self._strings(700)],
            701: self._body(153, {0: 3, 1: 1, 2: 3, 8: 0, 15: 0, 16: 5000, 113: signed(-2), 114: 0}),
            702: self._body(50, {24: RATED_W, 32: RATED_W, 33: 8_000, 43: 0}),
            704: self._body(63, {12: 0, 13: 1000, 20: 0, 21: 0, 22: 0, 23: 0, 52: signed(-1), 53: 0}),
            713: self._body(7, {0: 200, 1: 120, 2: soc_percent * 10, 5: 2, 6: signed(-1)}),
        }
        self.sun_w = math.inf
        """What an inverter could give."""
        self.written_at = 0.0
        self.lapsed = False
        """Whether its watchdog has ended the last command."""
        self.at: dict[int, int] = {}
        address = BASE + 2 + 2 + len(common()[1])
        for number in numbers:
            self.at[number] = address + 2
            address += 2 + len(bodies[number])
        self.holding = sunspec(BASE, common(), *((n, bodies[n]) for n in numbers))

    @staticmethod
    def _body(length: int, words: dict[int, int]) -> list[int]:
        return [words.get(offset, NOT_THERE) for offset in range(length)]

    @classmethod
    def _strings(cls, power_w: int) -> list[int]:
        return cls._body(20, {11: power_w})

    def word(self, number: int, offset: int) -> int:
        raw = self.holding[self.at[number] + offset]
        return raw - 0x10000 if raw & 0x8000 else raw

    def set(self, number: int, offset: int, *values: int) -> None:
        for i, value in enumerate(values):
            self.holding[self.at[number] + offset + i] = value & 0xFFFF

    @property
    def power_w(self) -> int:
        """What it gives to the grid."""
        return self.word(701, 8) if 701 in self.at else self.word(103, 12)

    @power_w.setter
    def power_w(self, given_w: int) -> None:
        if not self.frozen:
            self.set(*((701, 8) if 701 in self.at else (103, 12)), given_w)

    def another_master(self, given_w: int) -> None:
        """Somebody else writes 704's setpoint."""
        self.set(704, 20, 1, 1, *long(given_w))
        self.power_w = given_w

    def _write(self, function: int, echo: bytes, words: dict[int, int]) -> bytes:
        if self.refuses:
            return bytes((function | 0x80, BUSY))
        first = min(words)
        self.writes.append((first, [words[address] for address in sorted(words)]))
        answer = super()._write(function, echo, words)
        if self.forgets:
            for number, enabled in ((704, 20), (704, 12), (123, 7), (124, 3)):
                if number in self.at:
                    self.set(number, enabled, 0)
        elif self.follows:
            self._do()
        return answer

    def _do(self) -> None:
        if 704 in self.at and self.word(704, 20) == 1:
            (given_w,) = struct.unpack(
                ">i", struct.pack(">2H", *(self.word(704, o) & 0xFFFF for o in (22, 23)))
            )
            self.power_w = given_w
        elif 704 in self.at and self.word(704, 12) == 1:
            self.power_w = int(min(self.sun_w, self.word(704, 13) * RATED_W / 1000))
        elif 124 in self.at and self.word(124, 3) == 3:
            self.power_w = self.word(124, 10) * RATED_W // 10_000

    def pass_time(self, at: float) -> None:
        """Let its watchdog run, the sun shine and the voltage tremble."""
        self.set(701, 16, 5000 + int(at) % 7)
        if self.writes and self.writes[-1] is not self._last_write:
            self._last_write, self.written_at, self.lapsed = self.writes[-1], at, False
        if 704 not in self.at:
            return
        back_s = self.word(704, 30) if self.word(704, 28) == 1 else 0
        if self.word(704, 20) == 1 and 0 < back_s < at - self.written_at:
            (back_w,) = struct.unpack(
                ">i", struct.pack(">2H", *(self.word(704, o) & 0xFFFF for o in (24, 25)))
            )
            self.lapsed = True
            self.set(704, 20, 0)
            self.power_w = back_w
        elif self.word(704, 20) != 1:
            share = self.word(704, 13) / 1000 if self.word(704, 12) == 1 else 1.0
            if self.sun_w < math.inf:
                self.power_w = int(min(self.sun_w, share * RATED_W))


def battery(port: int, **changes: object) -> Device:
    values: dict[str, object] = {
        "device_id": "b1",
        "kind": "battery",
        "circuit_id": "grid",
        "draw_w": float(RATED_W),
        "feed_w": float(RATED_W),
        "commanded": True,
        "address": f"127.0.0.1:{port}/1",
        "interval_s": 1.0,
        "watchdog_s": 30.0,
    }
    return Device(**(values | changes))  # type: ignore[arg-type]


def inverter(port: int, **changes: object) -> Device:
    return battery(port, kind="inverter", device_id="pv", draw_w=0.0, **changes)
