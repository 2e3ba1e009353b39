"""A charging station: people plug cars in, the CSMS limits and commands it, and it keeps charging when nobody
answers.

Two clocks: site time drives the physics; the station's own clock (`now`) may be wrong until the CSMS tells
the time, and stamps every message. `step` moves everything that depends on time; whoever owns the world calls
it, or `drive` does.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from ..clock import Clock
from ..model.station import ChargingState, ConnectorStatus, IdToken
from ..ocpp.profiles import ChargingProfile
from ..ocpp.version import Version
from .charging import InstalledProfiles
from .config import EvseConfig, StationConfig
from .evse import EvseHardware, Vehicle, read
from .link import CallFailed, Link, Unreachable
from .notes import Note, Transaction, with_offline
from .wire import Message, Wire
from .wire_v2 import WireV2
from .wire_v16 import WireV16

log = logging.getLogger(__name__)

MIN_CHARGING_A = 6.0
"""Below it the pilot is switched off (IEC 61851-1)."""

DRAWING_W = 50.0
"""A car that takes less is not charging."""

QUIET_S = 15.0
"""So long may a car take nothing before it counts as suspended by the car: acceptance takes seconds."""


class Acknowledgement(Struct, frozen=True, gc=False):
    """A transaction message that the CSMS has answered: from then on it must never be lost."""

    station_id: str
    wire_id: str
    phase: str
    seq_no: int
    at: datetime


class FinishedSession(Struct, frozen=True, gc=False):
    """A transaction whose end the CSMS has acknowledged. `drawn_wh` is the car's own integral, not the
    meter's.
    """

    station_id: str
    wire_id: str
    drawn_wh: float


class Bay:
    """One EVSE with what is going on there."""

    def __init__(self, config: EvseConfig) -> None:
        self.hardware = EvseHardware(config)
        self.status: ConnectorStatus = "Available"
        self.connector_id = 1
        self.operative = True
        self.transaction: Transaction | None = None
        self.expected: tuple[IdToken, int | None] | None = None
        self.last_drew_at = 0.0
        self.next_sample_at = 0.0
        self.finished = False


class ChargingStation:
    """See the module's text. `rng` decides ids, phases of timers and jitter: same seed, same station."""

    def __init__(self, config: StationConfig, clock: Clock, rng: random.Random) -> None:
        self.config = config
        self._clock = clock
        self._rng = rng
        self._wire: Wire = WireV16(config) if config.version is Version.V16 else WireV2(config)
        self.bays = {evse.evse_id: Bay(evse) for evse in config.evses}
        self._profiles = InstalledProfiles(config.evses)
        self._clock_error_s = config.clock_offset_s
        self._clock_set_at = clock.time()
        self._outbox: deque[Note] = deque()
        self._outbox_changed = asyncio.Event()
        self._network = asyncio.Event()
        self._network.set()
        self._link: Link | None = None
        self._accepted = False
        self._accepted_event = asyncio.Event()
        self._boot_reason = "PowerUp"
        self._reboot_pending = False
        self._heartbeat_s = 300.0
        self._next_heartbeat_at = 0.0
        self._settings: dict[str, tuple[str, bool]] = {
            "HeartbeatInterval": ("300", False),
            "MeterValueSampleInterval": (f"{config.sample_interval_s:.0f}", False),
            "NumberOfConnectors": (str(len(config.evses)), True),
            "ChargeProfileMaxStackLevel": ("8", True),
            "ChargingScheduleAllowedChargingRateUnit": ("Current,Power", True),
            "ChargingScheduleMaxPeriods": ("24", True),
            "MaxChargingProfilesInstalled": ("32", True),
            "SupportedFeatureProfiles": ("Core,SmartCharging,RemoteTrigger", True),
            "Model": (config.model, True),
            "VendorName": (config.vendor, True),
        }
        self._tasks: set[asyncio.Task[None]] = set()
        self.acknowledged: list[Acknowledgement] = []
        self.finished: list[FinishedSession] = []
        self.answer_wall_s: list[float] = []
        self.discarded = 0
        self._messages = 0

    # ------------------------------------------------------------ time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._own_time(), UTC)

    def _own_time(self) -> float:
        elapsed = self._clock.time() - self._clock_set_at
        return self._clock.time() + self._clock_error_s + elapsed * self.config.clock_drift_ppm / 1e6

    def _set_clock(self, told: datetime) -> None:
        self._clock_set_at = self._clock.time()
        self._clock_error_s = told.timestamp() - self._clock_set_at

    # ------------------------------------------------------------ people

    def plug_in(self, evse_id: int, vehicle: Vehicle, connector_id: int = 1) -> None:
        """A car is connected. It charges once somebody authorised is known."""
        bay = self.bays[evse_id]
        bay.hardware.connect(vehicle)
        bay.connector_id = connector_id
        bay.finished = False
        self._set_status(bay, "Preparing")
        if bay.expected is not None:
            token, remote_start_id = bay.expected
            self._begin(bay, token, remote_start_id)

    async def present(self, evse_id: int, token: IdToken) -> bool:
        """A driver shows a token: starts, or stops what it started. Offline it is trusted, as stations are
        set to.
        """
        bay = self.bays[evse_id]
        if bay.transaction is not None:
            if bay.transaction.token == token:
                self._end(bay, "Local", "StopAuthorized")
                return True
            return False
        allowed = True
        if self._link is not None and self._accepted:
            try:
                allowed = self._wire.read_authorize(await self._call(self._wire.authorize(token)))
            except (CallFailed, Unreachable):
                allowed = True
        if allowed and bay.hardware.vehicle is not None and bay.transaction is None:
            self._begin(bay, token, None)
        return allowed

    def unplug(self, evse_id: int) -> None:
        """The car leaves."""
        bay = self.bays[evse_id]
        if bay.transaction is not None:
            self._end(bay, "EVDisconnected", "EVCommunicationLost")
        bay.hardware.disconnect()
        bay.expected = None
        self._set_status(bay, "Available" if bay.operative else "Unavailable")

    # ------------------------------------------------------------ what goes wrong

    @property
    def connected(self) -> bool:
        return self._link is not None and self._accepted

    async def cut_network(self, silent: bool = False) -> None:
        """The network is gone. `silent`: without a word, as when a cable is pulled behind a switch."""
        self._network.clear()
        if self._link is not None:
            if silent:
                self._link.go_silent()
            else:
                await self._link.abort()

    def restore_network(self) -> None:
        self._network.set()
        if self._link is not None and self._link.silent:
            task = asyncio.ensure_future(self._link.abort())
            self._keep(task)

    async def reboot(self, reason: str = "PowerUp", stop_reason: str = "PowerLoss") -> None:
        """Everything stops, profiles of transactions go, the outbox and the other profiles stay (flash)."""
        for bay in self.bays.values():
            if bay.transaction is not None:
                self._end(bay, stop_reason, "ResetCommand" if reason != "PowerUp" else "AbnormalCondition")
            bay.expected = None
        self._boot_reason = reason
        self._reboot_pending = True
        if self._link is not None:
            await self._link.close()

    def drift(self, offset_s: float) -> None:
        """Its clock goes wrong by `offset_s`."""
        self._clock_error_s += offset_s

    # ------------------------------------------------------------ physics

    def limit_a(self, evse_id: int) -> float:
        """Amperes that the profiles leave the EVSE now (inf: no limit), whether it obeys or not."""
        transaction = self.bays[evse_id].transaction
        started = transaction.started_at.timestamp() if transaction is not None else None
        return self._profiles.limit_a(evse_id, self._own_time(), started)

    def step(self, at: float) -> None:
        """Advance the physics to site time `at` (epoch seconds) and send what has become due."""
        for bay in self.bays.values():
            if bay.hardware.vehicle is not None:
                self._step_bay(bay, at)
        if self._accepted and at >= self._next_heartbeat_at:
            self._next_heartbeat_at = at + self._heartbeat_s
            self._spawn(self._beat())

    def _step_bay(self, bay: Bay, at: float) -> None:
        hardware, transaction = bay.hardware, bay.transaction
        evse = hardware.config
        offered_a = 0.0
        if transaction is not None and not transaction.deauthorized:
            offered_a = evse.max_a
            if self.config.limits != "ignore":
                offered_a = min(offered_a, self.limit_a(evse.evse_id))
        if offered_a < MIN_CHARGING_A and evse.dc_power_w is None:
            offered_a = 0.0
        if transaction is None:
            hardware.open_contactor(at)
            return
        hardware.step(at, offered_a)
        if hardware.power_w > DRAWING_W:
            bay.last_drew_at = at
            self._charging_state(bay, "Charging")
        elif offered_a <= 0.0:
            self._charging_state(bay, "SuspendedEVSE")
            bay.last_drew_at = at
        elif at - bay.last_drew_at > QUIET_S:
            self._charging_state(bay, "SuspendedEV")
        if at >= bay.next_sample_at:
            interval_s = float(self._settings["MeterValueSampleInterval"][0])
            bay.next_sample_at = max(bay.next_sample_at + interval_s, at)
            self._note(bay, "Updated", "MeterValuePeriodic", sampled=True)

    async def drive(self, period_s: float = 0.5) -> None:
        """Step by itself, for a station that lives outside a world."""
        while True:
            self.step(self._clock.time())
            await self._clock.sleep(period_s)

    # ------------------------------------------------------------ transactions

    def _begin(self, bay: Bay, token: IdToken, remote_start_id: int | None) -> None:
        at = self._clock.time()
        transaction = Transaction(
            local_id=f"{self._rng.getrandbits(128):032x}",
            evse_id=bay.hardware.config.evse_id,
            connector_id=bay.connector_id,
            token=token,
            started_at=self.now(),
            start_reading=read(bay.hardware),
            remote_start_id=remote_start_id,
        )
        vehicle = bay.hardware.vehicle
        transaction.drawn_wh_at_start = vehicle.energy_wh if vehicle is not None else 0.0
        bay.expected = None
        bay.transaction = transaction
        bay.last_drew_at = at
        interval_s = float(self._settings["MeterValueSampleInterval"][0])
        # Samples of different stations are not in step: the first one comes at a random part of the interval.
        bay.next_sample_at = at + interval_s * self._rng.random()
        self._profiles.transaction_changed()
        self._note(bay, "Started", "RemoteStart" if remote_start_id is not None else "Authorized")
        self._set_status(bay, "Preparing")

    def _end(self, bay: Bay, stop_reason: str, trigger: str) -> None:
        transaction = bay.transaction
        assert transaction is not None
        # The contactor opens first: what flowed until this instant belongs to the transaction, nothing after
        # it does.
        bay.hardware.open_contactor(self._clock.time())
        vehicle = bay.hardware.vehicle
        if vehicle is not None:
            transaction.drawn_wh = vehicle.energy_wh - transaction.drawn_wh_at_start
        transaction.ended = True
        transaction.charging_state = "EVConnected"
        self._note(bay, "Ended", trigger, stop_reason=stop_reason)
        bay.transaction = None
        bay.finished = True
        self._profiles.end_transaction(bay.hardware.config.evse_id)
        self._set_status(bay, "Finishing")

    def _charging_state(self, bay: Bay, state: ChargingState) -> None:
        transaction = bay.transaction
        if transaction is None or transaction.charging_state == state:
            return
        transaction.charging_state = state
        self._note(bay, "Updated", "ChargingStateChanged")
        words: dict[ChargingState, ConnectorStatus] = {
            "Charging": "Charging",
            "SuspendedEV": "SuspendedEV",
            "SuspendedEVSE": "SuspendedEVSE",
        }
        self._set_status(bay, words.get(state, "Preparing"))

    def _note(
        self, bay: Bay, phase: str, trigger: str, *, stop_reason: str | None = None, sampled: bool = False
    ) -> None:
        transaction = bay.transaction
        assert transaction is not None
        note = Note(
            phase=phase,  # type: ignore[arg-type]
            transaction=transaction,
            seq_no=transaction.next_seq_no(),
            at=self.now(),
            reading=read(bay.hardware),
            trigger=trigger,
            charging_state=transaction.charging_state,
            stop_reason=stop_reason,
            sampled=sampled,
        )
        self._outbox.append(note if self.connected else with_offline(note))
        self._outbox_changed.set()

    @property
    def messages_total(self) -> int:
        """Frames sent and received so far."""
        link = self._link
        return self._messages + (link.messages_in + link.messages_out if link is not None else 0)

    @property
    def unsent(self) -> int:
        """Transaction messages that no answer has come for."""
        return len(self._outbox)

    # ------------------------------------------------------------ the line to the CSMS

    async def run(self) -> None:
        """Connect, boot, serve, and again, until cancelled."""
        pause_s = 1.0
        try:
            while True:
                await self._network.wait()
                if self._reboot_pending:
                    self._reboot_pending = False
                    await self._clock.sleep(self.config.boot_s)
                try:
                    self._link = await Link.open(self.config, self._clock, self._answer)
                except Unreachable as problem:
                    log.debug("%s: %s", self.config.station_id, problem)
                    await self._clock.sleep(pause_s * (0.5 + self._rng.random()))
                    pause_s = min(pause_s * 2, 60.0)
                    continue
                pause_s = 1.0
                session = asyncio.ensure_future(self._session())
                try:
                    await self._link.closed()
                finally:
                    session.cancel()
                    self._accepted = False
                    self._accepted_event.clear()
                    self._messages += self._link.messages_in + self._link.messages_out
                    self._link = None
                await self._clock.sleep(0.5 + self._rng.random())
        finally:
            for task in tuple(self._tasks):
                task.cancel()
            if self._link is not None:
                await self._link.abort()

    async def _session(self) -> None:
        """Boot until accepted, tell the statuses, then empty the outbox for as long as the socket lives."""
        try:
            while not self._accepted:
                message = self._wire.boot(self._boot_reason)
                verdict = self._wire.read_boot(await self._call(message))
                self._set_clock(verdict.now)
                self._heartbeat_s = float(verdict.interval_s or 300)
                if not verdict.accepted:
                    await self._clock.sleep(float(verdict.interval_s or 30))
                    continue
                self._accepted = True
                self._accepted_event.set()
                self._boot_reason = "ApplicationReset"
            self._next_heartbeat_at = self._clock.time() + self._heartbeat_s * self._rng.random()
            for bay in self.bays.values():
                await self._call(self._status_message(bay))
            await self._empty_outbox()
        except (CallFailed, Unreachable) as problem:
            log.debug("%s: session ends: %s", self.config.station_id, problem)
            if self._link is not None:
                await self._link.close()

    async def _empty_outbox(self) -> None:
        attempts = 0
        while True:
            while not self._outbox:
                self._outbox_changed.clear()
                await self._outbox_changed.wait()
            note = self._outbox[0]
            message = self._wire.note(note)
            if message is None:
                self._outbox.popleft()
                continue
            try:
                answer = await self._call(message)
            except CallFailed as problem:
                attempts += 1
                if attempts >= 3 and problem.kind == "error":
                    # As the standard says: after its attempts a station gives the message up.
                    log.warning("%s: gives %s up: %s", self.config.station_id, message[0], problem)
                    self._outbox.popleft()
                    self.discarded += 1
                    attempts = 0
                else:
                    await self._clock.sleep(self.config.retry_interval_s * attempts)
                continue
            attempts = 0
            self._outbox.popleft()
            accepted = self._wire.read_note(note, answer)
            transaction = note.transaction
            self.acknowledged.append(
                Acknowledgement(
                    self.config.station_id,
                    transaction.wire_id or "",
                    note.phase,
                    note.seq_no,
                    note.at,
                )
            )
            if note.phase == "Ended":
                self.finished.append(
                    FinishedSession(self.config.station_id, transaction.wire_id or "", transaction.drawn_wh)
                )
            if not accepted and not transaction.ended:
                transaction.deauthorized = True
                bay = self.bays[transaction.evse_id]
                if bay.transaction is transaction:
                    self._end(bay, "DeAuthorized", "Deauthorized")

    async def _call(self, message: Message) -> object:
        link = self._link
        if link is None:
            raise Unreachable(f"{self.config.station_id} is offline")
        answer, wall_s = await link.call(*message)
        self.answer_wall_s.append(wall_s)
        return answer

    async def _beat(self) -> None:
        try:
            self._set_clock(self._wire.read_heartbeat(await self._call(self._wire.heartbeat())))
        except (CallFailed, Unreachable):
            return

    def _status_message(self, bay: Bay) -> Message:
        return self._wire.status(bay.hardware.config.evse_id, bay.connector_id, bay.status, self.now())

    def _set_status(self, bay: Bay, status: ConnectorStatus) -> None:
        if status == bay.status:
            return
        bay.status = status
        if self.connected:
            self._spawn(self._tell(self._status_message(bay)))

    async def _tell(self, message: Message) -> None:
        try:
            await self._call(message)
        except (CallFailed, Unreachable):
            # Statuses aren't kept: the boot tells them anew.
            return

    def _spawn(self, work: object) -> None:
        self._keep(asyncio.ensure_future(work))  # type: ignore[call-overload]

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, action: str, payload: object) -> object:
        if self.config.answer_delay_s:
            await self._clock.sleep(self.config.answer_delay_s)
        return self._wire.answer(action, payload, self)

    # ------------------------------------------------------------ commands (wire.Operations)

    def request_start(self, evse_id: int | None, token: IdToken, remote_start_id: int | None) -> str | None:
        bay = self.bays.get(evse_id) if evse_id is not None else self._free_bay()
        if bay is None:
            return "no such EVSE"
        if bay.transaction is not None:
            return "busy"
        if not bay.operative:
            return "out of service"
        if bay.hardware.vehicle is None:
            bay.expected = (token, remote_start_id)
        else:
            self._begin(bay, token, remote_start_id or 0)
        return None

    def _free_bay(self) -> Bay | None:
        return next((bay for bay in self.bays.values() if bay.transaction is None and bay.operative), None)

    def request_stop(self, wire_id: str) -> bool:
        for bay in self.bays.values():
            transaction = bay.transaction
            if transaction is not None and wire_id in (transaction.wire_id, transaction.local_id):
                self._end(bay, "Remote", "RemoteStop")
                return True
        return False

    def reset(self, immediate: bool) -> bool:
        self._spawn(self._reset(immediate))
        return True

    async def _reset(self, immediate: bool) -> None:
        while not immediate and any(bay.transaction is not None for bay in self.bays.values()):
            await self._clock.sleep(1.0)
        await self._clock.sleep(0.2)
        await self.reboot("RemoteReset", "ImmediateReset")

    def trigger(self, message: str, evse_id: int | None) -> bool:
        bays = [self.bays[evse_id]] if evse_id in self.bays else list(self.bays.values())
        match message:
            case "BootNotification":
                self._spawn(self._tell(self._wire.boot("Triggered")))
            case "Heartbeat":
                self._spawn(self._beat())
            case "StatusNotification":
                for bay in bays:
                    self._spawn(self._tell(self._status_message(bay)))
            case "MeterValues" | "TransactionEvent":
                running = [bay for bay in bays if bay.transaction is not None]
                for bay in running:
                    self._note(bay, "Updated", "Trigger", sampled=True)
                return bool(running)
            case _:
                return False
        return True

    def unlock(self, evse_id: int) -> bool:
        bay = self.bays.get(evse_id)
        if bay is None:
            return False
        if bay.transaction is not None:
            self._end(bay, "UnlockCommand", "UnlockCommand")
        return True

    def change_availability(self, evse_id: int, operative: bool) -> str:
        bays = (
            list(self.bays.values())
            if evse_id == 0
            else [bay for bay in (self.bays.get(evse_id),) if bay is not None]
        )
        if not bays:
            return "Rejected"
        scheduled = False
        for bay in bays:
            bay.operative = operative
            if bay.transaction is not None:
                scheduled = True
            elif bay.hardware.vehicle is None:
                self._set_status(bay, "Available" if operative else "Unavailable")
        return "Scheduled" if scheduled else "Accepted"

    def set_profile(self, evse_id: int, profile: ChargingProfile) -> bool:
        if self.config.limits == "reject":
            return False
        if profile.purpose == "TxProfile":
            bay = self.bays.get(evse_id)
            transaction = bay.transaction if bay is not None else None
            if bay is None or (transaction is None and bay.expected is None):
                return False
            named = profile.transaction_id
            if (
                named is not None
                and transaction is not None
                and named not in (transaction.wire_id, transaction.local_id)
            ):
                return False
        return self._profiles.install(evse_id, profile)

    def clear_profile(self, profile_id: int | None) -> bool:
        return self._profiles.remove(profile_id)

    def profiles(self, evse_id: int | None) -> Sequence[tuple[int, ChargingProfile]]:
        return self._profiles.held(evse_id)

    def composite(self, evse_id: int, duration_s: int) -> tuple[datetime, list[tuple[int, float]]]:
        start = self._own_time()
        bay = self.bays.get(evse_id) or next(iter(self.bays.values()))
        evse = bay.hardware.config
        # Without a transaction the answer is what one would get that began now.
        started = bay.transaction.started_at.timestamp() if bay.transaction is not None else start
        periods = self._profiles.schedule(evse.evse_id, start, max(duration_s, 1), started)
        limits = [
            (int(period.start_s), evse.max_a if period.limit is None else min(evse.max_a, period.limit))
            for period in periods
        ]
        return datetime.fromtimestamp(start, UTC), limits

    def transaction_of(self, evse_id: int) -> Transaction | None:
        bay = self.bays.get(evse_id)
        return bay.transaction if bay is not None else None

    def get_variable(self, name: str) -> tuple[str, bool] | None:
        return self._settings.get(name)

    def variables(self) -> Sequence[tuple[str, str, bool]]:
        return [(name, value, read_only) for name, (value, read_only) in self._settings.items()]

    def set_variable(self, name: str, value: str) -> str:
        known = self._settings.get(name)
        if known is None:
            return "Unknown"
        if known[1]:
            return "ReadOnly"
        if not value.isdigit() or not 1 <= int(value) <= 86_400:
            return "Rejected"
        self._settings[name] = (value, False)
        if name == "HeartbeatInterval":
            self._heartbeat_s = float(value)
        return "Accepted"

    def evse_ids(self) -> Sequence[int]:
        return list(self.bays)

    def post(self, message: Message) -> None:
        self._spawn(self._tell(message))
