"""Reading a meter once, for whoever sets it up: what it tells, phase by phase, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from ...model.live import MeterFault
from ...model.phases import PerPhase
from ...model.site import Circuit, MeterConfig
from .checks import Checks, Reading
from .meter import source_of
from .source import Around
from .told import MeterTrouble, Told

PATIENCE_S: Final = 20.0
"""Site time: DSMR 4 meters tell each 10 s, some that publish do so each 15 s."""

NOTED: Final = 12
"""So many lines, and it is enough."""

CLOCK_NOTED_S: Final = 3.0


class Trial(Struct, frozen=True, kw_only=True):
    """What came of it: a reading that could be used, or the fault; `words` tell it line by line."""

    words: tuple[str, ...]
    reading: Reading | None = None
    fault: MeterFault | None = None


async def try_out(
    circuit: Circuit,
    config: MeterConfig,
    around: Around,
    maps: Path | None = None,
    cars_a: Callable[[], PerPhase | None] = lambda: None,
) -> Trial:
    """Connect, wait for one reading, let go. Never raises for what the meter does."""
    if config.protocol == "push":
        return Trial(words=("Readings are pushed through the API: there is nothing to read.",))
    checks = Checks(config, circuit.rating_a, around.voltage_v, cars_a)
    words: list[str] = []
    fault: MeterFault | None = None
    source = source_of(config, around, maps)
    ends = around.clock.monotonic() + PATIENCE_S
    try:
        await source.open()
        words.append("Connected.")
        while around.clock.monotonic() < ends and len(words) < NOTED:
            try:
                left_s = max(0.1, ends - around.clock.monotonic())
                told = await around.clock.wait_for(source.read(), left_s)
                words += [*_told(told, config), *_clock(told, config, around)]
                reading = checks.judge(told, around.clock.now())
            except MeterTrouble as trouble:
                fault = trouble.fault
                words.append(f"Not usable ({trouble.fault}): {trouble}.")
                if trouble.reopen or source.paced:
                    break
            else:
                words += _meant(reading, circuit, cars_a(), config)
                return Trial(words=tuple(words), reading=reading)
    except MeterTrouble as trouble:
        fault = trouble.fault
        words.append(f"No reading ({trouble.fault}): {trouble}.")
    except TimeoutError:
        fault = fault or "no_answer"
        words.append(f"No reading within {PATIENCE_S:g} s.")
    finally:
        await source.close()
    return Trial(words=tuple(words), fault=fault or "no_answer")


def _told(told: Told, config: MeterConfig) -> list[str]:
    """What it said itself, by its own phases."""
    lines = []
    for index in range(len(config.phases)):
        parts = [
            f"{number:.{digits}f} {unit}"
            for number, digits, unit in (
                (told.current_a[index], 2, "A"),
                (told.power_w[index], 0, "W"),
                (told.voltage_v[index], 1, "V"),
            )
            if number is not None
        ]
        lines.append(f"Its L{index + 1} tells {', '.join(parts) or 'nothing'}.")
    if told.total_w is not None:
        lines.append(f"All phases together: {told.total_w:.0f} W.")
    return lines


def _clock(told: Told, config: MeterConfig, around: Around) -> list[str]:
    """Whether its clock makes its readings look older than they are."""
    if told.at is None:
        return []
    behind_s = (around.clock.now() - told.at).total_seconds()
    if behind_s < CLOCK_NOTED_S:
        return []
    used = "let meter_time be false, or set it" if config.meter_time else "it is not used"
    return [f"Its clock is {behind_s:.0f} s behind, or the reading so old: {used}."]


def _meant(reading: Reading, circuit: Circuit, cars_a: PerPhase | None, config: MeterConfig) -> list[str]:
    """What that is on the circuit's phases."""
    lines = []
    for index, phase in enumerate(config.phases):
        amperes = reading.current_a[phase]
        way = "from the grid" if amperes >= 0 else "fed in"
        share = (
            f"{abs(amperes) / circuit.rating_a:.0%} of the rating" if circuit.rating_a > 0 else "no rating"
        )
        cars = "" if cars_a is None else f"; cars draw {cars_a[phase]:.1f} A of it by their own meters"
        lines.append(
            f"{circuit.name} L{phase + 1} (its L{index + 1}): {abs(amperes):.2f} A {way}, {share}{cars}."
        )
    beside = config.measures == "everything" and cars_a is not None
    if (
        beside
        and cars_a is not None
        and any(0.0 <= reading.current_a[phase] < cars - 3.0 for phase, cars in enumerate(cars_a))
    ):
        lines.append(
            "Cars draw more than the meter shows: look at phases and sign, or it stands beside them."
        )
    return lines
