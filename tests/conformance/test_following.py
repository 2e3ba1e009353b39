"""Firmware and log jobs beside the certified course: what is lost, late, strange, or stands still."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from .double import Double
from .product import Product, running
from .updating import CONTENT, course, image, job, jobs, order, tell

pytestmark = pytest.mark.asyncio(loop_scope="module")
_names = itertools.count(1)
SAYS = "FirmwareStatusNotification"


@pytest.fixture
def name() -> str:
    return f"FOLLOW{next(_names)}"


async def boot(double: Double, firmware: str) -> None:
    station = {"vendorName": "Voltwerk", "model": "V1", "firmwareVersion": firmware}
    await double.call("BootNotification", {"reason": "PowerUp", "chargingStation": station})


async def begin(product: Product, double: Double, name: str) -> dict[str, Any]:
    double.reactions["UpdateFirmware"] = {"status": "Accepted"}
    await boot(double, "1.0")
    kept = await image(product)
    await order(product, name, image_id=kept["image_id"])
    return {"requestId": (await double.wait_heard("UpdateFirmware"))["requestId"]}


async def test_a_word_out_of_order_is_kept_and_marked(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        me = await begin(product, double, name)
        await tell(double, SAYS, "Downloading", "Installing", "Downloaded", "Installed", "Downloading", **me)
        row = await job(product, name)
        assert course(row) == ["Downloading", "Installing!", "Downloaded!", "Installed", "Downloading!"]
        assert (row["phase"], row["state"]) == ("done", "Installed")


async def test_an_update_that_stands_still_is_marked_and_its_station_asked(
    product: Product, name: str
) -> None:
    async with product.station(name, "2.0.1") as double:
        double.reactions["TriggerMessage"] = {"status": "Accepted"}
        me = await begin(product, double, name)
        await tell(double, SAYS, "Downloading", **me)
        product.leap(7_300)  # two hours, then a look
        path = f"/stations/{name}/firmware"
        stalled = await product.until(lambda said: said["items"][0]["stalled_at"], path)
        assert stalled["items"][0]["phase"] == "open"
        asked = await double.wait_heard("TriggerMessage")
        assert asked == {"requestedMessage": SAYS}
        await tell(double, SAYS, "Downloaded", **me)
        assert (await job(product, name))["stalled_at"] is None


async def test_a_restart_tells_of_a_version_that_was_not_asked_for(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        me = await begin(product, double, name)
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["version_check"]) == ("done", "waiting")  # it has not restarted yet
        await boot(double, "1.0")
        path = f"/stations/{name}/firmware/{row['job_id']}"
        row = await product.until(lambda said: said["version_check"] != "waiting", path)
        assert (row["version_check"], row["version_after"]) == ("different", "1.0")


async def test_a_station_that_only_boots_with_the_new_version_is_done(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        me = await begin(product, double, name)
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installing", **me)
        await boot(double, "2.0")
        path = f"/stations/{name}/firmware"
        await product.until(lambda said: said["items"][0]["version_check"] == "confirmed", path)
        product.leap(7_300)
        said = await product.until(lambda said: said["items"][0]["phase"] != "open", path)
        [row] = said["items"]
        assert (row["phase"], row["state"], row["steps"][-1]["expected"]) == ("done", "Installed", False)


async def test_an_update_that_nobody_here_asked_for_is_a_job_too(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        await tell(double, SAYS, "Idle")
        assert await jobs(product, name) == []
        await tell(double, SAYS, "Downloading", "Downloaded", requestId=77)
        row = await job(product, name)
        assert (row["requested_by"], row["request_id"], course(row)) == (
            "station",
            77,
            ["Downloading", "Downloaded"],
        )


async def test_a_raw_request_is_followed_up_like_the_command(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        double.reactions |= {"UpdateFirmware": {"status": "Accepted"}, "GetLog": {"status": "Accepted"}}
        firmware = {"location": "https://me:secret@a.example/fw.bin", "retrieveDateTime": product.at()}
        answer = await product.ocpp(name, "UpdateFirmware", {"requestId": 5, "firmware": firmware})
        assert answer.json() == {"status": "Accepted"}
        await tell(double, SAYS, "Downloading", requestId=5)
        row = await job(product, name)
        assert (row["request_id"], row["answer"], row["state"]) == (5, "Accepted", "Downloading")
        assert row["location"] == "https://***@a.example/fw.bin"
        log = {"remoteLocation": "https://a.example/logs"}
        await product.ocpp(name, "GetLog", {"requestId": 6, "logType": "SecurityLog", "log": log})
        row = await job(product, name, "logs")
        assert (row["request_id"], row["log_type"], row["phase"]) == (6, "SecurityLog", "open")
        assert "secret" not in str(await product.audit(name))


async def test_addresses_are_not_in_the_message_log(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        await begin(product, double, name)
        location = (await double.wait_heard("UpdateFirmware"))["firmware"]["location"]
        path = f"/stations/{name}/messages"
        said = await product.until(lambda said: len(said["items"]) == 2, path, action="UpdateFirmware")
        frames = [item["frame"] for item in said["items"]]
        secret = location.split("/")[-2]
        assert not [frame for frame in frames if secret in frame]
        assert [frame for frame in frames if "/files/***/fw-2.0.bin" in frame]


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as product, product.station("RESTART", "2.0.1") as double:
        me = await begin(product, double, "RESTART")
        location = (await double.wait_heard("UpdateFirmware"))["firmware"]["location"]
        await tell(double, SAYS, "Downloading", **me)
    async with running(tmp_path) as product, product.station("RESTART", "2.0.1") as double:
        there = location.split("/", 3)[3]  # the port is another one
        fetched = await product.api.get(f"/{there}", headers={"authorization": ""})
        assert fetched.content == CONTENT
        await tell(double, SAYS, "Downloaded", "SignatureVerified", "Installing", **me)
        await boot(double, "2.0")
        await tell(double, SAYS, "Installed", **me)
        row = await job(product, "RESTART")
        assert (row["phase"], row["version_check"]) == ("done", "confirmed")
        assert not [word for word in course(row) if word.endswith("!")]
        assert row["fetched_at"] is not None


async def test_an_answer_that_does_not_come_leaves_the_job_open(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        double.silent.add("UpdateFirmware")
        firmware = {"location": "https://a.example/fw.bin", "retrieveDateTime": product.at()}
        url = f"/api/v1/stations/{name}/ocpp/UpdateFirmware?timeout_s=0.05"
        answer = await product.api.post(url, json={"requestId": 5, "firmware": firmware})
        assert answer.status_code == 504
        row = await job(product, name)
        assert (row["phase"], row["answer"]) == ("open", "timeout")
        await tell(double, SAYS, "Downloading", "Downloaded", requestId=5)
        assert (await job(product, name))["state"] == "Downloaded"


async def test_what_can_not_be_sent_is_said_before(product: Product, name: str) -> None:
    async with product.station(name, "1.6") as double:
        unknown = await product.command(name, "update_firmware", image_id="nothing")
        assert unknown.status_code == 422
        assert "/api/v1/firmware lists them" in unknown.text
        nowhere = await product.command(name, "update_firmware", version="2")
        assert nowhere.status_code == 422
        planned = await product.command(
            name, "update_firmware", location="https://a.example/f", install_at=product.at(3600)
        )
        assert planned.status_code == 501
        assert "not signed" in planned.text
        collected = await product.command(name, "get_log", log_type="DataCollectorLog")  # 2.1 has it
        assert collected.status_code == 501
        assert double.heard == []
    await product.until(lambda said: not said["online"], f"/stations/{name}")
    offline = await product.command(name, "get_log", log_type="DiagnosticsLog")
    assert offline.status_code == 409
    told = [(row["log_type"], row["phase"], row["answer"]) for row in await jobs(product, name, "logs")]
    assert told == [("DataCollectorLog", "refused", "unsupported")]


async def test_a_station_that_speaks_no_http_is_not_sent_there(product: Product, name: str) -> None:
    async with product.station(name, "1.6") as double:
        double.reactions |= {
            "GetConfiguration": {
                "configurationKey": [
                    {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP,FTPS"}
                ]
            },
            "GetDiagnostics": {"fileName": "diag.zip"},
        }
        await product.command(name, "get_variables", variables=[])
        here = await product.command(name, "get_log", log_type="DiagnosticsLog")
        assert here.status_code == 422
        assert "reaches files by FTP, FTPS, not by HTTP" in here.text
        there = await product.command(
            name, "get_log", log_type="DiagnosticsLog", location="ftp://me:secret@a.example/logs"
        )
        assert there.status_code == 200
        assert (await double.wait_heard("GetDiagnostics"))["location"] == "ftp://me:secret@a.example/logs"
        assert (await job(product, name, "logs"))["location"] == "ftp://***@a.example/logs"
        raw = await product.ocpp(name, "GetDiagnostics", {"location": "http://a.example"})
        assert raw.status_code == 200  # exactly what was given


async def test_a_station_that_tells_for_ever_fills_no_table(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        for number in range(120):
            await tell(double, SAYS, "Downloading", requestId=number)
        row = await job(product, name)
        assert (row["request_id"], len(row["steps"])) == (119, 100)


async def test_a_local_controller_publishes_and_unpublishes(product: Product, name: str) -> None:
    says = "PublishFirmwareStatusNotification"
    async with product.station(name, "2.0.1") as double:
        double.reactions["PublishFirmware"] = {"status": "Accepted"}
        kept = await image(product)
        answer = await product.command(name, "publish_firmware", image_id=kept["image_id"])
        assert answer.status_code == 200, answer.text
        asked = await double.wait_heard("PublishFirmware")
        assert asked["checksum"] == kept["md5"]
        fetched = await product.api.get(asked["location"], headers={"authorization": ""})
        assert fetched.content == CONTENT
        me = {"requestId": asked["requestId"]}
        await tell(double, says, "Downloading", "Downloaded", "ChecksumVerified", **me)
        await tell(double, says, "Published", location=["http://10.0.0.1/fw.bin"], **me)
        row = await job(product, name)
        assert (row["kind"], row["phase"], row["published_at"]) == (
            "publish",
            "done",
            ["http://10.0.0.1/fw.bin"],
        )
        double.reactions["UnpublishFirmware"] = {"status": "DownloadOngoing"}
        busy = await product.command(name, "unpublish_firmware", checksum=kept["md5"])
        assert (busy.status_code, busy.json()["outcome"]["status"]) == (502, "DownloadOngoing")
        assert (await job(product, name))["published_at"] == ["http://10.0.0.1/fw.bin"]
        double.reactions["UnpublishFirmware"] = {"status": "Unpublished"}
        done = await product.command(name, "unpublish_firmware", checksum=kept["md5"])
        assert done.status_code == 200
        await product.until(lambda said: said["items"][0]["published_at"] == [], f"/stations/{name}/firmware")


async def test_a_log_that_came_ends_its_job_without_a_last_word(product: Product, name: str) -> None:
    async with product.station(name, "2.0.1") as double:
        double.reactions["GetLog"] = {"status": "Accepted"}
        await product.command(name, "get_log", log_type="DiagnosticsLog")
        asked = await double.wait_heard("GetLog")
        for content in (b"first", b"second"):  # brought again: the newer one counts
            put = await product.api.put(asked["log"]["remoteLocation"], content=content)
            assert put.status_code == 201
        row = await job(product, name, "logs")
        assert (row["phase"], row["file"]["bytes"]) == ("open", 6)
        product.leap(3_700)
        path = f"/stations/{name}/logs"
        said = await product.until(lambda said: said["items"][0]["phase"] != "open", path)
        assert (said["items"][0]["phase"], said["items"][0]["state"]) == ("done", "Uploaded")
