"""The one door to numba: functions over arrays, compiled to machine code and kept on disk.

numba is an extra (`ampacity[simulate]`) and takes seconds to compile: it is loaded here when somebody asks
for compiled code, never by an import of this module. What runs live does without it or compiles beside.

Numba keeps a function by the file that it stands in, and doesn't see that another one, which it calls, has
changed: it would go on with the old code. So the folder is named after all sources with compiled functions
and the constants that they use: with a changed one everything is compiled anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class NotInstalledError(ImportError):
    """The batch simulator's packages are missing; the message says how they come."""


def is_installed() -> bool:
    """Whether numba is there."""
    return find_spec("numba") is not None


def compiled(function: Callable[P, R], *, inline: bool = False) -> Callable[P, R]:
    """The same function as machine code. IEEE arithmetic as written (no fast-math): a seed gives the same
    bits on every run of one machine. A division by zero is infinite or no number as in numpy; to look out for
    it each time cost a fifth. Releases the interpreter's lock. It is compiled when it is first called.

    `inline`: it becomes a part of its caller. A call costs a hundred nanoseconds where site and state are
    handed on, because every array in them is counted, atomically, on the way in and out. A month of 54 EVSEs
    took a third less time so.
    """
    options: dict[str, Any] = {"forceinline": True} if inline else {}
    fast: Callable[P, R] = _numba().njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    return fast


@cache
def _numba() -> Any:
    try:
        numba = import_module("numba")
    except ImportError as problem:
        raise NotInstalledError(
            "the batch simulator needs numba, highspy and power-grid-model, which are not installed: "
            "pip install 'ampacity[simulate]'"
        ) from problem
    numba.config.CACHE_DIR = str(_kept_in(numba.__version__))
    return numba


def _kept_in(version: str) -> Path:
    """Where machine code is kept: NUMBA_CACHE_DIR or the user's cache, one folder for each state of the
    sources; a temporary one where neither can be written."""
    room = Path(__file__).parent
    digest = hashlib.sha256(version.encode())
    for source in (*sorted((room / "simulation").rglob("*.py")), room / "control" / "kernel.py"):
        text = source.read_bytes()
        if b"compiled import" in text or source.name in ("world.py", "breaker.py", "losses.py", "kernel.py"):
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
