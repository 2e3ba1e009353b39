"""One program at a time is the writer of a SQLite file; the operating system gives its place back when it
dies.

SQLite itself lets several programs write in turn. Two nodes on one file would each believe to know the
journal's last number and all open transactions, so a second one is refused. What is locked is a file beside
the database: opening and closing the database itself would undo the locks that SQLite holds in it.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is refused
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """The place of the one writer of the database at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + "-lock")
        self._file: int | None = None

    def take(self, within_s: float) -> bool:
        """Take the place, waiting for who is about to leave it; False where it stays taken. Blocks."""
        if fcntl is None:
            return True
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return True  # who can't write here is told so by SQLite, with the reason
        ends = time.monotonic() + within_s
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._file = file
                return True
            if time.monotonic() >= ends:
                os.close(file)
                return False
            time.sleep(0.05)

    def leave(self) -> None:
        """Give the place back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
