"""SunSpec maps for tests: models laid out as their descriptions say, in holding registers."""

from __future__ import annotations

import struct

NOT_THERE = 0x8000


def sunspec(base: int, *models: tuple[int, list[int]]) -> dict[int, int]:
    """A map of models (number, registers behind the length)."""
    words = [0x5375, 0x6E53]
    for number, body in models:
        words += [number, len(body), *body]
    words += [0xFFFF, 0]
    return {base + offset: word for offset, word in enumerate(words)}


def common() -> tuple[int, list[int]]:
    """Model 1: who made it (66 registers; only its length matters here)."""
    return 1, [0x2020] * 66


def signed(value: int) -> int:
    return value & 0xFFFF


def meter_203(
    current_ca: tuple[int, int, int],
    power_w: tuple[int, int, int] | None,
    *,
    exponent: int = -2,
    number: int = 203,
) -> tuple[int, list[int]]:
    """A wye meter of integers: currents in units of 10^exponent A, 230.1 V on each phase, 1,234 kWh taken."""
    body = [NOT_THERE] * 105
    body[0:5] = [signed(sum(current_ca)), *map(signed, current_ca), signed(exponent)]
    body[5:9] = [2301] * 4
    body[13] = signed(-1)
    body[16] = signed(sum(power_w)) if power_w is not None else NOT_THERE
    if power_w is not None:
        body[17:20] = [signed(watts) for watts in power_w]
    body[20] = 0
    body[36:38] = [0, 0]
    body[44:46] = [1234 >> 16, 1234 & 0xFFFF]
    body[52] = 3
    return number, body


def meter_213(
    current_a: tuple[float, float, float], power_w: tuple[float, float, float]
) -> tuple[int, list[int]]:
    """A wye meter of float32; what is not set is NaN."""
    values = [float("nan")] * 62
    values[1:4] = current_a
    values[5:8] = (231.0, 232.0, 233.0)
    values[13] = sum(power_w)
    values[14:17] = power_w
    values[29], values[33] = 500.0, 9000.0
    return 213, list(struct.unpack(">124H", struct.pack(">62f", *values)))
