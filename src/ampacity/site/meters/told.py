"""What a meter told once, in its own order and with its own signs, before anybody has judged it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypeAlias

from msgspec import Struct

from ...model.live import MeterFault

Phases: TypeAlias = tuple[float | None, float | None, float | None]
NONE: Final[Phases] = (None, None, None)
LINE_FAULTS: Final = ("no_connection", "refused", "no_answer")


class MeterTrouble(Exception):
    """Nothing, or nothing that can be used. `fault` names why; the text says what, and what to do. `reopen`:
    whether the line is of no more use.
    """

    def __init__(self, fault: MeterFault, text: str, reopen: bool | None = None) -> None:
        super().__init__(text)
        self.fault: MeterFault = fault
        self.reopen = fault in LINE_FAULTS if reopen is None else reopen


class Told(Struct, frozen=True, kw_only=True):
    """Base units, by the meter's own L1..L3; None where it told nothing. `at` is the meter's own time,
    `arrived` when the oldest part of it came (None: now).
    """

    current_a: Phases = NONE
    power_w: Phases = NONE
    total_w: float | None = None
    voltage_v: Phases = NONE
    import_wh: float | None = None
    export_wh: float | None = None
    at: datetime | None = None
    arrived: datetime | None = None


def told_of(
    values: Mapping[str, float | None], *, at: datetime | None = None, arrived: datetime | None = None
) -> Told:
    """Of values by the names of `model.site.MeterQuantity`. Power that is told apart by direction is netted:
    where only the export is told it counts as such.
    """

    def phases(name: str) -> Phases:
        return values.get(f"{name}_l1"), values.get(f"{name}_l2"), values.get(f"{name}_l3")

    def net(name: str, export: str) -> float | None:
        taken, given = values.get(name), values.get(export)
        if given is None:
            return taken
        return (taken or 0.0) - given

    time = values.get("time")
    if at is None and time is not None:
        at = moment(time)
    return Told(
        current_a=phases("current"),
        power_w=(
            net("power_l1", "power_export_l1"),
            net("power_l2", "power_export_l2"),
            net("power_l3", "power_export_l3"),
        ),
        total_w=net("power", "power_export"),
        voltage_v=phases("voltage"),
        import_wh=values.get("energy_import"),
        export_wh=values.get("energy_export"),
        at=at,
        arrived=arrived,
    )


def moment(epoch_s: float) -> datetime:
    """Epoch seconds as a time. Raises MeterTrouble for what is none."""
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (ValueError, OverflowError, OSError):
        raise MeterTrouble(
            "garbled", f"its time {epoch_s:g} is none: set the unit of `time` to s or ms"
        ) from None
