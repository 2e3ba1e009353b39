"""What the two plain strategies do differently from the law.

`uncontrolled` gives every EVSE with a session its rating and looks at nothing: a baseline for figures, and
right where the wiring carries everything at once. `static` gives every EVSE a fixed share of what the worst
base leaves, used or not; decreases still come before increases, and who can't be steered is still set aside.
"""

from __future__ import annotations

from collections.abc import Sequence

from ampacity.model.site import EvseKey

from .allocate import allocate, problem
from .topology import Topology


def fixed_shares(topology: Topology, limits_a: Sequence[float]) -> dict[EvseKey, float]:
    """Each EVSE's share under the given limits per circuit, as if all charged on top of the worst base.

    Where there is not a minimum for everybody, the first in the site's list have one and the others nothing.
    """
    capacity = [limits_a[row.circuit] - topology.circuits[row.circuit].reserve_a for row in topology.rows]
    evses = topology.evses
    wired = [topology.entries_of(i) for i in range(len(evses))]
    shares = allocate(
        problem(
            capacity,
            [entries.rows for entries in wired],
            [evse.min_a for evse in evses],
            [evse.max_a for evse in evses],
            step_a=[evse.step_a for evse in evses],
            coefficients=[entries.coefficients for entries in wired],
        )
    ).grant_a
    return {evse.key: float(share) for evse, share in zip(evses, shares, strict=True)}
