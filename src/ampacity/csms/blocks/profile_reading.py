"""What stations report of the profiles that they hold: read back after a boot, compared with our registry,
strangers cleared.

A station is asked for all of its profiles. What we thought it had and it hasn't is forgotten; what it has and
we never sent is a stranger. Strangers are cleared where the station is managed: somebody said so, or it
belongs to a site, whose control has put its own limits there. A station that can't report (1.6) is asked what
it makes of its profiles instead.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ...model.events import StationBooted
from ..charging import MOST_HELD, HeldProfile, keep
from ..context import Context
from ..dialects import dialect
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    SOURCES,
    Acknowledged,
    ClearProfile,
    Command,
    CompositeSchedule,
    GetCompositeSchedule,
    GetProfiles,
    Outcome,
    ProfilesReported,
)
from .external_limits import ExternalLimits
from .smart_charging import SmartCharging

log = logging.getLogger(__name__)

ACTOR = "system smart charging"
AFTER_BOOT_S = 3.0
"""Site time from a boot to the question, so that other news come first."""
SECOND_LOOK_S = 1.0
"""Site time until a stranger is still one: a profile that was just set may be reported before its answer."""
COMPOSITE_S = 86_400

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class _Question(Struct):
    command: GetProfiles
    asked_at: datetime
    found: dict[int, HeldProfile]


class ProfileReading:
    """GetChargingProfiles and ReportChargingProfiles."""

    def __init__(self, context: Context, registry: SmartCharging, limits: ExternalLimits, send: Send) -> None:
        self._context = context
        self._registry = registry
        self._limits = limits
        self._send = send
        self._numbers = itertools.count(int(context.clock.time()) % 2**31 or 1)
        self._questions: dict[tuple[str, int], _Question] = {}
        self._readings: dict[str, asyncio.Task[None]] = {}

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={ProfilesReported: self.reported},
            completes={GetProfiles: self.numbered},
            effects={GetProfiles: (self.asked,), GetCompositeSchedule: (self.composite,)},
            listens=((StationBooted, self.booted),),
            stop=self.stop,
        )

    async def stop(self) -> None:
        """End what is under way."""
        tasks = tuple(self._readings.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def booted(self, event: StationBooted) -> None:
        """Read a station's profiles back, when it has settled."""
        state = self._context.stations.get(event.station_id)
        if state is None or not self._context.settings.onboard or state.charging.effective == "off":
            return
        self._run(state, self._after_boot(state))

    def numbered(self, state: StationState | None, command: GetProfiles) -> GetProfiles:
        """A question gets its number, by which its reports are known."""
        if state is None:
            return command
        if command.request_id == 0:
            command = replace(command, request_id=next(self._numbers) % 2**31)
        self._expect(state, command)
        return command

    def asked(self, state: StationState, command: GetProfiles, outcome: Outcome) -> None:
        """The station will report, or has none."""
        if outcome.status == "NoProfiles":
            self._finish(state, self._expect(state, command))

    async def reported(self, state: StationState, said: ProfilesReported) -> Acknowledged:
        """Take a report in; the last one of all profiles settles what is ours."""
        now, charging = self._context.clock.now(), state.charging
        question = self._questions.get((state.station_id, said.request_id))
        for profile in said.profiles:
            ours = profile.id in state.profiles or profile.id in charging.on_the_way
            held = HeldProfile(evse_id=said.evse_id, source=said.source, profile=profile, ours=ours, at=now)
            keep(charging.held, profile.id, held, MOST_HELD)
            if question is not None:
                keep(question.found, profile.id, held, MOST_HELD)
        await self._limits.reported(state, said)
        if question is not None and not said.more:
            self._finish(state, question)
        return Acknowledged()

    def _expect(self, state: StationState, command: GetProfiles) -> _Question:
        key = (state.station_id, command.request_id)
        if key not in self._questions:
            for old in [other for other in self._questions if other[0] == state.station_id]:
                del self._questions[old]  # whose reports never came to an end
            self._questions[key] = _Question(command, self._context.clock.now(), {})
        return self._questions[key]

    def _finish(self, state: StationState, question: _Question) -> None:
        self._questions.pop((state.station_id, question.command.request_id), None)
        if not question.command.everything:
            return
        charging = state.charging
        charging.held, charging.read_at = question.found, self._context.clock.now()
        for row in tuple(state.profiles.values()):
            if row.profile_id in question.found:
                if row.status == "pending":
                    self._registry.keep(state, replace(row, status="accepted"))
            elif row.at < question.asked_at and row.profile_id not in charging.on_the_way:
                self._registry.forget(state, row.profile_id)
        if self._strangers(state) and self._may_clear(state):
            self._run(state, self._clear_strangers(state))

    @staticmethod
    def _may_clear(state: StationState) -> bool:
        mode = state.charging.mode
        return mode == "managed" or (mode is None and state.site_id is not None)

    @staticmethod
    def _strangers(state: StationState) -> list[int]:
        return [
            profile_id
            for profile_id, held in state.charging.held.items()
            if held.source == "CSO"
            and held.profile.purpose != "ChargingStationExternalConstraints"
            and profile_id not in state.profiles
            and profile_id not in state.charging.on_the_way
        ]

    async def _clear_strangers(self, state: StationState) -> None:
        await self._context.clock.sleep(SECOND_LOOK_S)
        for profile_id in self._strangers(state):
            log.warning("%s holds profile %d that is none of ours: cleared", state.station_id, profile_id)
            await self._send(state, ClearProfile(profile_id=profile_id), ACTOR)

    async def _after_boot(self, state: StationState) -> None:
        await self._context.clock.sleep(AFTER_BOOT_S)
        if state.version is None:
            return
        if dialect(state.version).reports_profiles:
            await self._send(state, GetProfiles(sources=SOURCES), ACTOR)
            return
        for evse_id in state.evse_ids:
            await self._send(state, GetCompositeSchedule(evse_id=evse_id, duration_s=COMPOSITE_S), ACTOR)

    def composite(self, state: StationState, command: GetCompositeSchedule, outcome: Outcome) -> None:
        """What the station makes of its profiles."""
        if isinstance(outcome.data, CompositeSchedule):
            state.charging.composites[command.evse_id] = outcome.data

    def _run(self, state: StationState, work: Awaitable[None]) -> None:
        before = self._readings.pop(state.station_id, None)
        if before is not None:
            before.cancel()
        task = asyncio.ensure_future(work)
        self._readings[state.station_id] = task

        def done(task: asyncio.Future[None]) -> None:
            if self._readings.get(state.station_id) is task:
                del self._readings[state.station_id]
            if not task.cancelled() and task.exception() is not None:
                log.error("reading profiles of %s failed", state.station_id, exc_info=task.exception())

        task.add_done_callback(done)
