"""Finds a strategy by the name that a person gives: a built-in one, an installed one, a class in a file.

Names: `least-laxity` (built in), a name of the entry point group `ampacity.strategies` of an installed
package, `package.module:Class`, `path/to/file.py:Class`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from .dynamic import Dynamic
from .interface import API, Strategy, StrategyError, WrongApiError
from .ordered import EarliestDeadline, FirstCome, LeastLaxity, RoundRobin
from .plain import Static, Uncontrolled

GROUP: Final = "ampacity.strategies"
"""The entry point group in which packages name their strategies."""

BUILT_IN: Final[Mapping[str, Callable[..., Strategy]]] = {
    kind.name: kind
    for kind in (Uncontrolled, Static, RoundRobin, FirstCome, EarliestDeadline, LeastLaxity, Dynamic)
}
"""The built-in strategies in plain Python; the engine has the same ones compiled."""


class NotFoundError(StrategyError):
    """Nothing answers to that name."""


def load(name: str, settings: Mapping[str, Any] | None = None) -> Strategy:
    """A new strategy, made with `settings` as keywords.

    Raises NotFoundError (no such name, file or class), WrongApiError, and StrategyError where the settings
    don't fit or what was found is no strategy.
    """
    made = _find(name)
    try:
        strategy = made(**(settings or {}))
    except TypeError as problem:
        given = ", ".join(settings or {}) or "none"
        raise StrategyError(
            f"strategy {name!r} does not take these settings ({given}): {problem}"
        ) from problem
    return checked(strategy, name)


def checked(strategy: object, name: str) -> Strategy:
    """The strategy, when it has what the interface asks for, in this version."""
    for wanted in ("name", "api", "begin", "decide"):
        if not hasattr(strategy, wanted):
            raise StrategyError(
                f"strategy {name!r} ({type(strategy).__name__}) has no {wanted!r}: "
                "it needs name, api, begin(site, rng) and decide(observation)"
            )
    assert isinstance(strategy, Strategy)
    if strategy.api != API:
        raise WrongApiError(name, strategy.api)
    return strategy


def _find(name: str) -> Callable[..., object]:
    if name in BUILT_IN:
        return BUILT_IN[name]
    if ":" in name:
        where, _, attribute = name.rpartition(":")
        module = _file(Path(where), name) if where.endswith(".py") else _module(where, name)
        found = getattr(module, attribute, None)
        if not callable(found):
            raise NotFoundError(f"strategy {name!r}: {where} has no class {attribute!r}")
        return found  # type: ignore[no-any-return]
    installed = {point.name: point for point in entry_points(group=GROUP)}
    if name in installed:
        try:
            return installed[name].load()  # type: ignore[no-any-return]
        except (ImportError, AttributeError) as problem:
            raise NotFoundError(f"strategy {name!r} is installed but can't be loaded: {problem}") from problem
    known = ", ".join([*BUILT_IN, *sorted(installed)])
    raise NotFoundError(
        f"there is no strategy {name!r}: choose one of {known}, or name your own as package.module:Class or "
        "path/to/file.py:Class"
    )


def _module(where: str, name: str) -> object:
    try:
        return importlib.import_module(where)
    except ImportError as problem:
        raise NotFoundError(f"strategy {name!r}: module {where!r} can't be imported: {problem}") from problem


def _file(path: Path, name: str) -> object:
    if not path.is_file():
        raise NotFoundError(f"strategy {name!r}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as problem:
        raise NotFoundError(
            f"strategy {name!r}: {path} can't be run: {type(problem).__name__}: {problem}"
        ) from problem
    return module
