"""A parent on another node, asked over its API."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct

from ...model.groups import MemberAnswer, MemberReport

CONNECT_S = 3.0


class ParentSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A site of this node whose group is coordinated by another one (docs/sites.md).

    `url` is that node's (`https://hub.example`), `key_file` holds an API key of it (role operator), `ca_file`
    the authorities that count where the machine's don't. `guaranteed_a`, `lease_s` and `settle_s` are what
    the group says: they hold while nobody answers.
    """

    site_id: str
    group_id: str
    url: str
    key_file: str
    guaranteed_a: float
    lease_s: float = 30.0
    settle_s: float = 720.0
    ca_file: str = ""


class RemoteParent:
    """`ask` it; one connection that stays open. OSError where a file can't be read."""

    def __init__(self, settings: ParentSettings) -> None:
        key = Path(settings.key_file).read_text().strip()
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        self._url = f"{settings.url.rstrip('/')}/api/v1/site-groups/{settings.group_id}/reports"
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=CONNECT_S,
            verify=context,
        )

    async def ask(self, report: MemberReport) -> MemberAnswer:
        """Raises ConnectionError where there is no answer that can be used."""
        try:
            response = await self._client.post(self._url, content=msgspec.json.encode(report))
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=MemberAnswer)
        except (httpx.HTTPError, msgspec.MsgspecError) as problem:
            raise ConnectionError(f"{self._url}: {problem!r}") from problem

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.aclose()
