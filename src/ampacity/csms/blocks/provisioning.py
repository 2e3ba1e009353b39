"""Provisioning: stations boot, are let in or made to wait, are told the time and how often to call, and are
asked and told what they need before they work for us.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from msgspec import UNSET, UnsetType

from ...model.events import StationBooted
from ...store import audit
from ...store.identifiers import sortable_id
from ...store.provisioning import save_provisioning
from ...store.stations import record_boot
from ...store.variables import booted
from .. import boot_policy
from ..boot_policy import BootPolicy, awaited_action
from ..context import Context
from ..dialects import dialect
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Boot,
    BootAnswer,
    Command,
    GetBaseReport,
    GetMonitoringReport,
    GetReport,
    GetVariables,
    Heartbeat,
    HeartbeatAnswer,
    Outcome,
    RenewCertificate,
    Trigger,
)
from .configuration import Configuration
from .reports import Reports

log = logging.getLogger(__name__)

ACTOR = "system onboarding"

Send = Callable[[StationState, Command], Awaitable[Outcome]]

_BRINGS: dict[type[Any], str] = {
    GetBaseReport: "NotifyReport",
    GetReport: "NotifyReport",
    GetMonitoringReport: "NotifyMonitoringReport",
    RenewCertificate: "SignCertificate",
}
_ASKING: tuple[type[Any], ...] = (Trigger, *_BRINGS)


class Provisioning:
    """BootNotification, Heartbeat, and what follows a boot.

    `send` carries a command out for the system.
    """

    def __init__(
        self,
        context: Context,
        send: Send,
        reports: Reports,
        configuration: Configuration,
    ) -> None:
        self._context = context
        self._send = send
        self._reports = reports
        self._configuration = configuration
        self._random = Random()
        self._onboarding: dict[str, asyncio.Task[None]] = {}
        self._told_to_boot: set[str] = set()
        self.disconnect: Callable[[str, str, str], object] = lambda operator_id, station_id, reason: None
        """Closes a station's socket; the node sets it."""
        self._asking: set[asyncio.Task[Outcome]] = set()
        self.when_booted: list[Callable[[StationState], None]] = []
        """Told of each station that was answered its boot."""

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={Boot: self.boot}, precedes=dict.fromkeys(_ASKING, (self.asking,)), stop=self.stop)

    # ------------------------------------------------------------ who may say and be told what

    def policy(self, state: StationState) -> BootPolicy:
        """The boot policy that holds for a station. One that was let in with an expired certificate is
        pending until it has come back with a new one (A00.FR.429).
        """
        chosen = state.boot_policy or self._context.settings.boot
        return "pending" if state.proof.expired and chosen == "accept" else chosen

    def provisions(self, state: StationState) -> bool:
        """Whether a station is provisioned by itself."""
        return self._context.settings.onboard if state.provision is None else state.provision

    def may_say(self, state: StationState, action: str) -> bool:
        """Whether a station may send this now; False is a SecurityError."""
        if state.registration == "Accepted":
            return True
        now = self._context.clock.time()
        return boot_policy.may_say(action, state.registration, self.policy(state), state.awaited, now)

    def refused(self, state: StationState) -> None:
        """A station said what it may not. One that never booted here does not know that it must: it is asked
        to, once."""
        if state.registration is None and state.station_id not in self._told_to_boot:
            self._told_to_boot.add(state.station_id)
            task = asyncio.ensure_future(self._send(state, Trigger(message="BootNotification")))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def asking(self, state: StationState, command: Command, actor: str) -> None:
        """A command is about to be sent: what it brings may be said."""
        if state.registration == "Accepted":
            return
        if isinstance(command, Trigger):
            state.awaited.ask(awaited_action(command.message), self._context.clock.time())
        else:
            state.awaited.ask(_BRINGS[type(command)], self._context.clock.time())

    # ------------------------------------------------------------ messages

    async def boot(self, state: StationState, said: Boot) -> BootAnswer:
        """Answer by the station's boot policy, and provision it where that is wanted."""
        answer = await self._answered(state, said)
        for tell in self.when_booted:
            tell(state)
        return answer

    async def _answered(self, state: StationState, said: Boot) -> BootAnswer:
        if self._is_another(state, said):
            return self._turned_away(state, said)
        context, settings = self._context, self._context.settings
        now = context.clock.now()
        state.info, state.boot_reason, state.booted_at = said.info, said.reason, now
        current = state.provisioned_for == self._configuration.fingerprint(state)
        provisioned = current and not state.proof.expired
        verdict = boot_policy.verdict(self.policy(state), provisioned=provisioned)
        operator_id, station_id = state.operator_id, state.station_id
        restarted = said.reason != "Triggered"

        def unit(connection: Any) -> None:
            record_boot(connection, operator_id, station_id, said.info, said.reason, now)
            if verdict != state.registration:
                save_provisioning(connection, operator_id, station_id, registration=verdict)
            if restarted and state.reboot_required:
                booted(connection, operator_id, station_id)

        await context.store.write(unit)
        state.registration = verdict
        self._told_to_boot.discard(station_id)
        if restarted:
            state.reboot_required.clear()
        state.status_since_boot = False
        state.pending_availability.clear()
        if verdict == "Accepted":
            state.awaited.clear()
            context.bus.publish(
                StationBooted(
                    operator_id=operator_id, station_id=station_id, info=said.info, reason=said.reason, at=now
                )
            )
        if verdict != "Rejected" and self.provisions(state):
            self._onboard(state)
        interval_s = (
            settings.heartbeat_interval_s
            if verdict == "Accepted"
            else boot_policy.retry_interval_s(settings.boot_retry_s, settings.boot_jitter, self._random)
        )
        return BootAnswer(status=verdict, now=context.clock.now(), interval_s=interval_s)

    @staticmethod
    def _is_another(state: StationState, said: Boot) -> bool:
        """Whether a certificate let it in that is neither for the serial number which it tells nor for its
        identity (B01.FR.11)."""
        of = state.proof.common_name
        return bool(of and said.info.serial) and of not in (said.info.serial, state.station_id)

    def _turned_away(self, state: StationState, said: Boot) -> BootAnswer:
        """Keep nothing of what it says, and close its connection (B01.FR.12)."""
        reason = (
            f"its certificate is for {state.proof.common_name!r}, it tells serial number {said.info.serial!r}"
        )
        log.warning("station %s is turned away: %s", state.station_id, reason)
        loop = asyncio.get_running_loop()
        loop.call_soon(self.disconnect, state.operator_id, state.station_id, reason)  # after the answer
        settings = self._context.settings
        interval_s = boot_policy.retry_interval_s(settings.boot_retry_s, settings.boot_jitter, self._random)
        return BootAnswer(status="Rejected", now=self._context.clock.now(), interval_s=interval_s)

    def heartbeat(self, said: Heartbeat) -> HeartbeatAnswer:
        """Tell the time."""
        return HeartbeatAnswer(self._context.clock.now())

    # ------------------------------------------------------------ decisions

    async def decide(
        self,
        state: StationState,
        actor: str,
        *,
        boot: BootPolicy | UnsetType | None = UNSET,
        provision: bool | UnsetType | None = UNSET,
    ) -> None:
        """Set a station's boot policy and whether it is provisioned by itself (None: as the node's settings
        say); what isn't given stays. Where the station is answered otherwise now, it is asked to boot again.
        """
        at = self._context.clock.now()
        operator_id, station_id = state.operator_id, state.station_id
        given = {"boot_policy": boot, "provision": provision}
        detail = {name: value for name, value in given.items() if value is not UNSET}

        def unit(connection: Any) -> None:
            save_provisioning(connection, operator_id, station_id, boot_policy=boot, provision=provision)
            audit_id = sortable_id(at)
            target = f"station/{station_id}"
            audit.add(connection, operator_id, audit_id, at, actor, "change_station", target, detail)
            audit.finish(connection, operator_id, audit_id, at, "done")

        await self._context.store.write(unit)
        if boot is not UNSET:
            state.boot_policy = boot
        if provision is not UNSET:
            state.provision = provision
        await self._ask_to_boot(state)

    async def _ask_to_boot(self, state: StationState) -> None:
        provisioned = state.provisioned_for == self._configuration.fingerprint(state)
        wanted = boot_policy.verdict(self.policy(state), provisioned=provisioned)
        # Who was rejected is told nothing and comes again by itself.
        if state.online and state.registration not in (None, "Rejected", wanted):
            await self._send(state, Trigger(message="BootNotification"))

    async def stop(self) -> None:
        """End what is under way."""
        tasks = (*self._onboarding.values(), *self._asking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ after a boot

    def _onboard(self, state: StationState) -> None:
        before = self._onboarding.pop(state.station_id, None)
        if before is not None:
            before.cancel()
        task = asyncio.ensure_future(self._provision(state))
        self._onboarding[state.station_id] = task

        def done(task: asyncio.Task[None]) -> None:
            if self._onboarding.get(state.station_id) is task:
                del self._onboarding[state.station_id]
            if not task.cancelled() and task.exception() is not None:
                log.error("onboarding of %s failed", state.station_id, exc_info=task.exception())

        task.add_done_callback(done)

    async def _provision(self, state: StationState) -> None:
        # The answer to the boot must be out first: a station refuses everything before it.
        await self._context.clock.sleep(self._context.settings.after_boot_s)
        if state.version is None:
            return
        if state.registration == "Pending":
            await self._prepare(state)
        else:
            # A report may take minutes; people want to see connectors before.
            await asyncio.gather(self._prepare(state), self._look_at_connectors(state))

    async def _prepare(self, state: StationState) -> None:
        """Read what the station is, set what is expected of it, and let it boot again where it waits."""
        await self._read(state)
        left = await self._configuration.converge(state, ACTOR, automatic=True)
        wrong = [item for item in left if item.state in ("differs", "unknown", "refused")]
        words = [f"{item.ref.component}.{item.ref.variable} {item.status or item.state}" for item in wrong]
        await self._note(state, "; ".join(words) or None)
        if state.registration == "Pending":
            if self.policy(state) == "pending" and not wrong and state.online:
                await self._ask_to_boot(state)
        elif state.has_monitors:
            await self._send(state, GetMonitoringReport())  # their ids may be others now (N04.FR.19)

    async def _look_at_connectors(self, state: StationState) -> None:
        """Ask for statuses that do not come by themselves."""
        await self._context.clock.sleep(self._context.settings.status_grace_s)
        if state.online and not state.status_since_boot:
            for evse_id in state.evse_ids or (None,):
                await self._send(state, Trigger(message="StatusNotification", evse_id=evse_id))

    async def _read(self, state: StationState) -> None:
        """Read the variables that we work with, and all others of a station that is new or has another
        firmware (B07.FR.14)."""
        assert state.version is not None
        wanted, info = dialect(state.version).wanted, state.info
        if wanted:
            await self._send(state, GetVariables(variables=wanted))
        identity = f"{info.vendor}/{info.model}/{info.firmware}"
        if state.inventory_of != identity:
            command = self._reports.numbered(GetBaseReport())
            assert isinstance(command, GetBaseReport)
            outcome = await self._send(state, command)
            if outcome.accepted:
                report = await self._reports.finished(state, command.request_id)
                if report is not None and report.state == "complete":
                    state.inventory_of = identity
                    operator_id, station_id = state.operator_id, state.station_id
                    await self._context.store.write(
                        lambda connection: save_provisioning(
                            connection, operator_id, station_id, inventory_of=identity
                        )
                    )
        elif not wanted:
            await self._send(state, GetVariables())

    async def _note(self, state: StationState, problem: str | None) -> None:
        """Keep how provisioning ended."""
        done = state.provisioned_for if problem else self._configuration.fingerprint(state)
        if (state.provisioning_problem, state.provisioned_for) == (problem, done):
            return
        state.provisioning_problem, state.provisioned_for = problem, done
        operator_id, station_id = state.operator_id, state.station_id
        await self._context.store.write(
            lambda connection: save_provisioning(
                connection, operator_id, station_id, problem=problem, provisioned_for=done
            )
        )
