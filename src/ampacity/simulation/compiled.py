"""The one door to numba: functions over arrays, compiled to machine code and kept on disk.

Only rooms of the batch world go through it; what the live demo runs never does, so that it needs neither
numba nor the time to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class NotInstalledError(ImportError):
    """The batch simulator's packages are missing; the message says how they come."""


try:
    import numba
except ImportError as problem:
    raise NotInstalledError(
        "the batch simulator needs numba, highspy and power-grid-model, which are not installed: "
        "pip install 'ampacity[simulate]'"
    ) from problem


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function as machine code. IEEE arithmetic as written (no fast-math): a seed gives the same
    bits on every run of one machine. Releases the interpreter's lock."""
    fast: Callable[P, R] = numba.njit(cache=True, nogil=True)(function)
    return fast
