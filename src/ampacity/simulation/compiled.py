"""The batch world's way through the door to numba (`ampacity.compiled`): it cannot do without.

Only rooms of the batch world go through here; what the live demo runs never does, so that it needs neither
numba nor the time to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..compiled import NotInstalledError
from ..compiled import compiled as compile_it

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["NotInstalledError", "compiled", "inlined"]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function as machine code. Raises NotInstalledError."""
    return compile_it(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Like `compiled`, for what compiled code calls in every step: it becomes a part of its caller."""
    return compile_it(function, inline=True)
