"""The wheel holds the console, and in an empty environment its `ampacity demo` runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".uv/bin/uv"


def run(command: Sequence[str | Path], environment: dict[str, str], folder: Path) -> str:
    """Runs a command that must succeed; gives what it wrote."""
    done = subprocess.run(
        [str(word) for word in command],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as a release builds it, by way of the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    environment = {key: value for key, value in os.environ.items() if key != "AMPACITY_SKIP_WEB"}
    environment.setdefault("UV_CACHE_DIR", str(ROOT / ".cache/uv"))
    run([UV, "build", "--python", sys.executable, "--out-dir", folder, ROOT], environment, folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_console(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert "ampacity/_web/index.html" in names
        assert any(name.startswith("ampacity/_web/assets/") and name.endswith(".js") for name in names)
        assert "ampacity/py.typed" in names
        assert not [name for name in names if not name.startswith(("ampacity/", "ampacity-"))]


def test_the_wheel_runs_the_demo_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """With the dependencies of its metadata at the versions of the lock, and nothing of the checkout."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.defpath, "LANG": "C.UTF-8"}
    cache = {**os.environ, "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(ROOT / ".cache/uv"))}
    venv = tmp_path / "venv"
    locked = tmp_path / "locked.txt"
    export = [UV, "export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project"]
    run([*export, "--project", ROOT, "--output-file", locked], cache, tmp_path)
    run([UV, "venv", "--quiet", "--python", sys.executable, venv], cache, tmp_path)
    install = [UV, "pip", "install", "--quiet", "--python", venv / "bin/python"]
    run([*install, "--constraints", locked, wheel], cache, tmp_path)
    ports = ["--http-port", "0", "--ocpp-port", "0"]
    demo = [venv / "bin/ampacity", "demo", "--for", "3", *ports, "--data", tmp_path / "data"]
    said = run(demo, environment, tmp_path)
    assert "kWh" in said
    assert not list(home.rglob("*"))
