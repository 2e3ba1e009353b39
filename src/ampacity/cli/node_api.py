"""Talks to a node that runs, by its HTTP API: for commands that need its live stations.

`AMPACITY_NODE` is its address (http://127.0.0.1:8080), `AMPACITY_KEY` an API key of it; what the key's role
may not do is refused there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
import msgspec

DEFAULT_NODE = "http://127.0.0.1:8080"
T = TypeVar("T")


class NodeError(Exception):
    """The node can't be reached, or refuses: what, and what to do."""


class NodeApi:
    """One node. `address` and `key` None: as the environment says."""

    def __init__(self, address: str | None, key: str | None = None) -> None:
        self.address = (address or os.environ.get("AMPACITY_NODE") or DEFAULT_NODE).rstrip("/")
        key = key or os.environ.get("AMPACITY_KEY")
        if not key:
            raise NodeError(
                "no API key: make one in the console (access, API keys) and put it into AMPACITY_KEY"
            )
        self._client = httpx.Client(
            base_url=f"{self.address}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30.0
        )

    def get(self, path: str, kind: type[T]) -> T:
        """What is there. Raises NodeError."""
        return self._read(self._ask("GET", path), kind)

    def find(self, path: str, kind: type[T]) -> T | None:
        """The same; None where nothing is."""
        answer = self._ask("GET", path, missing=True)
        return None if answer.status_code == 404 else self._read(answer, kind)

    def post(
        self,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, list[str]] | None = None,
        timeout_s: float = 30.0,
    ) -> T:
        """Have something done. Raises NodeError."""
        return self._read(self._ask("POST", path, query=query, timeout_s=timeout_s), kind)

    def raw(self, path: str) -> bytes:
        """A file. Raises NodeError."""
        return self._ask("GET", path).content

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, list[str]] | None = None,
        timeout_s: float = 30.0,
        missing: bool = False,
    ) -> httpx.Response:
        try:
            answer = self._client.request(method, path, params=query, timeout=timeout_s)
        except httpx.HTTPError as problem:
            raise NodeError(
                f"no node answers at {self.address}: {problem or type(problem).__name__}; "
                "name it with --node or AMPACITY_NODE"
            ) from None
        if answer.is_success or (missing and answer.status_code == 404):
            return answer
        if answer.status_code == 401:
            raise NodeError(f"{self.address} does not know the key in AMPACITY_KEY: make another one")
        raise NodeError(f"{self.address} refuses ({answer.status_code}): {_said(answer)}")

    def _read(self, answer: httpx.Response, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except msgspec.DecodeError as problem:
            raise NodeError(f"{self.address} answers otherwise than this version does: {problem}") from None


def _said(answer: httpx.Response) -> str:
    try:
        told: Any = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return answer.text[:200]
    if not isinstance(told, dict):
        return answer.text[:200]
    return "; ".join(str(told[name]) for name in ("what", "remedy") if told.get(name))
