"""The product at a site: what it knows (`site.knowledge`), `control.step` each second, limits as leases by
its own writer (`site.limits_out`), whoever doesn't obey looked at. Only sockets and the store are missing:
`lines` stand for the sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import NoReturn

from ampacity.clock import Clock
from ampacity.control.check import reservation_excess
from ampacity.control.law import step
from ampacity.control.settings import DEFAULTS
from ampacity.control.state import START, ControlState
from ampacity.control.types import CircuitLedger, CircuitState, EvseState, Snapshot
from ampacity.control.verification import TRUSTED, Action, Seen, Verification, verify
from ampacity.csms.vocabulary import ClearProfile, Command, Outcome, SetProfile
from ampacity.model.events import MeterSampled, TransactionChanged
from ampacity.model.site import EvseKey, Site
from ampacity.model.station import ChargingState, MeterReading, Sample, TransactionPhase
from ampacity.site.commissioning import LEASE_ID
from ampacity.site.knowledge import LiveEvse
from ampacity.site.limits_out import LIMIT_TIMEOUT_S, LimitWriter
from ampacity.site.live_site import LiveSite

from .lines import Heard, Lines
from .plant import SAMPLE_S, Plant

LOOKED_AGAIN_S = 10.0
"""What follows from time alone (slack, doubts that run out) is worked out so often."""
CHECKED_EACH_S = 20
TURNS = 3
"""Of the event loop, until what waits for an answer has dealt with it."""

Signs = tuple[float | None, float | None, Verification]


class PlantClock:
    """The plant's second, for whoever asks for the time. Nobody waits on it."""

    speed = 1.0

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._starts_s = plant.world.starts_at.timestamp()

    def monotonic(self) -> float:
        """Seconds of the run."""
        return float(self._plant.at)

    def time(self) -> float:
        """Epoch seconds."""
        return self._starts_s + self._plant.at

    def now(self) -> datetime:
        """The same, aware."""
        return self._plant.world.starts_at + timedelta(seconds=self._plant.at)

    async def sleep(self, seconds: float) -> NoReturn:
        """Nothing here sleeps."""
        raise NotImplementedError

    async def wait_for(self, awaitable: Awaitable[object], seconds: float) -> NoReturn:
        """Nothing here waits."""
        raise NotImplementedError

    def hold_while(self, stands_still: object) -> NoReturn:
        """It is nobody else's clock."""
        raise NotImplementedError


class Calls:
    """Commands to stations, over their lines (`site.live_site.Commander`)."""

    def __init__(self, lines: Lines, clock: PlantClock) -> None:
        self._lines, self._clock = lines, clock
        self._waiting: dict[int, tuple[float, asyncio.Future[Outcome]]] = {}
        self._number = 0
        self.unanswered = 0

    def station(self, station_id: str) -> None:
        """Nothing is known of its firmware."""

    def settle(self, site: Site, gone: Iterable[str]) -> None:
        """A site here stays as it is."""

    async def command(
        self,
        operator_id: str,
        station_id: str,
        command: Command,
        actor: str,
        timeout_s: float = LIMIT_TIMEOUT_S,
        *,
        front: bool = False,
    ) -> Outcome:
        """Send it, and wait for the answer or until the time is over."""
        match command:
            case SetProfile():
                evse_id = command.evse_id
            case ClearProfile():
                evse_id = command.profile_id - LEASE_ID
            case _:
                raise NotImplementedError(f"stations here know profiles only, not {command}")
        self._number += 1
        at = self._clock.monotonic()
        self._lines.tell((station_id, evse_id), self._number, command, at)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = at + timeout_s, answer
        return await answer

    def answered(self, heard: Heard) -> None:
        """An answer has come; one that came too late is nobody's."""
        _, answer = self._waiting.pop(heard.number, (0.0, None))
        if answer is not None:
            answer.set_result(Outcome(result="accepted" if heard.accepted else "rejected"))

    def time_out(self) -> None:
        """Give up what has waited too long."""
        at = self._clock.monotonic()
        for number in [number for number, (until, _) in self._waiting.items() if at >= until]:
            self.unanswered += 1
            self._waiting.pop(number)[1].set_result(Outcome(result="timeout"))


class Keeper:
    """Controls one plant: `await tick()` after each of its steps, on one event loop."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.site = plant, plant.world.site
        self.clock = PlantClock(plant)
        clock: Clock = self.clock
        self.live_site = LiveSite(self.site, clock)
        self.lives: dict[EvseKey, LiveEvse] = self.live_site.evses
        self.calls = Calls(plant.lines, self.clock)
        self.writer = LimitWriter(self.live_site, self.calls)
        self.circuits = {
            circuit.circuit_id: CircuitState(circuit_id=circuit.circuit_id) for circuit in self.site.circuits
        }
        self.state: ControlState = START
        self.ledgers: dict[str, CircuitLedger] = {}
        """What the law assumed of each circuit at last."""
        self.reservations_over = 0
        self._states: dict[EvseKey, EvseState] = {}
        self._signs: dict[EvseKey, Signs] = {}
        self._stale_at = dict.fromkeys(self.lives, 0.0)
        self._outlets = {outlet.key: outlet for outlet in plant.outlets}
        for live in self.lives.values():
            live.connected("2.0.1", 0.0)
            live.checked(True)

    @property
    def aside(self) -> int:
        """EVSEs that are set aside because they don't obey."""
        return sum(live.conduct.verification.aside for live in self.lives.values())

    async def tick(self) -> None:
        """One second of the site."""
        at, now = self.clock.monotonic(), self.clock.now()
        for circuit_id, metered_a in self.plant.readings:
            self.circuits[circuit_id] = CircuitState(
                circuit_id=circuit_id, metered_a=metered_a, metered_at=at
            )
        for heard in self.plant.lines.heard(at):
            self._hear(heard, now, at)
        self.calls.time_out()
        await self._settle()
        self._control(now, at)
        self.writer.renew(at)
        await self._settle()

    def _control(self, now: datetime, at: float) -> None:
        """Decide, and tell who is to change."""
        snapshot = Snapshot(
            site=self.site,
            circuits=dict(self.circuits),
            evses=self._known(now, at),
            at=at,
            epoch_s=self.clock.time(),
        )
        self.state, decision = step(self.state, snapshot)
        self.ledgers = decision.circuits
        for grant in decision.cuts:
            self.writer.cut(grant, at, urgent=decision.overloaded)
        for grant in decision.raises:
            self.writer.lift(grant, at)
        for live in self.lives.values():
            if live.transaction is not None or live.conduct.verification is not TRUSTED:
                self._verify(live, at)
        if self.plant.at % CHECKED_EACH_S == 0:
            excess = reservation_excess(snapshot, decision, self.state.topology)
            self.reservations_over += bool(excess.keys() - decision.overcommitted)

    async def _settle(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self.live_site.check_errands()

    def _known(self, now: datetime, at: float) -> dict[EvseKey, EvseState]:
        """What the law is told of each EVSE; the same as before where nothing has happened to it."""
        for key, live in self.lives.items():
            signs = live.inflight_a, live.committed_at, live.conduct.verification
            if at >= self._stale_at[key] or live.refusals or self._signs[key] != signs:
                self._states[key] = live.state(now, at, float(SAMPLE_S))
                self._signs[key] = signs
                idle = live.transaction is None and live.conduct.verification is TRUSTED
                self._stale_at[key] = at + (3600.0 if idle else LOOKED_AGAIN_S)
        return dict(self._states)

    # ------------------------------------------------------------ whoever doesn't obey

    def _verify(self, live: LiveEvse, at: float) -> None:
        seen = Seen(
            steerable=live.ready,
            session=live.transaction is not None,
            limit_a=live.limit_in_force_a(at),
            measured_a=None if live.measured_a is None else max(live.measured_a),
            measured_at=live.measured_at,
            sample_interval_s=float(SAMPLE_S),
            refusals=live.refusals,
            station_idle=live.transaction is None,
        )
        live.conduct.verification, action = verify(live.conduct.verification, seen, at, DEFAULTS)
        if action is not None:
            self._act(live, action)

    def _act(self, live: LiveEvse, action: Action) -> None:
        """As the site does; a station that is restarted while idle comes back as it was."""
        if action == "resend":
            self.writer.resend(live)
        elif action == "clear":
            self.live_site.run_beside(self._clear_and_resend(live))

    async def _clear_and_resend(self, live: LiveEvse) -> None:
        clear = ClearProfile(profile_id=LEASE_ID + live.evse.evse_id)
        await self.calls.command(self.site.operator_id, live.evse.station_id, clear, "controller", front=True)
        self.writer.resend(live)

    # ------------------------------------------------------------ what stations tell

    def _hear(self, heard: Heard, now: datetime, at: float) -> None:
        key, live = heard.key, self.lives[heard.key]
        self._stale_at[key] = 0.0
        match heard.kind:
            case "answer":
                self.calls.answered(heard)
            case "sample":
                self._sampled(live, heard, now, at)
            case "began":
                self._transaction(live, heard, now, "Started", "Charging")
                outlet = self._outlets[key]
                if outlet.visit is not None and outlet.session == heard.session:
                    live.departure, live.need_wh = outlet.visit.departure, outlet.visit.requested_wh
            case "full":
                self._transaction(live, heard, now, "Updated", "SuspendedEV")
            case "ended":
                self._transaction(live, heard, now, "Ended", None)
            case "lost":
                live.disconnected(at)
            case "opened":
                live.connected("2.0.1", at)
            case _:
                if live.online:
                    live.checked(True)

    def _sampled(self, live: LiveEvse, heard: Heard, now: datetime, at: float) -> None:
        evse = live.evse
        location = "Outlet" if evse.dc_power_w is None else "Inlet"
        samples = [
            Sample("Current.Import", heard.draw_a[phase], "A", index + 1, location=location)
            for index, phase in enumerate(evse.phases)
        ]
        live.sampled(
            MeterSampled(
                operator_id=self.site.operator_id,
                station_id=evse.station_id,
                evse_id=evse.evse_id,
                transaction_id=None,
                reading=MeterReading.of(now - timedelta(seconds=at - heard.taken_at), samples),
                received_at=now,
            ),
            at,
        )
        if live.transaction is not None:
            self._transaction(live, heard, now, "Updated", live.transaction.charging_state)

    def _transaction(
        self,
        live: LiveEvse,
        heard: Heard,
        now: datetime,
        phase: TransactionPhase,
        charging_state: ChargingState | None,
    ) -> None:
        name = f"{heard.key[0]}/{heard.key[1]}#{heard.session}"
        known = live.transaction
        if known is not None and known.transaction_id != name:
            known = None
        if known is None and phase != "Started":
            return
        live.transaction_changed(
            TransactionChanged(
                operator_id=self.site.operator_id,
                station_id=heard.key[0],
                evse_id=heard.key[1],
                transaction_id=name,
                station_transaction_id=name,
                phase=phase,
                token=None,
                charging_state=charging_state,
                started_at=now if known is None else known.started_at,
                energy_wh=heard.energy_wh,
                power_w=None,
                stop_reason=None,
                at=now,
            )
        )
