"""HTTP to the outside, where stations and cars may name the address: bounded in time and size, and never into
our own network by somebody else's word.

A certificate or a station says where its OCSP responder is. So only http and https are spoken; names are
resolved here and each address must be a public one, and exactly that address is connected to (a name that
resolves anew to another address gains nothing); redirections are not followed; credentials in the address
and proxies of the environment are not used. An operator may name hosts that are allowed wherever they are.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping

import httpx
from msgspec import Struct

ANY_PUBLIC = "*"


class OutboundError(Exception):
    """A request that got no usable answer: the text says to whom and why."""


class Answer(Struct, frozen=True):
    """What came back: the HTTP status and the whole body."""

    status: int
    body: bytes


class Outbound:
    """Requests to `hosts`: names or addresses that may be anywhere, and `*` for whatever has a public
    address."""

    def __init__(self, hosts: tuple[str, ...] = (ANY_PUBLIC,)) -> None:
        self._named = frozenset(host.lower() for host in hosts)
        self._client: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def close(self) -> None:
        """Let go of what is connected."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
        limit_bytes: int,
    ) -> Answer:
        """POST `body` and return the answer, whatever its status. All of it within `timeout_s` (wall time).

        Raises OutboundError for addresses that are not allowed, for lines that break, time that runs out and
        answers of more than `limit_bytes`.
        """
        return await self._within(timeout_s, "POST", url, body, headers, limit_bytes)

    async def get(
        self, url: str, headers: Mapping[str, str], *, timeout_s: float, limit_bytes: int
    ) -> Answer:
        """GET, in the same bounds."""
        return await self._within(timeout_s, "GET", url, b"", headers, limit_bytes)

    async def _within(
        self,
        timeout_s: float,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        limit_bytes: int,
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(method, url, body, headers, limit_bytes)
        except TimeoutError:
            raise OutboundError(f"{url}: no answer within {timeout_s:g} s") from None
        except httpx.HTTPError as trouble:
            raise OutboundError(f"{url}: {trouble or type(trouble).__name__}") from None

    async def _ask(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], limit_bytes: int
    ) -> Answer:
        try:
            target = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise OutboundError(f"{url!r} is no address: {error}") from None
        if target.scheme not in ("http", "https") or not target.host:
            raise OutboundError(
                f"{url!r} is not allowed: only http:// and https:// addresses with a host are"
            )
        address = await self._address(target)
        host = target.host if target.port is None else f"{target.host}:{target.port}"
        client = await self._ready()
        request = client.build_request(
            method,
            target.copy_with(host=address, username=None, password=None),
            content=body or None,
            headers={**headers, "Host": host, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": target.host},
        )
        response = await client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise OutboundError(f"{url}: the answer is compressed, which was not asked for")
            found = bytearray()
            async for part in response.aiter_raw():
                found += part
                if len(found) > limit_bytes:
                    raise OutboundError(f"{url}: the answer has more than {limit_bytes} bytes")
            return Answer(response.status_code, bytes(found))
        finally:
            await response.aclose()

    async def _ready(self) -> httpx.AsyncClient:
        async with self._making:
            if self._client is None:
                # Reads the roots of the web: 100 ms, which nobody else may wait for.
                self._client = await asyncio.to_thread(_client)
            return self._client

    async def _address(self, target: httpx.URL) -> str:
        """The address to connect to. Raises OutboundError where none is allowed."""
        host = target.host.lower()
        named = host in self._named
        if not named and ANY_PUBLIC not in self._named:
            raise OutboundError(f"host {host!r} is not allowed: the settings list those that are")
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as trouble:
            raise OutboundError(f"host {host!r} has no address: {trouble}") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not named and not all(is_public(address) for address in addresses):
            raise OutboundError(
                f"host {host!r} is at {addresses[0]}, which is not public: name the host in the settings"
            )
        return addresses[0]


def _client() -> httpx.AsyncClient:
    trust = httpx.create_ssl_context(trust_env=False)
    trust.load_default_certs()  # the machine's roots beside the web's, and those of SSL_CERT_FILE
    return httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=None,
        verify=trust,
        # A connection belongs to the name it was made for; the client would know it by its address.
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=0),
    )


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large; one that is hidden in IPv6 counts as itself."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return is_public(str(inner))
        if found in _TRANSLATED:
            return is_public(str(ipaddress.IPv4Address(found.packed[-4:])))
    return found.is_global and not found.is_multicast


_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
