"""A node of real parts around the API: store, bus, CSMS, a site at work, access, and uvicorn on a socket.

Stations are told apart from the wire only: a `Peer` hands its messages to the CSMS as a gateway would, and
answers on the bus address that a gateway serves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from ampacity.access.roles import Role
from ampacity.access.service import Access
from ampacity.api.app import create_app
from ampacity.api.console import Assets
from ampacity.api.context import ApiContext, ApiSettings
from ampacity.api.server import HttpServer
from ampacity.bus.local import LocalBus
from ampacity.clock import WallClock
from ampacity.csms.link import CallFailed, OutboundCall, StationRef, station_address
from ampacity.csms.quarantine import Quarantine
from ampacity.csms.service import Csms
from ampacity.csms.settings import CsmsSettings
from ampacity.files.service import FileService
from ampacity.files.settings import FilesSettings
from ampacity.model.events import MessagePassed, StationConnected, StationDisconnected
from ampacity.model.protection import SignalSource, TemperatureSensor
from ampacity.model.site import Circuit, Evse, MeterConfig, Site
from ampacity.ocpp.events import CallReceived
from ampacity.ocpp.messages import v16
from ampacity.site.controller import SiteController
from ampacity.site.groups.groups import Groups
from ampacity.site.records import SiteRecords
from ampacity.site.safe import Safe
from ampacity.site.tariff import Tariff
from ampacity.store import Store, operators, sites

OPERATOR = "default"
OTHER = "other"


def workplace(site_id: str = "work", operator_id: str = OPERATOR, prefix: str = "CP") -> Site:
    """A grid connection with one branch, two single-station EVSEs and a station of two."""
    return Site(
        site_id=site_id,
        operator_id=operator_id,
        name="Workplace",
        time_zone="Europe/Berlin",
        circuits=(
            Circuit(
                circuit_id="grid",
                name="Main panel",
                rating_a=150.0,
                meter=MeterConfig(protocol="push", interval_s=1.0),
                reserve_a=40.0,
            ),
            Circuit(
                circuit_id="garage",
                name="Garage",
                rating_a=63.0,
                parent_id="grid",
                sensors=(TemperatureSensor(sensor_id="cable", points=((80.0, 1.0),), fallback_share=1.0),),
                signals=(SignalSource(source="dso", failsafe_a=20.0, lost_s=86_400.0),),
            ),
        ),
        evses=(
            Evse(station_id=f"{prefix}-1", evse_id=1, circuit_id="garage", phases=(0, 1, 2), label="A1"),
            Evse(station_id=f"{prefix}-2", evse_id=1, circuit_id="garage", phases=(1,), label="A2"),
            Evse(station_id=f"{prefix}-2", evse_id=2, circuit_id="grid", phases=(2,), label="A3"),
        ),
    )


class Replied:
    """Takes the reply to one call."""

    def __init__(self) -> None:
        self.came: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answer(self, payload: Struct) -> None:
        self.came.set_result(payload)

    def answer_text(self, body: str) -> None:
        self.came.set_result(msgspec.json.decode(body))

    def refuse(self, code: str, description: str) -> None:
        self.came.set_exception(RuntimeError(f"{code}: {description}"))

    def leave(self, reason: str) -> None:
        self.came.set_exception(RuntimeError(f"not answered: {reason}"))


class Peer:
    """A 1.6 station, seen from behind the gateway. `answers` holds what it says to which action: at first it
    takes limits.
    """

    def __init__(self, node: Node, station_id: str, operator_id: str = OPERATOR) -> None:
        self._node = node
        self.ref = StationRef(operator_id, station_id, "1.6")
        self.calls: list[OutboundCall] = []
        self.answers: dict[str, Struct | CallFailed] = {
            "SetChargingProfile": v16.SetChargingProfileResponse(status="Accepted"),
            "ClearChargingProfile": v16.ClearChargingProfileResponse(status="Accepted"),
            "ChangeConfiguration": v16.ChangeConfigurationResponse(status="Accepted"),
            "TriggerMessage": v16.TriggerMessageResponse(status="Accepted"),
            "GetConfiguration": v16.GetConfigurationResponse(),
        }
        self._end: Callable[[], None] | None = None

    async def connect(self) -> None:
        """Serve the station's address and boot."""
        address = station_address(self.ref.operator_id, self.ref.station_id)
        self._end = self._node.bus.serve(address, self._answer)
        self._node.bus.publish(
            StationConnected(
                operator_id=self.ref.operator_id,
                station_id=self.ref.station_id,
                version=self.ref.version,
                at=self._node.clock.now(),
            )
        )
        await self.say(
            "BootNotification",
            v16.BootNotificationRequest(chargePointVendor="Voltwerk", chargePointModel="V1"),
        )

    def disconnect(self) -> None:
        """The socket is gone."""
        assert self._end is not None
        self._end()
        self._node.bus.publish(
            StationDisconnected(
                operator_id=self.ref.operator_id,
                station_id=self.ref.station_id,
                reason="test",
                at=self._node.clock.now(),
            )
        )

    async def say(self, action: str, payload: Struct) -> Any:
        """A message of the station and its answer."""
        reply = Replied()
        call = CallReceived("1", action, payload, msgspec.json.encode(payload))  # type: ignore[arg-type]
        self._node.csms.handle(self.ref, call, reply)
        return await reply.came

    def frame(self, direction: str, frame: str) -> None:
        """A raw frame passes at the gateway."""
        self._node.csms.record(self.ref, direction, frame, self._node.clock.time())
        self._node.bus.publish(
            MessagePassed(
                operator_id=self.ref.operator_id,
                station_id=self.ref.station_id,
                direction=direction,
                frame=frame,
                at=self._node.clock.now(),
            )
        )

    async def status(self, connector_id: int, status: Any) -> None:
        """StatusNotification."""
        await self.say(
            "StatusNotification",
            v16.StatusNotificationRequest(
                connectorId=connector_id, errorCode="NoError", status=status, timestamp=self._node.clock.now()
            ),
        )

    async def start(self, connector_id: int = 1, token: str = "TAG-1", meter_wh: int = 1000) -> int:
        """StartTransaction; returns its id on the wire."""
        answer = await self.say(
            "StartTransaction",
            v16.StartTransactionRequest(
                connectorId=connector_id, idTag=token, meterStart=meter_wh, timestamp=self._node.clock.now()
            ),
        )
        await self.status(connector_id, "Charging")
        return int(answer.transactionId)

    async def meter(
        self, transaction_id: int, register_wh: float, power_w: float, connector_id: int = 1
    ) -> None:
        """MeterValues with a register and a power."""
        await self.say(
            "MeterValues",
            v16.MeterValuesRequest(
                connectorId=connector_id,
                transactionId=transaction_id,
                meterValue=[
                    v16.MeterValue(
                        timestamp=self._node.clock.now(),
                        sampledValue=[
                            v16.SampledValue(
                                value=str(register_wh), measurand="Energy.Active.Import.Register", unit="Wh"
                            ),
                            v16.SampledValue(value=str(power_w), measurand="Power.Active.Import", unit="W"),
                        ],
                    )
                ],
            ),
        )

    async def stop(
        self, transaction_id: int, meter_wh: int, token: str = "TAG-1", reason: Any = "EVDisconnected"
    ) -> None:
        """StopTransaction."""
        await self.say(
            "StopTransaction",
            v16.StopTransactionRequest(
                transactionId=transaction_id,
                idTag=token,
                meterStop=meter_wh,
                timestamp=self._node.clock.now(),
                reason=reason,
            ),
        )

    async def _answer(self, call: OutboundCall) -> Struct:
        self.calls.append(call)
        answer = self.answers.get(call.action)
        if answer is None:
            raise CallFailed("error", "NotImplemented", "this station does not know it")
        if isinstance(answer, CallFailed):
            raise answer
        return answer


class SimulatedPlugs:
    """The demo's switches, with nothing behind them but what they say."""

    speed = 10.0

    def __init__(self) -> None:
        self.plugged = {"CP-1": True, "CP-2": True}

    def stations(self) -> dict[str, bool]:
        return self.plugged

    async def unplug_network(self, station_id: str) -> None:
        self.plugged[station_id] = False

    async def plug_network(self, station_id: str) -> None:
        self.plugged[station_id] = True


class Node:
    """The parts, and clients of them."""

    store: Store
    csms: Csms
    access: Access
    site: SiteController
    server: HttpServer
    groups: Groups

    def __init__(self) -> None:
        self.clock = WallClock()
        self.bus = LocalBus()
        self.sites: dict[str, SiteController] = {}
        self.demo = SimulatedPlugs()
        self.quarantine = Quarantine()
        self._clients: list[httpx.AsyncClient] = []

    def peer(self, station_id: str, operator_id: str = OPERATOR) -> Peer:
        """A station."""
        return Peer(self, station_id, operator_id)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of the socket, not signed in, that sends `headers` each time."""
        client = httpx.AsyncClient(base_url=self.server.url, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    async def key(self, role: Role) -> str:
        """An API key."""
        return (await self.access.make_key(f"{role} of a test", role, "test"))[0]

    async def as_role(self, role: Role) -> httpx.AsyncClient:
        """A program with that role."""
        return self.client(authorization=f"Bearer {await self.key(role)}")

    async def as_person(self, name: str, role: Role) -> httpx.AsyncClient:
        """A person's browser, signed in."""
        link = await self.access.make_link(name, role, "test")
        client = self.client(origin=self.server.url)
        answer = await client.post("/api/v1/sign-in", json={"code": link.code})
        assert answer.status_code == 200, answer.text
        return client

    def socket_url(self, path: str) -> str:
        """A WebSocket's address."""
        return self.server.url.replace("http://", "ws://") + path

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Return once `holds`, looked at with each change of the site."""
        changed = asyncio.Event()
        end = self.site.on_change(changed.set)
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    changed.clear()
                    await changed.wait()
        finally:
            end()

    async def derived(self) -> None:
        """Everything that was said is in the sample tables."""
        await self.csms.written()


def short_settings() -> ApiSettings:
    """Quick feeds, tight limits."""
    return ApiSettings(
        live_interval_s=0.01,
        public_per_minute=1,
        public_burst=20,
        sign_in_per_minute=1,
        sign_in_burst=5,
        recheck_s=0.05,
    )


@asynccontextmanager
async def running_node(
    place: Path | str,
    settings: ApiSettings | None = None,
    demo: bool = True,
    web: Path | None = None,
    files: Path | None = None,
) -> AsyncIterator[Node]:
    """A node that listens, until the block ends. A second operator's site and station are in the store."""
    node = Node()
    folder = place if isinstance(place, Path) else None
    node.store = store = await Store.open(place if folder is None else folder / "ampacity.db", node.clock)
    try:
        now = datetime.now(UTC)
        theirs = workplace("theirs", OTHER, "XX")

        def prepare(connection: Any) -> None:
            for operator_id in (OPERATOR, OTHER):
                operators.ensure_operator(connection, operator_id, operator_id, now)
            sites.save_site(connection, workplace(), now)
            sites.save_site(connection, theirs, now)

        await store.write(prepare)
        service = None if files is None else FileService(store, node.clock, files, FilesSettings())
        if service is not None:
            await service.open()
        policy = CsmsSettings(unknown_tokens="accept", onboard=False)
        node.csms = Csms(store, node.bus, node.clock, policy, service)
        await node.csms.start()
        tasks = []
        for site in (workplace(), theirs):
            runtime = SiteController(
                site,
                node.csms,
                SiteRecords(store, site),
                node.bus,
                node.clock,
                safe=Safe(folder and folder / "keys"),
                meter_maps=folder and folder / "meter-maps",
                tariff=Tariff(lambda: node.csms.costs.prices),
            )
            node.sites[site.site_id] = runtime
            tasks += [asyncio.create_task(runtime.run()), asyncio.create_task(runtime.meters.run())]
        node.site = node.sites["work"]
        node.access = await Access.open(store, OPERATOR)
        node.groups = Groups(store, OPERATOR, node.bus, node.clock, node.sites, "this node")
        tasks.append(asyncio.create_task(node.groups.run()))
        context = ApiContext(
            operator_id=OPERATOR,
            store=store,
            csms=node.csms,
            sites=node.sites,
            access=node.access,
            bus=node.bus,
            clock=node.clock,
            demo=node.demo if demo else None,
            settings=settings or short_settings(),
            quarantine=node.quarantine,
            files=service,
            meter_maps=folder and folder / "meter-maps",
            groups=node.groups,
        )
        node.server = HttpServer(create_app(context, Assets(web) if web else None), port=0)
        await node.server.start()
        if service is not None:
            service.listens_at(f"{node.server.url}/files")
        try:
            yield node
        finally:
            for client in node._clients:
                await client.aclose()
            await node.server.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await node.csms.stop()
    finally:
        await store.close()


def in_an_hour() -> str:
    """A time that has not passed."""
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
