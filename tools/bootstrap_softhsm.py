"""SoftHSM for the tests of keys in a hardware module: the machine's, else Debian's packages unpacked into
.cache.

Nothing of it is linked with the product: its library is opened by the tests as a module's would be (PKCS#11).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.bootstrap_uv import SetupError, apt_install

PACKAGES = ("softhsm2", "libsofthsm2")
FOLDERS = ("/usr", "/usr/local", "/opt/homebrew")
MODULES = ("lib/softhsm/libsofthsm2.so", "lib/*/softhsm/libsofthsm2.so", "lib64/softhsm/libsofthsm2.so")
REMEDY = "install SoftHSM (Debian, as root: apt-get install softhsm2)"


def find_softhsm(root: Path) -> tuple[str, str] | None:
    """(module, softhsm2-util), None where the machine and `.cache` have none."""
    for folder in (*FOLDERS, str(root / ".cache/softhsm/usr")):
        modules = [path for pattern in MODULES for path in sorted(Path(folder).glob(pattern))]
        program = Path(folder) / "bin/softhsm2-util"
        if modules and os.access(program, os.X_OK):
            return str(modules[0]), str(program)
    return None


def provide_softhsm(root: Path) -> tuple[str, str]:
    """The same, installed for it if need be.

    Raises:
        SetupError: none can be had here; the message says what to install.
    """
    found = find_softhsm(root)
    if found is None and shutil.which("apt-get"):
        if os.geteuid() == 0:
            apt_install("softhsm2")
        else:
            _unpack(root / ".cache/softhsm")
        found = find_softhsm(root)
    if found is None:
        raise SetupError(f"The tests of keys in a hardware module need SoftHSM: {REMEDY}")
    return found


def _unpack(folder: Path) -> None:
    """Debian's packages, without installing them: that needs no root."""
    line = "SoftHSM: unpacking Debian's packages into .cache, about 1 MB to fetch"
    print(line, file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for command in (
        ["apt-get", "download", *PACKAGES],
        ["sh", "-c", 'for package in *.deb; do dpkg-deb -x "$package" .; done'],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip() or "no output").splitlines()[-1]
            raise SetupError(f"{' '.join(command[:2])} failed: {last}; {REMEDY}")
