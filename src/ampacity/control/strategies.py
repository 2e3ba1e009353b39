"""What the two plain strategies do differently from the law.

`uncontrolled` gives every EVSE with a session its rating and looks at nothing: a baseline for figures, and
right where the wiring carries everything at once. `static` gives every EVSE a fixed share of what the worst
base leaves, used or not; decreases still come before increases, and who can't be steered is still set aside.
"""

from __future__ import annotations

from collections.abc import Sequence

from ampacity.model.site import EvseKey

from .allocate import allocate, problem
from .loading import entries_of
from .topology import Topology


def fixed_shares(
    topology: Topology,
    limits_a: Sequence[float],
    reserves_a: Sequence[float],
    power_limited: frozenset[int],
) -> dict[EvseKey, float]:
    """Each EVSE's share under the given limits per row, as if all charged on top of the worst base.

    Where there is not a minimum for everybody, the first in the site's list have one and the others nothing.
    """
    capacity = [limit - reserve for limit, reserve in zip(limits_a, reserves_a, strict=True)]
    evses = topology.evses
    wired = [entries_of(topology, i, power_limited=power_limited) for i in range(len(evses))]
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
