"""Stations that do not do as they are told: looked at with each tick, and dealt with beside it.

What is to be done the ladder says (`control.verification`); here it is done: limits sent again, profiles
removed, stations restarted, sessions ended for a fuse, and quarantines kept so that they outlive a restart.
"""

from __future__ import annotations

import logging
from math import inf

from ..control.settings import DEFAULTS
from ..control.types import Decision
from ..control.verification import TRUSTED, Action, Seen, Verification, released, verify
from ..csms.vocabulary import ClearProfile, Command, Outcome, RequestStop, Reset
from ..model.site import EvseKey
from ..store import StoreError
from ..store.quarantines import QuarantineRow
from . import outside
from .commissioning import LEASE_ID
from .knowledge import LiveEvse
from .limits_out import LIMIT_TIMEOUT_S, LimitWriter
from .live_site import SAMPLE_INTERVAL_S, Commander, LiveSite
from .records import SiteRecords

log = logging.getLogger(__name__)

CONTROLLER = "controller"
OUTSIDE_S = 5.0
"""So often others' limits are looked for."""


class Verifier:
    """`look` after each step of the law. Whoever was in quarantine before a restart of ours still is."""

    def __init__(
        self, live_site: LiveSite, commander: Commander, writer: LimitWriter, records: SiteRecords
    ) -> None:
        self._live = live_site
        self._commander = commander
        self._writer = writer
        self._records = records
        self._looked_outside_at = -inf
        self._above_since: dict[tuple[str, int], float] = {}
        """Circuit phases that are above their limit, and since when."""
        for row in records.quarantines:
            live = live_site.evses.get((row.station_id, row.evse_id))
            if live is not None:
                live.conduct.verification = Verification(trust="quarantined", most_a=row.most_a)
                live.conduct.quarantine_why = row.why

    def look(self, at: float, decision: Decision) -> None:
        """See whether every EVSE obeys, and start what is to be done."""
        if at - self._looked_outside_at >= OUTSIDE_S:
            self._looked_outside_at = at
            self._look_outside()
        if decision.strategy == "uncontrolled":
            return
        self._follow_overloads(at, decision)
        busy = {live.evse.station_id for live in self._live.evses.values() if live.transaction is not None}
        for key, live in self._live.evses.items():
            if live.transaction is None and live.conduct.verification is TRUSTED:
                continue
            at_risk = bool(self._above_since) and self._is_at_risk(live, at)
            seen = self._seen(live, at, at_risk, station_idle=live.evse.station_id not in busy)
            live.conduct.verification, action = verify(live.conduct.verification, seen, at, DEFAULTS)
            if action is not None:
                self._act(key, live, action)

    def _look_outside(self) -> None:
        for live in self._live.evses.values():
            state = self._commander.station(live.evse.station_id)
            if state is not None:
                outside.look(live, state, self._live.site.voltage_v)

    def _seen(self, live: LiveEvse, at: float, at_risk: bool, *, station_idle: bool) -> Seen:
        return Seen(
            steerable=live.ready,
            session=live.transaction is not None,
            # What it never answered it may have taken.
            limit_a=max(live.limit_in_force_a(at), live.inflight_a or 0.0, live.doubt_a(at) or 0.0),
            measured_a=live.told_a,
            measured_at=live.measured_at,
            sample_interval_s=SAMPLE_INTERVAL_S,
            refusals=live.refusals,
            station_idle=station_idle,
            at_risk=at_risk,
        )

    # ------------------------------------------------------------ fuses

    def _follow_overloads(self, at: float, decision: Decision) -> None:
        above: dict[tuple[str, int], float] = {}
        if decision.overloaded:
            for circuit_id, (reading, _) in self._live.metered.items():
                limit_a = decision.circuits[circuit_id].limit_a
                for phase, amperes in enumerate(reading):
                    if amperes > limit_a:
                        row = circuit_id, phase
                        above[row] = self._above_since.get(row, at)
        self._above_since = above

    def _is_at_risk(self, live: LiveEvse, at: float) -> bool:
        """Whether a circuit phase that the EVSE loads has been above its limit for a reaction time."""
        phases = live.evse.phases
        for circuit in self._live.wiring.ancestors(live.evse.circuit_id):
            for phase in phases:
                since = self._above_since.get((circuit.circuit_id, phase))
                if since is not None and at - since >= DEFAULTS.reaction_s:
                    return True
            phases = tuple(circuit.rotation[phase] for phase in phases)
        return False

    # ------------------------------------------------------------ what is done

    def _act(self, key: EvseKey, live: LiveEvse, action: Action) -> None:
        limit_a = live.conduct.verification.limit_a
        drawn = live.told_a or 0.0
        log.warning("%s/%d draws %.1f A on a limit of %.1f A: %s", *key, drawn, limit_a, action)
        match action:
            case "resend":
                self._writer.resend(live)
            case "clear":
                self._live.run_beside(self._clear_and_resend(live))
            case "reset":
                self._live.run_beside(self._tell(live, Reset(kind="OnIdle")))
            case "stop" if live.transaction is not None and self._live.site.stop_disobedient:
                stop = RequestStop(station_transaction_id=live.transaction.station_transaction_id)
                self._live.run_beside(self._tell(live, stop))
            case "quarantine":
                most_a = live.conduct.verification.most_a
                why = f"drew {most_a:.1f} A on a limit of {limit_a:.1f} A after a restart"
                self._live.run_beside(self._set_aside(live, why))
            case _:
                pass

    async def _tell(self, live: LiveEvse, command: Command) -> Outcome:
        return await self._commander.command(
            self._live.site.operator_id,
            live.evse.station_id,
            command,
            CONTROLLER,
            LIMIT_TIMEOUT_S,
            front=True,
        )

    async def _clear_and_resend(self, live: LiveEvse) -> None:
        """Until the limit is there again the base profile holds; the law goes on counting the limit."""
        await self._tell(live, ClearProfile(profile_id=LEASE_ID + live.evse.evse_id))
        self._writer.resend(live)

    async def _set_aside(self, live: LiveEvse, why: str) -> None:
        """It is set aside at once; a store that is away must not end the site for it."""
        try:
            await self.quarantine(live, why, CONTROLLER)
        except StoreError as problem:
            log.warning("the quarantine of %s/%d can't be kept: %s", *live.evse.key, problem)

    async def quarantine(self, live: LiveEvse, why: str, actor: str) -> None:
        """Set an EVSE aside until a person releases it."""
        live.conduct.verification = Verification(
            trust="quarantined",
            since=self._live.clock.monotonic(),
            most_a=max(live.conduct.verification.most_a, *(live.measured_a or (0.0,))),
        )
        live.conduct.quarantine_why = why
        self._live.wake()
        site = self._live.site
        row = QuarantineRow(
            operator_id=site.operator_id,
            station_id=live.evse.station_id,
            evse_id=live.evse.evse_id,
            most_a=live.conduct.verification.most_a,
            why=why,
            actor=actor,
            at=self._live.clock.now(),
        )
        await self._records.quarantine(row)

    async def release(self, live: LiveEvse, actor: str) -> None:
        """A person has looked at it: the EVSE is trusted again, and watched like any other."""
        await self._records.release(live.evse.key, actor)
        live.conduct.verification = released(self._live.clock.monotonic())
        live.conduct.quarantine_why = ""
        self._live.wake()
