"""Limits that others than we impose on a station: its grid operator, a local energy management.

They work without us, and are kept and shown so that nobody wonders why a station stays below what it was
allowed; a site's control may count on them.
"""

from __future__ import annotations

from ...model.events import ExternalLimitChanged
from ...store.charging import save_station_charging
from ..charging import ExternalLimit, keep
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import Acknowledged, LimitImposed, LimitReleased, ProfilesReported

EXTERNAL = "ChargingStationExternalConstraints"
MOST_SCHEDULES = 3


class ExternalLimits:
    """NotifyChargingLimit, ClearedChargingLimit, and what reports tell of the same."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={LimitImposed: self.imposed, LimitReleased: self.released})

    async def imposed(self, state: StationState, said: LimitImposed) -> Acknowledged:
        """A limit counts from now on."""
        limit = ExternalLimit(
            evse_id=said.evse_id,
            source=said.source,
            grid_critical=said.grid_critical,
            schedules=said.schedules[:MOST_SCHEDULES],
            at=self._context.clock.now(),
        )
        keep(state.charging.limits, (said.evse_id, said.source), limit)
        await self.save(state)
        self._tell(state, said.evse_id, said.source, imposed=True)
        return Acknowledged()

    async def released(self, state: StationState, said: LimitReleased) -> Acknowledged:
        """A limit is gone."""
        gone = [
            key for key in state.charging.limits if key[1] == said.source and said.evse_id in (None, key[0])
        ]
        for key in gone:
            del state.charging.limits[key]
        await self.save(state)
        for evse_id, source in gone:
            self._tell(state, evse_id, source, imposed=False)
        return Acknowledged()

    async def reported(self, state: StationState, said: ProfilesReported) -> None:
        """An external constraint in a report is a limit that we may have missed."""
        schedules = tuple(profile.schedules[0] for profile in said.profiles if profile.purpose == EXTERNAL)
        if schedules:
            known = state.charging.limits.get((said.evse_id, said.source))
            await self.imposed(
                state,
                LimitImposed(
                    evse_id=said.evse_id,
                    source=said.source,
                    grid_critical=None if known is None else known.grid_critical,
                    schedules=schedules,
                ),
            )

    async def save(self, state: StationState) -> None:
        """Let what was told last."""
        row = state.charging.row(state.operator_id, state.station_id, self._context.clock.now())
        await self._context.store.write(lambda connection: save_station_charging(connection, row))

    def _tell(self, state: StationState, evse_id: int, source: str, *, imposed: bool) -> None:
        self._context.bus.publish(
            ExternalLimitChanged(
                operator_id=state.operator_id,
                station_id=state.station_id,
                evse_id=evse_id,
                source=source,
                imposed=imposed,
                at=self._context.clock.now(),
            )
        )
