"""The product's plant (`simulation.cases.plant`) under test: what the law is told is noted for a recording,
and the reservation sum must fit at every second."""

from __future__ import annotations

from ampacity.control.check import reservation_excess
from ampacity.control.types import Decision, Snapshot
from ampacity.simulation.cases import plant
from ampacity.simulation.cases.plant import EPOCH_S, Car
from tests.control import recording

__all__ = ["EPOCH_S", "Car", "Plant"]


class Plant(plant.Plant):
    """Fails at the first second at which more is promised than a circuit carries."""

    def __post_init__(self) -> None:
        recording.begin(self.settings)
        super().__post_init__()

    def before(self, snapshot: Snapshot) -> None:
        recording.note(snapshot)

    def judge(self, snapshot: Snapshot, decision: Decision) -> None:
        excess = reservation_excess(snapshot, decision, self.tree)
        faults = {row: amperes for row, amperes in excess.items() if row not in decision.overcommitted}
        assert not faults, f"at {self.at}: promised too much: {faults}"
