"""EVSEs that may be switched between three phases and one, at work (`control.phase_switching` decides).

What a station took last is in the profiles that it holds: the number of phases is in every period of the live
limit and in the base profile, so it outlives sessions and restarts, its and ours.
"""

from __future__ import annotations

from ..control.phase_switching import Seen, follow, room
from ..control.settings import DEFAULTS
from ..control.topology import Topology
from ..control.types import Decision
from ..csms.vocabulary import SetProfile
from .commissioning import base_profile
from .knowledge import CLEARLY_CHARGING_A, LiveEvse
from .limits_out import LIMIT_TIMEOUT_S, LimitWriter
from .live_site import Commander, LiveSite

FRESH_S = 25.0
"""A sample that is younger tells of now (2 T + 5 s at 10 s)."""
DRAWS_A = 1.0


class PhaseSwitches:
    """Call `follow` after each decision."""

    def __init__(self, live_site: LiveSite, commander: Commander, writer: LimitWriter) -> None:
        self._live = live_site
        self._commander = commander
        self._writer = writer
        self._moving: set[tuple[str, int]] = set()

    def follow(self, topology: Topology | None, decision: Decision, at: float) -> None:
        """Follow every EVSE that may be switched, and move those whose time has come."""
        if topology is None:
            return
        for live in self._live.evses.values():
            if not live.switchable:
                continue
            seen = self._seen(live, topology, decision, at)
            live.switch = follow(live.switch, seen, at, DEFAULTS)
            if live.switch.stage == "switching" and live.evse.key not in self._moving and live.online:
                self._moving.add(live.evse.key)
                self._live.run_beside(self._move(live, live.switch.to))

    def _seen(self, live: LiveEvse, topology: Topology, decision: Decision, at: float) -> Seen:
        fresh = live.measured_at is not None and at - live.measured_at <= FRESH_S
        newer = live.measured_at is not None and live.measured_at > live.switch.since
        drawn_on = None
        if fresh and newer and live.measured_a is not None and max(live.measured_a) >= CLEARLY_CHARGING_A:
            drawn_on = sum(current > DRAWS_A for current in live.measured_a)
        three, one = room(topology, live.evse, decision, live.switch.counted)
        return Seen(
            session=live.transaction is not None,
            online=live.ready,
            limit_a=max(live.limit_in_force_a(at), live.inflight_a or 0.0, live.doubt_a(at) or 0.0),
            power_w=live.power_w if fresh else None,
            drawn_on=drawn_on,
            taken=live.phases_taken,
            three_fit=three,
            one_fits=one,
        )

    async def _move(self, live: LiveEvse, to: int) -> None:
        """Tell the station the other number of phases: in the limit of 0, then in its base profile."""
        told, live.phases_told = live.phases_told, to
        try:
            taken = await self._writer.write_again(live)
            if taken:
                outcome = await self._commander.command(
                    self._live.site.operator_id,
                    live.evse.station_id,
                    SetProfile(
                        evse_id=live.evse.evse_id, profile=base_profile(live.evse, live.voltage_v, to)
                    ),
                    "controller",
                    LIMIT_TIMEOUT_S,
                )
                taken = outcome.accepted
            if taken:
                live.phases_taken = to
            else:
                # What it took of the two nobody knows: all phases count, and it is tried again.
                live.phases_told = told
                await self._live.clock.sleep(LIMIT_TIMEOUT_S)
        finally:
            self._moving.discard(live.evse.key)
            self._live.wake()
