"""A site under the real law for the decision log's tests: each tick is kept, as the controller would."""

from __future__ import annotations

from collections.abc import Callable

from ampacity.control.types import Snapshot
from ampacity.model.phases import PerPhase
from ampacity.model.site import Circuit, Evse, MeterConfig, Site
from ampacity.site.decisions.columns import Tick
from tests.control.plant import EPOCH_S, Car, Plant

Base = Callable[[str, float], PerPhase]


def panel(count: int = 4, **changes: object) -> Site:
    """`count` EVSEs on a panel below a grid connection with a meter; the third has one phase."""
    values: dict[str, object] = {
        "site_id": "yard",
        "operator_id": "stadtwerke",
        "name": "Yard",
        "time_zone": "Europe/Berlin",
        "commissioned": True,
        "circuits": (
            Circuit(
                circuit_id="grid",
                name="Grid connection",
                rating_a=80.0,
                reserve_a=30.0,
                meter=MeterConfig(protocol="push", address="10.0.0.7:502/1", interval_s=1.0),
            ),
            Circuit(circuit_id="panel", name="Panel", rating_a=63.0, parent_id="grid", rotation=(1, 2, 0)),
        ),
        "evses": tuple(
            Evse(
                station_id=f"CP-{number}",
                evse_id=1,
                circuit_id="panel",
                phases=(0, 1, 2) if number != 3 else (0,),
                label=f"WP-{number:02}",
            )
            for number in range(1, count + 1)
        ),
    }
    return Site(**(values | changes))  # type: ignore[arg-type]


class Kept(Plant):
    """A plant that keeps its ticks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ticks: list[Tick] = []
        self.seen: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        self.seen = super().snapshot()
        return self.seen

    def keep(self, seconds: float) -> list[Tick]:
        """Run on, and return the ticks of that time."""
        before = len(self.ticks)
        for _ in range(round(seconds)):
            decision = self.tick()
            assert self.seen is not None
            self.ticks.append(Tick(self.seen, decision))
        return self.ticks[before:]

    @property
    def epoch_s(self) -> float:
        return EPOCH_S + self.at


def kept(
    site: Site, base: Base = lambda circuit, at: (20.0, 22.0, 24.0) if circuit == "grid" else (0.0, 0.0, 0.0)
) -> Kept:
    """A plant whose cars all charge."""
    return Kept(site, base, {evse.key: Car() for evse in site.evses}, seed=3)
