"""What cars tell over ISO 15118: their needs, which a schedule answers, and what they then mean to draw,
which must be within it.

A car waits 60 s for its schedule (K15.FR.08), so it gets one at once: the profile that its transaction has
from the site's control, sent again, or else what the profiles of its EVSE leave, at most what it can take
itself. A car whose plan exceeds that is told no, and is sent the schedule anew (K16), a few times.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ...model.events import TransactionChanged
from ...ocpp.profiles import Schedule, composite_limit, composite_schedule
from ...store.charging import save_station_charging
from ...store.transactions import TransactionRow
from ..charging import CarNeeds, CarSchedule, keep, profile_in, that_count
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    CarScheduleAnswer,
    CarScheduleTold,
    ChargingNeeds,
    Command,
    NeedsAnswer,
    NeedsTold,
    Outcome,
    Profile,
    SchedulePeriod,
    SetProfile,
)
from .charging_units import cut, supply_phases

log = logging.getLogger(__name__)

ACTOR = "system smart charging"
OFFER_ID = 3_000
"""Profile ids: this and the EVSE; below are those of a site's control."""
OFFER_S = 86_400
PATIENCE_S = 60.0
"""Site time for which a car waits for its schedule (K15.FR.08)."""
RENEGOTIATIONS = 3
LONGEST_S = 7 * 86_400.0
"""A plan is checked for a week at most."""
TOLERANCE = 0.1
"""In A, and in W for each volt and phase: the one decimal of the wire."""

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Cars:
    """NotifyEVChargingNeeds and NotifyEVChargingSchedule."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        self._offers: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._once_more: set[tuple[str, int]] = set()
        """Whose news came while an offer was under way."""
        self._refusals: dict[str, int] = {}
        """Transaction -> how often its car's plan was refused."""

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={NeedsTold: self.needs, CarScheduleTold: self.plan},
            listens=((TransactionChanged, self.transaction_changed),),
            stop=self.stop,
        )

    async def stop(self) -> None:
        """End what is under way."""
        tasks = tuple(self._offers.values())
        self._once_more.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def needs(self, state: StationState, said: NeedsTold) -> NeedsAnswer:
        """Answer what a car needs, and send its schedule after the answer."""
        row = state.transaction_on(said.evse_id)
        answer = NeedsAnswer("Processing" if row is None else "Accepted")
        nothing = row is not None and self._profile(state, row, said.needs) is None
        if state.charging.effective != "managed" or nothing:
            answer = NeedsAnswer("Rejected")
        told = CarNeeds(
            evse_id=said.evse_id,
            needs=said.needs,
            most_periods=said.most_periods,
            status=answer.status,
            at=self._context.clock.now(),
        )
        keep(state.charging.needs, said.evse_id, told)
        await self._save(state)
        if answer.status == "Accepted":
            self._offer_soon(state, said.evse_id)
        return answer

    async def plan(self, state: StationState, said: CarScheduleTold) -> CarScheduleAnswer:
        """Check what a car means to draw against what it may (K15.FR.11..13)."""
        within = self._within(state, said)
        told = CarSchedule(
            evse_id=said.evse_id, schedule=said.schedule, within=within, at=self._context.clock.now()
        )
        keep(state.charging.schedules, said.evse_id, told)
        await self._save(state)
        row = state.transaction_on(said.evse_id)
        if not within and row is not None and state.charging.effective == "managed":
            times = self._refusals[row.transaction_id] = self._refusals.get(row.transaction_id, 0) + 1
            if times <= RENEGOTIATIONS:
                self._offer_soon(state, said.evse_id)
        return CarScheduleAnswer(within)

    def transaction_changed(self, event: TransactionChanged) -> None:
        """Needs that came before their transaction are answered now; those of an ended one are over."""
        state = self._context.stations.get(event.station_id)
        told = None if state is None else state.charging.needs.get(event.evse_id)
        if state is None:
            return
        if event.phase == "Ended":
            self._refusals.pop(event.transaction_id, None)
            needs = state.charging.needs.pop(event.evse_id, None)
            if state.charging.schedules.pop(event.evse_id, None) is not None or needs is not None:
                row = state.charging.row(state.operator_id, state.station_id, self._context.clock.now())
                self._context.store.post(lambda connection: save_station_charging(connection, row))
        elif told is not None and told.status == "Processing":
            state.charging.needs[event.evse_id] = replace(told, status="Accepted")
            waited_s = (self._context.clock.now() - told.at).total_seconds()
            if waited_s <= PATIENCE_S:
                self._offer_soon(state, event.evse_id)

    # ------------------------------------------------------------ offering

    def _offer_soon(self, state: StationState, evse_id: int) -> None:
        key = (state.station_id, evse_id)
        if key in self._offers:
            self._once_more.add(key)  # one at a time: a car that asks again and again gets no more of them
            return
        task = self._offers[key] = asyncio.ensure_future(self._offer(state, evse_id))

        def done(task: asyncio.Task[None]) -> None:
            del self._offers[key]
            if not task.cancelled() and task.exception() is not None:
                log.error("no schedule for the car at %s", state.station_id, exc_info=task.exception())
            if key in self._once_more:
                self._once_more.discard(key)
                self._offer_soon(state, evse_id)

        task.add_done_callback(done)

    async def _offer(self, state: StationState, evse_id: int) -> None:
        row, told = state.transaction_on(evse_id), state.charging.needs.get(evse_id)
        profile = None if row is None else self._profile(state, row, None if told is None else told.needs)
        if profile is not None:
            await self._send(state, SetProfile(evse_id=evse_id, profile=profile), ACTOR)

    def _profile(
        self, state: StationState, row: TransactionRow, needs: ChargingNeeds | None
    ) -> Profile | None:
        """What the car is sent; None where nothing is known of what it may take."""
        standing = self._standing(state, row)
        return self._new(state, row, needs) if standing is None and needs is not None else standing

    @staticmethod
    def _standing(state: StationState, row: TransactionRow) -> Profile | None:
        """The profile that the transaction has already, the uppermost of several."""
        found = [
            other
            for other in state.profiles.values()
            if other.purpose == "TxProfile" and other.station_transaction_id == row.station_transaction_id
        ]
        top = max(found, key=lambda other: other.stack_level, default=None)
        return None if top is None else profile_in(top)

    def _new(self, state: StationState, row: TransactionRow, needs: ChargingNeeds) -> Profile | None:
        """What the EVSE's profiles leave, at most what the car can take; None where neither is known."""
        now = self._context.clock.now()
        evse_id = row.evse_id
        unit, most = ("W", _most_w(needs)) if needs.direct_current else ("A", needs.max_current_a)
        allowed = composite_limit(
            that_count(state.profiles, evse_id),
            now.timestamp(),
            row.started_at.timestamp(),
            transaction_id=row.station_transaction_id,
            unit="W" if unit == "W" else "A",
            voltage_v=self._context.settings.nominal_voltage_v,
            phases=supply_phases(state, evse_id) or 3,
        ).limit
        known = [limit for limit in (most, allowed) if limit is not None]
        if not known:
            return None
        return Profile(
            profile_id=OFFER_ID + evse_id,
            stack_level=0,
            purpose="TxProfile",
            kind="Absolute",
            unit="W" if unit == "W" else "A",
            periods=(SchedulePeriod(start_s=0, limit=cut(min(known))),),
            start=now.replace(microsecond=0),
            duration_s=OFFER_S,
            station_transaction_id=row.station_transaction_id,
        )

    # ------------------------------------------------------------ checking

    def _within(self, state: StationState, said: CarScheduleTold) -> bool:
        row, schedule = state.transaction_on(said.evse_id), said.schedule
        start = schedule.start if schedule.start is not None else self._context.clock.time()
        phases = supply_phases(state, said.evse_id) or 3
        voltage_v = self._context.settings.nominal_voltage_v
        duration_s = min(schedule.duration_s or schedule.periods[-1].start_s + 1.0, LONGEST_S)
        ours = composite_schedule(
            that_count(state.profiles, said.evse_id),
            start,
            duration_s,
            None if row is None else row.started_at.timestamp(),
            transaction_id=None if row is None else row.station_transaction_id,
            unit=schedule.unit,
            voltage_v=voltage_v,
            phases=phases,
        )
        tolerance = TOLERANCE if schedule.unit == "A" else TOLERANCE * voltage_v * phases
        moments = sorted({max(0.0, period.start_s) for period in (*ours, *schedule.periods)})
        for at in moments:
            wanted = _at(schedule, at)
            allowed = [period for period in ours if period.start_s <= at][-1].limit
            if at >= duration_s or wanted is None or allowed is None:
                continue
            if wanted > allowed + tolerance:
                return False
        return True

    async def _save(self, state: StationState) -> None:
        row = state.charging.row(state.operator_id, state.station_id, self._context.clock.now())
        await self._context.store.write(lambda connection: save_station_charging(connection, row))


def _at(schedule: Schedule, at: float) -> float | None:
    said = [period.limit for period in schedule.periods if period.start_s <= at]
    return said[-1] if said else None


def _most_w(needs: ChargingNeeds) -> float | None:
    if needs.max_power_w is not None:
        return needs.max_power_w
    if needs.max_current_a is None or needs.max_voltage_v is None:
        return None
    return needs.max_current_a * needs.max_voltage_v
