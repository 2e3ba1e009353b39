"""What the live demo imports needs none of the batch world's packages."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from importlib import import_module
for name in ("scenario", *("electrical." + part for part in
             ("breaker", "feeder", "feeders", "phasors", "transformer", "voltage"))):
    import_module("ampacity.simulation." + name)
print(sorted({"numba", "highspy", "power_grid_model", "ray"} & set(sys.modules)))
"""


def test_breakers_and_descriptions_come_without_the_extra() -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"
