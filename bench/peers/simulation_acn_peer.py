"""A peer of the simulation benchmark: ACN-Sim (`acnportal`) on its own model of the Caltech site.

Run by its environment's own interpreter. Each line of standard input is a task as JSON:
`{"start": "2019-09-01T00:00:00-07:00", "transformer_kva": 60, "visits": [[station, from, to, kwh], ..]}` with
periods of five minutes; each answer is one line: CPU seconds of `Simulator.run()` alone, its periods, the
energy of each visit, the current of each constraint at its highest, the site's power in each period.

The set-up is the package's own way from recorded sessions to a simulation: what is asked for is what was
delivered, the stay is known, the battery is ideal and just that large, an EVSE gives any current up to 32 A.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Any

from acnportal.acnsim import EV, Battery, EventQueue, PluginEvent, Simulator, aggregate_power
from acnportal.acnsim import constraint_currents as highest_currents
from acnportal.acnsim.network.sites import caltech_acn
from acnportal.algorithms import SortedSchedulingAlgo, least_laxity_first

PERIOD_MIN = 5
VOLT, MAX_A = 208, 32


def simulate(task: dict[str, Any]) -> dict[str, Any]:
    """One run of the sessions under least laxity first."""
    cars = [
        EV(first, last, kwh, station, str(place), Battery(kwh, 0, VOLT * MAX_A / 1000))
        for place, (station, first, last, kwh) in enumerate(task["visits"])
    ]
    network = caltech_acn(basic_evse=True, voltage=VOLT, transformer_cap=task["transformer_kva"])
    simulator = Simulator(
        network,
        SortedSchedulingAlgo(least_laxity_first),
        EventQueue([PluginEvent(car.arrival, car) for car in cars]),
        datetime.fromisoformat(task["start"]),
        period=PERIOD_MIN,
        verbose=False,
    )
    began = time.process_time()
    simulator.run()
    taken = time.process_time() - began
    return {
        "cpu_s": taken,
        "steps": simulator.iteration,
        "energy_kwh": [float(car.energy_delivered) for car in cars],
        "power_kw": [float(power) for power in aggregate_power(simulator)],
        "row_peak_a": {name: float(amps.max()) for name, amps in highest_currents(simulator).items()},
        "row_limit_a": dict(
            zip(network.constraint_index, (float(limit) for limit in network.magnitudes), strict=True)
        ),
    }


def main() -> None:
    """Answer task by task until the input ends."""
    for line in sys.stdin:
        print(json.dumps(simulate(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
