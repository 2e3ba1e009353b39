"""A truck of 3.75 MW and a socket of 6 A in one tree: nothing overflows or is rounded badly, from the law to
the wire and back. A milliwatt in 32 bits would end at 2.1 MW, an ampere in tenths in 16 bits at 6.5 kA."""

from __future__ import annotations

import msgspec
import pytest

from ampacity.control.law import step
from ampacity.control.state import START
from ampacity.control.types import EvseState, Snapshot
from ampacity.csms.dialects.samples import one_decimal
from ampacity.model.site import DC_TOLD_SHARE, Circuit, Evse, Site
from ampacity.ocpp.messages import v16, v21
from ampacity.site.commissioning import in_station_unit

TRUCK_W = 3_750_000.0
TRUCK_A = 5_910.0
"""Of each phase of its supply at 230 V to neutral, 92 % of which reach the car: 3.7517 MW."""
TRUCK = Evse(
    station_id="truck",
    evse_id=1,
    circuit_id="hall",
    phases=(0, 1, 2),
    min_a=50.0,
    max_a=TRUCK_A,
    dc_power_w=TRUCK_W,
)
SOCKET = Evse(station_id="socket", evse_id=1, circuit_id="hall", phases=(1,), max_a=6.0)
HALL = Circuit(circuit_id="hall", name="hall", rating_a=8_000.0, parent_id="grid", rating_w=5e6)
GRID = Circuit(circuit_id="grid", name="grid", rating_a=8_000.0, rating_va=5.5e6, unbalance_a=500.0)


def granted(rating_a: float) -> dict[str, float]:
    """What both get of a hall of so many amperes, both charging and nothing else drawn."""
    hall = msgspec.structs.replace(HALL, rating_a=rating_a)
    site = Site(
        site_id="depot",
        operator_id="o",
        name="depot",
        time_zone="UTC",
        circuits=(GRID, hall),
        evses=(TRUCK, SOCKET),
        commissioned=True,
    )
    evses = {
        e.key: EvseState(key=e.key, online=True, proven=True, session=True, wants=True, committed_a=0.0)
        for e in site.evses
    }
    snapshot = Snapshot(site=site, circuits={}, evses=evses, at=1e4, epoch_s=1.8e9)
    _, decision = step(START, snapshot)
    return {key[0]: grant.limit_a for key, grant in decision.grants.items()}


@pytest.mark.parametrize(
    ("rating_a", "truck_a"),
    [(8_000.0, TRUCK_A), (4_000.3, 3_994.3), (100.1, 94.1), (56.0, 50.0)],
)
def test_both_share_to_a_tenth_of_an_ampere(rating_a: float, truck_a: float) -> None:
    assert granted(rating_a) == {"truck": truck_a, "socket": 6.0}


@pytest.mark.parametrize(
    ("evse", "limit_a", "unit", "limit"),
    [
        (TRUCK, TRUCK_A, "W", int(TRUCK_A * 690 * DC_TOLD_SHARE)),
        (TRUCK, 0.1, "W", 63),
        (SOCKET, 6.0, "A", 6.0),
        (SOCKET, 0.1 + 0.2, "A", 0.3),
    ],
)
@pytest.mark.parametrize("version", ["1.6", "2.1"])
def test_the_wire_carries_both_exactly(
    evse: Evse, limit_a: float, unit: str, limit: float, version: str
) -> None:
    told_unit, told = in_station_unit(evse, limit_a, 230.0)
    assert (told_unit, told) == (unit, limit)
    assert told <= limit_a * (690 * DC_TOLD_SHARE if unit == "W" else 1.0) + 1e-9, "never more than was meant"
    if version == "1.6":
        period = v16.ChargingSchedulePeriod(startPeriod=0, limit=one_decimal(told))
    else:
        period = v21.ChargingSchedulePeriodType(startPeriod=0, limit=one_decimal(told))
    raw = msgspec.json.encode(period)
    assert b"e" not in raw.split(b'"limit":')[1], "a number that any parser of decimals reads"
    again = msgspec.json.decode(raw, type=type(period))
    assert float(again.limit or 0) == told
