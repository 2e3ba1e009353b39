"""What stations see of the files: one ASGI application for the whole of `/files`.

`GET` and `HEAD` give a file, whole or a range of it (a station goes on where its line broke); `PUT` and
`POST` take one (N01.FR.18). Whatever comes after the secret part of the path is but a name. Nothing is
rendered: each answer is an attachment of bytes.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias
from urllib.parse import unquote

from ..store import StoreClosed, StoreUnavailable
from ..store.files import FileRow, GrantRow
from .errors import FileBroken, FileTooLarge, FileTrouble, TooSlow
from .forms import content_of_form
from .service import FileService
from .settings import FilesSettings

Scope: TypeAlias = Any
Receive: TypeAlias = Any
Send: TypeAlias = Any

REFUSED_READ_BYTES = 4_194_304
REFUSED_READ_S = 2.0

_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_DIGESTS = {"sha-256": "sha256", "md5": "md5"}
_NAME_IN_DISPOSITION = re.compile(r'filename="?([^";]+)')

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)
_STATUS_WORDS = {404: "There is nothing here, or not any more.", 405: "This address is for something else."}


class FileDoor:
    """The ASGI application. It may be mounted anywhere: the path's last parts count."""

    def __init__(self, service: FileService) -> None:
        self._service = service
        self._settings = service.settings
        self.running: Counter[str] = Counter()
        """Transfers under way, by what bounds them."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answer = _Answer(send, head=scope["method"] == "HEAD")
        try:
            await self._answer(scope, receive, answer)
        except FileTrouble as trouble:
            words = f"{trouble}: {trouble.remedy}" if trouble.remedy else str(trouble)
            headers = [(b"retry-after", b"30")] if trouble.status in (503, 507) else []
            await answer.say(trouble.status, words, *headers)
        except (StoreUnavailable, StoreClosed):
            await answer.say(503, "The node can't write now.", (b"retry-after", b"30"))

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        secret, name = _parts(scope["path"])
        grant = None if secret is None else await self._service.granted(secret)
        if grant is None:
            await answer.say(404, _STATUS_WORDS[404])
            return
        method = scope["method"]
        fits = ("GET", "HEAD") if grant.purpose == "fetch" else ("PUT", "POST")
        if method not in fits:
            await answer.say(405, _STATUS_WORDS[405], (b"allow", ", ".join(fits).encode()))
            return
        headers = {key.lower(): value.decode("latin-1") for key, value in scope["headers"]}
        if grant.purpose == "fetch":
            await self._give(grant, headers, receive, answer)
        else:
            await self._take(grant, name, headers, receive, answer)

    # ------------------------------------------------------------ to stations

    async def _give(
        self, grant: GrantRow, headers: dict[bytes, str], receive: Receive, answer: _Answer
    ) -> None:
        file = await self._service.find(grant.operator_id, grant.file_id or "")
        if file is None or not self._service.shelf.path(file.file_id).is_file():
            await answer.say(404, _STATUS_WORDS[404])
            return
        etag = f'"{file.sha256}"'
        asked = headers.get(b"range")
        if asked is not None and headers.get(b"if-range", etag) != etag:
            asked = None
        span = (0, file.bytes) if asked is None else range_of(asked, file.bytes)
        if span is None:
            await answer.say(
                416, "The file has no such range.", (b"content-range", f"bytes */{file.bytes}".encode())
            )
            return
        start, end = span
        described = [
            (b"content-type", b"application/octet-stream"),
            (b"content-disposition", f'attachment; filename="{file.name}"'.encode()),
            (b"content-length", str(end - start).encode()),
            (b"accept-ranges", b"bytes"),
            (b"etag", etag.encode()),
        ]
        whole = end - start == file.bytes
        if not whole:
            described.append((b"content-range", f"bytes {start}-{end - 1}/{file.bytes}".encode()))
        status = 200 if whole else 206
        if answer.head:
            await answer.start(status, described)
            await answer.block(b"", more=False)
            return
        with (
            self._one_of("downloads", self._settings.downloads_at_once),
            self._one_of(grant.sha256, self._settings.downloads_of_one),
        ):
            await answer.start(status, described)
            gone = asyncio.ensure_future(_disconnected(receive))
            try:
                whole_sent = await self._send(file, start, end, answer, gone)
            finally:
                gone.cancel()
        if whole_sent and end == file.bytes:
            with suppress(StoreUnavailable, StoreClosed):  # the station has it all the same
                await self._service.fetched(grant, file)

    async def _send(
        self, file: FileRow, start: int, end: int, answer: _Answer, gone: asyncio.Future[None]
    ) -> bool:
        """Whether all of it went out before the station hung up."""
        blocks = self._service.shelf.read(file.file_id, start, end - start)
        try:
            async with asyncio.timeout(self._settings.transfer_s):
                left = end - start
                while left > 0:
                    block = await asyncio.to_thread(next, blocks, b"")
                    if not block:
                        raise Cut(f"file {file.file_id} is shorter than its row says")
                    left -= len(block)
                    async with asyncio.timeout(self._settings.idle_s):
                        await answer.block(block, more=left > 0)
                    if left and gone.done():
                        return False
        except TimeoutError:
            raise Cut(f"station took file {file.file_id} too slowly") from None
        finally:
            await asyncio.to_thread(blocks.close)
        return True

    # ------------------------------------------------------------ from stations

    async def _take(
        self, grant: GrantRow, name: str, headers: dict[bytes, str], receive: Receive, answer: _Answer
    ) -> None:
        body = _Body(receive, self._settings)
        try:
            file = await self._bring(grant, name, headers, body)
        except FileTrouble:
            await body.end()
            raise
        await answer.say(201, f"{file.bytes} bytes, sha256 {file.sha256}")

    async def _bring(self, grant: GrantRow, name: str, headers: dict[bytes, str], body: _Body) -> FileRow:
        announced = headers.get(b"content-length", "")
        if announced.isdigit() and int(announced) > grant.max_bytes + 65_536:  # a form is a little more
            raise FileTooLarge(name or "log", grant.max_bytes)
        said = _NAME_IN_DISPOSITION.search(headers.get(b"content-disposition", ""))
        name = name or (said[1] if said else "") or f"{grant.station_id}.log"
        kind = headers.get(b"content-type", "")
        with self._one_of("uploads", self._settings.uploads_at_once), self._one_of(grant.sha256, 1):
            chunks = body.chunks()
            expected = announced_digests(headers)
            if kind.lower().startswith("multipart/form-data"):
                name, chunks = await content_of_form(chunks, kind, name)
                expected = {}  # they are of the form
            return await self._service.bring(grant, name, chunks, expected)

    # ------------------------------------------------------------ bounds

    @contextmanager
    def _one_of(self, what: str, most: int) -> Iterator[None]:
        if self.running[what] >= most:
            raise _Busy(f"{most} transfers run already", "try again in a moment")
        self.running[what] += 1
        try:
            yield
        finally:
            self.running[what] -= 1
            if not self.running[what]:
                del self.running[what]


class _Body:
    """What a station sends. `end` reads a little more of what is refused, because an answer that meets bytes
    on their way is lost with the connection.
    """

    def __init__(self, receive: Receive, settings: FilesSettings) -> None:
        self._receive = receive
        self._settings = settings
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces, as they come. Raises FileBroken where the line breaks, TooSlow."""
        try:
            async with asyncio.timeout(self._settings.transfer_s):
                while not self._ended:
                    async with asyncio.timeout(self._settings.idle_s):
                        chunk = await self._next()
                    if chunk:
                        yield chunk
        except TimeoutError:
            self._ended = True
            raise TooSlow("the transfer stood still or took too long", "try again") from None

    async def end(self) -> None:
        """Read what is still on its way, within bounds."""
        read = 0
        with suppress(TimeoutError, FileBroken):
            async with asyncio.timeout(REFUSED_READ_S):
                while not self._ended and read < REFUSED_READ_BYTES:
                    read += len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._ended = True
            raise FileBroken("the line broke before the end", "send it again")
        self._ended = not message.get("more_body")
        return bytes(message.get("body", b""))


class _Busy(FileTrouble):
    status = 503


class Cut(Exception):
    """An answer that can't be finished: its connection is dropped, there is nothing more to say."""


class _Answer:
    """What is sent; nothing twice."""

    def __init__(self, send: Send, *, head: bool) -> None:
        self._send = send
        self._started = False
        self.head = head

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._started = True
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *_ALWAYS]})

    async def block(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def say(self, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
        """A few words, where nothing was said yet."""
        if self._started:
            raise Cut(words)
        body = f"{words}\n".encode()
        described = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]
        if status >= 400:
            described.append((b"connection", b"close"))
        await self.start(status, described)
        await self.block(b"" if self.head else body, more=False)


async def _disconnected(receive: Receive) -> None:
    """Return when who asked hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _parts(path: str) -> tuple[str | None, str]:
    """The secret part of a path, and what follows it as a name."""
    parts = [part for part in path.split("/") if part]
    for place, part in enumerate(parts):
        if _SECRET.fullmatch(part):
            return part, unquote(parts[-1]) if len(parts) > place + 1 else ""
    return None, ""


def announced_digests(headers: Mapping[bytes, str]) -> dict[str, str]:
    """What a request says of its body: Content-Digest and Repr-Digest (RFC 9530), Digest, Content-MD5; hex by
    algorithm. What can't be read is not there.
    """
    found: dict[str, str] = {}
    told = [("md5", headers.get(b"content-md5", ""))]
    for name in (b"digest", b"repr-digest", b"content-digest"):
        for part in headers.get(name, "").split(","):
            algorithm, _, value = part.strip().partition("=")
            told.append((_DIGESTS.get(algorithm.lower(), ""), value.strip(":")))
    for algorithm, text in told:
        with suppress(ValueError):
            raw = base64.b64decode(text, validate=True)
            if algorithm and raw:
                found[algorithm] = raw.hex()
    return found


def range_of(asked: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a Range header; all of it for what we don't read (several
    ranges, other units), None for what the file has not (RFC 9110, 14.2).
    """
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        last = int(found[2])
        return (max(0, size - last), size) if last else None
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    return (start, end) if start < end else None
