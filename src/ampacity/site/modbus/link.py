"""One connection to a Modbus TCP device: registers in, registers out, each answer or a named trouble.

pymodbus waits by `asyncio.wait_for`, which in Python 3.11 loses a cancellation that comes together with the
answer: a loop around it would never end. After each answer the link looks whether it was cancelled.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, TypeAlias

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from ...model.live import MeterFault
from .address import ModbusAddress

REQUEST_TIMEOUT_S = 2.0
"""Wall time: a socket deadline."""

MOST_REGISTERS = 125
"""Of one answer (Modbus Application Protocol V1.1b3, 6.3)."""

_REFUSALS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not take this value or length",
    4: "it has failed",
    5: "it is still at it",
    6: "it is busy",
    10: "the gateway has no path to the unit",
    11: "the unit behind the gateway does not answer",
}

Table: TypeAlias = Literal["input", "holding"]


class ModbusTrouble(Exception):
    """A device can't be read or written: `fault` names why, the text says it."""

    def __init__(self, fault: MeterFault, text: str) -> None:
        super().__init__(text)
        self.fault: MeterFault = fault


class ModbusRefusal(ModbusTrouble):
    """The device answered that it won't: an exception response with its `code`."""

    def __init__(self, code: int, what: str) -> None:
        said = _REFUSALS.get(code, "it says no more")
        super().__init__("missing" if code == 2 else "garbled", f"{what} refused with code {code}: {said}")
        self.code = code


class ModbusLink:
    """`open`, then `read` and `write`, then `close`. Any trouble leaves it as it is: close and open again."""

    def __init__(self, address: ModbusAddress) -> None:
        self.address = address
        self._client: AsyncModbusTcpClient | None = None

    async def open(self) -> None:
        """Connect. Raises ModbusTrouble."""
        where = self.address
        self._client = AsyncModbusTcpClient(
            where.host, port=where.port, timeout=REQUEST_TIMEOUT_S, retries=0, reconnect_delay=0
        )
        if not await self._asked(self._client.connect(), "connecting"):
            raise ModbusTrouble("no_connection", f"nobody answers at {where.host}:{where.port}")

    async def read(self, table: Table, start: int, count: int) -> tuple[int, ...]:
        """`count` registers from `start` on, in as many questions as that takes. Raises ModbusTrouble."""
        client = self._open_client()
        ask = client.read_input_registers if table == "input" else client.read_holding_registers
        words: list[int] = []
        while len(words) < count:
            at, part = start + len(words), min(count - len(words), MOST_REGISTERS)
            what = f"reading {part} {table} registers at {at}"
            answer = await self._asked(ask(at, count=part, device_id=self.address.unit), what)
            if answer.isError():
                raise ModbusRefusal(int(getattr(answer, "exception_code", 0)), what)
            if len(answer.registers) != part:
                raise ModbusTrouble("garbled", f"{what} brought {len(answer.registers)}")
            words += answer.registers
        return tuple(words)

    async def write(self, start: int, words: tuple[int, ...]) -> None:
        """Write holding registers by one message (function 16). Raises ModbusTrouble."""
        client = self._open_client()
        what = f"writing {len(words)} registers at {start}"
        answer = await self._asked(
            client.write_registers(start, list(words), device_id=self.address.unit), what
        )
        if answer.isError():
            raise ModbusRefusal(int(getattr(answer, "exception_code", 0)), what)

    def close(self) -> None:
        """Let go of the line."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _open_client(self) -> AsyncModbusTcpClient:
        if self._client is None or not self._client.connected:
            raise ModbusTrouble("no_connection", f"{self.address.host}:{self.address.port} is not connected")
        return self._client

    async def _asked(self, work: Any, what: str) -> Any:
        try:
            answer = await work
        except (ModbusException, OSError, TimeoutError) as problem:
            said = str(problem) or type(problem).__name__
            raise ModbusTrouble("no_answer", f"{what}: {said}") from None
        finally:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
        return answer
