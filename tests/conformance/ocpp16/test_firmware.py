"""Firmware, diagnostics and logs of 1.6: the plain messages, and those of the security extension.

Each function is a test case of the central system.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from ..double import Double
from ..product import Product, wire_time
from ..updating import CERTIFICATE, CONTENT, SIGNATURE, course, image, job, jobs, order, tell

pytestmark = pytest.mark.asyncio(loop_scope="module")
proves = pytest.mark.proves
_names = itertools.count(1)
SAYS = "FirmwareStatusNotification"
SIGNED_SAYS = "SignedFirmwareStatusNotification"
DIAGNOSTICS = "DiagnosticsStatusNotification"
LOG = b"12:00:00 contactor closed\n" * 1_000


@pytest.fixture
def name() -> str:
    return f"CP16-FW{next(_names)}"


async def boot(double: Double, firmware: str) -> None:
    answer = await double.call(
        "BootNotification",
        {"chargePointVendor": "Voltwerk", "chargePointModel": "V1", "firmwareVersion": firmware},
    )
    assert answer["status"] == "Accepted"


async def begin(product: Product, double: Double, name: str, **more: Any) -> dict[str, Any]:
    """A plain update; returns UpdateFirmware.req."""
    double.reactions["UpdateFirmware"] = {}
    await boot(double, "1.0")
    kept = await image(product, signed=False)
    await order(product, name, image_id=kept["image_id"], **more)
    return await double.wait_heard("UpdateFirmware")


async def begin_signed(product: Product, double: Double, name: str, **more: Any) -> dict[str, Any]:
    """A secure update; returns SignedUpdateFirmware.req."""
    double.reactions["SignedUpdateFirmware"] = {"status": "Accepted"}
    await boot(double, "1.0")
    kept = await image(product)
    await order(product, name, image_id=kept["image_id"], **more)
    return await double.wait_heard("SignedUpdateFirmware")


@proves("1.6 4.5", "1.6 6.19")
async def test_TC_044_1_CSMS_firmware_updated(product: Product, name: str) -> None:
    """A plain update is fetched from the node and installed; the version after the boot confirms it."""
    async with product.station(name) as double:
        asked = await begin(product, double, name, retries=2, retry_interval_s=30)
        assert set(asked) == {"location", "retrieveDate", "retries", "retryInterval"}
        assert (asked["retries"], asked["retryInterval"]) == (2, 30)
        assert abs(datetime.fromisoformat(asked["retrieveDate"]) - product.now) < timedelta(seconds=5)
        await tell(double, SAYS, "Downloading")
        fetched = await product.api.get(asked["location"], headers={"authorization": ""})
        assert fetched.content == CONTENT
        await tell(double, SAYS, "Downloaded", "Installing")
        await boot(double, "2.0")
        await tell(double, SAYS, "Installed")
        row = await job(product, name)
        assert (row["phase"], row["signed"], row["version_check"]) == ("done", False, "confirmed")
        assert course(row) == ["Downloading", "Downloaded", "Installing", "Installed"]
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"]) == ("update_firmware", "accepted")


@proves("1.6 4.5")
async def test_TC_044_2_CSMS_download_failed(product: Product, name: str) -> None:
    """A download that fails ends the job as failed."""
    async with product.station(name) as double:
        await begin(product, double, name)
        await tell(double, SAYS, "Downloading", "DownloadFailed")
        row = await job(product, name)
        assert (row["phase"], course(row)) == ("failed", ["Downloading", "DownloadFailed"])


@proves("1.6 4.5")
async def test_TC_044_3_CSMS_installation_failed(product: Product, name: str) -> None:
    """An installation that fails ends the job as failed."""
    async with product.station(name) as double:
        await begin(product, double, name)
        await tell(double, SAYS, "Downloading", "Downloaded", "Installing", "InstallationFailed")
        row = await job(product, name)
        assert (row["phase"], row["state"]) == ("failed", "InstallationFailed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("1.6 4.4", "1.6 5.9")
async def test_TC_045_1_CSMS_diagnostics_uploaded(product: Product, name: str) -> None:
    """Diagnostics of a time are asked for, brought, and there to be downloaded."""
    async with product.station(name) as double:
        double.reactions["GetDiagnostics"] = {"fileName": "diag.tar.gz"}
        start, stop = product.now - timedelta(days=1), product.now
        answer = await product.command(
            name,
            "get_log",
            log_type="DiagnosticsLog",
            oldest=wire_time(start),
            latest=wire_time(stop),
            retries=1,
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["file_name"] == "diag.tar.gz"
        asked = await double.wait_heard("GetDiagnostics")
        assert set(asked) == {"location", "startTime", "stopTime", "retries"}
        assert abs(datetime.fromisoformat(asked["startTime"]) - start) < timedelta(seconds=1)
        await tell(double, DIAGNOSTICS, "Uploading")
        put = await product.api.put(asked["location"] + "diag.tar.gz", content=LOG)
        assert put.status_code == 201, put.text
        await tell(double, DIAGNOSTICS, "Uploaded")
        row = await job(product, name, "logs")
        assert (row["phase"], row["log_type"], row["file"]["bytes"]) == ("done", "DiagnosticsLog", len(LOG))
        got = await product.api.get(f"/api/v1/stations/{name}/logs/{row['job_id']}/file")
        assert got.content == LOG


@proves("1.6 4.4")
async def test_TC_045_2_CSMS_diagnostics_upload_failed(product: Product, name: str) -> None:
    """An upload that fails ends the job as failed."""
    async with product.station(name) as double:
        double.reactions["GetDiagnostics"] = {"fileName": "diag.tar.gz"}
        assert (await product.command(name, "get_log", log_type="DiagnosticsLog")).status_code == 200
        await tell(double, DIAGNOSTICS, "Uploading", "UploadFailed")
        row = await job(product, name, "logs")
        assert (row["phase"], row["state"], row["file"]) == ("failed", "UploadFailed", None)


@proves("1.6 5.9")
async def test_TC_045_1_CSMS_no_diagnostics(product: Product, name: str) -> None:
    """A station without diagnostics of that time names no file: that is a refusal."""
    async with product.station(name) as double:
        double.reactions["GetDiagnostics"] = {}
        answer = await product.command(name, "get_log", log_type="DiagnosticsLog")
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "NoFile")
        assert (await job(product, name, "logs"))["phase"] == "refused"


@proves("SEC N01")
async def test_TC_079_CSMS_security_log(product: Product, name: str) -> None:
    """The security log is asked for by GetLog, brought, and there to be downloaded."""
    async with product.station(name) as double:
        double.reactions["GetLog"] = {"status": "Accepted", "filename": "security.log"}
        answer = await product.command(name, "get_log", log_type="SecurityLog")
        assert answer.status_code == 200, answer.text
        asked = await double.wait_heard("GetLog")
        assert asked["logType"] == "SecurityLog"
        me = {"requestId": asked["requestId"]}
        assert answer.json()["data"]["request_id"] == asked["requestId"]
        await tell(double, "LogStatusNotification", "Uploading", **me)
        put = await product.api.post(asked["log"]["remoteLocation"], files={"f": ("security.log", LOG)})
        assert put.status_code == 201, put.text
        await tell(double, "LogStatusNotification", "Uploaded", **me)
        row = await job(product, name, "logs")
        assert (row["phase"], row["log_type"]) == ("done", "SecurityLog")
        assert (row["file"]["name"], row["file"]["bytes"]) == ("security.log", len(LOG))


@proves("SEC L01")
async def test_TC_080_CSMS_secure_firmware_update(product: Product, name: str) -> None:
    """A signed image is asked for with certificate and signature, verified, installed, and confirmed."""
    async with product.station(name) as double:
        at = product.now + timedelta(hours=1)
        asked = await begin_signed(product, double, name, install_at=wire_time(at))
        firmware = asked["firmware"]
        assert (firmware["signingCertificate"], firmware["signature"]) == (CERTIFICATE, SIGNATURE)
        assert abs(datetime.fromisoformat(firmware["installDateTime"]) - at) < timedelta(seconds=1)
        me = {"requestId": asked["requestId"]}
        await tell(double, SIGNED_SAYS, "Downloading", **me)
        fetched = await product.api.get(firmware["location"], headers={"authorization": ""})
        assert fetched.content == CONTENT
        await tell(double, SIGNED_SAYS, "Downloaded", "SignatureVerified", "InstallScheduled", **me)
        await tell(double, SIGNED_SAYS, "Installing", "InstallRebooting", **me)
        await boot(double, "2.0")
        event = {"type": "FirmwareUpdated", "timestamp": product.at()}
        assert await double.call("SecurityEventNotification", event) == {}
        await tell(double, SIGNED_SAYS, "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["signed"], row["version_check"]) == ("done", True, "confirmed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("SEC L01")
async def test_TC_081_CSMS_invalid_signature(product: Product, name: str) -> None:
    """A signature that doesn't fit ends the job as failed, and its security event is taken."""
    async with product.station(name) as double:
        asked = await begin_signed(product, double, name)
        me = {"requestId": asked["requestId"]}
        await tell(double, SIGNED_SAYS, "Downloading", "Downloaded", "InvalidSignature", **me)
        event = {"type": "InvalidFirmwareSignature", "timestamp": product.at()}
        assert await double.call("SecurityEventNotification", event) == {}
        row = await job(product, name)
        assert (row["phase"], row["state"], row["version_check"]) == (
            "failed",
            "InvalidSignature",
            "unknown",
        )


@proves("SEC L01")
async def test_TC_080_CSMS_invalid_certificate(product: Product, name: str) -> None:
    """A signing certificate that the station can't accept: the job is refused."""
    async with product.station(name) as double:
        double.reactions["SignedUpdateFirmware"] = {"status": "InvalidCertificate"}
        kept = await image(product)
        answer = await product.command(name, "update_firmware", image_id=kept["image_id"])
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "InvalidCertificate")
        assert (await job(product, name))["answer"] == "InvalidCertificate"


@proves("1.6 4.5")
async def test_TC_044_1_CSMS_replaced_by_a_later_one(product: Product, name: str) -> None:
    """Plain 1.6 names no request: what a station tells is of the newest update, the older one is over."""
    async with product.station(name) as double:
        await begin(product, double, name)
        await tell(double, SAYS, "Downloading")
        kept = await image(product, "3.0", signed=False)
        await order(product, name, image_id=kept["image_id"])
        await tell(double, SAYS, "Downloading", "Downloaded", "Installing", "Installed")
        newer, older = await jobs(product, name)
        assert (older["phase"], course(older)) == ("cancelled", ["Downloading", "Cancelled!"])
        assert (newer["phase"], newer["version_check"]) == ("done", "waiting")
        await boot(double, "2.0")
        await product.until(
            lambda said: said["version_check"] == "different", f"/stations/{name}/firmware/{newer['job_id']}"
        )
