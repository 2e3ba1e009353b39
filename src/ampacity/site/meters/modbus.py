"""A three-phase meter over Modbus TCP.

The register map is the smallest that meters share: three float32 in amperes (big-endian, two registers each)
for L1..L3 at consecutive input registers. Sign: positive is import unless the circuit's configuration says
otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import math
import struct
from collections.abc import Callable

from msgspec import Struct
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from ...clock import Clock
from ...model.events import CircuitMetered
from ...model.site import Circuit

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 2.0
"""Wall time: a socket deadline."""


class MeterAddress(Struct, frozen=True):
    """Where a meter is: `host:port/unit?register`, e.g. `10.0.0.5:502/1?0` (unit and register may be left
    out).
    """

    host: str
    port: int
    unit: int
    register: int

    @classmethod
    def parse(cls, text: str) -> MeterAddress:
        """Raises ValueError that says what a meter address looks like."""
        place, _, register = text.partition("?")
        place, _, unit = place.partition("/")
        host, _, port = place.rpartition(":")
        try:
            return cls(host or place, int(port) if host else 502, int(unit or 1), int(register or 0))
        except ValueError:
            raise ValueError(
                f"meter address {text!r} can't be read: write host:port/unit?register, e.g. 10.0.0.5:502/1?0"
            ) from None


class ModbusMeter:
    """Reads one circuit's meter each interval of site time and hands the readings on."""

    def __init__(
        self, site_id: str, circuit: Circuit, clock: Clock, publish: Callable[[CircuitMetered], None]
    ) -> None:
        if circuit.meter is None:
            raise ValueError(f"circuit {circuit.circuit_id!r} has no meter")
        self._config = circuit.meter
        self._address = MeterAddress.parse(circuit.meter.address)
        self._site_id = site_id
        self._circuit_id = circuit.circuit_id
        self._clock = clock
        self._publish = publish
        self.failure: str | None = None

    async def run(self) -> None:
        """Read until cancelled; a failure is remembered, logged once and tried again."""
        address = self._address
        client = AsyncModbusTcpClient(
            address.host, port=address.port, timeout=REQUEST_TIMEOUT_S, retries=0, name=self._circuit_id
        )
        try:
            while True:
                due = self._clock.monotonic() + self._config.interval_s
                await self._read_once(client)
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # pymodbus waits by asyncio.wait_for, which in Python 3.11 loses a cancellation that
                    # comes together with the answer: this loop would never end.
                    raise asyncio.CancelledError
                await self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        finally:
            client.close()

    async def _read_once(self, client: AsyncModbusTcpClient) -> None:
        try:
            if not client.connected and not await client.connect():
                self._failed("no connection")
                return
            answer = await client.read_input_registers(
                self._address.register, count=6, device_id=self._address.unit
            )
        except (ModbusException, OSError, TimeoutError) as problem:
            self._failed(str(problem) or type(problem).__name__)
            return
        if answer.isError() or len(answer.registers) != 6:
            self._failed(f"answered {answer}")
            return
        values = struct.unpack(">3f", struct.pack(">6H", *answer.registers))
        if not all(math.isfinite(value) for value in values):
            self._failed(f"told {values}")
            return
        if self.failure is not None:
            log.info("meter of circuit %s answers again", self._circuit_id)
            self.failure = None
        sign = 1.0 if self._config.import_is_positive else -1.0
        self._publish(
            CircuitMetered(
                site_id=self._site_id,
                circuit_id=self._circuit_id,
                current_a=(sign * values[0], sign * values[1], sign * values[2]),
                at=self._clock.now(),
            )
        )

    def _failed(self, why: str) -> None:
        if self.failure is None:
            log.warning(
                "meter of circuit %s at %s:%d fails: %s",
                self._circuit_id,
                self._address.host,
                self._address.port,
                why,
            )
        self.failure = why
