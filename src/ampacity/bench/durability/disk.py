"""A disk under SQLite that writes down what happens to it, and that can fail on demand.

`RecordingDisk` is a VFS that hands everything to the default one and notes each write, truncation, sync,
creation and deletion of the files below one folder, in order. From these notes `images` builds
what a disk may hold after power is lost at any moment: what was synced, and any part of what was not.

Our file object *is* the default VFS's, with a table of methods of which only those that change the file are
ours: reading, locking and shared memory stay native. Directories are synced by the default VFS by itself; it
opens them by a system call that may be replaced, and so it is seen when it does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from . import sqlite as c

Deed: TypeAlias = Literal["read", "write", "truncate", "sync", "delete", "create"]
Fault: TypeAlias = Callable[[Deed, str], int]
"""(what is about to be done, name of the file) -> 0 to let it be done, or the result code to fail with. May
sleep: then the disk is slow."""

_VFS_NAME = "ampacity-recording"


class Write(Struct, frozen=True, gc=False):
    """Bytes came to `offset`."""

    file: int
    offset: int
    data: bytes


class Truncate(Struct, frozen=True, gc=False):
    """The file was cut (or grew) to `size`."""

    file: int
    size: int


class Sync(Struct, frozen=True, gc=False):
    """What was written to the file before the note number `since` is on the disk now; if not `kept`, the disk
    answered with an error, and any of it may be gone for good though it can still be read."""

    file: int
    since: int
    kept: bool = True


class Create(Struct, frozen=True, gc=False):
    """A name appeared in the folder."""

    name: str
    file: int


class Delete(Struct, frozen=True, gc=False):
    """A name went from the folder."""

    name: str


class SyncFolder(Struct, frozen=True, gc=False):
    """Names that came and went before the note number `since` are on the disk."""

    since: int


Note: TypeAlias = Write | Truncate | Sync | Create | Delete | SyncFolder


class RecordingDisk:
    """Records what happens below `folder` while `installed`. One at a time in a process."""

    def __init__(self, folder: Path, *, sync_takes_s: float = 0.0, watch_reads: bool = False) -> None:
        self.folder = folder
        self.notes: list[Note] = []
        self.begin: dict[str, bytes] = {}
        """The files that were there when the recording began, all of it on the disk."""
        self.fault: Fault | None = None
        self.errors: list[BaseException] = []
        """What went wrong in here; must stay empty."""
        self.syncs = 0
        self._sync_takes_s = sync_takes_s
        self._watch_reads = watch_reads
        self._library = c.driver_library()
        self._native = self._library.sqlite3_vfs_find(None)
        self._prefix = str(folder.absolute()) + os.sep
        self._names: dict[str, int] = {}
        self._files: dict[int, tuple[int, str, c.Methods]] = {}
        """Address of an open file object -> (number of its file, name, native methods)."""
        self._methods: dict[int, c.Methods] = {}
        """Address of native methods -> ours that wrap them."""
        self._numbers = 0
        self._lock = threading.Lock()
        native = self._native.contents
        self._vfs = c.Vfs.from_buffer_copy(native)
        self._vfs.pNext = None
        self._vfs.zName = _VFS_NAME.encode()
        self._vfs.xOpen = c.XOpen(self._guard(self._open))
        self._vfs.xDelete = c.XDelete(self._guard(self._delete))
        self._open_directory = c.OpenDirectory(self._directory_opened)

    @contextlib.contextmanager
    def installed(self) -> Iterator[RecordingDisk]:
        """While this lasts, the process's SQLite uses this disk for whatever it opens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and not path.name.endswith("-shm"):
                self.begin[path.name] = path.read_bytes()
                self._names[path.name] = self._next_number()
        native = self._native.contents
        self._native_open_directory = c.OpenDirectory(native.xGetSystemCall(self._native, b"openDirectory"))
        native.xSetSystemCall(
            self._native, b"openDirectory", ctypes.cast(self._open_directory, ctypes.c_void_p)
        )
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)
        try:
            c.prove_reached(_VFS_NAME)
            yield self
        finally:
            self._library.sqlite3_vfs_register(self._native, 1)
            self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
            native.xSetSystemCall(self._native, b"openDirectory", None)

    @property
    def begin_numbers(self) -> dict[str, int]:
        """Number of each file that was there when the recording began."""
        return {name: number for number, name in enumerate(self.begin, 1)}

    def position(self) -> int:
        """How much has happened: a moment at which power may be lost."""
        return len(self.notes)

    # ------------------------------------------------------------ called by SQLite

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        recorded = path.startswith(self._prefix)
        short = path.removeprefix(self._prefix)
        appears = recorded and flags & c.OPEN_CREATE and not os.path.exists(path)
        if appears and (code := self._fails("create", short)):
            return code
        code = int(self._native.contents.xOpen(vfs, name, file, flags, out))
        if code != c.OK or not recorded:
            return code
        if appears:
            number = self._names[short] = self._next_number()
            self.notes.append(Create(short, number))
        opened = c.File.from_address(file)
        native = opened.pMethods.contents
        self._files[file] = (self._names[short], short, native)
        opened.pMethods = ctypes.pointer(self._wrapped(native))
        return code

    def _delete(self, vfs: int, name: bytes, sync_folder: int) -> int:
        path = name.decode()
        if not path.startswith(self._prefix):
            return int(self._native.contents.xDelete(vfs, name, sync_folder))
        short = path.removeprefix(self._prefix)
        if code := self._fails("delete", short):
            return code
        # Noted first: the folder is synced (and that noted) before the native call comes back.
        there = os.path.exists(path)
        if there:
            self.notes.append(Delete(short))
            self._names.pop(short, None)
        return int(self._native.contents.xDelete(vfs, name, sync_folder))

    def _close(self, file: int) -> int:
        _, _, native = self._files.pop(file)
        return int(native.xClose(file))

    def _read(self, file: int, target: int, length: int, offset: int) -> int:
        _, name, native = self._files[file]
        return self._fails("read", name) or int(native.xRead(file, target, length, offset))

    def _write(self, file: int, source: int, length: int, offset: int) -> int:
        number, name, native = self._files[file]
        data = ctypes.string_at(source, length)
        if code := self._fails("write", name):
            # A disk may have taken a part of what it refuses.
            if (part := length // 2) and native.xWrite(file, source, part, offset) == c.OK:
                self.notes.append(Write(number, offset, data[:part]))
            return code
        code = int(native.xWrite(file, source, length, offset))
        if code == c.OK:
            self.notes.append(Write(number, offset, data))
        return code

    def _truncate(self, file: int, size: int) -> int:
        number, name, native = self._files[file]
        code = self._fails("truncate", name) or int(native.xTruncate(file, size))
        if code == c.OK:
            self.notes.append(Truncate(number, size))
        return code

    def _sync(self, file: int, flags: int) -> int:
        number, name, native = self._files[file]
        since = len(self.notes)
        code = self._fails("sync", name)
        if self._sync_takes_s:
            time.sleep(self._sync_takes_s)
        code = code or int(native.xSync(file, flags))
        self.syncs += 1
        self.notes.append(Sync(number, since, code == c.OK))
        return code

    def _directory_opened(self, path: bytes, handle: int) -> int:
        """The default VFS opens a folder only to sync it at once."""
        try:
            if (os.fsdecode(path) + os.sep).startswith(self._prefix):
                self.notes.append(SyncFolder(len(self.notes)))
        except BaseException as error:
            self.errors.append(error)
        return int(self._native_open_directory(path, handle))

    # ------------------------------------------------------------ parts

    def _fails(self, deed: Deed, name: str) -> int:
        return self.fault(deed, name) if self.fault is not None else c.OK

    def _next_number(self) -> int:
        with self._lock:
            self._numbers += 1
            return self._numbers

    def _wrapped(self, native: c.Methods) -> c.Methods:
        address = ctypes.addressof(native)
        ours = self._methods.get(address)
        if ours is None:
            ours = self._methods[address] = c.Methods.from_buffer_copy(native)
            ours.xClose = c.XClose(self._guard(self._close))
            ours.xWrite = c.XTransfer(self._guard(self._write))
            ours.xTruncate = c.XTruncate(self._guard(self._truncate))
            ours.xSync = c.XSync(self._guard(self._sync))
            if self._watch_reads:
                ours.xRead = c.XTransfer(self._guard(self._read))
        return ours

    def _guard(self, method: Callable[..., int]) -> Callable[..., int]:
        """An exception can't pass through C: SQLite is told of an error, and it is kept for the test."""

        def guarded(*arguments: int) -> int:
            try:
                return method(*arguments)
            except BaseException as error:
                self.errors.append(error)
                return c.IOERR

        return guarded
