"""Who runs a group: hears its members, asks the law, answers with grants.

It coordinates as long as it holds the group's lease in the store; another program that takes over has a
higher epoch, and knows nothing of what was promised before (`control.groups.law` says what follows).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec import structs

from ...bus import Bus
from ...clock import Clock
from ...control.groups import law
from ...control.groups.check import as_site
from ...control.groups.types import GroupDecision, GroupSnapshot, GroupState
from ...control.types import CircuitState
from ...model.events import CircuitMetered
from ...model.groups import GroupStop, GroupView, MemberAnswer, MemberReport, SiteGroup
from ...model.phases import PerPhase
from ...store import Store, StoreError, groups
from ..meters import Checks, Told, event_of
from ..meters.running import SiteMeters
from ..safe import Safe
from .view import group_view

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
HOLD_S: Final = 15.0
"""So long the store knows us as the coordinator without hearing from us."""

RENEW_S: Final = 5.0


class GroupCoordinator:
    """`run` it, and hand it reports. `epoch` is None while another program coordinates the group."""

    def __init__(
        self,
        group: SiteGroup,
        store: Store,
        bus: Bus,
        clock: Clock,
        holder: str,
        safe: Safe | None = None,
        meter_maps: Path | None = None,
    ) -> None:
        self.group = group
        self.stop: GroupStop | None = None
        self.decision: GroupDecision | None = None
        self._bare = _bare(group)
        self._store, self._clock, self._holder = store, clock, holder
        self._state: GroupState | None = None
        self._held_until = 0.0
        self._metered: dict[str, CircuitMetered] = {}
        self._metered_at: dict[str, float] = {}
        self._checks: dict[str, Checks] = {}
        self.meters = SiteMeters(
            lambda: as_site(self.group), lambda _: None, clock, bus, safe or Safe(None), meter_maps
        )
        self._end_hearing = bus.subscribe(CircuitMetered, self._circuit_metered)

    @property
    def epoch(self) -> int | None:
        """Of the lease that we hold."""
        if self._state is None or self._clock.monotonic() >= self._held_until:
            return None
        return self._state.epoch

    async def run(self) -> None:
        """Coordinate until cancelled, whenever nobody else does."""
        meters = asyncio.create_task(self.meters.run(), name=f"meters of group {self.group.group_id}")
        renewed_at = -RENEW_S
        try:
            while True:
                if meters.done():
                    meters.result()
                if self._clock.monotonic() - renewed_at >= RENEW_S:
                    renewed_at = self._clock.monotonic()
                    await self._renew()
                if self.epoch is not None:
                    self._step()
                await self._clock.sleep(TICK_S)
        finally:
            meters.cancel()
            await asyncio.gather(meters, return_exceptions=True)
            self._end_hearing()
            await self._leave()

    def follow(self, group: SiteGroup) -> None:
        """Coordinate it as it is configured from now on."""
        before = {circuit.circuit_id: circuit.meter for circuit in self.group.circuits}
        self.group, self._bare = group, _bare(group)
        known = {member.site_id for member in group.members}
        if self._state is not None:
            members = {name: memory for name, memory in self._state.members.items() if name in known}
            self._state = structs.replace(self._state, members=members)
        self._checks.clear()
        for circuit in group.circuits:
            if circuit.meter != before.pop(circuit.circuit_id, None):
                self.meters.follow(circuit.circuit_id)
        for circuit_id in before:
            self.meters.follow(circuit_id)

    async def answer(self, report: MemberReport) -> MemberAnswer:
        """What a member is told. LookupError for a stranger. Without the lease nothing is granted."""
        if all(member.site_id != report.site_id for member in self.group.members):
            known = ", ".join(member.site_id for member in self.group.members)
            raise LookupError(
                f"group {self.group.group_id!r} has no member {report.site_id!r}; it has {known}"
            )
        if self.epoch is None or self._state is None:
            raise ConnectionError(f"another program coordinates group {self.group.group_id!r}")
        at = self._clock.monotonic()
        self._state = law.hear(self._state, self._bare, report, at)
        decision = self._step()
        self._state, grant = law.issue(self._state, self._bare, decision, report.site_id, at)
        return MemberAnswer(grant=grant, stop=self.stop)

    def pushed(self, circuit_id: str, current_a: PerPhase, power_w: float | None) -> None:
        """A reading that somebody pushes, taken now. LookupError for an unknown circuit, ValueError for one
        whose meter is not pushed, MeterTrouble for a reading that can't be."""
        circuit = next((c for c in self.group.circuits if c.circuit_id == circuit_id), None)
        if circuit is None:
            known = ", ".join(c.circuit_id for c in self.group.circuits)
            raise LookupError(f"group {self.group.group_id!r} has no circuit {circuit_id!r}; it has {known}")
        if circuit.meter is None or circuit.meter.protocol != "push":
            raise ValueError(f"circuit {circuit_id!r} has no meter that is pushed: give it one of `push`")
        now = self._clock.now()
        checks = self._checks.setdefault(
            circuit_id, Checks(circuit.meter, circuit.rating_a, self.group.voltage_v)
        )
        told = Told(current_a=current_a, at=now)
        if power_w is not None:
            told = structs.replace(told, total_w=power_w)
        self._circuit_metered(event_of(self.group.source, circuit_id, checks.judge(told, now)))

    def view(self, names: dict[str, str]) -> GroupView:
        """The group now; `names` are those of the sites that are known here."""
        metered = {circuit_id: told.current_a for circuit_id, told in self._metered.items()}
        decision = self.decision if self.epoch is not None else None
        return group_view(
            self.group, self._state, decision, self.stop, metered, names, self._clock.monotonic()
        )

    def _step(self) -> GroupDecision:
        assert self._state is not None
        circuits = {}
        for circuit in self.group.circuits:
            told = self._metered.get(circuit.circuit_id)
            circuits[circuit.circuit_id] = CircuitState(
                circuit_id=circuit.circuit_id,
                limits=circuit.limits,
                metered_a=None if told is None else told.current_a,
                metered_at=self._metered_at.get(circuit.circuit_id),
                metered_w=None if told is None else told.power_w,
            )
        snapshot = GroupSnapshot(
            group=self._bare, circuits=circuits, at=self._clock.monotonic(), epoch_s=self._clock.time()
        )
        self._state, self.decision = law.step(self._state, snapshot)
        return self.decision

    def _circuit_metered(self, event: CircuitMetered) -> None:
        if event.site_id != self.group.source:
            return
        # The law's times are monotonic; a reading is as old as it is by the clock of people.
        age_s = max(0.0, (self._clock.now() - event.at).total_seconds())
        self._metered[event.circuit_id] = event
        self._metered_at[event.circuit_id] = self._clock.monotonic() - age_s

    async def _renew(self) -> None:
        operator_id, group_id = self.group.operator_id, self.group.group_id
        now, at = self._clock.now(), self._clock.monotonic()
        until = now + timedelta(seconds=HOLD_S)
        try:
            epoch = await self._store.write(
                lambda connection: groups.take_group(
                    connection, operator_id, group_id, self._holder, now, until
                )
            )
        except StoreError as problem:
            log.warning("group %s: the lease can't be renewed: %s", group_id, problem)
            return
        if epoch is None:
            self._held_until = at
            return
        if self._state is None or self._state.epoch != epoch:
            self._state = GroupState(epoch=epoch)
        self._held_until = at + HOLD_S

    async def _leave(self) -> None:
        operator_id, group_id, now = self.group.operator_id, self.group.group_id, self._clock.now()
        with contextlib.suppress(StoreError):
            await self._store.write(
                lambda connection: groups.leave_group(connection, operator_id, group_id, self._holder, now)
            )


def _bare(group: SiteGroup) -> SiteGroup:
    """Limits live beside the circuits, where a change of them changes nothing else."""
    return structs.replace(
        group, circuits=tuple(structs.replace(circuit, limits=()) for circuit in group.circuits)
    )
