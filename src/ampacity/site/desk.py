"""Where people and programs ask: limits, strategy, wishes for a session.

Each wish is durable, with its audit row, before it counts; the law sees it with the tick that follows at
once.
"""

from __future__ import annotations

from datetime import datetime

from ..model.groups import GROUP
from ..model.protection import LimitPiece
from ..model.proving import ProbeReport, ProbeRun
from ..model.site import UNLIMITED_A, EvseKey, LimitSource, SharingRules, Strategy
from .device_desk import DeviceDesk
from .devices import SiteDevices
from .goals import GoalKeeper
from .heard import HeardDesk
from .live_site import LiveSite
from .metering import MeterDesk
from .meters.running import SiteMeters
from .orders import Orders
from .prover import Prover
from .records import SiteRecords
from .safe import Safe
from .session_desk import SessionDesk
from .verification import Verifier


class Desk(MeterDesk, SessionDesk, DeviceDesk, HeardDesk):
    """The asking half of `api.context.SiteRuntime`. Unknown circuits and EVSEs are a LookupError, an EVSE
    where nothing charges is a ValueError.
    """

    def __init__(
        self,
        live_site: LiveSite,
        records: SiteRecords,
        verifier: Verifier,
        prover: Prover,
        orders: Orders,
        meters: SiteMeters,
        safe: Safe,
        goals: GoalKeeper,
        devices: SiteDevices,
    ) -> None:
        MeterDesk.__init__(self, live_site, records, meters, safe)
        SessionDesk.__init__(self, live_site, records, goals)
        DeviceDesk.__init__(self, live_site, records, devices, meters.maps)
        self._verifier = verifier
        self._prover = prover
        self._orders = orders

    # ------------------------------------------------------------ the site

    async def set_limit(
        self,
        circuit_id: str,
        limit_a: float | None,
        source: str,
        valid_until: datetime | None,
        fallback_a: float | None,
        actor: str,
        *,
        limit_w: float | None = None,
        fallback_w: float | None = None,
        pieces: tuple[LimitPiece, ...] = (),
    ) -> None:
        """Put `source`'s limit on a circuit in the place of its former one: in amperes per phase, in watts of
        all phases together, or both; `pieces` go before both while they hold."""
        self._live.check_circuit(circuit_id)
        _check_source(source)
        limit = LimitSource(
            limit_a=UNLIMITED_A if limit_a is None else limit_a,
            source=source,
            valid_until=valid_until.timestamp() if valid_until is not None else None,
            fallback_a=fallback_a,
            limit_w=limit_w,
            fallback_w=fallback_w,
            pieces=pieces,
        )
        await self._records.set_limit(circuit_id, limit, actor)
        self._live.limits[circuit_id][source] = limit
        self.limit_told(circuit_id, source)
        self._live.wake()

    def granted(self, circuit_id: str) -> tuple[LimitSource, ...]:
        """What a group grants the site on a circuit: a limit that is kept nowhere."""
        limits = self._live.limits.get(circuit_id, {}).values()
        return tuple(limit for limit in limits if limit.source.startswith(GROUP))

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None:
        """Take `source`'s limit away. LookupError where there is none."""
        self._live.check_circuit(circuit_id)
        _check_source(source)
        limits = self._live.limits[circuit_id]
        if source not in limits:
            known = ", ".join(sorted(limits)) or "none"
            raise LookupError(f"circuit {circuit_id!r} has no limit of {source!r}; it has {known}")
        await self._records.withdraw_limit(circuit_id, source, actor)
        limits.pop(source, None)
        self._live.wake()

    async def set_strategy(self, strategy: Strategy, actor: str) -> None:
        """Follow another strategy."""
        async with self._live.changing:
            await self._records.set_strategy(strategy, actor)
            self._live.follow(strategy)

    async def set_sharing(self, rules: SharingRules, actor: str) -> None:
        """Give what is scarce by another rule."""
        async with self._live.changing:
            await self._records.set_sharing(rules, actor)
            self._live.share_by(rules)

    async def safe_mode(self, on: bool, reason: str, actor: str) -> None:
        """Nobody gets more than what he draws unattended, or no longer. ValueError where it does not hold."""
        await self._orders.safe_mode(on, reason, actor)

    async def emergency_stop(
        self, reason: str, stop_sessions: bool, actor: str, *, stop_generation: bool = False
    ) -> None:
        """Everybody to nothing now; with `stop_sessions` every session is ended besides, with
        `stop_generation` inverters feed nothing in."""
        await self._orders.emergency_stop(reason, stop_sessions, actor, stop_generation)

    async def release_emergency_stop(self, reason: str, actor: str) -> None:
        """Let the site charge again. ValueError where nothing is stopped."""
        await self._orders.release(reason, actor)

    # ------------------------------------------------------------ one EVSE

    async def quarantine(self, evse_key: EvseKey, why: str, actor: str) -> None:
        """Set an EVSE aside that is not to be trusted."""
        await self._verifier.quarantine(self._live.evse(evse_key), why, actor)

    async def probe(self, station_id: str, actor: str) -> ProbeReport:
        """Find out what a station's firmware really does; takes a minute or two of site time."""
        return await self._prover.probe(station_id, actor)

    def proven(self, evse_key: EvseKey) -> bool:
        """Whether an EVSE's base profile was read back. LookupError for an unknown one."""
        return self._live.evse(evse_key).proven

    def probing(self) -> tuple[ProbeRun, ...]:
        """The probes that run now, with what they have found so far."""
        return self._prover.probing

    async def release(self, evse_key: EvseKey, actor: str) -> None:
        """Trust an EVSE again. ValueError for one that is not in quarantine."""
        live = self._live.evse(evse_key)
        if live.conduct.verification.trust != "quarantined":
            raise ValueError(f"EVSE {evse_key[1]} of station {evse_key[0]!r} is not in quarantine")
        await self._verifier.release(live, actor)


def _check_source(source: str) -> None:
    """ValueError for a source whose limits come with the grants of a group."""
    if source.startswith(GROUP):
        name = source.removeprefix(GROUP)
        raise ValueError(
            f"{source!r} is what group {name!r} grants the site: change the group, or use another name"
        )
