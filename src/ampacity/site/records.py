"""What a site keeps: limits and wishes, each with its audit row in the same unit of work.

A command of a person returns when both are durable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import Connection

from ..clock import Clock
from ..model.devices import Device
from ..model.goals import NO_GOALS, GoalKind, Goals
from ..model.proving import Assessment, ProbeReport
from ..model.site import EvseKey, LimitSource, MeterConfig, SharingRules, Site, Strategy
from ..model.station import StationInfo
from ..store import (
    Store,
    audit,
    devices,
    profiles,
    proving,
    quarantines,
    sharing,
    site_modes,
    sites,
    transactions,
)
from ..store.identifiers import sortable_id
from ..store.quarantines import QuarantineRow
from ..store.sharing import ShareRow
from .commissioning import BASE_ID, LEASE_ID
from .decisions.log import DecisionLog


class Wishes(Struct, frozen=True, kw_only=True):
    """What people want of a session."""

    boosted: bool
    paused: bool
    need_wh: float | None
    departure: datetime | None
    goals: Goals
    goal_reached: GoalKind | None


class SiteRecords:
    """The store, as one site uses it. `load` first."""

    def __init__(self, store: Store, site: Site) -> None:
        self._store = store
        self._operator_id = site.operator_id
        self._site_id = site.site_id
        self._commissioned: set[str] = set()
        self.quarantines: list[QuarantineRow] = []
        self.phases: dict[EvseKey, int | None] = {}
        """How many phases each EVSE's base profile names."""
        self._probes: dict[tuple[str, ...], ProbeReport] = {}
        self.modes: list[site_modes.ModeRow] = []

    async def load(self) -> None:
        """Find out which stations hold their base profiles already, which EVSEs are in quarantine, and what
        people ordered of the whole site."""
        self.modes = await self._store.read(
            lambda connection: site_modes.modes_of(connection, self._operator_id, self._site_id)
        )
        self.quarantines = await self._store.read(
            lambda connection: quarantines.list_quarantines(connection, self._operator_id)
        )
        probes = await self._store.read(lambda connection: proving.list_probes(connection, self._operator_id))
        self._probes = {(one.vendor, one.model, one.firmware, one.version): one for one in probes}
        rows = await self._store.read(
            lambda connection: profiles.list_profiles(connection, self._operator_id)
        )
        self._commissioned = {
            row.station_id for row in rows if row.status == "accepted" and BASE_ID < row.profile_id < LEASE_ID
        }
        for row in rows:
            if row.status == "accepted" and BASE_ID < row.profile_id < LEASE_ID:
                self.phases[row.station_id, row.evse_id] = _phases_in(row.profile)

    def commissioned(self, station_id: str) -> bool:
        """Whether the station has taken its base profiles before."""
        return station_id in self._commissioned

    def mark_commissioned(self, station_id: str) -> None:
        """It has; the registry of profiles keeps it."""
        self._commissioned.add(station_id)

    def forget_commissioned(self, station_id: str) -> None:
        """What it has taken is no longer what it should hold."""
        self._commissioned.discard(station_id)

    def decision_log(self, clock: Clock) -> DecisionLog:
        """Where the site's controller leaves what it saw and decided."""
        return DecisionLog(self._store, self._operator_id, self._site_id, clock)

    async def limits(self) -> dict[str, tuple[LimitSource, ...]]:
        """Limits that people and grid signals have set and that still count, by circuit."""
        now = self._store.clock.now()
        return await self._store.read(
            lambda connection: sites.limits_in_force(connection, self._operator_id, self._site_id, now)
        )

    async def set_limit(self, circuit_id: str, limit: LimitSource, actor: str) -> None:
        """Keep a limit."""
        now = self._store.clock.now()
        await self._deed(
            actor,
            "set_limit",
            f"circuit/{self._site_id}/{circuit_id}",
            structs.asdict(limit),
            lambda connection: sites.set_limit(
                connection, self._operator_id, self._site_id, circuit_id, limit, actor, now
            ),
        )

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None:
        """End a limit."""
        now = self._store.clock.now()
        await self._deed(
            actor,
            "withdraw_limit",
            f"circuit/{self._site_id}/{circuit_id}",
            {"source": source},
            lambda connection: sites.withdraw_limit(
                connection, self._operator_id, self._site_id, circuit_id, source, actor, now
            ),
        )

    async def set_meter(self, circuit_id: str, config: MeterConfig | None, actor: str) -> None:
        """Keep how a circuit is metered. Its password is sealed, and the audit does not name it."""
        named = None if config is None else structs.asdict(structs.replace(config, password=""))
        await self._deed(
            actor,
            "set_meter",
            f"circuit/{self._site_id}/{circuit_id}",
            named,
            lambda connection: sites.set_meter(
                connection, self._operator_id, self._site_id, circuit_id, config
            ),
        )

    async def stations_elsewhere(self, station_ids: set[str]) -> dict[str, str]:
        """Which of the stations have EVSEs at another site, and at which."""
        return await self._store.read(
            lambda connection: sites.stations_elsewhere(
                connection, self._operator_id, self._site_id, station_ids
            )
        )

    async def rebuild(
        self, site: Site, gone: set[str], circuits_gone: set[str], changes: dict[str, Any], actor: str
    ) -> None:
        """Keep a site as it is built now; stations that are `gone` stand nowhere, and limits of circuits that
        are gone end."""
        now = self._store.clock.now()

        def deed(connection: Connection) -> None:
            sites.save_site(connection, site, now, actor)
            sites.leave_site(connection, self._operator_id, self._site_id, gone)
            for circuit_id in circuits_gone:
                sites.withdraw_limits(connection, self._operator_id, self._site_id, circuit_id, actor, now)

        await self._deed(actor, "rebuild_site", f"site/{self._site_id}", changes, deed)

    async def set_mode(self, row: site_modes.ModeRow, action: str) -> None:
        """Keep an order for the whole site."""
        await self._deed(
            row.set_by,
            action,
            f"site/{self._site_id}",
            {
                "reason": row.reason,
                "stop_sessions": row.stop_sessions,
                "stop_generation": row.stop_generation,
            },
            lambda connection: site_modes.set_mode(connection, row),
        )

    async def end_mode(self, mode: Literal["safe", "stopped"], reason: str, action: str, actor: str) -> None:
        """Keep that it holds no longer."""
        await self._deed(
            actor,
            action,
            f"site/{self._site_id}",
            {"reason": reason},
            lambda connection: site_modes.end_mode(connection, self._operator_id, self._site_id, mode),
        )

    async def set_strategy(self, strategy: Strategy, actor: str) -> None:
        """Keep how the site shares."""
        await self._deed(
            actor,
            "set_strategy",
            f"site/{self._site_id}",
            {"strategy": strategy},
            lambda connection: sites.set_strategy(connection, self._operator_id, self._site_id, strategy),
        )

    def probe_of(self, info: StationInfo, version: str) -> ProbeReport | None:
        """What is known of a firmware."""
        return self._probes.get((info.vendor, info.model, info.firmware, version))

    async def keep_probe(self, report: ProbeReport) -> ProbeReport:
        """Keep what a probe has found; returns it with what is known from before."""
        key = (report.vendor, report.model, report.firmware, report.version)
        await self._deed(
            report.actor,
            "probe",
            f"station/{report.station_id}",
            {finding.name: finding.passed for finding in report.findings},
            lambda connection: proving.save_probe(connection, self._operator_id, report),
        )
        known = await self._store.read(
            lambda connection: proving.find_probe(connection, self._operator_id, *key)
        )
        self._probes[key] = known or report
        return self._probes[key]

    async def take_device(self, device_id: str, holder: str, seconds: float) -> int | None:
        """Become the one who commands a device, or stay it; the epoch, or None while somebody else is."""
        now = self._store.clock.now()
        until = now + timedelta(seconds=seconds)
        return await self._store.write(
            lambda connection: devices.take_device(
                connection, self._operator_id, self._site_id, device_id, holder, now, until
            )
        )

    async def leave_device(self, device_id: str, holder: str) -> None:
        """Let others command a device."""
        now = self._store.clock.now()
        await self._store.write(
            lambda connection: devices.leave_device(
                connection, self._operator_id, self._site_id, device_id, holder, now
            )
        )

    async def set_device(self, device_id: str, device: Device | None, actor: str) -> None:
        """Keep a device of the site, or forget it (None)."""

        def deed(connection: Connection) -> None:
            if device is None:
                devices.remove_device(connection, self._operator_id, self._site_id, device_id)
            else:
                devices.save_device(connection, self._operator_id, self._site_id, device)

        detail = None if device is None else structs.asdict(device)
        await self._deed(actor, "set_device", f"device/{self._site_id}/{device_id}", detail, deed)

    async def newest_assessment(self) -> Assessment | None:
        """The site's newest assessment."""
        rows = await self._store.read(
            lambda connection: proving.list_assessments(connection, self._operator_id, self._site_id)
        )
        return proving.assessment_of(rows[0]) if rows else None

    async def keep_assessment(
        self, found: Assessment, actor: str, action: str | None, *, commissioned: bool = False
    ) -> None:
        """Keep how an assessment stands; with an `action` it goes into the audit, and `commissioned` lets the
        site use all of its headroom.
        """
        row = proving.assessment_row(self._operator_id, found)

        def deed(connection: Connection) -> None:
            proving.save_assessment(connection, row)
            if commissioned:
                sites.set_commissioned(connection, self._operator_id, self._site_id)

        if action is None:
            await self._store.write(deed)
        else:
            detail = {"assessment": found.assessment_id}
            await self._deed(actor, action, f"site/{self._site_id}", detail, deed)

    async def quarantine(self, row: QuarantineRow) -> None:
        """Keep that an EVSE is set aside."""
        await self._deed(
            row.actor,
            "quarantine",
            f"evse/{row.station_id}/{row.evse_id}",
            {"why": row.why, "most_a": row.most_a},
            lambda connection: quarantines.save_quarantine(connection, row),
        )

    async def release(self, key: EvseKey, actor: str) -> None:
        """It is no longer."""
        await self._deed(
            actor,
            "release",
            f"evse/{key[0]}/{key[1]}",
            {},
            lambda connection: quarantines.remove_quarantine(connection, self._operator_id, *key),
        )

    async def set_wish(
        self, transaction_id: str, wish: Literal["boost", "pause"], on: bool, actor: str
    ) -> None:
        """Keep a person's wish for a session."""
        change: dict[str, Any] = {"boosted": on} if wish == "boost" else {"paused": on}
        await self._deed(
            actor,
            wish,
            f"transaction/{transaction_id}",
            {"on": on},
            lambda connection: transactions.set_wish(connection, self._operator_id, transaction_id, change),
        )

    async def set_need(
        self, transaction_id: str, need_wh: float | None, departure: datetime | None, actor: str
    ) -> None:
        """Keep what the driver needs."""
        change: dict[str, Any] = {"need_wh": need_wh, "departure": departure}
        await self._deed(
            actor,
            "declare_need",
            f"transaction/{transaction_id}",
            {"need_wh": need_wh, "departure": departure.isoformat() if departure is not None else None},
            lambda connection: transactions.set_wish(connection, self._operator_id, transaction_id, change),
        )

    async def set_sharing(self, rules: SharingRules, actor: str) -> None:
        """Keep whom the site gives what is scarce."""
        await self._deed(
            actor,
            "set_sharing",
            f"site/{self._site_id}",
            rules,
            lambda connection: sites.set_sharing(connection, self._operator_id, self._site_id, rules),
        )

    async def boost(
        self, transaction_id: str, token: str | None, day: str, quota: int | None, actor: str
    ) -> None:
        """Keep that a session goes before others, and count it for its token's `day`. Raises BoostQuotaUsed
        where that has had its `quota`."""
        now = self._store.clock.now()

        def unit(connection: Connection) -> None:
            sharing.claim_boost(
                connection, self._operator_id, self._site_id, day, transaction_id, token, quota, actor, now
            )
            transactions.set_wish(connection, self._operator_id, transaction_id, {"boosted": True})

        await self._deed(actor, "boost", f"transaction/{transaction_id}", {"on": True}, unit)

    async def shares_of(self, transaction_id: str) -> list[ShareRow]:
        """What a session got, as far as it was kept."""
        return await self._store.read(
            lambda connection: sharing.shares_of(connection, self._operator_id, self._site_id, transaction_id)
        )

    async def save_shares(self, rows: list[ShareRow]) -> None:
        """Keep what sessions got."""
        await self._store.write(lambda connection: sharing.save_shares(connection, rows))

    async def set_goals(self, transaction_id: str, goals: Goals, actor: str) -> None:
        """Keep what a session shall end at or wait for; what was reached before counts no more."""
        change: dict[str, Any] = {"goals": goals, "goal_reached": None}
        await self._deed(
            actor,
            "set_goals",
            f"transaction/{transaction_id}",
            goals,
            lambda connection: transactions.set_wish(connection, self._operator_id, transaction_id, change),
        )

    async def set_goal_reached(self, transaction_id: str, reached: GoalKind, text: str, actor: str) -> None:
        """Keep which of its goals a session came to."""
        await self._deed(
            actor,
            "goal_reached",
            f"transaction/{transaction_id}",
            {"goal": reached, "text": text},
            lambda connection: transactions.set_wish(
                connection, self._operator_id, transaction_id, {"goal_reached": reached}
            ),
        )

    async def wishes(self, transaction_id: str) -> Wishes | None:
        """What people wanted of a session; None where nobody said anything."""
        row = await self._store.read(
            lambda connection: transactions.wish_of(connection, self._operator_id, transaction_id)
        )
        if row is None:
            return None
        return Wishes(
            boosted=row.boosted,
            paused=row.paused,
            need_wh=row.need_wh,
            departure=row.departure,
            goals=row.goals or NO_GOALS,
            goal_reached=row.goal_reached,
        )

    async def note(self, actor: str, action: str, target: str) -> None:
        """Keep that somebody did something that is kept nowhere else."""
        await self._deed(actor, action, target, None, lambda connection: None)

    async def _deed(
        self, actor: str, action: str, target: str, detail: Any, deed: Callable[[Connection], object]
    ) -> None:
        """Do it and write who did it, in one unit of work."""
        now = self._store.clock.now()
        audit_id = sortable_id(now)

        def unit(connection: Connection) -> None:
            audit.add(connection, self._operator_id, audit_id, now, actor, action, target, detail)
            deed(connection)
            audit.finish(connection, self._operator_id, audit_id, now, "done")

        await self._store.write(unit)


def _phases_in(profile: Any) -> int | None:
    """The number of phases that a stored profile names; None for none."""
    periods: list[dict[str, Any]] = profile.get("periods") or [{}]
    return periods[0].get("number_phases")
