"""Stations fetch files: whole, in ranges, for a time, a few at once, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest

from ampacity.files.errors import AddressUnfit, FileBroken, FileTooLarge, NoRoom
from ampacity.files.http import range_of
from ampacity.files.service import plain_name
from ampacity.store.files import FileRow, GrantRow

from .conftest import OPERATOR, Serve, blocks, until

CONTENT = bytes(range(256)) * 12_345  # three megabytes and something


async def test_a_file_comes_as_it_was_kept(serve: Serve) -> None:
    served = await serve()
    url = await served.fetch_address(CONTENT, "../up/fw 1.2.bin")
    answer = await served.client.get(url)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-disposition"] == 'attachment; filename="fw_1.2.bin"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    head = await served.client.head(url)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))


async def test_a_broken_fetch_goes_on_where_it_stopped(serve: Serve) -> None:
    served = await serve()
    fetched: asyncio.Queue[str] = asyncio.Queue()

    async def told(grant: GrantRow, file: FileRow) -> None:
        fetched.put_nowait(grant.station_id)

    served.service.on_fetched(told)
    url = await served.fetch_address(CONTENT)
    first = await served.client.get(url, headers={"range": "bytes=0-999999"})
    assert (first.status_code, len(first.content)) == (206, 1_000_000)
    assert first.headers["content-range"] == f"bytes 0-999999/{len(CONTENT)}"
    assert fetched.empty()
    rest = await served.client.get(
        url, headers={"range": "bytes=1000000-", "if-range": first.headers["etag"]}
    )
    assert first.content + rest.content == CONTENT
    assert await asyncio.wait_for(fetched.get(), 5) == "CP1"
    # Another file's tag: what it holds is no beginning of this one.
    whole = await served.client.get(url, headers={"range": "bytes=1000000-", "if-range": '"other"'})
    assert (whole.status_code, len(whole.content)) == (200, len(CONTENT))
    beyond = await served.client.get(url, headers={"range": f"bytes={len(CONTENT)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=5-99", (5, 10)),
        ("bytes=10-", None),
        ("bytes=7-3", None),
        ("bytes=-0", None),
        ("bytes=-", (0, 10)),
        ("bytes=0-1,4-5", (0, 10)),
        ("lines=0-1", (0, 10)),
    ],
)
def test_ranges(asked: str, span: tuple[int, int] | None) -> None:
    assert range_of(asked, 10) == span


async def test_an_address_is_for_one_thing_and_for_a_time(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serve()
    url = await served.fetch_address(b"image")
    secret = url.split("/")[-2]
    assert (await served.client.get(url.replace(secret, secret[::-1]))).status_code == 404
    assert (await served.client.get(url.rsplit("/", 2)[0])).status_code == 404
    assert (await served.client.get(url.replace("image.bin", "..%2F..%2Fetc%2Fpasswd"))).content == b"image"
    put = await served.client.put(url, content=b"another")
    assert (put.status_code, put.headers["allow"]) == (405, "GET, HEAD")
    later = served.store.clock.now() + timedelta(hours=73)
    monkeypatch.setattr(served.store.clock, "now", lambda: later)
    assert (await served.client.get(url)).status_code == 404
    await served.service.clean()
    monkeypatch.undo()
    assert (await served.client.get(url)).status_code == 404


async def test_a_withdrawn_address_and_a_removed_file_are_gone(serve: Serve) -> None:
    served = await serve()
    url = await served.fetch_address(b"image")
    await served.service.withdraw(OPERATOR, "job1")
    assert (await served.client.get(url)).status_code == 404
    file = await served.image(b"image 2")
    url = await served.service.address(OPERATOR, "fetch", "CP1", "job2", file=file)
    assert file.file_id in served.lying()
    assert await served.service.remove(OPERATOR, file.file_id)
    assert file.file_id not in served.lying()
    assert (await served.client.get(url)).status_code == 404


async def test_only_so_many_fetch_at_once(serve: Serve) -> None:
    served = await serve(downloads_of_one=1)
    url = await served.fetch_address(CONTENT * 4)
    async with served.client.stream("GET", url) as slow:
        assert slow.status_code == 200
        busy = await served.client.get(url)
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "30")
    # The place is free once the slow one has hung up.
    await until(lambda: not served.door.running)
    assert (await served.client.get(url)).status_code == 200


async def test_a_file_that_can_not_be_kept_leaves_nothing(serve: Serve) -> None:
    served = await serve(max_image_bytes=1000)
    with pytest.raises(FileTooLarge, match="larger than 1,000 bytes"):
        await served.image(b"x" * 1001)
    with pytest.raises(FileBroken, match="is empty"):
        await served.image(b"")
    assert served.lying() == []
    full = await serve(keep_free_bytes=1 << 60)
    with pytest.raises(NoRoom, match="stay so"):
        await full.service.keep(OPERATOR, "firmware", "a", blocks(b"a"), "user:ada")
    assert served.lying() == []


async def test_stations_are_not_sent_to_plain_http_unasked(serve: Serve) -> None:
    served = await serve(public_url="http://charge.example/files")
    with pytest.raises(AddressUnfit, match="without encryption"):
        await served.bring_address()
    assert "none: " in served.service.reach
    assert "files.allow_http" in served.service.reach
    allowed = await serve(public_url="http://charge.example/files/", allow_http=True)
    assert (await allowed.bring_address()).startswith("http://charge.example/files/")
    assert allowed.service.reach == "http://charge.example/files"
    here = await serve()
    assert here.service.reach.endswith("for stations on this machine only: set files.public_url for others")
    secure = await serve(public_url="https://charge.example/files")
    assert (await secure.bring_address()).startswith("https://charge.example/files/")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\logs\\log.txt", "log.txt"),
        (".hidden", "hidden"),
        ('a"b\r\nc', "a_b_c"),
        ("", "file"),
        ("...", "file"),
        ("x" * 300, "x" * 120),
    ],
)
def test_names_are_but_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain
