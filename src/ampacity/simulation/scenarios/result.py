"""A finished sweep as data: what the JSON file holds, and what table and report are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from .outcomes import Outcome
from .spec import Scenario
from .summary import Figure, summarise

FORM = 1
"""Version of the JSON file."""


class Result(Struct, frozen=True, kw_only=True):
    """All runs of a scenario and what they say together. `seeds` and `strategies` in the order asked for."""

    scenario: Scenario
    strategies: tuple[str, ...]
    baseline: str
    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    summary: dict[str, dict[str, Figure]]
    assumptions: tuple[str, ...]

    def course_of(self, strategy: str) -> Outcome:
        """The run of the first seed, which carries its course."""
        return next(one for one in self.outcomes if one.strategy == strategy and one.seed == self.seeds[0])

    def counted(self, strategy: str, kind: str) -> tuple[int, ...]:
        """Classes of drivers (`served`, `waited`) over all seeds."""
        each = [getattr(one, kind) for one in self.outcomes if one.strategy == strategy]
        return tuple(sum(column) for column in zip(*each, strict=True))


def result_of(
    scenario: Scenario,
    strategies: Sequence[str],
    baseline: str,
    seeds: Sequence[int],
    outcomes: Sequence[Outcome],
    assumptions: Sequence[str],
) -> Result:
    """Put a sweep's outcomes together."""
    return Result(
        scenario=scenario,
        strategies=tuple(strategies),
        baseline=baseline,
        seeds=tuple(seeds),
        outcomes=tuple(outcomes),
        summary=summarise(outcomes, baseline),
        assumptions=tuple(assumptions),
    )


def as_json(result: Result, timings: dict[str, float]) -> bytes:
    """The JSON file: the same bytes for the same scenario, strategies and seeds, `timings` apart, which come
    last."""
    runs: list[dict[str, Any]] = []
    walls: dict[str, float] = {}
    for one in result.outcomes:
        fields = msgspec.to_builtins(one)
        walls[f"{one.strategy} {one.seed}"] = round(fields.pop("wall_s"), 6)
        if fields["course"] is None:
            del fields["course"]
        runs.append(fields)
    content = {
        "form": FORM,
        "scenario": msgspec.to_builtins(result.scenario),
        "strategies": result.strategies,
        "baseline": result.baseline,
        "seeds": result.seeds,
        "assumptions": result.assumptions,
        "summary": msgspec.to_builtins(result.summary),
        "runs": runs,
        "timings": {**timings, "runs_s": walls},
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def write(path: Path, content: bytes | str) -> None:
    """Write a file as a whole. Raises OSError."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
