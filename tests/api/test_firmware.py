"""Firmware images and logs over HTTP: who may, whose they are, and what is said of what can't be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ampacity.ocpp.messages import v16

from .node import OTHER, Node, running_node

CONTENT = b"image" * 1_000


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Node]:
    async with running_node(tmp_path, files=tmp_path / "files") as node:
        yield node


async def keep(client: httpx.AsyncClient, content: bytes = CONTENT, **query: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/firmware", content=content, params={"version": "2.0"} | query)
    assert answer.status_code == 201, answer.text
    kept: dict[str, Any] = answer.json()
    return kept


async def test_an_image_is_kept_listed_downloaded_and_deleted(files: Node) -> None:
    client = await files.as_role("operator")
    kept = await keep(client, vendor="Voltwerk", model="V1", file_name="../fw 2.bin", note="spring")
    assert (kept["file_name"], kept["bytes"], kept["signed"], kept["signature_check"]) == (
        "fw_2.bin",
        len(CONTENT),
        False,
        "none",
    )
    path = f"/api/v1/firmware/{kept['image_id']}"
    assert (await client.get("/api/v1/firmware")).json() == [kept]
    assert (await client.get(path)).json() == kept
    content = await client.get(f"{path}/content")
    assert content.content == CONTENT
    assert content.headers["content-disposition"] == 'attachment; filename="fw_2.bin"'
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["x-content-type-options"] == "nosniff"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    deeds = (await client.get("/api/v1/audit", params={"target": f"firmware/{kept['image_id']}"})).json()
    assert [deed["action"] for deed in deeds["items"]] == ["remove_firmware", "add_firmware"]


async def test_an_image_may_be_larger_than_any_other_body(files: Node) -> None:
    client = await files.as_role("operator")
    large = bytes(3_000_000)
    kept = await keep(client, large)
    assert kept["bytes"] == len(large)
    empty = await client.post("/api/v1/firmware", params={"version": "2.0"})
    assert (empty.status_code, empty.json()["type"]) == (422, "urn:ampacity:file")
    nameless = await client.post("/api/v1/firmware", content=CONTENT)
    assert nameless.status_code == 422


async def test_what_stations_would_refuse_is_no_signature(files: Node) -> None:
    client = await files.as_role("operator")
    kept = await keep(client)
    url = f"/api/v1/firmware/{kept['image_id']}/signature"
    said = await client.put(url, json={"signing_certificate": "none", "signature": "AAAA"})
    assert (said.status_code, said.json()["where"]) == (422, "signing_certificate")
    long = await client.put(url, json={"signing_certificate": "x" * 5_501, "signature": "AAAA"})
    assert (long.status_code, long.json()["where"]) == (422, "signing_certificate")
    assert (await client.get("/api/v1/firmware")).json() == [kept]


async def test_who_only_reads_changes_and_downloads_nothing(files: Node) -> None:
    kept = await keep(await files.as_role("operator"))
    viewer = await files.as_role("viewer")
    path = f"/api/v1/firmware/{kept['image_id']}"
    assert (await viewer.get(path)).status_code == 200
    assert (await viewer.post("/api/v1/firmware", content=b"x", params={"version": "3"})).status_code == 403
    assert (await viewer.get(f"{path}/content")).status_code == 403
    assert (await viewer.delete(path)).status_code == 403
    assert (await viewer.post("/api/v1/stations/CP-1/firmware", json={})).status_code == 403
    assert (await viewer.post("/api/v1/stations/CP-1/logs", json={})).status_code == 403
    assert (await viewer.get("/api/v1/stations/CP-1/logs/x/file")).status_code == 403
    assert (await files.client().get("/api/v1/firmware")).status_code == 401


async def test_another_operators_stations_and_jobs_are_not_there(files: Node) -> None:
    client = await files.as_role("operator")
    theirs = files.peer("XX-1", OTHER)
    await theirs.connect()
    await theirs.say(
        "FirmwareStatusNotification", v16.FirmwareStatusNotificationRequest(status="Downloading")
    )
    await theirs.say(
        "DiagnosticsStatusNotification", v16.DiagnosticsStatusNotificationRequest(status="Uploading")
    )
    for what in ("firmware", "logs"):
        assert (await client.get(f"/api/v1/stations/XX-1/{what}")).status_code == 404
        assert (await client.post(f"/api/v1/stations/XX-1/{what}", json={})).status_code == 404
        assert (await client.get(f"/api/v1/stations/XX-1/{what}/x")).status_code == 404
    assert (await client.get("/api/v1/firmware/jobs")).json() == {"items": [], "next": None}


async def test_an_image_that_is_being_installed_stays(files: Node) -> None:
    client = await files.as_role("operator")
    kept = await keep(client)
    peer = files.peer("CP-1")
    await peer.connect()
    peer.answers["UpdateFirmware"] = v16.UpdateFirmwareResponse()
    order = {"image_id": kept["image_id"]}
    begun = await client.post("/api/v1/stations/CP-1/firmware", json=order)
    assert begun.status_code == 201, begun.text
    page = (await client.get("/api/v1/firmware/jobs", params={"phase": "open"})).json()
    assert [job["job_id"] for job in page["items"]] == [begun.json()["job_id"]]
    path = f"/api/v1/firmware/{kept['image_id']}"
    said = await client.delete(path)
    assert said.status_code == 409
    assert "CP-1" in said.json()["what"]
    for status in ("Downloading", "DownloadFailed"):
        await peer.say("FirmwareStatusNotification", v16.FirmwareStatusNotificationRequest(status=status))
    assert (await client.delete(path)).status_code == 204
    [job] = (await client.get("/api/v1/stations/CP-1/firmware")).json()["items"]
    assert (job["phase"], job["image_id"]) == ("failed", kept["image_id"])


async def test_pages_go_on_where_the_last_one_ended(files: Node) -> None:
    client = await files.as_role("operator")
    peer = files.peer("CP-1")
    await peer.connect()
    peer.answers["GetDiagnostics"] = v16.GetDiagnosticsResponse(fileName="diag.zip")
    for _ in range(3):
        begun = await client.post("/api/v1/stations/CP-1/logs", json={"log_type": "DiagnosticsLog"})
        assert begun.status_code == 201, begun.text
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query:
        page = (await client.get("/api/v1/stations/CP-1/logs", params=query)).json()
        seen += [job["job_id"] for job in page["items"]]
        query = {"limit": 2, "before": page["next"]} if page["next"] else {}
    assert len(seen) == 3
    assert seen == sorted(seen, reverse=True)


async def test_a_log_is_deleted_and_its_job_stays(files: Node) -> None:
    client = await files.as_role("operator")
    peer = files.peer("CP-1")
    await peer.connect()
    peer.answers["GetDiagnostics"] = v16.GetDiagnosticsResponse(fileName="diag.zip")
    job = (await client.post("/api/v1/stations/CP-1/logs", json={})).json()
    path = f"/api/v1/stations/CP-1/logs/{job['job_id']}"
    assert (await client.get(f"{path}/file")).status_code == 404
    location = peer.calls[-1].payload.location  # type: ignore[attr-defined]
    put = await files.client().put(location, content=b"log")
    assert put.status_code == 201, put.text
    assert put.headers["content-security-policy"].startswith("default-src 'none'")
    assert (await client.get(f"{path}/file")).content == b"log"
    assert (await client.delete(f"{path}/file")).status_code == 204
    assert (await client.get(f"{path}/file")).status_code == 404
    assert (await client.get(path)).json()["file"] is None


async def test_a_node_without_files_says_so(node: Node) -> None:
    client = await node.as_role("operator")
    assert (await client.post("/api/v1/firmware", content=b"x", params={"version": "2"})).status_code == 404
    peer = node.peer("CP-1")
    await peer.connect()
    said = await client.post("/api/v1/stations/CP-1/logs", json={})
    assert said.status_code == 422
    assert "name a location" in said.json()["what"]
