"""All groups that a node knows: kept in the store, coordinated here, this node's sites as their members."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from sqlalchemy import Connection

from ...bus import Bus
from ...clock import Clock
from ...control.groups.check import GroupError, as_site, check
from ...control.topology import Topology
from ...model.groups import GROUP, GroupMember, GroupStop, GroupView, MemberAnswer, MemberReport, SiteGroup
from ...model.phases import PerPhase
from ...model.site import LimitSource, Site
from ...store import Store, audit, groups, site_modes
from ...store.identifiers import sortable_id
from ...store.site_modes import ModeRow
from ..controller import SiteController
from ..meters.config import check_config
from ..safe import Safe, hidden, resealed
from .coordinator import GroupCoordinator
from .membership import SiteMembership
from .remote import ParentSettings, RemoteParent

log = logging.getLogger(__name__)


class Groups:
    """`load`, then `run`; people's changes hold when they return. Unknown groups are a LookupError."""

    def __init__(
        self,
        store: Store,
        operator_id: str,
        bus: Bus,
        clock: Clock,
        sites: Mapping[str, SiteController],
        holder: str,
        safe: Safe | None = None,
        meter_maps: Path | None = None,
        parents: tuple[ParentSettings, ...] = (),
    ) -> None:
        self.operator_id = operator_id
        self._store, self._bus, self._clock = store, bus, clock
        self._sites, self._holder, self._maps = sites, holder, meter_maps
        self._safe = safe or Safe(None)
        self._coordinators: dict[str, GroupCoordinator] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._parents = parents
        self._remotes: list[RemoteParent] = []
        self._failed = asyncio.Event()
        self._changing = asyncio.Lock()
        self._runs = False

    async def load(self) -> None:
        """Make this node's sites members of what they are members of, before their controllers run. Raises
        OSError where a parent's key can't be read, and ValueError for one whose site is not here."""
        for group in await self._store.read(
            lambda connection: groups.list_groups(connection, self.operator_id)
        ):
            coordinator = self._coordinators[group.group_id] = self._coordinator(group)
            coordinator.stop = await self._stop_kept(group.source)
            self._join(group, joins=False)
        for parent in self._parents:
            site = self._sites.get(parent.site_id)
            if site is None:
                known = ", ".join(self._sites) or "none"
                raise ValueError(
                    f"there is no site {parent.site_id!r} here; there is {known}: name one of them"
                )
            if site.parent is not None:
                raise ValueError(
                    f"site {parent.site_id!r} is a member of group {site.parent.group_id!r} here "
                    "already: a site has one parent"
                )
            remote = RemoteParent(parent)
            self._remotes.append(remote)
            site.parent = SiteMembership(
                site.live_site,
                site,
                self._clock,
                remote.ask,
                parent.group_id,
                parent.guaranteed_a,
                parent.lease_s,
                parent.settle_s,
            )

    def adopt(self, controller: SiteController) -> None:
        """Let a site that is new here follow the group that names it."""
        for coordinator in self._coordinators.values():
            for member in coordinator.group.members:
                if member.site_id == controller.site.site_id:
                    self._follow(controller, coordinator.group, member, joins=False)

    async def run(self) -> None:
        """Coordinate until cancelled. A defect in one group ends all, as in a site."""
        self._runs = True
        try:
            for group_id in self._coordinators:
                self._start(group_id)
            await self._failed.wait()
            for task in self._tasks.values():
                if task.done():
                    task.result()
        finally:
            self._runs = False
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for remote in self._remotes:
                await remote.close()

    # ------------------------------------------------------------ what people ask

    def known(self) -> tuple[SiteGroup, ...]:
        """The groups as they are configured, without passwords."""
        return tuple(_hidden(coordinator.group) for coordinator in self._coordinators.values())

    def group(self, group_id: str) -> SiteGroup:
        """One of them."""
        return _hidden(self._of(group_id).group)

    def view(self, group_id: str) -> GroupView:
        """How a group stands."""
        names = {site_id: controller.site.name for site_id, controller in self._sites.items()}
        return self._of(group_id).view(names)

    async def answer(self, group_id: str, report: MemberReport) -> MemberAnswer:
        """What a member is told; of another node's, over the API."""
        return await self._of(group_id).answer(report)

    async def save(self, group: SiteGroup, actor: str) -> None:
        """Add a group, or change it. GroupError (a ValueError) where it can't be."""
        async with self._changing:
            await self._save(group, actor)

    async def limit(
        self, group_id: str, circuit_id: str, source: str, limit: LimitSource | None, actor: str
    ) -> None:
        """Put `source`'s limit on a circuit in the place of its former one; None withdraws it. LookupError
        where there is none."""
        async with self._changing:
            group = self._of(group_id).group
            found = next((c for c in group.circuits if c.circuit_id == circuit_id), None)
            if found is None:
                known = ", ".join(circuit.circuit_id for circuit in group.circuits)
                raise LookupError(f"group {group_id!r} has no circuit {circuit_id!r}; it has {known}")
            others = tuple(known for known in found.limits if known.source != source)
            if limit is None and len(others) == len(found.limits):
                named = ", ".join(known.source for known in found.limits) or "none"
                raise LookupError(f"circuit {circuit_id!r} has no limit of {source!r}; it has {named}")
            changed = structs.replace(found, limits=others if limit is None else (*others, limit))
            circuits = tuple(changed if circuit is found else circuit for circuit in group.circuits)
            await self._save(structs.replace(group, circuits=circuits), actor)

    async def _save(self, group: SiteGroup, actor: str) -> None:
        known = self._coordinators.get(group.group_id)
        kept = as_site(group if known is None else known.group)
        group = structs.replace(group, circuits=resealed(as_site(group), kept, self._safe).circuits)
        check(group)
        for circuit in group.circuits:
            if circuit.meter is not None:
                check_config(circuit.meter, self._maps)
        self._check_sites(group)
        now = self._clock.now()
        await self._deed(
            actor,
            "set_group",
            group.group_id,
            _hidden(group),
            lambda connection: groups.save_group(connection, group, actor, now),
        )
        if known is None:
            self._coordinators[group.group_id] = self._coordinator(group)
            if self._runs:
                self._start(group.group_id)
        else:
            known.follow(group)
        self._join(group, joins=True)

    async def remove(self, group_id: str, actor: str) -> None:
        """Forget a group: its members are limited by it no more. Those that are stopped stay so."""
        source = self._of(group_id).group.source

        def forget(connection: Connection) -> None:
            groups.remove_group(connection, self.operator_id, group_id)
            site_modes.end_mode(connection, self.operator_id, source, "stopped")

        await self._deed(actor, "remove_group", group_id, None, forget)
        del self._coordinators[group_id]
        task = self._tasks.pop(group_id, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for controller in self._sites.values():
            if controller.parent is not None and controller.parent.group_id == group_id:
                controller.parent.leave()
                controller.parent = None

    async def stop(
        self,
        group_id: str,
        reason: str,
        stop_sessions: bool,
        actor: str,
        *,
        stop_generation: bool = False,
    ) -> None:
        """Stop all members: those of this node with their next step, others when they report next."""
        coordinator = self._of(group_id)
        row = ModeRow(
            operator_id=self.operator_id,
            site_id=f"{GROUP}{group_id}",
            mode="stopped",
            reason=reason,
            set_by=actor,
            set_at=self._clock.now(),
            stop_sessions=stop_sessions,
            stop_generation=stop_generation,
        )
        try:
            detail = {
                "reason": reason,
                "stop_sessions": stop_sessions,
                "stop_generation": stop_generation,
            }
            await self._deed(
                actor,
                "emergency_stop",
                group_id,
                detail,
                lambda connection: site_modes.set_mode(connection, row),
            )
        finally:
            # Also where the store fails and the asker is told so: to be safe must not wait for a disk.
            coordinator.stop = _stop_of(row)
            self._wake(group_id)

    async def release(self, group_id: str, reason: str, actor: str) -> None:
        """Let them charge again. ValueError where nothing is stopped."""
        coordinator = self._of(group_id)
        if coordinator.stop is None:
            raise ValueError(f"group {group_id!r} is not stopped")
        source = f"{GROUP}{group_id}"
        await self._deed(
            actor,
            "release_emergency_stop",
            group_id,
            {"reason": reason},
            lambda connection: site_modes.end_mode(connection, self.operator_id, source, "stopped"),
        )
        coordinator.stop = None
        self._wake(group_id)

    def record_meter(
        self, group_id: str, circuit_id: str, current_a: PerPhase, power_w: float | None = None
    ) -> None:
        """A reading of a circuit's meter that somebody pushes, taken now. ValueError where the circuit has no
        meter that is pushed, or one that reads otherwise."""
        self._of(group_id).pushed(circuit_id, current_a, power_w)

    # ------------------------------------------------------------ inside

    async def _stop_kept(self, source: str) -> GroupStop | None:
        rows = await self._store.read(
            lambda connection: site_modes.modes_of(connection, self.operator_id, source)
        )
        return next((_stop_of(row) for row in rows), None)

    def _of(self, group_id: str) -> GroupCoordinator:
        found = self._coordinators.get(group_id)
        if found is None:
            known = ", ".join(self._coordinators) or "none"
            raise LookupError(f"there is no group {group_id!r}; there is {known}")
        return found

    def _coordinator(self, group: SiteGroup) -> GroupCoordinator:
        return GroupCoordinator(
            group, self._store, self._bus, self._clock, self._holder, self._safe, self._maps
        )

    def _start(self, group_id: str) -> None:
        task = asyncio.create_task(self._coordinators[group_id].run(), name=f"group {group_id}")
        self._tasks[group_id] = task
        task.add_done_callback(lambda done: None if done.cancelled() else self._failed.set())

    def _join(self, group: SiteGroup, *, joins: bool) -> None:
        """Let the sites of this node follow the group, those that are members now, and only those."""
        for site_id, controller in self._sites.items():
            if controller.site.operator_id != self.operator_id:
                continue
            member = next((member for member in group.members if member.site_id == site_id), None)
            if member is not None:
                self._follow(controller, group, member, joins=joins)
            elif controller.parent is not None and controller.parent.group_id == group.group_id:
                controller.parent.leave()
                controller.parent = None

    def _follow(
        self, controller: SiteController, group: SiteGroup, member: GroupMember, *, joins: bool
    ) -> None:
        if controller.parent is not None:
            controller.parent.guarantee(member.guaranteed_a)
            return
        controller.parent = SiteMembership(
            controller.live_site,
            controller,
            self._clock,
            self._coordinators[group.group_id].answer,
            group.group_id,
            member.guaranteed_a,
            group.lease_s,
            group.settle_s,
            joins=joins,
        )

    def _check_sites(self, group: SiteGroup) -> None:
        """What is known of its members here: that they have no other parent, and that they carry what may
        flow when nobody steers them."""
        for member in group.members:
            controller = self._sites.get(member.site_id)
            if controller is None:
                continue
            if controller.site.operator_id != self.operator_id:
                raise GroupError(
                    f"group {group.group_id}: site {member.site_id} is another operator's: give yours "
                    "another id"
                )
            parent = controller.parent
            if parent is not None and parent.group_id != group.group_id:
                raise GroupError(
                    f"group {group.group_id}: site {member.site_id} is a member of group {parent.group_id}: "
                    "take it out there first"
                )
            worst_a = unattended_a(controller.site)
            if worst_a > member.guaranteed_a + 1e-6:
                raise GroupError(
                    f"group {group.group_id}: member {member.site_id} is guaranteed "
                    f"{member.guaranteed_a:g} A, and draws up to {worst_a:g} A when nobody steers it "
                    "(reserve_a of its grid connection and safe_a of its EVSEs): guarantee that, or lower "
                    "safe_a"
                )

    def _wake(self, group_id: str) -> None:
        for controller in self._sites.values():
            if controller.parent is not None and controller.parent.group_id == group_id:
                controller.parent.hurry()

    async def _deed(
        self, actor: str, action: str, group_id: str, detail: Any, deed: Callable[[Connection], object]
    ) -> None:
        now = self._clock.now()
        audit_id = sortable_id(now)
        told = None if detail is None else msgspec.to_builtins(detail)

        def unit(connection: Connection) -> None:
            target = f"group/{group_id}"
            audit.add(connection, self.operator_id, audit_id, now, actor, action, target, told)
            deed(connection)
            audit.finish(connection, self.operator_id, audit_id, now, "done")

        await self._store.write(unit)


def unattended_a(site: Site) -> float:
    """The most that flows on a phase of a site's grid connection when nobody steers it, as it is configured:
    the worst base, and what every EVSE draws unattended."""
    tree = Topology(site)
    by_phase = [site.root.reserve_a] * 3
    for i, evse in enumerate(site.evses):
        for row in tree.rows_of(i):
            if row // 3 == tree.root:
                by_phase[row % 3] += evse.safe_a
    return max(by_phase)


def _hidden(group: SiteGroup) -> SiteGroup:
    """The group as it may be shown."""
    return structs.replace(group, circuits=hidden(as_site(group)).circuits)


def _stop_of(row: ModeRow) -> GroupStop:
    return GroupStop(
        reason=row.reason,
        by=row.set_by,
        stop_sessions=row.stop_sessions,
        stop_generation=row.stop_generation,
    )
