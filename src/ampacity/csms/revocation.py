"""Who was revoked: OCSP responders are asked over HTTP, once for all who want to know at the same time, or
revocation lists fetched; what they prove is kept until they want to be asked again.

Only proven answers are kept, so that a forged one is never believed longer than once; and `unknown` is asked
anew each time: it is neither good nor bad.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from cryptography.x509 import Certificate
from msgspec import Struct

from ..clock import Clock
from ..pki import ocsp, revocation_lists
from ..pki.certificates import HashData
from ..pki.ocsp import OcspError, OcspVerdict
from ..pki.revocation_lists import ListError, ListVerdict
from .outbound import Outbound, OutboundError

LIMIT_BYTES = 64 * 1024
KEPT = 10_000
"""Answers; each has one or two kilobytes."""

LIST_BYTES = 2 * 1024 * 1024
LISTS_KEPT = 20
ADDRESSES = 2
"""For so many addresses' time-outs somebody waits at most."""
"""Lists of a large authority have a megabyte."""

_HEADERS = {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
T = TypeVar("T")
_Key: TypeAlias = tuple[str, str, str, str]


class Unanswered(Exception):
    """Nobody could tell: the text says whom we asked and why not."""


class _Kept(Struct, frozen=True):
    der: bytes
    until: float


class Revocation:
    """Asks responders. For the event loop only."""

    def __init__(self, clock: Clock, outbound: Outbound, timeout_s: float) -> None:
        self._clock = clock
        self._outbound = outbound
        self._timeout_s = timeout_s
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._lists: OrderedDict[str, _Kept] = OrderedDict()
        self._asking: dict[tuple[_Key, str], asyncio.Task[bytes]] = {}

    async def verdict(
        self, asked: HashData, urls: Sequence[str], authorities: Sequence[Certificate]
    ) -> OcspVerdict:
        """What is known of a certificate, asking its responders one after the other until one proves that it
        knows; else the best that was said. Raises Unanswered.
        """
        return await self._within(asked, self._verdict(asked, urls, authorities))

    async def _within(self, asked: HashData, work: Coroutine[Any, Any, T]) -> T:
        """`work`, however many addresses are named: who asked waits for all of them."""
        limit_s = ADDRESSES * self._timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except TimeoutError:
            raise Unanswered(
                f"certificate {asked.serial_number}: nobody answered within {limit_s:g} s"
            ) from None

    async def _verdict(
        self, asked: HashData, urls: Sequence[str], authorities: Sequence[Certificate]
    ) -> OcspVerdict:
        key = _key(asked)
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._clock.time():
            self._kept.move_to_end(key)
            verdict = ocsp.read(kept.der, asked, authorities, self._clock.now())
            if verdict.proven:
                return verdict
        if not urls:
            raise Unanswered(f"certificate {asked.serial_number} names no OCSP responder")
        troubles: list[str] = []
        best: OcspVerdict | None = None
        for url in urls:
            try:
                verdict = ocsp.read(await self._fetch(key, asked, url), asked, authorities, self._clock.now())
            except (OcspError, OutboundError, ValueError) as trouble:
                troubles.append(str(trouble))
                continue
            if verdict.status == "revoked" or (verdict.proven and verdict.status == "good"):
                self._keep(key, verdict)
                return verdict
            best = best or verdict
        if best is not None:
            return best
        raise Unanswered(f"certificate {asked.serial_number}: {'; '.join(troubles)}")

    async def listed(
        self, asked: HashData, urls: Sequence[str], authorities: Sequence[Certificate]
    ) -> ListVerdict:
        """What the issuer's revocation list says of a certificate; lists are kept like answers.

        Raises Unanswered.
        """
        return await self._within(asked, self._listed(asked, urls, authorities))

    async def _listed(
        self, asked: HashData, urls: Sequence[str], authorities: Sequence[Certificate]
    ) -> ListVerdict:
        troubles = []
        for url in urls:
            kept = self._lists.get(url)
            try:
                data = (
                    await self._fetch_list(url)
                    if kept is None or kept.until <= self._clock.time()
                    else kept.der
                )
                verdict = revocation_lists.read(data, asked, authorities, self._clock.now())
            except (ListError, OutboundError, ValueError) as trouble:
                troubles.append(str(trouble))
                continue
            if verdict.proven:
                self._lists[url] = _Kept(data, verdict.until.timestamp())
                self._lists.move_to_end(url)
                while len(self._lists) > LISTS_KEPT:
                    self._lists.popitem(last=False)
            return verdict
        raise Unanswered(f"certificate {asked.serial_number}: {'; '.join(troubles)}")

    async def _fetch_list(self, url: str) -> bytes:
        answer = await self._outbound.get(
            url, {"Accept": "application/pkix-crl"}, timeout_s=self._timeout_s, limit_bytes=LIST_BYTES
        )
        if answer.status != 200:
            raise OutboundError(f"{url}: HTTP status {answer.status}")
        return answer.body

    async def _fetch(self, key: _Key, asked: HashData, url: str) -> bytes:
        place = (key, url)
        task = self._asking.get(place)
        if task is None:
            task = self._asking[place] = asyncio.ensure_future(self._ask(asked, url))
            task.add_done_callback(lambda done: self._asked(place, done))
        return await asyncio.shield(task)

    def _asked(self, place: tuple[_Key, str], done: asyncio.Task[bytes]) -> None:
        self._asking.pop(place, None)
        if not done.cancelled():
            done.exception()  # who waited has it; perhaps nobody waits any more

    async def _ask(self, asked: HashData, url: str) -> bytes:
        answer = await self._outbound.post(
            url, ocsp.request(asked), _HEADERS, timeout_s=self._timeout_s, limit_bytes=LIMIT_BYTES
        )
        if answer.status != 200:
            raise OutboundError(f"{url}: HTTP status {answer.status}")
        return answer.body

    def _keep(self, key: _Key, verdict: OcspVerdict) -> None:
        if not verdict.proven:
            return
        self._kept[key] = _Kept(verdict.der, verdict.until.timestamp())
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def _key(asked: HashData) -> _Key:
    return (
        asked.hash_algorithm,
        asked.issuer_name_hash.lower(),
        asked.issuer_key_hash.lower(),
        asked.serial_number.lower().lstrip("0"),
    )
