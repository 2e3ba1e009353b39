"""Meters that publish over MQTT: a topic for each value, or one topic with a JSON document.

A reading is complete when each of its currents was told anew; it is as old as the oldest of them. What the
broker had kept from before (retained) is not a reading: nobody says how old it is. A topic of the meter's
state is different: its last will is retained on purpose, and while it says that the meter is gone nothing
counts.
"""

from __future__ import annotations

import ssl
from collections import defaultdict
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import aiomqtt
import msgspec

from ...model.site import MeterConfig, MeterValue
from .json_path import Step, find, number, parse
from .source import Around, tls_context
from .told import MeterTrouble, Told, told_of

CONNECT_S: Final = 5.0
LONGEST: Final = 256 * 1024
QUEUED: Final = 1000
REFUSED: Final = (4, 5, 134, 135)
"""Return codes of CONNACK in MQTT 3.1.1 and 5: user or password wrong, or not allowed."""


class MqttSource:
    """Waits for messages; the meter paces."""

    paced = False

    def __init__(self, config: MeterConfig, around: Around) -> None:
        self._config, self._clock = config, around.clock
        self._password = around.password
        where = urlsplit(config.address)
        self._tls = where.scheme == "mqtts"
        self._host, self._port = where.hostname or "", where.port or (8883 if self._tls else 1883)
        self._by_topic: defaultdict[str, list[tuple[MeterValue, tuple[Step, ...]]]] = defaultdict(list)
        for value in config.values:
            self._by_topic[value.topic or config.topic].append((value, parse(value.path)))
        self._needed = {value.name for value in config.values if value.name.startswith("current_")}
        self._client: aiomqtt.Client | None = None
        self._messages: aiomqtt.client.MessagesIterator | None = None
        self._told: dict[str, float | None] = {}
        self._came: dict[str, datetime] = {}
        self._gone = False
        self._kept: str | None = None
        """A topic of which only what the broker had kept has come."""

    async def open(self) -> None:
        self._told, self._came, self._gone, self._kept = {}, {}, False, None
        context: ssl.SSLContext | None = tls_context(self._config.ca_pem) if self._tls else None
        client = aiomqtt.Client(
            self._host,
            self._port,
            username=self._config.user or None,
            password=self._password or None,
            tls_context=context,
            timeout=CONNECT_S,
            keepalive=30,
            max_queued_incoming_messages=QUEUED,
        )
        try:
            await client.__aenter__()
            self._client = client
            for topic in (*self._by_topic, *filter(None, (self._config.status_topic,))):
                await client.subscribe(topic, qos=0)
        except aiomqtt.MqttError as problem:
            raise self._trouble(problem) from None
        self._messages = client.messages

    async def read(self) -> Told:
        assert self._messages is not None
        silent_s = max(10.0, 3.0 * self._config.interval_s)
        while True:
            try:
                message = await self._clock.wait_for(self._messages.__anext__(), silent_s)
            except aiomqtt.MqttError as problem:
                raise self._trouble(problem) from None
            except TimeoutError:
                if self._gone:
                    raise MeterTrouble(
                        "offline", f"{self._config.status_topic} says that it is gone"
                    ) from None
                raise MeterTrouble("no_answer", f"nothing came within {silent_s:g} s") from None
            told = self._take(message)
            if told is not None:
                return told

    def _take(self, message: aiomqtt.Message) -> Told | None:
        """Keep what a message tells; the reading that it completes."""
        topic, payload = str(message.topic), message.payload
        text = bytes(payload) if isinstance(payload, bytes | bytearray) else str(payload or "").encode()
        if topic == self._config.status_topic:
            self._gone = text.decode("utf-8", "replace").strip() == self._config.offline_text
            if self._gone:
                self._told, self._came = {}, {}
                raise MeterTrouble(
                    "offline", f"{topic} says {self._config.offline_text!r}: the meter is gone"
                )
            return None
        if message.retain:
            self._kept = topic
            raise self._retained(topic)
        if self._gone:
            return None
        if len(text) > LONGEST:
            raise MeterTrouble("garbled", f"{topic} brought more than {LONGEST} bytes")
        now = self._clock.now()
        for value, steps in self._by_topic[topic]:
            self._told[value.name] = number(find(_document(text, topic), steps, value.path or topic), value)
            self._came[value.name] = now
        self._kept = None
        if not self._needed <= self._came.keys():
            return None
        told, arrived = self._told, min(self._came[name] for name in self._needed)
        self._told, self._came = {}, {}
        return told_of(told, arrived=arrived)

    async def close(self) -> None:
        client, self._client, self._messages = self._client, None, None
        if client is not None:
            try:
                await client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                return  # the line is gone already

    @staticmethod
    def _retained(topic: str) -> MeterTrouble:
        return MeterTrouble(
            "retained", f"{topic} was kept by the broker, nobody knows since when: waiting for news"
        )

    def _trouble(self, problem: aiomqtt.MqttError) -> MeterTrouble:
        said = str(problem) or type(problem).__name__
        code = getattr(getattr(problem, "rc", None), "value", getattr(problem, "rc", None))
        where = f"broker {self._host}:{self._port}"
        if code in REFUSED or "CERTIFICATE" in said:
            return MeterTrouble("refused", f"{where}: {said}")
        return MeterTrouble("no_connection", f"{where}: {said}")


def _document(text: bytes, topic: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        plain = text.decode("utf-8", "replace").strip()
        if plain[:1] in ("{", "["):
            raise MeterTrouble("garbled", f"{topic} brought JSON that can't be read") from None
        return plain
