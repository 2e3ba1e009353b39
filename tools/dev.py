"""The commands of ./dev; each does all of its set-up first, and only what is not done yet.

  ./dev demo [ARGS]         the simulated site: ampacity demo
  ./dev serve [ARGS]        the server: ampacity serve; site, link, backup, restore, rebuild, fit likewise
  ./dev simulate [ARGS]     the batch simulator: ampacity simulate; with its packages
  ./dev test [ARGS]         every test; ARGS go to pytest (./dev test tests/ocpp -k engine)
  ./dev prove [ARGS]        the control law's properties in ever new worlds: --minutes, --seed
  ./dev lint                ruff, mypy --strict, the import contract, svelte-check
  ./dev bench NAME [ARGS]   a benchmark with its peers beside it: --quick, --json FILE
  ./dev docs [ARGS]         checks and draws the documentation
  ./dev shots [ARGS]        makes the README's screenshots
  ./dev web                 builds the console, nothing else
  ./dev uv ARGS             the pinned uv, to add or lock dependencies

Standard library only: it runs before anything is installed. All that it makes lies in .uv, .venv, .cache,
web/node_modules and src/ampacity/_web; deleting these is a fresh start.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import hatch_build
from tools.bootstrap_browser import provide_browser
from tools.bootstrap_mosquitto import provide_mosquitto
from tools.bootstrap_softhsm import provide_softhsm
from tools.bootstrap_uv import SetupError, provide_uv

VENV = ROOT / ".venv"
BIN = VENV / "bin"
CACHE = ROOT / ".cache"
PEERS = CACHE / "peers"
UV = ROOT / ".uv/bin/uv"
SYNCED = VENV / ".ampacity-sync.json"
SITE_PACKAGES = VENV / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
# One program of each group: missing when somebody synced by hand, which removes what other groups brought.
PROGRAMS = {"product": "ampacity", "test": "pytest", "lint": "lint-imports"}
# The same of each extra: a module that only it brings.
MODULES = {"simulate": "numba", "cluster": "ray"}
# Inside a virtual environment this is the interpreter that it was made with: ours must not hang on another
# one.
PYTHON = getattr(sys, "_base_executable", None) or sys.executable


def environment() -> dict[str, str]:
    """For every child: caches inside the checkout, this machine's Python, no other virtual environment."""
    inherited = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    defaults = {
        "UV_CACHE_DIR": str(CACHE / "uv"),
        "npm_config_cache": str(CACHE / "npm"),
        "NUMBA_CACHE_DIR": str(CACHE / "kernels"),
    }
    fixed = {
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",
        # Where Python may not keep bytecode, uv does once: it halves the time of every later start.
        "UV_COMPILE_BYTECODE": "1" if os.environ.get("PYTHONDONTWRITEBYTECODE") else "0",
        "npm_config_update_notifier": "false",
    }
    return {**defaults, **inherited, **fixed}


def run(*command: str | Path, **variables: str) -> None:
    environ = {**os.environ, **variables}
    subprocess.run(
        [str(part) for part in command], check=True, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL
    )


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def timed(name: str, action: Callable[[], object]) -> None:
    """Runs a step of the set-up and says how long it took, if it did anything (returned other than False)."""
    started = time.monotonic()
    if action() is not False:
        say(f"{name}: {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two ./dev of one checkout must not install into the same folders together; the second waits."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "dev.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another ./dev is setting up this checkout: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sync(*groups: str, extras: Sequence[str] = ()) -> bool:
    """Installs the locked packages of the product, of `groups` and of its `extras`; leaves what others
    brought.

    A stamp remembers what was installed from which lock, so a warm start asks nobody. Says whether it did
    anything.
    """
    inputs = [(ROOT / name).read_bytes() for name in ("uv.lock", "pyproject.toml")]
    key = hashlib.sha256(b"\0".join([*inputs, PYTHON.encode(), sys.version.encode()])).hexdigest()
    before = json.loads(SYNCED.read_text()) if SYNCED.is_file() else {}
    if before and before["root"] != str(ROOT):
        shutil.rmtree(VENV)  # a copied checkout: its scripts would run the original's code
        before = {}
    have = set(before["groups"]) if before.get("key") == key else set()
    needed = {"product", *groups, *(f"extra {extra}" for extra in extras)}
    there = [BIN / PROGRAMS[group] for group in ("product", *groups) if group in PROGRAMS]
    there += [SITE_PACKAGES / MODULES[extra] for extra in extras]
    if have >= needed and all(path.exists() for path in there):
        return False
    timed("uv", lambda: provide_uv(ROOT))
    wanted = [part for group in groups for part in ("--group", group)]
    wanted += [part for extra in extras for part in ("--extra", extra)]
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    locked = ["--frozen", "--inexact", "--no-default-groups"]
    run(UV, "sync", *quiet, *locked, "--python", PYTHON, *wanted, AMPACITY_SKIP_WEB="1")
    SYNCED.write_text(json.dumps({"key": key, "root": str(ROOT), "groups": sorted(have | needed)}))
    return True


def install(*groups: str, node: bool = False, extras: Sequence[str] = ()) -> None:
    """The Python packages of the product, of `groups` and `extras`; with `node` Node.js if the machine has
    none."""
    if node and hatch_build.machine_node() is None:
        groups = (*groups, "web")
    timed("Python packages", lambda: sync(*groups, extras=extras))


def set_up(*groups: str, node: bool = False, extras: Sequence[str] = ()) -> None:
    """Packages as above, and the console, which needs a Node.js only while it is not current."""
    install(*groups, node=node or not hatch_build.console_is_current(ROOT), extras=extras)
    timed("console", lambda: hatch_build.build_console(ROOT))


def become(*command: str | Path) -> None:
    """Replaces this process, so that signals and the exit status are the command's own."""
    words = [str(word) for word in command]
    os.execve(words[0], words, os.environ)


def product(name: str) -> Callable[[list[str]], None]:
    """The command `ampacity NAME`, once what it needs of the product is set up."""

    def command(arguments: list[str]) -> None:
        with one_at_a_time():
            set_up() if name in WITH_CONSOLE else install()
        become(BIN / "ampacity", name, *arguments)

    return command


def simulate(arguments: list[str]) -> None:
    extras = ["simulate", "cluster"] if "--cluster" in arguments else ["simulate"]
    with one_at_a_time():
        install(extras=extras)
    become(BIN / "ampacity", "simulate", *arguments)


def set_up_tests() -> None:
    """What the tests need beyond their packages: a browser, the Node.js that drives it, a hardware module for
    keys (SoftHSM is one in software), a broker for MQTT.

    PostgreSQL comes from the machine or, with the test packages, from a wheel (tests/fixtures/postgres.py).
    """
    with one_at_a_time():
        # With the simulator's packages: a test that runs ./dev simulate must not install beside the others.
        set_up("test", node=True, extras=["simulate"])
        node = hatch_build.find_node(ROOT)
        started = time.monotonic()
        os.environ["AMPACITY_CHROMIUM"] = provide_browser(ROOT, node)
        if time.monotonic() - started > 1:
            say(f"browser: {time.monotonic() - started:.1f} s")
        timed("SoftHSM", lambda: provide_softhsm(ROOT) and False)
        timed("Mosquitto", lambda: provide_mosquitto(ROOT) and False)


def test(arguments: list[str]) -> None:
    set_up_tests()
    os.chdir(ROOT)
    # The suite spends much of its time waiting for simulated sites, browsers and processes: three files at a
    # time keep two cores busy.
    chosen = any(not argument.startswith("-") for argument in arguments)
    workers = [] if chosen else ["-n", "3", "--dist", "loadfile", "--max-worker-restart", "1"]
    become(BIN / "python", "-m", "pytest", *workers, *arguments)


def prove(arguments: list[str]) -> None:
    with one_at_a_time():
        install("test", extras=["simulate"])
    become(BIN / "python", ROOT / "tools/prove.py", *arguments)


def lint(arguments: list[str]) -> None:
    with one_at_a_time():
        install("lint", node=True)
        timed("console's packages", lambda: hatch_build.install_packages(hatch_build.find_node(ROOT), ROOT))
    checks: dict[str, Callable[[], None]] = {
        "ruff check": lambda: run(BIN / "ruff", "check", "--quiet", *arguments),
        "ruff format": lambda: run(BIN / "ruff", "format", "--check", "--quiet", *arguments),
        "mypy --strict": lambda: run(BIN / "mypy"),
        "import contract": lambda: run(BIN / "lint-imports", "--no-logo"),
        "svelte-check": lambda: hatch_build.run_npm(
            hatch_build.find_node(ROOT), ROOT / "web", "run", "check"
        ),
    }
    failed = []
    for name, check in checks.items():
        started = time.monotonic()
        try:
            check()
            result = "ok"
        except subprocess.CalledProcessError:
            result = "FAILED"
            failed.append(name)
        say(f"{name}: {result}, {time.monotonic() - started:.1f} s")
    if failed:
        raise SetupError(f"lint: {', '.join(failed)} failed")


def bench(arguments: list[str]) -> None:
    with one_at_a_time():
        set_up(extras=["simulate"] if arguments and arguments[0] in WITH_SIMULATOR else [])
        if arguments:
            timed(f"peers of {arguments[0]}", lambda: install_peers(arguments[0]))
    os.environ["AMPACITY_PEERS"] = str(PEERS)
    become(BIN / "ampacity", "bench", *arguments)


def install_peers(name: str) -> bool:
    """A benchmark's peers, in a virtual environment of their own; says whether it did anything.

    They are locked with hashes in bench/peers/NAME.txt, whose head says how it was made from NAME.in.
    """
    requirements, home = ROOT / f"bench/peers/{name}.txt", PEERS / name
    if not requirements.is_file():
        return False
    stamp, key = home / ".stamp", hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == key:
        return False
    provide_uv(ROOT)
    run(UV, "venv", "--quiet", "--clear", "--python", PYTHON, home)
    run(UV, "pip", "sync", "--quiet", "--require-hashes", "--python", home / "bin/python", requirements)
    stamp.write_text(key)
    return True


def docs(arguments: list[str]) -> None:
    with one_at_a_time():
        install()
    become(BIN / "python", ROOT / "tools/docs.py", *arguments)


def shots(arguments: list[str]) -> None:
    set_up_tests()
    become(BIN / "python", ROOT / "tools/shots.py", *arguments)


def web(arguments: list[str]) -> None:
    with one_at_a_time():
        set_up(*arguments)


def uv(arguments: list[str]) -> None:
    provide_uv(ROOT)
    become(UV, *arguments)


WITH_CONSOLE = {"demo", "serve"}
WITH_SIMULATOR = {"agreement", "day", "simulation", "strategies"}
PRODUCT = ("demo", "serve", "site", "link", "backup", "restore", "rebuild", "fit")
COMMANDS: dict[str, Callable[[list[str]], None]] = {
    **{name: product(name) for name in PRODUCT},
    **{command.__name__: command for command in (simulate, test, prove, lint, bench, docs, shots, web, uv)},
}


def main(words: list[str]) -> int:
    name, *arguments = words or ["help"]
    if name not in COMMANDS:
        print(__doc__)
        return 0 if name in {"help", "--help", "-h"} else 2
    os.environ.update(environment())
    os.environ.pop("VIRTUAL_ENV", None)
    try:
        COMMANDS[name](arguments)
    except (SetupError, hatch_build.NodeMissing) as error:
        say(f"./dev {name}: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        say(
            f"./dev {name}: {Path(error.cmd[0]).name} ended with {error.returncode}; its own message is above"
        )
        return 1
    except PermissionError as error:
        say(f"./dev {name}: {error.filename} cannot be written: run as its owner, or clone your own")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
