"""The one door to numba: functions over arrays, compiled to machine code and kept on disk.

Only rooms of the batch world go through it; what the live demo runs never does, so that it needs neither
numba nor the time to compile.

Numba keeps a function by the file that it stands in, and doesn't see that another one, which it calls, has
changed: it would go on with the old code. So the folder is named after all sources with compiled functions
and the constants that they use: with a changed one everything is compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
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

CONSTANTS = ("world.py", "breaker.py", "losses.py", "levers.py")
"""Files without compiled functions whose numbers they use."""


def _kept_in() -> Path:
    """Where machine code is kept: NUMBA_CACHE_DIR or the user's cache, one folder for each state of the
    sources; a temporary one where neither can be written."""
    room = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(room.rglob("*.py")):
        text = source.read_bytes()
        if b"compiled import" in text or source.name in CONSTANTS:
            digest.update(text)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = Path(os.environ.get("NUMBA_CACHE_DIR") or Path(caches) / "ampacity" / "kernels")
    folder = base / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="ampacity-kernels-"))


numba.config.CACHE_DIR = str(_kept_in())


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function as machine code. IEEE arithmetic as written (no fast-math): a seed gives the same
    bits on every run of one machine. A division by zero is infinite or no number as in numpy; to look out for
    it each time cost a fifth. Releases the interpreter's lock."""
    fast: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return fast


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Like `compiled`, for what compiled code calls in every step: it becomes a part of its caller.

    A call costs a hundred nanoseconds where site and state are handed on, because every array in them is
    counted, atomically, on the way in and out. A month of 54 EVSEs took a third less time so.
    """
    fast: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function)
    return fast
