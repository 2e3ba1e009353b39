"""The line to a CSMS that keeps a station waiting, refuses, or does not answer: a real gateway, a scripted
handler behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from ampacity.bus import LocalBus
from ampacity.clock import ScaledClock
from ampacity.csms.link import (
    Admitted,
    CallFailed,
    HandshakeRejected,
    NotAdmitted,
    OutboundCall,
    StationRef,
    station_address,
)
from ampacity.csms.link import Line as Carrier
from ampacity.gateway import Gateway, GatewaySettings
from ampacity.ocpp.messages import v16, v21, v201
from ampacity.simulation.cars import Car
from ampacity.station import ChargingStation
from tests.gateway.asking import Asking, NoAnswer

from .stack import CARD, TAKES_22_KW, VERSIONS, config, running, ticking

MESSAGES: dict[str, Any] = {"1.6": v16, "2.0.1": v201, "2.1": v21}


class Script(Asking):
    """A CSMS that does what a test wants. `told` is (action, payload, site time)."""

    def __init__(self, clock: ScaledClock) -> None:
        super().__init__()
        self.clock = clock
        self.told: list[tuple[str, Any, float]] = []
        self.boot_statuses: list[str] = []
        self.on: Callable[[str, Any], Any] = lambda action, payload: None

    def times(self, *actions: str) -> list[float]:
        return [at for action, _, at in self.told if action in actions]

    async def respond(self, station: StationRef, action: str, payload: Any) -> Any:
        self.told.append((action, payload, self.clock.monotonic()))
        wire = MESSAGES[station.version]
        made = self.on(action, payload)
        if made is not None:
            return made
        match action:
            case "BootNotification":
                status = self.boot_statuses.pop(0) if self.boot_statuses else "Accepted"
                return wire.BootNotificationResponse(status=status, currentTime=self.clock.now(), interval=7)
            case "Heartbeat":
                return wire.HeartbeatResponse(currentTime=self.clock.now())
            case "StartTransaction":
                return wire.StartTransactionResponse(
                    idTagInfo=wire.IdTagInfo(status="Accepted"), transactionId=17
                )
            case "Authorize" if station.version == "1.6":
                return wire.AuthorizeResponse(idTagInfo=wire.IdTagInfo(status="Accepted"))
            case "Authorize":
                return wire.AuthorizeResponse(idTokenInfo=wire.IdTokenInfoType(status="Accepted"))
        return wire.CALLS[action][1]()

    def heard(self, station: StationRef, action: str, payload: Any) -> None:
        raise AssertionError(f"{action} was sent without asking for an answer")


class Line:
    """What a test sees."""

    def __init__(self, clock: ScaledClock, bus: LocalBus, script: Script, station: ChargingStation) -> None:
        self.clock = clock
        self.bus = bus
        self.script = script
        self.station = station

    async def until(self, truth: Callable[[], Any], site_s: float = 200.0) -> None:
        end = self.clock.monotonic() + site_s
        while not truth():
            assert self.clock.monotonic() < end, f"not within {site_s:g} s"
            await self.clock.sleep(0.2)

    async def charge(self) -> None:
        self.station.plug_in(1, Car(TAKES_22_KW, soc=0.3, at_s=self.clock.time()))
        assert await self.station.present(1, CARD)

    async def command(self, action: str, payload: Any) -> Any:
        return await self.bus.request(station_address("op", "CP1"), OutboundCall(action, payload, 20.0))


@contextlib.asynccontextmanager
async def line(
    version: str, *boot_statuses: str, admit: Callable[[], bool] = lambda: True, **options: Any
) -> AsyncIterator[Line]:
    async with ticking() as clock:
        bus, script = LocalBus(), Script(clock)
        script.boot_statuses = list(boot_statuses)

        def credentials(identity: str, password: bytes | None, by: Carrier) -> Admitted | NotAdmitted:
            return Admitted("op", identity, False) if admit() else NotAdmitted("unknown")

        gateway = Gateway(GatewaySettings(host="127.0.0.1", ocpp_port=0), bus, clock, credentials, script)
        await gateway.start()
        station = ChargingStation(config(version, gateway.port, **options), clock, random.Random(7))
        try:
            async with running(station):
                yield Line(clock, bus, script, station)
        finally:
            await gateway.stop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_waits_until_it_is_accepted(version: str) -> None:
    async with line(version, "Pending", "Rejected") as it:
        wire = MESSAGES[version]
        await it.until(lambda: len(it.script.times("BootNotification")) == 1)
        await it.charge()  # nobody is asked, nothing is told: it is not accepted yet
        await it.until(lambda: len(it.script.times("BootNotification")) == 2)
        assert {action for action, _, _ in it.script.told} == {"BootNotification"}
        with pytest.raises(CallFailed, match="SecurityError"):
            await it.command("ClearCache", wire.ClearCacheRequest())
        await it.until(lambda: it.station.connected and it.station.unsent == 0)
        first, second, third = it.script.times("BootNotification")
        assert second - first == pytest.approx(7.0, abs=1.5)
        assert third - second == pytest.approx(7.0, abs=1.5)
        assert it.script.times("StartTransaction", "TransactionEvent")[0] >= third


async def test_a_pending_station_boots_when_it_is_asked_to_and_takes_no_start() -> None:
    async with line("2.0.1", "Pending") as it:
        it.script.on = lambda action, payload: (
            v201.BootNotificationResponse(status="Pending", currentTime=it.clock.now(), interval=5_000)
            if action == "BootNotification" and len(it.script.told) == 1
            else None
        )
        await it.until(lambda: it.script.told)
        await it.clock.sleep(2.0)
        start = v201.RequestStartTransactionRequest(
            evseId=1, remoteStartId=1, idToken=v201.IdTokenType(idToken="A", type="Central")
        )
        assert (await it.command("RequestStartTransaction", start)).status == "Rejected"
        it.script.boot_statuses = []
        boot = v201.TriggerMessageRequest(requestedMessage="BootNotification")
        assert (await it.command("TriggerMessage", boot)).status == "Accepted"
        await it.until(lambda: it.station.connected, 20.0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_that_is_refused_is_given_up_after_its_attempts(version: str) -> None:
    """2.x E13: attempts, with a pause that grows; then the next message has its turn."""
    async with line(version, sample_interval_s=100.0) as it:
        starts: list[float] = []

        def refuse(action: str, payload: Any) -> None:
            if action == "StartTransaction" or getattr(payload, "eventType", "") == "Started":
                starts.append(it.clock.monotonic())
                raise RuntimeError("this CSMS can't take it")

        it.script.on = refuse
        await it.until(lambda: it.station.connected)
        await it.charge()
        await it.until(lambda: it.station.discarded == 1)
        first, second, third = starts
        assert second - first == pytest.approx(2.0, abs=1.5)
        assert third - second == pytest.approx(4.0, abs=1.5)
        it.station.unplug(1)
        await it.until(lambda: it.station.unsent == 0)
        assert it.station.acknowledged[-1].phase == "Ended"
        stops = [payload for action, payload, _ in it.script.told if action == "StopTransaction"]
        assert [stop.transactionId for stop in stops] == ([-1] if version == "1.6" else [])


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_without_an_answer_is_repeated_for_ever(version: str) -> None:
    async with line(version, call_timeout_s=3.0, sample_interval_s=100.0) as it:
        unanswered = iter(range(5))

        def keep_silent(action: str, payload: Any) -> None:
            if action in ("StartTransaction", "TransactionEvent") and next(unanswered, None) is not None:
                raise NoAnswer("the disk is full")

        it.script.on = keep_silent
        await it.until(lambda: it.station.connected)
        await it.charge()
        await it.until(lambda: it.station.acknowledged)
        assert it.station.discarded == 0
        same = [
            payload
            for action, payload, _ in it.script.told
            if action in ("StartTransaction", "TransactionEvent")
        ]
        assert same[0] == same[4] == same[5]


@pytest.mark.parametrize("version", VERSIONS)
async def test_short_and_long_outages(version: str) -> None:
    """2.x B04: after a long one all statuses are told, after a short one those that changed; no boot."""
    async with line(version) as it:
        await it.until(lambda: it.station.connected and it.script.times("StatusNotification"))
        await it.clock.sleep(2.0)
        told = len(it.script.times("StatusNotification"))
        for outage_s, more in ((5.0, 0), (90.0, told)):
            await it.station.cut_network()
            await it.until(lambda: not it.station.connected)
            await it.clock.sleep(outage_s)
            it.station.restore_network()
            await it.until(lambda: it.station.connected)
            await it.clock.sleep(2.0)
            assert len(it.script.times("StatusNotification")) == told + more
        assert len(it.script.times("BootNotification")) == 1


async def test_pauses_between_attempts_grow() -> None:
    refused: list[datetime] = []
    async with line("2.0.1", admit=lambda: len(refused) >= 6) as it:
        it.bus.subscribe(HandshakeRejected, lambda event: refused.append(event.at))
        await it.until(lambda: it.station.connected, 300.0)
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(refused)]
        assert len(refused) == 6
        for number, gap in enumerate(gaps):
            assert 0.5 * 2**number - 0.5 <= gap <= 1.5 * 2**number + 1.5


async def test_a_cable_that_is_pulled_during_the_handshake() -> None:
    pulled: list[asyncio.Task[None]] = []

    def admit() -> bool:
        if not pulled:
            pulled.append(asyncio.create_task(it.station.cut_network()))
        return True

    async with line("2.0.1", admit=admit) as it:
        await it.until(lambda: pulled)
        await it.clock.sleep(10.0)
        assert not it.station.connected
        assert not it.script.told
        it.station.restore_network()
        await it.until(lambda: it.station.connected)
