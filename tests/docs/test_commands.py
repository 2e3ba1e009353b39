"""Every command that README.md and docs/ show is run: here, or by what ELSEWHERE names.

A command is a line of a fenced block marked `sh`. It runs as shown, save that what would go on for long is
cut short and what would take a port or write into the checkout is sent elsewhere.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "git clone": "needs the public address; tools/bare_debian.sh clones",
    "cd ": "part of cloning",
    "./dev test": ".ci/run; this is it",
    "./dev lint": ".ci/run",
    "./dev shots": "writes into docs/; the browser tests open the same pages",
    "tools/bare_debian.sh": "makes whole Debian systems; run before a release",
}


class Shown(NamedTuple):
    """A command and the page that shows it."""

    page: str
    command: str


def shown_commands() -> list[Shown]:
    """All commands of all pages, continued lines joined, comments and prompts taken off."""
    found = []
    for page in PAGES:
        for block in FENCE.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                command = re.sub(r"\s+#.*$", "", line.removeprefix("$ ")).strip()
                if command and not command.startswith("#"):
                    found.append(Shown(page.relative_to(ROOT).as_posix(), command))
    return found


def without_option(words: list[str], option: str) -> list[str]:
    """`words` less `option` and its value."""
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def short_demo(words: list[str], folder: Path) -> list[str]:
    for option in ("--for", "--http-port", "--ocpp-port", "--data"):
        words = without_option(words, option)
    return [*words, "--for", "2", "--http-port", "0", "--ocpp-port", "0", "--data", str(folder / "data")]


def quick_bench(words: list[str], folder: Path) -> list[str]:
    words = [word for word in without_option(words, "--json") if word != "--quick"]
    return [*words, "--quick", "--json", str(folder / "figures.json")]


def checked_docs(words: list[str], folder: Path) -> list[str]:
    return [*words, "--check"]


def as_shown(words: list[str], folder: Path) -> list[str]:
    return words


RUN_HERE: dict[str, Callable[[list[str], Path], list[str]]] = {
    "./dev demo": short_demo,
    "./dev bench": quick_bench,
    "./dev docs": checked_docs,
    "./dev help": as_shown,
    "./dev uv": as_shown,
    "./dev web": as_shown,
}


def test_the_readme_shows_the_two_commands() -> None:
    readme = {shown.command for shown in shown_commands() if shown.page == "README.md"}
    assert {"./dev demo", "./dev test"} <= readme


@pytest.mark.parametrize("command", sorted({shown.command for shown in shown_commands()}))
def test_a_shown_command_runs(command: str, tmp_path: Path) -> None:
    if any(command.startswith(prefix) for prefix in ELSEWHERE):
        return
    shorten = next((rule for prefix, rule in RUN_HERE.items() if command.startswith(prefix)), None)
    assert shorten is not None, f"{command!r} is shown in the documentation and run by no test: see RUN_HERE"
    words = shorten(shlex.split(command), tmp_path)
    done = subprocess.run(
        words,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout[-4000:]}"


def test_drawings_and_links_are_as_the_code_is() -> None:
    done = subprocess.run(
        [ROOT / "dev", "docs", "--check"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
