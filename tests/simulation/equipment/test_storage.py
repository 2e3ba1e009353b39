"""The stationary battery as the world takes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ampacity.simulation.batch.world import NO_STORAGE
from ampacity.simulation.equipment.storage import StorageSpec, soc_course, storage

SPEC = StorageSpec(capacity_wh=100_000.0, power_w=50_000.0)


def test_the_usual_battery() -> None:
    battery = storage(SPEC)
    assert battery.charge_w == battery.discharge_w == 50_000.0
    assert battery.charge_efficiency * battery.discharge_efficiency == pytest.approx(0.85)
    assert battery.standby_w == 50.0


def test_no_battery_is_none() -> None:
    assert storage(None) is NO_STORAGE
    assert soc_course(NO_STORAGE, np.ones(3), 60.0).tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("field", "value"),
    [("capacity_wh", 0.0), ("power_w", -1.0), ("round_trip", 1.2), ("soc", 0.99), ("soc_min", -0.1)],
)
def test_what_cannot_be_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        storage(structs.replace(SPEC, **{field: value}))


@given(st.lists(st.floats(-50_000, 50_000), max_size=50))
@settings(max_examples=50, deadline=None)
def test_energy_in_is_energy_out_losses_and_what_is_stored(powers: list[float]) -> None:
    battery = storage(SPEC)
    power = np.array(powers)
    course = soc_course(battery, power, 60.0)
    into, out = power.clip(min=0.0).sum() / 60.0, -power.clip(max=0.0).sum() / 60.0
    losses = into * (1.0 - battery.charge_efficiency) + out * (1.0 / battery.discharge_efficiency - 1.0)
    stored = (course[-1] - course[0]) * SPEC.capacity_wh
    assert into == pytest.approx(out + losses + stored, abs=1e-6)
