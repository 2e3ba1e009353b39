"""A charging station: people plug cars in, the CSMS limits and commands it, and it keeps charging when nobody
answers.

Two clocks: site time drives the physics; the station's own clock may be wrong, and stamps every message and
runs the profiles. `step` moves everything that depends on time; whoever owns the world calls it, or `drive`
does. `run` keeps the line to the CSMS.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Coroutine
from typing import Any

from ..clock import Clock
from ..model.station import IdToken
from ..ocpp.errors import ErrorCode
from ..ocpp.version import Version
from .bay import Bay, ConnectorShown
from .charging import InstalledProfiles
from .commands import Commands
from .config import LimitBehaviour, MeterFlaw, StationConfig
from .evse import Vehicle
from .line import Line
from .link import CallFailed
from .notes import Acknowledgement, FinishedSession, Note, Transaction
from .own_clock import OwnClock
from .transactions import Transactions
from .variables import Variables
from .wire import NoReply, Refused, ResetKind, Wire
from .wire_v2 import WireV2
from .wire_v16 import WireV16

log = logging.getLogger(__name__)

MIN_CHARGING_A = 6.0
"""Below it the pilot is switched off (IEC 61851-1)."""

LAST_WORDS_S = 30.0
"""So long may an orderly reboot wait for its transactions' ends to be answered."""


class ChargingStation:
    """See the module's text. `rng` decides ids, phases of timers and jitter: same seed, same station."""

    def __init__(self, config: StationConfig, clock: Clock, rng: random.Random) -> None:
        wire: Wire = WireV16(config) if config.version is Version.V16 else WireV2(config)
        self._site = clock
        self.clock = OwnClock(config, clock)
        self.bays = {evse.evse_id: Bay(evse) for evse in config.evses}
        self._wire = wire
        self._variables = Variables(config)
        self._profiles = InstalledProfiles(
            config.evses,
            lambda: self._line.offline_s,
            keeps=config.version is Version.V21 and config.offline_durations,
        )
        self._line = Line(
            config,
            clock,
            self.clock,
            rng,
            wire,
            self._variables,
            self._answer,
            self._shown,
            self._acknowledged,
            self._profiles.came_back,
        )
        self._transactions = Transactions(
            clock,
            self.clock,
            rng,
            self._variables,
            self._profiles,
            self._line.add,
            lambda: not self._line.up,
            self._line.look,
        )
        self._commands = Commands(
            self.bays,
            self.clock,
            wire,
            self._line,
            self._variables,
            self._profiles,
            self._transactions,
            self._reset,
            config.limits,
            config.quirks,
        )
        self._answer_delay_s = config.answer_delay_s
        self._obeys_after_s = config.obeys_after_s
        self.measure(config.meter)
        self._ignored: frozenset[str] = frozenset()
        self._refused: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()
        self.acknowledged: list[Acknowledgement] = []
        self.finished: list[FinishedSession] = []

    @property
    def config(self) -> StationConfig:
        return self._line.config

    @config.setter
    def config(self, config: StationConfig) -> None:
        """Only what the line uses may change: address, password, time-outs."""
        self._line.config = config

    # ------------------------------------------------------------ what can be seen of it

    @property
    def connected(self) -> bool:
        """Whether it believes to be connected and accepted."""
        return self._line.up

    @property
    def unsent(self) -> int:
        """Transaction messages that no answer has come for."""
        return self._line.waiting

    @property
    def discarded(self) -> int:
        """Transaction messages given up."""
        return self._line.discarded

    @property
    def messages_total(self) -> int:
        """Frames sent and received so far."""
        return self._line.messages

    @property
    def answer_wall_s(self) -> deque[float]:
        """How long the CSMS's newest answers took, in wall seconds."""
        return self._line.answer_wall_s

    def transaction_of(self, evse_id: int) -> Transaction | None:
        """What runs at an EVSE."""
        bay = self.bays.get(evse_id)
        return bay.transaction if bay is not None else None

    def limit_a(self, evse_id: int) -> float:
        """Amperes that the profiles leave the EVSE now (inf: no limit), whether it obeys or not."""
        transaction = self.bays[evse_id].transaction
        started = transaction.started_at.timestamp() if transaction is not None else None
        return self._profiles.limit_a(evse_id, self.clock.time(), started)

    # ------------------------------------------------------------ people

    def plug_in(self, evse_id: int, vehicle: Vehicle, connector_id: int = 1) -> None:
        """A car is connected. It charges once somebody authorised is known. Raises ValueError where a car is
        already.
        """
        bay = self.bays[evse_id]
        bay.plug_in(vehicle, connector_id)
        expected = bay.expected
        if expected is not None and self._line.powered:
            trigger = "RemoteStart" if expected.remote else "CablePluggedIn"
            self._transactions.begin(bay, expected.token, expected.remote_start_id, trigger)
        self._line.look()

    async def present(self, evse_id: int, token: IdToken) -> bool:
        """A driver shows a token, before or after plugging in: it starts, or stops what it started. Offline
        it is trusted, as stations are set to.
        """
        bay = self.bays[evse_id]
        if bay.transaction is not None:
            if bay.transaction.token.value.casefold() != token.value.casefold():
                return False
            self._transactions.end(bay, "Local", "StopAuthorized")
            return True
        if not self._ready(bay):
            return False
        if self._line.up:
            try:
                answer = await self._line.call(self._wire.authorize(token))
            except CallFailed as problem:
                log.debug("%s: %s trusted: %s", self.config.station_id, token.value, problem)
            else:
                if not self._wire.read_authorize(answer):
                    return False
            if not self._ready(bay):
                return False
        if bay.hardware.vehicle is None:
            self._transactions.expect(bay, token, None, remote=False)
        else:
            self._transactions.begin(bay, token, None, "Authorized")
        return True

    def unplug(self, evse_id: int) -> None:
        """The car leaves."""
        bay = self.bays[evse_id]
        if bay.transaction is not None:
            self._transactions.end(bay, "EVDisconnected", "EVCommunicationLost", "Idle")
        bay.unplug()
        self._line.look()

    def _ready(self, bay: Bay) -> bool:
        return bay.free and self._line.powered and not self._commands.restarting

    # ------------------------------------------------------------ what goes wrong

    async def cut_network(self, silent: bool = False) -> None:
        """The network is gone. `silent`: without a word, as when a cable is pulled behind a switch; the
        station itself learns of it by its pings only.
        """
        self._line.cut(silent)

    def restore_network(self) -> None:
        """The network is back; the station reconnects after its pause."""
        self._line.restore()

    async def reboot(self, hard: bool = False) -> None:
        """Somebody restarts it. Soft: it ends its transactions, tells so and says goodbye; hard: it goes dark
        and tells after the boot. Transactions' profiles go; the outbox, the other profiles and what is out of
        service stay (flash).
        """
        await self._restart("LocalReset", "ImmediateReset" if hard else "SoftReset", orderly=not hard)

    def lose_power(self) -> None:
        """The feeder is dead: no current, no goodbye, until `restore_power`."""
        # Dark first: what ends now is told as an event of an offline station.
        self._line.power_off()
        self._stop_everything("PowerLoss", "AbnormalCondition")

    def restore_power(self) -> None:
        """The feeder is back: it boots, which takes `boot_s`."""
        self._line.power_on("PowerUp")

    def drift(self, offset_s: float = 0.0, ppm: float | None = None) -> None:
        """Its clock goes wrong, by `offset_s` at once and by `ppm` from now on. The CSMS's next word about
        the time corrects the offset, unless the station is built not to listen (`takes_time`).
        """
        self.clock.drift(offset_s, ppm)

    def answer_slowly(self, seconds: float) -> None:
        """Take `seconds` of site time for each answer (0: at once)."""
        self._answer_delay_s = seconds

    def refuse(self, *actions: str) -> None:
        """Answer calls of exactly these actions with a CALLERROR from now on (none: be good again)."""
        self._refused = frozenset(actions)

    def ignore(self, *actions: str) -> None:
        """Never answer calls of exactly these actions from now on (none: be good again)."""
        self._ignored = frozenset(actions)

    def treat_limits(self, behaviour: LimitBehaviour) -> None:
        """Obey charging profiles, reject new ones, or accept them and draw what the hardware allows."""
        self._commands.limits = behaviour

    def obey_after(self, seconds: float) -> None:
        """Follow the profiles so much later from now on."""
        self._obeys_after_s = seconds

    def measure(self, flaw: MeterFlaw) -> None:
        """Measure wrong from now on (`MeterFlaw()`: right again)."""
        for bay in self.bays.values():
            bay.hardware.flaw = flaw

    # ------------------------------------------------------------ physics

    def step(self, at: float) -> None:
        """Advance the physics to site time `at` (epoch seconds) and send what has become due."""
        for bay in self.bays.values():
            if bay.expected is not None and at >= bay.expected.until:
                self._transactions.forget(bay)
            if bay.hardware.vehicle is None:
                continue
            if bay.transaction is None:
                bay.hardware.open_contactor(at)
                continue
            offered_a = bay.offer_of(self._offer(bay), at, self._obeys_after_s)
            bay.hardware.step(at, offered_a, phases=self._phases(bay))
            self._transactions.observe(bay, at, offered_a)
        self._line.beat_if_due(at)

    async def drive(self, period_s: float = 0.5) -> None:
        """Step by itself, for a station that lives outside a world."""
        while True:
            self.step(self._site.time())
            await self._site.sleep(period_s)

    def _phases(self, bay: Bay) -> int | None:
        evse, transaction = bay.hardware.config, bay.transaction
        if not evse.phase_switch:
            return None
        started = None if transaction is None else transaction.started_at.timestamp()
        return self._profiles.phases(evse.evse_id, self.clock.time(), started)

    def _on_fewer(self, bay: Bay) -> float:
        """How many times the amperes that were meant for all phases a station gives that takes watts: it lets
        its car have them on the phases that it has."""
        evse = bay.hardware.config
        used = sum(amperes > 1.0 for amperes in bay.hardware.current_a)
        if self._commands.limits != "watts" or evse.dc_power_w is not None or not used:
            return 1.0
        return evse.phases / used

    def _offer(self, bay: Bay) -> float:
        evse = bay.hardware.config
        offered_a = evse.max_a
        if self._commands.limits != "ignore":
            offered_a = min(offered_a, self.limit_a(evse.evse_id) * self._on_fewer(bay))
        return offered_a if offered_a >= MIN_CHARGING_A or evse.dc_power_w is not None else 0.0

    # ------------------------------------------------------------ the line

    async def run(self) -> None:
        """Connect, boot, serve, and again, until cancelled."""
        try:
            await self._line.run()
        finally:
            for task in tuple(self._tasks):
                task.cancel()

    async def _answer(self, action: str, payload: Any) -> Any:
        if action in self._ignored:
            raise NoReply
        if self._answer_delay_s > 0:
            await self._site.sleep(self._answer_delay_s)
        if action in self._refused:
            raise Refused(ErrorCode.GENERIC_ERROR, f"{action} is refused")
        if self._line.standing == "Rejected":
            raise Refused(ErrorCode.SECURITY_ERROR, "the station has not been accepted")  # B03.FR.08
        return self._wire.answer(action, payload, self._commands)

    def _shown(self) -> list[ConnectorShown]:
        serving = any(bay.operative or bay.transaction is not None for bay in self.bays.values())
        whole = ConnectorShown(0, 0, "Available" if serving else "Unavailable", False)
        return [whole, *(shown for bay in self.bays.values() for shown in bay.shown())]

    def _acknowledged(self, note: Note, accepted: bool) -> None:
        transaction, station_id = note.transaction, self.config.station_id
        wire_id = transaction.wire_id or ""
        self.acknowledged.append(Acknowledgement(station_id, wire_id, note.phase, note.seq_no, note.at))
        if note.phase == "Ended":
            self.finished.append(FinishedSession(station_id, wire_id, transaction.drawn_wh))
        bay = self.bays[transaction.evse_id]
        if not accepted and bay.transaction is transaction:
            self._transactions.end(bay, "DeAuthorized", "Deauthorized")

    # ------------------------------------------------------------ restarts

    def _reset(self, kind: ResetKind) -> None:
        if not self._commands.restarting:
            self._commands.restarting = True
            self._spawn(self._reset_as_told(kind))

    async def _reset_as_told(self, kind: ResetKind) -> None:
        # The answer to the command goes out first.
        await self._site.sleep(0.2)
        while kind == "on idle" and any(bay.transaction is not None for bay in self.bays.values()):
            await self._site.sleep(0.5)
        reason = "ImmediateReset" if kind == "immediate" else "SoftReset"
        await self._restart("RemoteReset", reason, orderly=True)

    async def _restart(self, boot_reason: str, stop_reason: str, *, orderly: bool) -> None:
        self._commands.restarting = True
        try:
            if orderly:
                self._stop_everything(stop_reason, "ResetCommand")
                await self._line.emptied(LAST_WORDS_S)
                await self._line.goodbye()
            self._line.power_off()
            self._stop_everything(stop_reason, "ResetCommand")
            self._line.power_on(boot_reason)
        finally:
            self._commands.restarting = False

    def _stop_everything(self, stop_reason: str, trigger: str) -> None:
        for bay in self.bays.values():
            if bay.transaction is not None:
                self._transactions.end(bay, stop_reason, trigger)
            self._transactions.forget(bay)
            bay.finished = False  # a station that boots doesn't know whether the car has been served

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
