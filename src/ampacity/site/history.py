"""The site's recent past in memory: what the stacked chart shows when a person opens it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..model.live import EvseHistory, SiteHistory, SiteView

STEP_S = 10.0
KEEP_S = 6 * 3600.0


class PowerHistory:
    """One row each 10 s of site time: `(at, base_w, limit_w, powers)`, powers in the order of the site's
    EVSEs.
    """

    def __init__(self, site_id: str, evses: Sequence[tuple[str, int, str]]) -> None:
        self._site_id = site_id
        self._evses = tuple(evses)
        self._rows: deque[tuple[float, float, float, tuple[float, ...]]] = deque(maxlen=int(KEEP_S / STEP_S))

    def follow(self, evses: Sequence[tuple[str, int, str]]) -> None:
        """The site has these EVSEs now: what is kept of those that stay, stays."""
        places = {(station_id, evse_id): k for k, (station_id, evse_id, _) in enumerate(self._evses)}
        order = [places.get((station_id, evse_id)) for station_id, evse_id, _ in evses]
        self._evses = tuple(evses)
        moved = [
            (at, base_w, limit_w, tuple(0.0 if k is None else powers[k] for k in order))
            for at, base_w, limit_w, powers in self._rows
        ]
        self._rows = deque(moved, maxlen=self._rows.maxlen)

    def due(self, at: float) -> bool:
        """A row is missing at epoch second `at`."""
        return not self._rows or at - self._rows[-1][0] >= STEP_S

    def record(self, at: float, view: SiteView) -> None:
        """Keep the site as it is at epoch second `at`."""
        powers = tuple(evse.power_w for evse in view.evses)
        self._rows.append((at, view.base_power_w, view.limit_power_w, powers))

    def between(self, start: float, end: float) -> SiteHistory:
        """Rows from `start` to `end` (epoch seconds)."""
        rows = [row for row in self._rows if start <= row[0] <= end]
        return SiteHistory(
            site_id=self._site_id,
            step_s=STEP_S,
            at=tuple(row[0] for row in rows),
            base_power_w=tuple(row[1] for row in rows),
            limit_power_w=tuple(row[2] for row in rows),
            evses=tuple(
                EvseHistory(
                    station_id=station_id,
                    evse_id=evse_id,
                    label=label,
                    power_w=tuple(row[3][index] for row in rows),
                )
                for index, (station_id, evse_id, label) in enumerate(self._evses)
            ),
        )
