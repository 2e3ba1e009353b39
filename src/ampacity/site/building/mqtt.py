"""MQTT for building management: state is published, limits are taken.

| topic | what |
|---|---|
| `TOPIC/SITE/status` | `online`, retained; `offline` is our last will |
| `TOPIC/SITE/circuit/ID` | a circuit's state as JSON, retained |
| `TOPIC/SITE/evse/STATION/EVSE` | an EVSE's state as JSON, retained |
| `TOPIC/SITE/circuit/ID/limit/set` | a limit: `{"limit_a": 40, "fallback_a": 10}`; `{}` withdraws it |
| `TOPIC/SITE/heartbeat` | anything: the building is there |

Limits that the broker had kept (retained) are from nobody knows when, and are not taken.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

import aiomqtt
import msgspec
from msgspec import Struct

from ...clock import Clock
from ...model.live import SiteView
from ...store import StoreError
from .limits import BuildingLimits, LimitedSite
from .settings import BuildingSettings

log = logging.getLogger(__name__)

PUBLISH_S = 2.0
REPEAT_S = 60.0
LONGEST_PAUSE_S = 30.0


class LimitMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """What comes on a limit's topic."""

    limit_a: float | None = None
    fallback_a: float | None = None


class BuildingMqtt:
    """Publishes what changes, at most each two seconds of site time, and everything once a minute."""

    def __init__(
        self, site: LimitedSite, limits: BuildingLimits, settings: BuildingSettings, clock: Clock
    ) -> None:
        self._site, self._limits, self._settings, self._clock = site, limits, settings, clock
        self._root = f"{settings.mqtt_topic}/{site.site.site_id}"
        self._sent: dict[str, tuple[Any, float]] = {}
        self.failure: str | None = None

    async def run(self) -> None:
        """Until cancelled; a broker that is gone is tried again, later each time."""
        failures = 0
        while True:
            try:
                async with self._client() as client:
                    await client.publish(f"{self._root}/status", "online", qos=1, retain=True)
                    await client.subscribe(f"{self._root}/heartbeat", qos=1)
                    await client.subscribe(f"{self._root}/circuit/+/limit/set", qos=1)
                    self.failure, failures = None, 0
                    self._sent.clear()
                    async with asyncio.TaskGroup() as both:
                        both.create_task(self._listen(client))
                        both.create_task(self._publish(client))
            except* (aiomqtt.MqttError, OSError) as troubles:
                text = str(troubles.exceptions[0])
                if self.failure is None:
                    log.warning("building management: broker %s: %s", self._settings.mqtt_broker, text)
                self.failure = text
            failures += 1
            await asyncio.sleep(min(2.0**failures, LONGEST_PAUSE_S))

    def _client(self) -> aiomqtt.Client:
        host, _, port = self._settings.mqtt_broker.partition(":")
        tls = self._settings.mqtt_tls
        return aiomqtt.Client(
            host,
            int(port or (8883 if tls else 1883)),
            username=self._settings.mqtt_user or None,
            password=self._settings.mqtt_password or None,
            tls_context=ssl.create_default_context() if tls else None,
            will=aiomqtt.Will(f"{self._root}/status", "offline", qos=1, retain=True),
        )

    # ------------------------------------------------------------ out

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            for topic, body in states(self._site.view()).items():
                at = self._clock.monotonic()
                known = self._sent.get(topic)
                if known is None or known[0] != body or at - known[1] >= REPEAT_S:
                    told = body | {"at": self._clock.now().isoformat()}
                    await client.publish(f"{self._root}/{topic}", msgspec.json.encode(told), retain=True)
                    self._sent[topic] = (body, at)
            await self._clock.sleep(PUBLISH_S)

    # ------------------------------------------------------------ in

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if message.retain or not self._settings.writable:
                continue
            topic = str(message.topic).removeprefix(self._root).strip("/").split("/")
            payload = message.payload
            try:
                if topic == ["heartbeat"]:
                    await self._limits.beat()
                elif len(topic) == 4:
                    await self._take(topic[1], payload if isinstance(payload, bytes) else b"")
            except (ValueError, LookupError, StoreError) as problem:
                # msgspec's errors are ValueErrors. A limit that can't be read changes nothing; the one before
                # lapses, unless the building goes on.
                log.warning("building management: %s: %s", message.topic, problem)

    async def _take(self, circuit_id: str, payload: bytes) -> None:
        told = msgspec.json.decode(payload, type=LimitMessage)
        if told.limit_a is None:
            await self._limits.withdraw(circuit_id)
        else:
            await self._limits.set(circuit_id, told.limit_a, told.fallback_a)


def states(view: SiteView) -> dict[str, dict[str, Any]]:
    """What is published, by topic below the site's."""
    told: dict[str, dict[str, Any]] = {}
    for circuit in view.circuits:
        told[f"circuit/{circuit.circuit_id}"] = {
            "name": circuit.name,
            "limit_a": circuit.limit_a,
            "limit_source": circuit.limit_source,
            "rating_a": circuit.rating_a,
            "meter_state": circuit.meter_state,
            "metered_a": circuit.metered_a,
            "base_a": circuit.base_a,
            "ev_a": circuit.ev_a,
            "reserve_a": circuit.reserve_a,
            "mode": view.mode,
        }
    for evse in view.evses:
        told[f"evse/{evse.station_id}/{evse.evse_id}"] = {
            "label": evse.label,
            "circuit_id": evse.circuit_id,
            "status": evse.status,
            "online": evse.online,
            "limit_a": evse.grant_a,
            "measured_a": evse.measured_a,
            "power_w": evse.power_w,
            "session": None if evse.session is None else evse.session.state,
        }
    return told
