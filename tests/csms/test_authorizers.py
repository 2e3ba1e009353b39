"""The hook for real-time authorisation, against a real service: its word counts, its silence never does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ampacity.clock import WallClock
from ampacity.csms.authorizers import HookSettings, HttpAuthorizer, NoVerdict
from ampacity.csms.verdicts import Question
from ampacity.csms.vocabulary import AuthorizationAnswer
from ampacity.model.station import IdToken
from tests.conformance.double import station

from .world import world


class Service:
    """An HTTP service that gives one answer; `None`: it takes the question and says nothing."""

    def __init__(self, answer: bytes | None, status: str = "200 OK") -> None:
        self.answer = answer
        self.status = status
        self.asked: list[dict[str, Any]] = []
        self.bearers: list[str] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        self.bearers.append(headers.get("authorization", ""))
        self.asked.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
        if self.answer is not None:
            length = len(self.answer)
            writer.write(f"HTTP/1.1 {self.status}\r\ncontent-length: {length}\r\n\r\n".encode() + self.answer)
            await writer.drain()
            writer.close()
        else:
            await reader.read()  # until the asker gives up
            writer.close()


@contextlib.asynccontextmanager
async def serving(answer: Any, status: str = "200 OK") -> AsyncIterator[tuple[Service, str]]:
    body = answer if answer is None or isinstance(answer, bytes) else json.dumps(answer).encode()
    service = Service(body, status)
    server = await asyncio.start_server(service.take, "127.0.0.1", 0)
    async with server:
        yield service, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/authorize"


QUESTION = Question(
    token=IdToken("TAG"),
    station_id="CP1",
    site_id=None,
    now=datetime(2026, 11, 21, tzinfo=UTC),
    evse_id=2,
    purpose="start",
)
UNKNOWN = AuthorizationAnswer(status="Unknown")


async def test_it_is_told_who_and_where_and_its_word_counts() -> None:
    said = {"status": "Accepted", "group": "roaming", "message": "Welcome", "language": "en"}
    async with serving(said) as (service, url):
        hook = HttpAuthorizer(HookSettings(url=url, bearer="s3cret"), WallClock())
        verdict = await hook.ask(QUESTION, UNKNOWN)
    assert (verdict.status, verdict.group, verdict.message) == ("Accepted", "roaming", "Welcome")
    assert service.asked == [
        {
            "token": "TAG",
            "kind": "ISO14443",
            "station_id": "CP1",
            "evse_id": 2,
            "site_id": None,
            "purpose": "start",
            "known": "Unknown",
        }
    ]
    assert service.bearers == ["bearer s3cret"]


async def test_it_may_leave_it_to_us() -> None:
    async with serving({"status": "Unchanged"}) as (_, url):
        assert await HttpAuthorizer(HookSettings(url=url), WallClock()).ask(QUESTION, UNKNOWN) is UNKNOWN


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"yes", "200 OK"),
        ({"status": "Maybe"}, "200 OK"),
        ({}, "200 OK"),
        ({"status": "Accepted"}, "500 Internal Server Error"),
        (b'"' + b"x" * 200_000 + b'"', "200 OK"),
        (None, ""),
    ],
)
async def test_whatever_is_no_answer_is_no_verdict(answer: Any, status: str) -> None:
    async with serving(answer, status) as (_, url):
        hook = HttpAuthorizer(HookSettings(url=url, timeout_s=0.2), WallClock())
        with pytest.raises(NoVerdict, match="http"):
            await hook.ask(QUESTION, UNKNOWN)


async def test_nobody_there_is_no_verdict(free_port: int) -> None:
    hook = HttpAuthorizer(HookSettings(url=f"http://127.0.0.1:{free_port}/"), WallClock())
    with pytest.raises(NoVerdict):
        await hook.ask(QUESTION, UNKNOWN)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="file:///etc"):
        HttpAuthorizer(HookSettings(url="file:///etc/passwd"), WallClock())


@pytest.mark.parametrize(
    ("said", "settings", "status"),
    [
        ({"status": "Accepted"}, {}, "Accepted"),
        ({"status": "NoCredit"}, {}, "Blocked"),
        # No answer: a token that nobody entered is refused, even on a node that takes any.
        (None, {}, "Invalid"),
        (None, {"fallback": "refuse"}, "Invalid"),
    ],
)
async def test_a_station_hears_the_hook_s_word(
    tmp_path: Path, said: Any, settings: dict[str, Any], status: str
) -> None:
    async with serving(said) as (service, url):
        hook = HookSettings(url=url, timeout_s=0.2 if said is None else 20.0, **settings)
        async with (
            world(tmp_path, authorization_hook=hook) as csms,
            station(csms.port, "CP1") as double,
        ):
            answer = await double.call("Authorize", {"idTag": "STRANGER"})
        assert answer["idTagInfo"]["status"] == status
        assert [asked["token"] for asked in service.asked] == ["STRANGER"]
