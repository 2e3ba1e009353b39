"""A hook for real-time authorisation: somebody else (a roaming hub, a fleet's own system) has the last word.

`Authorizer` is the seam. `HttpAuthorizer` asks an HTTP service with a JSON body and is bounded in time;
whatever goes wrong there is `NoVerdict`, and what counts then is a policy of the node's, never a silent yes.

The service is sent `{"token", "kind", "station_id", "evse_id", "site_id", "purpose", "known"}` by POST and
answers `{"status": ...}`, with `group`, `expires_at`, `message`, `language`, `priority` where it likes;
`status` is a word of OCPP 2.x, or `Unchanged` for what this node says itself.
"""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from ..clock import Clock
from .verdicts import Question
from .vocabulary import AuthorizationAnswer

ANSWER_BYTES = 100_000
"""A longer answer is none."""

QUESTIONS_AT_ONCE = 16
"""More wait, and what has waited for too long has no answer."""


class NoVerdict(Exception):
    """Whoever was asked gave no usable answer in time. The text says what happened."""


class Authorizer(Protocol):
    """Who is asked about a token besides our own rows."""

    async def ask(self, asked: Question, known: AuthorizationAnswer) -> AuthorizationAnswer:
        """The verdict. `known` is ours, to be returned where there is nothing to say. Raises NoVerdict."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class HookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url` is asked (empty: nobody) within `timeout_s`; `bearer` is sent as its credential.

    `asked` says about which tokens: those that nobody entered here, or all. `fallback` is what counts when it
    does not answer: `own` is the verdict of our own rows (a token that nobody entered is refused then,
    whatever `unknown_tokens` says), `refuse` is no.
    """

    url: str = ""
    bearer: str = ""
    timeout_s: float = 3.0
    asked: Literal["unknown", "all"] = "unknown"
    fallback: Literal["own", "refuse"] = "own"


class _Said(Struct, frozen=True):
    status: Literal[
        "Accepted", "Blocked", "ConcurrentTx", "Expired", "Invalid", "NoCredit", "NotAllowedTypeEVSE",
        "NotAtThisLocation", "NotAtThisTime", "Unknown", "Unchanged",
    ]  # fmt: skip
    group: str | None = None
    expires_at: datetime | None = None
    message: str = ""
    language: str = ""
    priority: int | None = None


class HttpAuthorizer:
    """Asks over HTTP. Each question takes a thread for at most its time-out."""

    def __init__(self, settings: HookSettings, clock: Clock) -> None:
        if not settings.url.startswith(("http://", "https://")):
            raise ValueError(f"hook url {settings.url!r} is no address of HTTP: write https://...")
        self._settings = settings
        self._clock = clock
        # No proxy of the environment's: the address is meant as it stands.
        # Threads of its own: a service that hangs must not take those of others.
        self._threads = ThreadPoolExecutor(QUESTIONS_AT_ONCE, "authorizer")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    async def ask(self, asked: Question, known: AuthorizationAnswer) -> AuthorizationAnswer:
        """See `Authorizer`."""
        body = msgspec.json.encode(
            {
                "token": asked.token.value,
                "kind": asked.token.kind,
                "station_id": asked.station_id,
                "evse_id": asked.evse_id,
                "site_id": asked.site_id,
                "purpose": asked.purpose,
                "known": known.status,
            }
        )
        try:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, self._post, body)
            text = await asyncio.wait_for(asking, self._settings.timeout_s)
            said = msgspec.json.decode(text, type=_Said)
        except TimeoutError:
            raise NoVerdict(f"{self._settings.url} did not answer in {self._settings.timeout_s} s") from None
        except (OSError, ValueError, urllib.error.URLError) as trouble:
            raise NoVerdict(f"{self._settings.url}: {trouble}") from trouble
        if said.status == "Unchanged":
            return known
        fields: dict[str, Any] = msgspec.structs.asdict(said)
        return AuthorizationAnswer(**fields, evse_ids=known.evse_ids)

    def close(self) -> None:
        """Let its threads go; what is asked now gets no answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _post(self, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        if self._settings.bearer:
            headers["authorization"] = f"Bearer {self._settings.bearer}"
        request = urllib.request.Request(self._settings.url, body, headers, method="POST")
        with self._opener.open(request, timeout=self._settings.timeout_s) as answer:
            text: bytes = answer.read(ANSWER_BYTES + 1)
        if len(text) > ANSWER_BYTES:
            raise ValueError(f"its answer is longer than {ANSWER_BYTES} bytes")
        return text
