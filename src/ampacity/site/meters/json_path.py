"""Where a value is in a JSON document: `emeters[0].current`, `StatusSNS.ENERGY.Current[2]`, `em:0.a_current`.

Names are parted by dots; a name with a dot or bracket in it stands in brackets and quotes (`["a.b"]`), a
number in brackets counts from 0. A leading `$` is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from ...model.site import MeterValue
from ..units import factor
from .told import MeterTrouble

Step: TypeAlias = str | int

_STEP = re.compile(r"""\.?([^.\[\]"']+)|\[(\d+)\]|\["([^"]*)"\]|\['([^']*)'\]""")


def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path. Raises ValueError that shows where it can't be read."""
    at = 1 if path.startswith("$") else 0
    steps: list[Step] = []
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise ValueError(f"path {path!r} can't be read from {path[at:]!r} on: write a.b[0].c")
        name, number, double, single = found.groups()
        steps.append(
            int(number) if number is not None else next(s for s in (name, double, single) if s is not None)
        )
        at = found.end()
    return tuple(steps)


def find(document: Any, steps: Sequence[Step], path: str) -> Any:
    """What is there. Raises MeterTrouble that says what there is in its place."""
    here = document
    for step in steps:
        if isinstance(step, int):
            there = isinstance(here, list) and step < len(here)
        else:
            there = isinstance(here, dict) and step in here
        if not there:
            raise MeterTrouble(
                "missing", f"{path!r} is not in the answer: {step!r} is not among {_names(here)}"
            )
        here = here[step]
    return here


def number(found: Any, value: MeterValue) -> float:
    """A number, a text that is one, or a time, in base units. Raises MeterTrouble."""
    if value.name == "time" and isinstance(found, str):
        return _time(found)
    try:
        if isinstance(found, bool) or not isinstance(found, int | float | str) or value.unit == "iso":
            raise ValueError
        told = float(found)
    except ValueError:
        raise MeterTrouble("garbled", f"{value.name} is {str(found)[:40]!r}, no number") from None
    if not math.isfinite(told):
        raise MeterTrouble("not_a_number", f"{value.name} is {told}")
    return told * value.scale * factor(value.unit)


def _time(text: str) -> float:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise MeterTrouble("garbled", f"its time {text[:40]!r} is none of ISO 8601") from None
    if at.tzinfo is None:
        raise MeterTrouble("garbled", f"its time {text[:40]!r} has no zone: leave `time` out")
    return at.timestamp()


def _names(here: Any) -> str:
    if isinstance(here, dict):
        return ", ".join(str(name)[:30] for name in list(here)[:12]) or "nothing"
    return f"{len(here)} entries" if isinstance(here, list) else f"a {type(here).__name__}"
