"""Provisioning:
stations boot, are told the time and how often to call, and are asked what we need to know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ...model.events import StationBooted
from ...store.stations import record_boot
from ..context import Context
from ..dialects import dialect
from ..state import StationState
from ..vocabulary import (
    Boot,
    BootAnswer,
    Command,
    GetVariables,
    Heartbeat,
    HeartbeatAnswer,
    Outcome,
    Trigger,
)

log = logging.getLogger(__name__)

ACTOR = "system onboarding"

Send = Callable[[StationState, Command], Awaitable[Outcome]]


class Provisioning:
    """BootNotification, Heartbeat, and the questions after a boot.

    `send` carries a command out for the system.
    """

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        self._onboarding: dict[str, asyncio.Task[None]] = {}

    async def boot(self, state: StationState, said: Boot) -> BootAnswer:
        """Accept the station: who may come in was decided at its handshake."""
        context = self._context
        now = context.clock.now()
        operator_id, station_id = state.operator_id, state.station_id
        await context.store.write(
            lambda connection: record_boot(connection, operator_id, station_id, said.info, said.reason, now)
        )
        state.info, state.boot_reason, state.booted_at = said.info, said.reason, now
        state.status_since_boot = False
        state.pending_availability.clear()
        context.bus.publish(
            StationBooted(
                operator_id=operator_id, station_id=station_id, info=said.info, reason=said.reason, at=now
            )
        )
        if context.settings.onboard:
            self._onboard(state)
        return BootAnswer(
            status="Accepted", now=context.clock.now(), interval_s=context.settings.heartbeat_interval_s
        )

    def heartbeat(self, said: Heartbeat) -> HeartbeatAnswer:
        """Tell the time."""
        return HeartbeatAnswer(self._context.clock.now())

    async def stop(self) -> None:
        """End what is under way."""
        tasks = tuple(self._onboarding.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _onboard(self, state: StationState) -> None:
        before = self._onboarding.pop(state.station_id, None)
        if before is not None:
            before.cancel()
        task = asyncio.ensure_future(self._ask(state))
        self._onboarding[state.station_id] = task

        def done(task: asyncio.Task[None]) -> None:
            if self._onboarding.get(state.station_id) is task:
                del self._onboarding[state.station_id]
            if not task.cancelled() and task.exception() is not None:
                log.error("onboarding of %s failed", state.station_id, exc_info=task.exception())

        task.add_done_callback(done)

    async def _ask(self, state: StationState) -> None:
        # The answer to the boot must be out first: a station refuses everything before it.
        await self._context.clock.sleep(1.0)
        if state.version is None:
            return
        await self._send(state, GetVariables(variables=dialect(state.version).wanted))
        await self._context.clock.sleep(self._context.settings.status_grace_s)
        if state.online and not state.status_since_boot:
            for evse_id in state.evse_ids or (None,):
                await self._send(state, Trigger(message="StatusNotification", evse_id=evse_id))
