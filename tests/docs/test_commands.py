"""Every command that README.md and docs/ show is run: here, page by page, or by what ELSEWHERE names.

A command is a line of a fenced block marked `sh`. A page's commands run in their order, in one folder of
their own that holds the example files they name. They run as shown, save that what would go on for long is
cut short, and what would take a fixed port or write into the checkout is sent elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ELSEWHERE = {
    "git clone": "needs the public address; tools/bare_debian.sh clones",
    "cd ": "part of cloning",
    "./dev test": "this is it: .ci/run",
    "./dev lint": ".ci/run",
    "./dev shots": "writes into docs/; the browser tests open the same pages",
    "./dev bench reaction": "half a minute of real time; tests/bench has a step of it",
    "./dev bench simulation --sessions": "needs recorded sessions and its peers; tests/bench has its parts",
    "tools/bare_debian.sh": "makes whole Debian systems; run before a release",
}
LITTLE = {"fuzz": ("--minutes", "0.05", "--count", "3000"), "durability": ("--count", "40")}
SERVERS = ("ampacity serve", "./dev serve")
TIME_LIMIT_S = 200


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def shown_commands(page: Path) -> list[str]:
    """The commands of a page, continued lines joined, comments and prompts taken off."""
    found = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.sub(r"(^|\s+)#.*$", "", line.removeprefix("$ ")).strip()
            if command:
                found.append(command)
    return found


def without_option(words: list[str], option: str) -> list[str]:
    """`words` less `option` and its value."""
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def as_shown(words: list[str]) -> list[str]:
    return words


def short_demo(words: list[str]) -> list[str]:
    for option in ("--for", "--http-port", "--ocpp-port", "--data"):
        words = without_option(words, option)
    return [*words, "--for", "2", "--http-port", "0", "--ocpp-port", "0", "--data", "demo-data"]


def quick_bench(words: list[str]) -> list[str]:
    """Everything that it measures, but little of it where a number says how much (tests/bench has more)."""
    words = [word for word in without_option(words, "--json") if word != "--quick"]
    little = next((less for name, less in LITTLE.items() if name in words), ())
    return [*words, "--quick", *little, "--json", "figures.json"]


def quick_simulation(words: list[str]) -> list[str]:
    return words if "--list" in words else [*without_option(words, "--seeds"), "--seeds", "2"]


def checked_docs(words: list[str]) -> list[str]:
    return [*words, "--check"]


RUN_HERE: dict[str, Callable[[list[str]], list[str]]] = {
    "./dev demo": short_demo,
    "./dev bench": quick_bench,
    "./dev docs": checked_docs,
    "./dev simulate": quick_simulation,
    "./dev": as_shown,
    "ampacity demo": short_demo,
    "ampacity bench": quick_bench,
    "ampacity": as_shown,
}


def in_checkout(word: str) -> str:
    """A path of the checkout, as the reader who stands in it writes it, from anywhere."""
    shown = Path(word)
    inside = not shown.is_absolute() and "/" in word and (ROOT / shown).exists()
    return str(ROOT / shown) if inside else word


def environment(folder: Path) -> dict[str, str]:
    """The commands of the product are on PATH; a node keeps its data in `folder` and takes any free port."""
    return {
        **os.environ,
        "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "AMPACITY_DATA": str(folder / "data"),
        "AMPACITY_DATABASE": "",
        "AMPACITY_API__PORT": "0",
        "AMPACITY_GATEWAY__OCPP_PORT": "0",
    }


def test_the_readme_shows_the_two_commands() -> None:
    assert {"./dev demo", "./dev test"} <= set(shown_commands(PAGES[0]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    (tmp_path / "my-site.toml").write_text(blocks(ROOT / "docs/sites.md", "toml")[0])
    server: subprocess.Popen[str] | None = None
    try:
        for command in shown_commands(page):
            if any(command.startswith(prefix) for prefix in ELSEWHERE):
                continue
            if command.startswith(SERVERS):
                assert server is None, f"{page.name} starts a second server"
                server = start_server([in_checkout(word) for word in shlex.split(command)], tmp_path)
                continue
            rule = next((rule for prefix, rule in RUN_HERE.items() if command.startswith(prefix)), None)
            assert rule is not None, f"{page.name} shows {command!r}, which no test runs: see RUN_HERE"
            run_to_its_end([in_checkout(word) for word in rule(shlex.split(command))], tmp_path)
    finally:
        if server is not None:
            server.terminate()
            said, _ = server.communicate(timeout=30)
    if server is not None:
        assert server.returncode == 0, f"the server ended with {server.returncode}:\n{said}"


def run_to_its_end(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TIME_LIMIT_S,
    )
    assert done.returncode == 0, f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout[-4000:]}"


def start_server(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """Starts a server and waits until it says where to open it."""
    server = subprocess.Popen(
        words,
        cwd=folder,
        env={**environment(folder), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if "http://" in line:
            return server
    raise AssertionError(f"{shlex.join(words)} ended with {server.wait()}:\n{''.join(said)}")


def test_drawings_and_links_are_as_the_code_is(tmp_path: Path) -> None:
    run_to_its_end([str(ROOT / "dev"), "docs", "--check"], tmp_path)
