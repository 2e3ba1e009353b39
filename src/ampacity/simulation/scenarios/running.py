"""One run of a scene by the name of a strategy: compiled, Python, the optimum, or a variant with settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from ..batch import episode
from ..batch.deciding import CODES, Tuning
from ..batch.outcome import Run, Scene
from ..strategies.loading import load
from ..strategies.stepping import step_through

Settings: TypeAlias = Mapping[str, Mapping[str, float | str]]
"""By the name of a strategy or variant: its settings; `strategy` says which one a variant is."""


LIVE_MARGIN: Final[Mapping[str, float]] = {"margin_a": 2.0, "margin_share": 0.02}
"""What `dynamic` leaves free of each limit where nothing else is said: as the law that runs sites, with a
meter that tells each second or two (`control.limits.margin_a`). A charger that is cut draws on for seconds,
and the mean of a step has that in it."""


class SettingsRefused(ValueError):
    """A strategy has no such setting; the message says which it has."""


def run_strategy(scene: Scene, name: str, seed: int, settings: Settings | None = None) -> Run:
    """Run `scene` under the strategy `name`.

    Raises SettingsRefused, and what `strategies.loading` raises for names that nothing answers to.
    """
    given = dict((settings or {}).get(name, {}))
    strategy = str(given.pop("strategy", name))
    if strategy == "dynamic":
        given = {**LIVE_MARGIN, **given}
    if strategy in CODES:
        unknown = sorted(set(given) - set(Tuning._fields))
        if unknown:
            raise SettingsRefused(
                f"strategy {strategy!r} has no setting {unknown[0]!r}: it has {', '.join(Tuning._fields)}"
            )
        tuning = Tuning(**given)  # type: ignore[arg-type]
        return episode.run(scene, strategy, tuning)
    if strategy == "optimum":
        return _optimum(scene, given)
    return step_through(scene, load(strategy, given), seed=seed).run


def _optimum(scene: Scene, given: Mapping[str, float | str]) -> Run:
    """The offline optimum (docs/strategies.md); its solver is loaded only here."""
    from ..strategies.model import Terms
    from ..strategies.optimum import optimum

    try:
        terms = msgspec.convert(given, Terms, strict=False)
    except msgspec.ValidationError as problem:
        raise SettingsRefused(
            f"strategy 'optimum' with {given}: {problem}; it has {', '.join(Terms.__struct_fields__)}"
        ) from problem
    return optimum(scene, terms).run
