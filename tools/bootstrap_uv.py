"""Puts the pinned uv into `.uv/bin/uv`, with nothing but Python's standard library.

A fresh Debian has neither pip nor ensurepip nor venv, so the wheel is fetched and unpacked here. Its SHA-256
is pinned per platform; to move to another version, change VERSION and take the hashes from the index page.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

VERSION = "0.13.8"
WHEELS = {  # (system, machine, C library) -> file name less "uv-VERSION-py3-none-", SHA-256
    ("linux", "x86_64", "glibc"): (
        "manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ),
    ("linux", "x86_64", "musl"): (
        "musllinux_1_1_x86_64.whl",
        "29451c60f5e8b07403e0a175d5229efc36b0289b34143ff4aaa499a5dd52553a",
    ),
    ("linux", "aarch64", "glibc"): (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ),
    ("linux", "aarch64", "musl"): (
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
    ),
    ("darwin", "x86_64", ""): (
        "macosx_10_12_x86_64.whl",
        "b7124ca1956ec2e476a1003ea5715a15f0266afaec37f4dc9c6972ba8183e6d1",
    ),
    ("darwin", "arm64", ""): (
        "macosx_11_0_arm64.whl",
        "62b6943c7fd64fac6854f780bea6e0359e5a5bc3241f83ee357bb38276afac49",
    ),
}
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
INDEX = "https://pypi.org/simple"
ATTEMPTS = 4
TIMEOUT_S = 60


class SetupError(RuntimeError):
    """Set-up cannot go on; the message is one line and says what to do."""


def provide_uv(root: Path) -> bool:
    """Makes sure that `root/.uv/bin/uv` is the pinned version; says whether it had to be fetched.

    Raises:
        SetupError: no wheel for this platform, the index cannot be reached, or the file is not the pinned
        one.
    """
    target = root / ".uv/bin/uv"
    if target.exists():
        answer = subprocess.run([target, "--version"], capture_output=True, text=True, check=False)
        if answer.stdout.split()[1:2] == [VERSION]:
            return False
    suffix, sha256 = platform_wheel()
    name = f"uv-{VERSION}-py3-none-{suffix}"
    wheel = fetch(wheel_address(name), sha256)
    with (
        zipfile.ZipFile(io.BytesIO(wheel)) as archive,
        archive.open(f"uv-{VERSION}.data/scripts/uv") as packed,
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"uv.{os.getpid()}")
        with fresh.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    fresh.chmod(0o755)
    fresh.replace(target)
    return True


def platform_wheel() -> tuple[str, str]:
    """File name suffix and SHA-256 of the wheel for this machine."""
    system = platform.system().lower()
    c_library = ""
    if system == "linux":
        c_library = (
            "glibc"
            if "CS_GNU_LIBC_VERSION" in os.confstr_names and os.confstr("CS_GNU_LIBC_VERSION")
            else "musl"
        )
    key = (system, platform.machine(), c_library)
    if key not in WHEELS:
        raise SetupError(f"No pinned uv for {' '.join(key).strip()}: put uv {VERSION} at .uv/bin/uv by hand")
    return WHEELS[key]


class _Links(HTMLParser):
    """Collects the targets of the links of an index page (the "simple" form that every index speaks)."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets += [value for key, value in attrs if key == "href" and value]


def wheel_address(name: str) -> str:
    """The address of the wheel `name` on the index that the environment names, else on PyPI."""
    index = next((os.environ[key] for key in INDEX_VARIABLES if os.environ.get(key)), INDEX)
    index = re.sub(
        r"^[\w.-]+=(?=\w+://)", "", index
    )  # UV_DEFAULT_INDEX may carry a name: company=https://...
    page = f"{index.rstrip('/')}/uv/"
    links = _Links()
    links.feed(fetch(page).decode())
    for link in links.targets:
        address = urljoin(page, link)
        if unquote(urlsplit(address).path).endswith(f"/{name}"):
            return urlsplit(address)._replace(fragment="").geturl()
    raise SetupError(f"The package index has no {name}: name one that has it in UV_DEFAULT_INDEX")


def fetch(address: str, sha256: str | None = None) -> bytes:
    """The content at `address`, tried a few times; checked against `sha256` where one is given."""
    request, context = _request(address), None
    host = urlsplit(address).hostname
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
                content: bytes = answer.read()
            break
        except (OSError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError) and context is None:
                context = _context_without_store(address)
                continue
            lasting = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if lasting or attempt == ATTEMPTS:
                raise SetupError(
                    f"Cannot fetch from {host}: {reason}. Check the network, or set https_proxy"
                ) from error
            time.sleep(attempt)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise SetupError(
            f"{urlsplit(address).path.rpartition('/')[2]} has SHA-256 {found}, pinned is {sha256}: not used"
        )
    return content


def _request(address: str) -> urllib.request.Request:
    """A request that carries the user and password of an address as a header, where urllib wants them."""
    parts = urlsplit(address)
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
    request.add_header("User-Agent", f"ampacity-dev uv/{VERSION}")
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    return request


def _context_without_store(address: str) -> ssl.SSLContext:
    """How to go on where the machine has no certificate store (a minimal Debian has none).

    As root Debian's package is installed. An ordinary user goes on unverified: what comes is used only if it
    has the pinned SHA-256, and uv brings its own certificates for all that follows.

    Raises:
        SetupError: there is a store, and it does not trust the host; or a password would go out unprotected.
    """
    host = urlsplit(address).hostname
    paths = ssl.get_default_verify_paths()
    named = [
        os.environ.get("SSL_CERT_FILE"),
        paths.cafile,
        paths.openssl_cafile,
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    if any(path and Path(path).is_file() for path in named):
        raise SetupError(
            f"The certificate of {host} is not trusted here: add its authority to the system's store"
        )
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install("ca-certificates")
        return ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
    if urlsplit(address).username is not None:
        raise SetupError(
            f"No certificates here to check {host} before it gets a password: install ca-certificates"
        )
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def apt_install(*packages: str) -> None:
    """Installs Debian packages without their recommendations; only for root.

    Raises:
        SetupError: apt-get failed; its last line is in the message.
    """
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    for command in (["apt-get", "update", "-qq"], [*install, *packages]):
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise SetupError(f"{' '.join(command[:2])} for {' '.join(packages)} failed: {last}")
