"""How ./dev gets its uv and sees what is left to do, tried against a package index on the loopback."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import io
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import hatch_build
from tools import bootstrap_browser, bootstrap_uv
from tools.bootstrap_uv import SetupError

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = "manylinux_2_17_x86_64.whl"
WHEEL_NAME = f"uv-{bootstrap_uv.VERSION}-py3-none-{SUFFIX}"
PROGRAM = f"#!/bin/sh\necho uv {bootstrap_uv.VERSION}\n".encode()


class Index(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and keeps who asked with which credentials."""

    authorizations: list[str | None]

    def do_GET(self) -> None:
        self.authorizations.append(self.headers["Authorization"])
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """No lines in the test's output."""


def pack_wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"uv-{bootstrap_uv.VERSION}.data/scripts/uv", PROGRAM)
    return content.getvalue()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Index]]:
    """An index that holds one wheel, whose hash is pinned for this machine."""
    wheel = pack_wheel()
    folder = tmp_path / "index/simple/uv"
    folder.mkdir(parents=True)
    (folder / WHEEL_NAME).write_bytes(wheel)
    (folder / "index.html").write_text(
        f'<a href="uv-0.0.1.tar.gz">older</a> <a href="../uv/{WHEEL_NAME}#sha256=unread">newest</a>'
    )
    monkeypatch.setattr(bootstrap_uv, "platform_wheel", lambda: (SUFFIX, hashlib.sha256(wheel).hexdigest()))
    handler = type("Handler", (Index,), {"authorizations": []})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "index"))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    for variable in bootstrap_uv.INDEX_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(
        "UV_DEFAULT_INDEX", f"mine=http://anna:s%40fe@127.0.0.1:{server.server_address[1]}/simple/"
    )
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_uv_is_fetched_once_with_the_credentials_of_the_index(index: type[Index], tmp_path: Path) -> None:
    assert bootstrap_uv.provide_uv(tmp_path)
    asked = len(index.authorizations)
    answer = subprocess.run([tmp_path / ".uv/bin/uv"], capture_output=True, text=True, check=True)
    assert answer.stdout == f"uv {bootstrap_uv.VERSION}\n"
    assert set(index.authorizations) == {"Basic " + base64.b64encode(b"anna:s@fe").decode()}
    assert not bootstrap_uv.provide_uv(tmp_path)
    assert len(index.authorizations) == asked


def test_another_version_of_uv_is_replaced(index: type[Index], tmp_path: Path) -> None:
    old = tmp_path / ".uv/bin/uv"
    old.parent.mkdir(parents=True)
    old.write_text("#!/bin/sh\necho uv 0.1.0\n")
    old.chmod(0o755)
    assert bootstrap_uv.provide_uv(tmp_path)
    assert old.read_bytes() == PROGRAM


def test_a_changed_wheel_is_not_used(index: type[Index], tmp_path: Path) -> None:
    (tmp_path / "index/simple/uv" / WHEEL_NAME).write_bytes(pack_wheel() + b"!")
    with pytest.raises(SetupError, match="pinned is"):
        bootstrap_uv.provide_uv(tmp_path)
    assert not (tmp_path / ".uv").exists()


def test_an_index_without_the_wheel_is_named_as_the_trouble(index: type[Index], tmp_path: Path) -> None:
    (tmp_path / "index/simple/uv/index.html").write_text("<a href='uv-0.0.1.tar.gz'>older</a>")
    with pytest.raises(SetupError, match=f"has no {WHEEL_NAME}"):
        bootstrap_uv.provide_uv(tmp_path)


def test_an_unreachable_index_is_one_line(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{free_port}/simple")
    monkeypatch.setattr(bootstrap_uv, "ATTEMPTS", 1)
    with pytest.raises(SetupError, match=r"Cannot fetch from 127\.0\.0\.1: .*refused"):
        bootstrap_uv.wheel_address(WHEEL_NAME)


@pytest.mark.parametrize(
    ("version", "suits"),
    [
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.1.0", True),
        ("not a version", False),
    ],
)
def test_node_is_what_vite_asks_for(version: str, suits: bool) -> None:
    assert hatch_build.suits_vite(version) is suits


def test_the_console_is_stale_exactly_when_an_input_changed(tmp_path: Path) -> None:
    source = tmp_path / "web/src/main.ts"
    source.parent.mkdir(parents=True)
    source.write_text("export {}")
    (tmp_path / "web/package.json").write_text("{}")
    assert not hatch_build.console_is_current(tmp_path)
    output = hatch_build.console_output(tmp_path)
    output.mkdir(parents=True)
    (output / ".stamp").write_text(hatch_build.inputs_hash(tmp_path / "web"))
    assert hatch_build.console_is_current(tmp_path)
    installed = tmp_path / "web/node_modules/vite/index.js"
    installed.parent.mkdir(parents=True)
    installed.write_text("installed, not written")
    assert hatch_build.console_is_current(tmp_path)
    source.rename(source.with_name("app.ts"))
    assert not hatch_build.console_is_current(tmp_path)


def test_a_browser_named_wrongly_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMPACITY_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(SetupError, match="'/nowhere/chromium', which is no program"):
        bootstrap_browser.find_browser(ROOT)


def test_without_a_python_one_line_says_what_to_install(tmp_path: Path) -> None:
    dirname = shutil.which("dirname")
    assert dirname is not None
    (tmp_path / "dirname").symlink_to(dirname)
    done = subprocess.run(
        ["/bin/sh", ROOT / "dev", "demo"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "apt-get install python3" in done.stderr


def test_help_names_every_command() -> None:
    done = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True)
    for command in ("demo", "serve", "test", "lint", "bench", "docs", "shots", "web", "uv"):
        assert f"./dev {command} " in done.stdout
    assert subprocess.run([ROOT / "dev", "dance"], capture_output=True, check=False).returncode == 2
