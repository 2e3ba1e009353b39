"""A meter that is stopped at the very moment of its answer stops: Python 3.11's wait_for loses that."""

import asyncio

import pytest

from ampacity.clock import WallClock
from ampacity.demo.meter import MeterServer
from ampacity.model.site import Circuit, MeterConfig
from ampacity.site.meters import CircuitMeter


@pytest.mark.parametrize("turns", range(8))
async def test_it_ends_however_many_turns_after_its_question_it_is_cancelled(turns: int) -> None:
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    def hop(left: int) -> None:
        if left:
            loop.call_soon(hop, left - 1)
        else:
            ending[0].cancel()

    def read() -> tuple[float, float, float]:
        hop(turns)
        return 1.0, 2.0, 3.0

    server = MeterServer(read)
    await server.start()
    address = f"127.0.0.1:{server.port}/1?0"
    meter = MeterConfig(protocol="modbus-tcp", address=address, interval_s=60.0, import_is_positive=True)
    circuit = Circuit(circuit_id="main", name="Main", rating_a=100.0, meter=meter)
    ending.append(asyncio.create_task(CircuitMeter("s", circuit, WallClock(), lambda event: None).run()))
    done, _ = await asyncio.wait(ending, timeout=30.0)
    assert done, "the meter reads on"
    assert ending[0].cancelled()
    await server.stop()
