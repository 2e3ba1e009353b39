"""Stations bring files: as the body or in a form, bounded in size and time, on the disk before the answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from ampacity.store.files import FileRow, GrantRow

from .conftest import OPERATOR, Serve, Served, until

LOG = b"2026-03-02T12:00:00Z started\n" * 5_000


async def brought(served: Served) -> list[FileRow]:
    found: list[FileRow] = []

    async def told(grant: GrantRow, file: FileRow) -> None:
        assert (grant.station_id, grant.job_id) == ("CP1", "job1")
        found.append(file)

    served.service.on_brought(told)
    return found


def content(served: Served, file: FileRow) -> bytes:
    return served.service.shelf.path(file.file_id).read_bytes()


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_a_log_is_kept_and_told(serve: Serve, method: str) -> None:
    served = await serve()
    found = await brought(served)
    url = await served.bring_address()
    answer = await served.client.request(method, url + "log_20260302.zip", content=LOG)
    assert answer.status_code == 201
    [file] = found
    assert (file.name, file.bytes, file.station_id) == ("log_20260302.zip", len(LOG), "CP1")
    assert file.sha256 == hashlib.sha256(LOG).hexdigest()
    assert content(served, file) == LOG
    assert await served.service.find(OPERATOR, file.file_id) == file
    assert await served.service.find("other", file.file_id) is None


async def test_the_name_is_taken_from_where_the_station_says_it(serve: Serve) -> None:
    served = await serve()
    found = await brought(served)
    url = await served.bring_address()
    await served.client.post(
        url,
        content=LOG,
        headers={"content-disposition": 'form-data; name="uploadfile"; filename="logfile_20210420.zip"'},
    )
    await served.client.post(url.rstrip("/"), files={"uploadfile": ("diag.tar.gz", LOG)}, data={"a": "b"})
    await served.client.put(url, content=LOG)
    assert [file.name for file in found] == ["logfile_20210420.zip", "diag.tar.gz", "CP1.log"]
    assert {content(served, file) for file in found} == {LOG}


async def test_a_form_without_a_file_is_refused(serve: Serve) -> None:
    served = await serve()
    url = await served.bring_address()
    answer = await served.client.post(url, files={"field": (None, b"no file")})
    assert answer.status_code == 400
    assert "holds no file" in answer.text
    kind = {"content-type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhalf'
    answer = await served.client.post(url, content=head, headers=kind)
    assert answer.status_code == 400
    answer = await served.client.post(url, content=b"a", headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 400
    assert served.lying() == []


def base64_of(algorithm: str, content: bytes = LOG) -> str:
    return base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("content-md5", base64_of("md5"), 201),
        ("digest", f"SHA-256={base64_of('sha256')},unixsum=30637", 201),
        ("repr-digest", f"sha-256=:{base64_of('sha256')}:", 201),
        ("content-digest", "sha-512=:AAAA:", 201),  # not one that is looked at
        ("content-md5", "not Base64", 201),
        ("content-md5", base64_of("md5", b"other"), 400),
        ("content-digest", f"sha-256=:{base64_of('sha256', b'other')}:", 400),
    ],
)
async def test_an_announced_digest_must_fit(serve: Serve, header: str, value: str, status: int) -> None:
    served = await serve()
    url = await served.bring_address()
    answer = await served.client.put(url, content=LOG, headers={header: value})
    assert answer.status_code == status, answer.text
    assert len(served.lying()) == (status == 201)


async def test_too_much_is_refused_announced_or_not(serve: Serve) -> None:
    served = await serve(max_log_bytes=100_000)
    url = await served.bring_address()
    announced = await served.client.put(url, content=b"x" * 200_000)
    assert announced.status_code == 413

    async def unannounced():
        for _ in range(200):
            yield b"x" * 1_000

    assert (await served.client.put(url, content=unannounced())).status_code == 413
    assert served.lying() == []


async def test_all_logs_together_are_bounded(serve: Serve) -> None:
    served = await serve(max_logs_bytes=1_000)
    url = await served.bring_address()
    assert (await served.client.put(url, content=b"x" * 1_000)).status_code == 201
    full = await served.client.put(url, content=b"x")
    assert (full.status_code, full.headers["retry-after"]) == (507, "30")
    assert "max_logs_bytes" in full.text


async def half_an_upload(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin one, and send no more."""
    port, path = url.split(":")[2].split("/", 1)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    writer.write(f"PUT /{path} HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf".encode())
    await writer.drain()
    return reader, writer


async def test_an_upload_that_stands_still_leaves_nothing(serve: Serve) -> None:
    served = await serve(idle_s=0.1)
    reader, writer = await half_an_upload(await served.bring_address())
    assert b" 408 " in await reader.readline()
    writer.close()
    await until(lambda: not served.door.running)
    assert served.lying() == []


async def test_an_upload_that_breaks_off_leaves_nothing(serve: Serve) -> None:
    served = await serve()
    url = await served.bring_address()
    _, writer = await half_an_upload(url)
    await until(lambda: bool(served.lying()))
    writer.close()
    await until(lambda: not served.door.running)
    assert served.lying() == []
    assert (await served.client.put(url, content=LOG)).status_code == 201


async def test_an_address_takes_no_uploads_for_ever(serve: Serve) -> None:
    served = await serve()
    url = await served.bring_address()
    answers = [(await served.client.put(url, content=b"x")).status_code for _ in range(12)]
    assert answers == [201] * 10 + [404] * 2
    assert (await served.client.get(url)).status_code == 404


async def test_old_logs_are_deleted_and_images_stay(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve(log_days=30.0)
    image = await served.image(b"image")
    await served.client.put(await served.bring_address(), content=LOG)
    assert len(served.lying()) == 2
    assert await served.service.clean() == 0
    later = served.store.clock.now() + timedelta(days=31)
    monkeypatch.setattr(served.store.clock, "now", lambda: later)
    assert await served.service.clean() == 1
    assert served.lying() == [image.file_id]


async def test_what_a_crash_left_is_deleted_after_a_day(serve: Serve) -> None:
    served = await serve()
    image = await served.image(b"image")
    stray = served.service.shelf.path("0" * 26)
    stray.parent.mkdir(exist_ok=True)
    for path in (stray, served.folder / "x.part"):
        path.write_bytes(b"half")
    await served.service.clean()
    await served.service.open()
    assert len(served.lying()) == 3  # young ones may be under way
    for path in served.folder.rglob("*"):
        os.utime(path, (0, 0))
    await served.service.clean()
    await served.service.open()
    assert served.lying() == [image.file_id]


async def test_over_tls(serve: Serve) -> None:
    pem = str(Path(__file__).parents[1] / "gateway" / "localhost.pem")
    served = await serve(certfile=pem)
    found = await brought(served)
    url = await served.bring_address()
    assert url.startswith("https://")
    assert (await served.client.put(url + "a.log", content=LOG)).status_code == 201
    assert content(served, found[0]) == LOG
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")  # no authenticated encryption
    port = int(url.split(":")[2].split("/")[0])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port, ssl=context)
