"""Requests to the outside: only where they may go, only so long, only so much; and who was revoked is asked
once for all who want to know.

A real server answers; names resolve by this machine's own table or by one of the test's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ampacity.clock import WallClock
from ampacity.csms.outbound import Outbound, OutboundError, is_public
from ampacity.csms.revocation import Revocation, Unanswered
from ampacity.pki import ocsp as protocol
from ampacity.pki.authority import SERVER, Authority, Subject
from ampacity.pki.certificates import hash_data, pem_of
from tests.conformance.outside import Outside, make, outside
from tests.pki.answers import respond
from tests.pki.chains import ec_key, key_pem, root_authority, serial

HEADERS = {"Content-Type": "text/plain"}


@pytest.fixture
async def place() -> AsyncIterator[Outside]:
    async with outside() as made:
        yield made


@pytest.fixture
async def line() -> AsyncIterator[Outbound]:
    made = Outbound(("127.0.0.1",))
    yield made
    await made.close()


async def post(line: Outbound, url: str, **more: Any) -> Any:
    settings: dict[str, Any] = {"timeout_s": 5.0, "limit_bytes": 1_000} | more
    return await line.post(url, b"question", HEADERS, **settings)


# ---------------------------------------------------------------- where to


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "2002:0a00:0001::", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_addresses_of_our_own_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"])
def test_others_are(address: str) -> None:
    assert is_public(address)


async def test_nobody_leads_us_into_our_own_network(place: Outside) -> None:
    line = Outbound()
    port = place.url.rpartition(":")[2]
    for url in (
        place.url,
        f"http://localhost:{port}/",
        f"http://[::1]:{port}/",
        f"http://2130706433:{port}/",
    ):
        with pytest.raises(OutboundError, match=r"not public|no address"):
            await post(line, url)
    assert place.asked == []
    await line.close()


async def test_only_hosts_that_are_named_where_any_are(place: Outside, line: Outbound) -> None:
    assert (await post(line, f"{place.url}/x")).status == 404
    with pytest.raises(OutboundError, match="not allowed"):
        await post(line, "http://ocsp.example/")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "", "http://", "http://[", "http:///x"]
)
async def test_only_http_with_a_host(line: Outbound, url: str) -> None:
    with pytest.raises(OutboundError):
        await post(line, url)


async def test_the_address_that_was_judged_is_the_one_that_is_asked(
    place: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to another address the next time gains nothing."""
    port = int(place.url.rpartition(":")[2])
    told = ["127.0.0.1", "10.0.0.1"]

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (told.pop(0), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    line = Outbound(("ocsp.example",))
    await post(line, f"http://ocsp.example:{port}/x")
    assert place.asked[0][1]["host"] == f"ocsp.example:{port}"
    assert told == ["10.0.0.1"], "resolved once"
    await line.close()


async def test_credentials_in_an_address_and_redirections_are_not_used(
    place: Outside, line: Outbound
) -> None:
    place.paths["/away"] = lambda body, headers: (302, "text/plain", b"")
    answer = await post(line, place.url.replace("//", "//user:secret@") + "/away")
    assert answer.status == 302
    assert [path for path, _, _ in place.asked] == ["/away"]
    assert "authorization" not in place.asked[0][1]


async def test_a_server_must_prove_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is checked against the name in the address, though an address is connected to; the machine's own
    roots count."""
    root, now = make("Private root", WallClock().now()), WallClock().now()
    key = ec_key()
    authority = Authority(certificate=root.made, key=root.key)
    served = authority.issue(
        key.public_key(),
        Subject(common_name="pool"),
        now,
        days=9,
        serial=serial(),
        usage=(SERVER,),
        names=("pool.example",),
    )
    chain = tmp_path / "server.pem"
    chain.write_bytes(key_pem(key) + pem_of(served).encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        untrusting = Outbound(("pool.example", "other.example"))
        with pytest.raises(OutboundError, match="certificate verify failed"):
            await untrusting.get(f"https://pool.example:{port}/", {}, timeout_s=5, limit_bytes=99)
        trusted = tmp_path / "root.pem"
        trusted.write_text(root.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        line = Outbound(("pool.example", "other.example"))
        answer = await line.get(f"https://pool.example:{port}/", {}, timeout_s=5, limit_bytes=99)
        assert answer.body == b"ok"
        with pytest.raises(OutboundError, match="certificate verify failed"):
            await line.get(f"https://other.example:{port}/", {}, timeout_s=5, limit_bytes=99)
        for each in (untrusting, line):
            await each.close()


# ---------------------------------------------------------------- how long, how much


async def test_an_answer_may_not_be_long(place: Outside, line: Outbound) -> None:
    place.paths["/long"] = lambda body, headers: (200, "text/plain", b"x" * 1_001)
    place.paths["/right"] = lambda body, headers: (200, "text/plain", b"x" * 1_000)
    assert len((await post(line, f"{place.url}/right")).body) == 1_000
    with pytest.raises(OutboundError, match="more than 1000 bytes"):
        await post(line, f"{place.url}/long")


async def test_nobody_is_waited_for_longer_than_was_said(line: Outbound) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        with pytest.raises(OutboundError, match=r"within 0\.05 s"):
            await post(line, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout_s=0.05)


async def test_a_closed_door_is_an_error_and_no_exception_of_somebody_elses(line: Outbound) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OutboundError, match=f":{port}"):
        await post(line, f"http://127.0.0.1:{port}/")


# ---------------------------------------------------------------- revocation


async def test_a_responder_is_asked_once_for_all_who_want_to_know(place: Outside, line: Outbound) -> None:
    clock = WallClock()
    now = clock.now()
    root = root_authority("Root", now - timedelta(days=1))
    leaf = root.issue(ec_key().public_key(), Subject(common_name="x"), now, days=9, serial=serial())
    asked = hash_data(leaf, root.certificate)
    signer = (root.certificate, root.key)
    place.paths["/ocsp"] = lambda body, headers: (
        200,
        "application/ocsp-response",
        respond(body, signer, at=now),
    )
    revocation = Revocation(clock, line, 5.0)
    found = await asyncio.gather(
        *(revocation.verdict(asked, [f"{place.url}/ocsp"], [root.certificate]) for _ in range(20))
    )
    assert {verdict.status for verdict in found} == {"good"}
    assert len(place.asked) == 1


async def test_a_lie_is_not_kept_and_the_next_responder_is_asked(place: Outside, line: Outbound) -> None:
    clock = WallClock()
    now = clock.now()
    root, liar = root_authority("Root", now - timedelta(days=1)), root_authority("Root", now)
    leaf = root.issue(ec_key().public_key(), Subject(common_name="x"), now, days=9, serial=serial())
    asked = hash_data(leaf, root.certificate)
    for path, authority, status in (("/lie", liar, "good"), ("/truth", root, "revoked")):
        signer = (authority.certificate, authority.key)
        place.paths[path] = lambda body, headers, said=(signer, status): (  # type: ignore[misc]
            200,
            "application/ocsp-response",
            respond(body, said[0], said[1], at=now),
        )
    revocation = Revocation(clock, line, 5.0)
    known = [root.certificate]
    alone = await revocation.verdict(asked, [f"{place.url}/lie"], known)
    assert (alone.status, alone.proven) == ("good", False)
    both = await revocation.verdict(asked, [f"{place.url}/lie", f"{place.url}/truth"], known)
    assert (both.status, both.proven) == ("revoked", True)
    assert [path for path, _, _ in place.asked] == ["/lie", "/lie", "/truth"]
    kept = await revocation.verdict(asked, [f"{place.url}/lie"], known)
    assert kept.status == "revoked", "what was proved is remembered, whoever is named next"


async def test_many_addresses_that_are_silent_are_not_waited_for_one_by_one(line: Outbound) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    root = root_authority()
    asked = hash_data(root.certificate, root.certificate)
    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        revocation = Revocation(WallClock(), line, 0.05)
        for work in (revocation.verdict, revocation.listed):
            with pytest.raises(Unanswered, match=r"within 0\.1 s"):
                await work(asked, [f"{url}{n}" for n in range(50)], [])


async def test_nobody_to_ask_is_said(line: Outbound) -> None:
    root = root_authority()
    asked = hash_data(root.certificate, root.certificate)
    revocation = Revocation(WallClock(), line, 5.0)
    with pytest.raises(Unanswered, match="names no OCSP responder"):
        await revocation.verdict(asked, [], [])
    assert protocol.request(asked)
