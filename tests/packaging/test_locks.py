"""The locks name public registries only, and docs/dependencies.md names every dependency."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return match[0].lower()


def test_the_python_lock_names_pypi_only() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    registries = {package["source"].get("registry") for package in lock["package"]} - {None}
    assert registries == {"https://pypi.org/simple"}
    files = [file for package in lock["package"] for file in package.get("wheels", [])]
    assert {urlsplit(file["url"]).hostname for file in files} == {"files.pythonhosted.org"}
    assert all(file["hash"].startswith("sha256:") for file in files)


@pytest.mark.parametrize("name", ["web/package-lock.json", "tools/chromium/package-lock.json"])
def test_the_npm_locks_name_the_public_registry_and_check_every_file(name: str) -> None:
    lock = json.loads((ROOT / name).read_text())
    installed = {path: package for path, package in lock["packages"].items() if path}
    hosts = {
        urlsplit(package["resolved"]).hostname for package in installed.values() if "resolved" in package
    }
    assert hosts <= {"registry.npmjs.org"}
    unchecked = [
        path for path, package in installed.items() if not package["integrity"].startswith("sha512-")
    ]
    assert unchecked == []


@pytest.mark.parametrize("path", sorted((ROOT / "bench/peers").glob("*.txt")), ids=lambda path: path.stem)
def test_the_peers_are_locked_by_hash(path: Path) -> None:
    lines = path.read_text().splitlines()
    pinned = [line for line in lines if "==" in line and not line.startswith("#")]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    assert not [line for line in lines if "index-url" in line]


def test_each_dependency_is_explained() -> None:
    """Name, reason, licence, size and fallback of each are in one row of docs/dependencies.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in project["dependency-groups"].values():
        asked += group
    for peers in (ROOT / "bench/peers").glob("*.in"):
        asked += [line for line in peers.read_text().splitlines() if line and not line.startswith("#")]
    names = {requirement_name(requirement) for requirement in asked}
    for manifest in ("web/package.json", "tools/chromium/package.json"):
        content = json.loads((ROOT / manifest).read_text())
        names |= {*content.get("dependencies", {}), *content.get("devDependencies", {})}
    names |= {"uv", "softhsm2", "mosquitto"}
    rows = [
        line for line in (ROOT / "docs/dependencies.md").read_text().splitlines() if line.startswith("| `")
    ]
    explained = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        explained[cells[0].strip("`")] = cells
    assert names - explained.keys() == set()
    assert explained.keys() - names == set()
    assert [name for name, cells in explained.items() if len(cells) != 5 or not all(cells)] == []
