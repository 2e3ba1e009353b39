"""The SQLite that Python's own driver uses, reached by its C interface.

A virtual file system (VFS) can only be put under the very library that `_sqlite3` is bound to; a second copy
in the process would record nothing. So the library is looked for among the files that the process has mapped,
then in the driver's own module and in the interpreter (where SQLite is linked into one of them), and what is
found is proved to be the one before it is used.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..report import BenchFailed

NEEDED = ("sqlite3_vfs_find", "sqlite3_vfs_register", "sqlite3_vfs_unregister", "sqlite3_sourceid")

OK, IOERR, FULL, READONLY, CORRUPT = 0, 10, 13, 8, 11
IOERR_WRITE = IOERR | 3 << 8
IOERR_FSYNC = IOERR | 4 << 8
OPEN_CREATE = 0x4
"""Result codes and the flag of `xOpen`, as sqlite3.h numbers them."""

Pointer = ctypes.c_void_p
XOpen = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, Pointer, Pointer, ctypes.c_int, Pointer)
XDelete = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, ctypes.c_char_p, ctypes.c_int)
XClose = ctypes.CFUNCTYPE(ctypes.c_int, Pointer)
XTransfer = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, Pointer, ctypes.c_int, ctypes.c_int64)
XTruncate = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, ctypes.c_int64)
XSync = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, ctypes.c_int)
XSetSystemCall = ctypes.CFUNCTYPE(ctypes.c_int, Pointer, ctypes.c_char_p, Pointer)
XGetSystemCall = ctypes.CFUNCTYPE(Pointer, Pointer, ctypes.c_char_p)
OpenDirectory = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, Pointer)


class Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3. What is a plain pointer here is copied as it is."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", Pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", Pointer),
        ("xOpen", XOpen),
        ("xDelete", XDelete),
        *((name, Pointer) for name in ("xAccess", "xFullPathname")),
        *((name, Pointer) for name in ("xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        *((name, Pointer) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError")),
        ("xCurrentTimeInt64", Pointer),
        ("xSetSystemCall", XSetSystemCall),
        ("xGetSystemCall", XGetSystemCall),
        ("xNextSystemCall", Pointer),
    )


class Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("xClose", XClose),
        ("xRead", XTransfer),
        ("xWrite", XTransfer),
        ("xTruncate", XTruncate),
        ("xSync", XSync),
        *((name, Pointer) for name in ("xFileSize", "xLock", "xUnlock", "xCheckReservedLock")),
        *((name, Pointer) for name in ("xFileControl", "xSectorSize", "xDeviceCharacteristics")),
        *((name, Pointer) for name in ("xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap")),
        *((name, Pointer) for name in ("xFetch", "xUnfetch")),
    )


class File(ctypes.Structure):
    """`sqlite3_file`: what every VFS's own file object begins with."""

    _fields_ = (("pMethods", ctypes.POINTER(Methods)),)


class NoReachableSqlite(BenchFailed):
    """The driver's SQLite does not show its C functions, so nothing can be put under it."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the SQLite of {_sqlite3.__file__ if hasattr(_sqlite3, '__file__') else 'this Python'} can't be "
            f"reached ({why}): run this with a Python whose SQLite is a shared library, as Debian's is"
        )


def driver_library() -> Any:
    """The C library under `sqlite3`. Raises NoReachableSqlite."""
    connection = sqlite3.connect(":memory:")
    [wanted] = connection.execute("SELECT sqlite_source_id()").fetchone()
    connection.close()
    seen = []
    for place in _places():
        try:
            library = ctypes.CDLL(place)
        except OSError:
            continue
        if not all(hasattr(library, name) for name in NEEDED):
            continue
        library.sqlite3_sourceid.restype = ctypes.c_char_p
        found = library.sqlite3_sourceid().decode()
        if found == wanted:
            library.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
            library.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
            library.sqlite3_vfs_register.argtypes = (ctypes.POINTER(Vfs), ctypes.c_int)
            library.sqlite3_vfs_unregister.argtypes = (ctypes.POINTER(Vfs),)
            return library
        seen.append(found)
    raise NoReachableSqlite(
        f"other copies: {', '.join(seen)}" if seen else "it is linked in without its symbols"
    )


def prove_reached(vfs_name: str) -> None:
    """Raise NoReachableSqlite unless the driver knows the VFS of that name: it may be a twin of the same
    release that was found."""
    try:
        sqlite3.connect(f"file:proof?mode=memory&vfs={vfs_name}", uri=True).close()
    except sqlite3.OperationalError as error:
        raise NoReachableSqlite(f"only its twin was found; the driver says: {error}") from None


def _places() -> Iterator[str | None]:
    """Where the library may be: files mapped under its name, the driver's module, the interpreter itself."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        paths = (line.split(maxsplit=5)[5:] for line in maps.read_text().splitlines())
        yield from dict.fromkeys(path[0] for path in paths if path and "sqlite3" in Path(path[0]).name)
    own = getattr(_sqlite3, "__file__", None)
    if own:
        yield own
    yield None
