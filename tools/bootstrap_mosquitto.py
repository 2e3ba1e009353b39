"""Mosquitto for the tests of MQTT: the machine's, else Debian's packages unpacked into .cache.

The product is a client only; a broker is whatever a site has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.bootstrap_uv import SetupError, apt_install

PACKAGES = ("mosquitto", "libcjson1", "libdlt2", "libmosquitto1", "libwrap0", "libcap2")
FOLDERS = ("/usr", "/usr/local", "/opt/homebrew")
REMEDY = "install Mosquitto (Debian, as root: apt-get install mosquitto)"


def find_mosquitto(root: Path) -> tuple[str, Mapping[str, str]] | None:
    """(program, what its environment needs besides), None where the machine and `.cache` have none."""
    unpacked = root / ".cache/mosquitto/usr"
    for folder in (*FOLDERS, str(unpacked)):
        program = Path(folder) / "sbin/mosquitto"
        if os.access(program, os.X_OK):
            libraries = sorted({str(path.parent) for path in unpacked.glob("lib/**/*.so.*")})
            own = folder == str(unpacked)
            return str(program), {"LD_LIBRARY_PATH": ":".join(libraries)} if own else {}
    return None


def provide_mosquitto(root: Path) -> tuple[str, Mapping[str, str]]:
    """The same, installed for it if need be.

    Raises:
        SetupError: none can be had here; the message says what to install.
    """
    found = find_mosquitto(root)
    if found is None and shutil.which("apt-get"):
        if os.geteuid() == 0:
            apt_install("mosquitto")
        else:
            _unpack(root / ".cache/mosquitto")
        found = find_mosquitto(root)
    if found is None:
        raise SetupError(f"The tests of MQTT need a broker: {REMEDY}")
    return found


def _unpack(folder: Path) -> None:
    """Debian's packages, without installing them: that needs no root. A library that this Debian names
    otherwise is left out; the machine may have it."""
    line = "Mosquitto: unpacking Debian's packages into .cache, about 1 MB to fetch"
    print(line, file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, check=False)
    unpack = ["sh", "-c", 'for package in *.deb; do dpkg-deb -x "$package" .; done']
    done = subprocess.run(unpack, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise SetupError(f"unpacking Mosquitto failed: {last}; {REMEDY}")
