"""Who controls the plant: the product's law, three plain ones, and an oracle."""

from __future__ import annotations

from collections.abc import Callable

from ampacity.control.law import step
from ampacity.control.lease import Lease, expires_at, renew_at
from ampacity.control.limits import margin_a
from ampacity.control.state import START, ControlState
from ampacity.control.types import CircuitState, EvseState, Snapshot
from ampacity.model.site import Circuit, Evse, MeterConfig, Site

from .plant import COUNT, LIMIT_A, MAX_A, MIN_A, SAFE_A, SAMPLE_S, Plant

MARGIN_A = margin_a(LIMIT_A, 1.0)
"""The same for all, but the oracle."""
ORACLE_MARGIN_A = 3.0
PLAIN_TICK_S = 5
LEAST_A = 0.5
"""The plain laws don't write for less."""
LEASE_S = 300.0
START_S = 1_000.0
Law = Callable[[Plant], None]
"""Called each second, after the plant has moved."""


def guarded() -> Law:
    """The product: `control.law.step` each second, with leases and samples as a site has them."""
    site = Site(
        site_id="bench",
        operator_id="bench",
        name="ten on a phase",
        time_zone="UTC",
        circuits=(
            Circuit(
                circuit_id="grid",
                name="grid",
                rating_a=LIMIT_A,
                meter=MeterConfig(protocol="push", interval_s=1.0),
                reserve_a=60.0,
            ),
        ),
        evses=tuple(
            Evse(station_id=f"s{k}", evse_id=1, circuit_id="grid", phases=(0,), max_a=MAX_A, safe_a=safe)
            for k, safe in enumerate(SAFE_A)
        ),
        lease_s=LEASE_S,
        commissioned=True,
    )
    state: ControlState = START
    leases: list[Lease | None] = [None] * COUNT
    sent: list[Lease | None] = [None] * COUNT

    def law(plant: Plant) -> None:
        nonlocal state
        at = START_S + plant.at
        evses = {}
        for k, (evse, charger) in enumerate(zip(site.evses, plant.chargers, strict=True)):
            if not charger.told and sent[k] is not None:
                leases[k], sent[k] = sent[k], None
            held, coming = leases[k], sent[k]
            evses[evse.key] = EvseState(
                key=evse.key,
                online=True,
                proven=True,
                session=True,
                wants=True,
                measured_a=None if charger.sampled_at is None else (charger.sample_a, 0.0, 0.0),
                measured_at=None if charger.sampled_at is None else START_S + charger.sampled_at,
                sample_interval_s=SAMPLE_S,
                committed_a=None if held is None else held.limit_a,
                committed_at=None if charger.acknowledged_at is None else START_S + charger.acknowledged_at,
                lease_until=None if held is None else expires_at(held),
                inflight_a=None if coming is None else coming.limit_a,
            )
        grid = CircuitState(circuit_id="grid", metered_a=(plant.metered_a, 0.0, 0.0), metered_at=at)
        told = Snapshot(site=site, circuits={"grid": grid}, evses=evses, at=at, epoch_s=1_790_000_000.0 + at)
        state, decision = step(state, told)

        def write(k: int, limit_a: float) -> None:
            if plant.tell(k, limit_a):
                sent[k] = Lease(limit_a=limit_a, safe_a=SAFE_A[k], lease_s=LEASE_S, sent_at=at)

        for grant in (*decision.cuts, *decision.raises):
            write(int(grant.key[0][1:]), grant.limit_a)
        for k, held in enumerate(leases):
            if held is not None and at >= renew_at(held) and sent[k] is None:
                write(k, held.limit_a)
                plant.writes -= 1

    return law


def deadbeat() -> Law:
    """All of the headroom at once, upwards and downwards."""
    return _plain(lambda plant, told_a: told_a + LIMIT_A - MARGIN_A - plant.metered_a)


def quarter() -> Law:
    """A quarter of the headroom upwards, all of it downwards."""

    def budget(plant: Plant, told_a: float) -> float:
        free = LIMIT_A - MARGIN_A - plant.metered_a
        return told_a + (free / 4.0 if free > 0 else free)

    return _plain(budget)


def difference() -> Law:
    """Limit less the building, which is the meter less the sum of the chargers' samples."""
    return _plain(
        lambda plant, told_a: (
            LIMIT_A - MARGIN_A - (plant.metered_a - sum(charger.sample_a for charger in plant.chargers))
        )
    )


def oracle() -> Law:
    """Knows the building's load of a second ago, and may write without end."""

    def law(plant: Plant) -> None:
        for k, limit in enumerate(_shares(LIMIT_A - ORACLE_MARGIN_A - plant.before_a)):
            plant.tell(k, limit, one_at_a_time=False)

    return law


def _plain(budget_a: Callable[[Plant, float], float]) -> Law:
    told = [0.0] * COUNT

    def law(plant: Plant) -> None:
        if plant.at % PLAIN_TICK_S:
            return
        for k, limit in enumerate(_shares(budget_a(plant, sum(told)))):
            if abs(limit - told[k]) > LEAST_A and plant.tell(k, limit):
                told[k] = limit

    return law


def _shares(budget_a: float) -> list[float]:
    """Equal shares; where there is not a minimum for everybody, the first have it."""
    running = min(COUNT, int(max(0.0, budget_a) // MIN_A))
    each = min(MAX_A, budget_a / running) if running else 0.0
    return [each if k < running else 0.0 for k in range(COUNT)]


LAWS: dict[str, Callable[[], Law]] = {
    "": guarded,
    "deadbeat_": deadbeat,
    "difference_": difference,
    "quarter_": quarter,
    "oracle_": oracle,
}
"""By the prefix of their figures."""
