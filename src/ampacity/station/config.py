"""How a station is built and how well it behaves from the start; its methods change it later."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ..ocpp.version import Version

LimitBehaviour: TypeAlias = Literal["obey", "reject", "ignore", "watts", "endless", "one_period"]
"""What the station does with a charging profile: keeps it, refuses it, accepts it and draws what it likes, or
keeps those in watts only (and gives them on the phases that the car has), keeps their first period without
end, or takes schedules of one period only.
"""


Quirk: TypeAlias = Literal[
    "whole_amperes", "first_period_only", "keeps_cleared", "lowest_leads", "one_place", "coarse_meter"
]
"""What firmware does wrong with profiles and samples: it loses tenths, tells only the first period of a
composite schedule, says that it has removed a profile and keeps it, lets the lowest stack level lead, has one
place for a purpose and a stack level above 0 in the whole station, or takes no sample interval below 10 s."""


class EvseConfig(Struct, frozen=True, kw_only=True):
    """One EVSE. `phases` is 1 or 3 on AC; `dc_power_w` makes it a DC EVSE fed by three phases with `max_a`
    each. Of several `connectors` one is in use at a time. `phase_switch`: it charges on one phase where its
    profiles name one.
    """

    evse_id: int
    phases: int = 3
    max_a: float = 32.0
    connectors: int = 1
    dc_power_w: float | None = None
    voltage_v: float = 230.0
    phase_switch: bool = False


class MeterFlaw(Struct, frozen=True, kw_only=True):
    """What is wrong with a station's meters: it tells `factor` times what flows and `offset_a` more on each
    of its phases, names its phases `turned` places too high (0 to 2), or is `silent` between the beginning
    and the end of a transaction. Energy is counted right all the while.
    """

    factor: float = 1.0
    offset_a: float = 0.0
    turned: int = 0
    silent: bool = False


class StationConfig(Struct, frozen=True, kw_only=True):
    """A station. `url` ends before the identity, e.g. `ws://127.0.0.1:9000/ocpp`.

    `clock_offset_s` is how wrong its clock is until the CSMS tells the time, `clock_drift_ppm` how fast it
    goes wrong again; without `takes_time` it never takes the time that it is told. A 2.1 station with
    `offline_durations` knows maxOfflineDuration. With `obeys_after_s` it follows its profiles so much
    later. `answer_delay_s` is the time that it takes to answer a command. `attempts` CALLERRORs make it give
    a transaction message up; time- outs don't count, since the message may have been taken.
    `connection_timeout_s` is how long a remote start waits for a plug. All these are site seconds; pings,
    which notice a dead line, count wall seconds.
    """

    station_id: str
    url: str
    version: Version
    evses: tuple[EvseConfig, ...]
    vendor: str = "Ampacity"
    model: str = "Simulated"
    serial: str = ""
    firmware: str = "1.0"
    password: str | None = None
    sample_interval_s: float = 10.0
    boot_s: float = 20.0
    call_timeout_s: float = 30.0
    retry_interval_s: float = 10.0
    attempts: int = 3
    connection_timeout_s: float = 60.0
    answer_delay_s: float = 0.0
    clock_offset_s: float = 0.0
    clock_drift_ppm: float = 0.0
    offline_durations: bool = True
    takes_time: bool = True
    obeys_after_s: float = 0.0
    meter: MeterFlaw = MeterFlaw()
    quirks: frozenset[Quirk] = frozenset()
    limits: LimitBehaviour = "obey"
    ping_interval_wall_s: float = 30.0
    ping_timeout_wall_s: float = 20.0


def supply_phases(evse: EvseConfig) -> int:
    """How many phases feed the EVSE."""
    return 3 if evse.dc_power_w is not None else evse.phases
