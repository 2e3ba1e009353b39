"""Block L, firmware: what a station reports of an update becomes a job with its course, and its end.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from ..double import Double
from ..product import Product, wire_time
from ..updating import CERTIFICATE, CONTENT, SIGNATURE, course, image, job, jobs, order, refused, tell

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
SAYS = "FirmwareStatusNotification"
OLD, NEW = "1.0", "2.0"


@pytest.fixture
def name() -> str:
    return f"L{next(_names)}"


async def boot(double: Double, firmware: str, reason: str = "FirmwareUpdate") -> None:
    """BootNotification and the connectors, as the cases have them after an update."""
    answer = await double.call(
        "BootNotification",
        {
            "reason": reason,
            "chargingStation": {"vendorName": "Voltwerk", "model": "V1", "firmwareVersion": firmware},
        },
    )
    assert answer["status"] == "Accepted"


async def available(product: Product, double: Double) -> None:
    """All connectors (there is one) tell that they are free."""
    free = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": product.at()}
    assert await double.call("StatusNotification", free) == {}


async def begin(product: Product, double: Double, name: str, **more: Any) -> dict[str, Any]:
    """An update that the station accepts; returns the UpdateFirmwareRequest."""
    double.reactions["UpdateFirmware"] = {"status": "Accepted"}
    await boot(double, OLD, "PowerUp")
    kept = await image(product, NEW)
    await order(product, name, image_id=kept["image_id"], **more)
    return await double.wait_heard("UpdateFirmware")


async def restart(product: Product, double: Double, firmware: str = NEW) -> None:
    """The station comes back."""
    await boot(double, firmware)
    await available(product, double)


@proves("L01.FR.01", "L01.FR.10", "L01.FR.11", "L01.FR.20", "L01.FR.28")
async def test_TC_L_01_CSMS_installation_successful(product: Product, name: str, version: str) -> None:
    """A signed image is fetched from its own address, installed, and confirmed by the version after boot."""
    async with product.station(name, version) as double:
        asked = await begin(product, double, name, retries=3, retry_interval_s=60)
        firmware = asked["firmware"]
        assert (firmware["signingCertificate"], firmware["signature"]) == (CERTIFICATE, SIGNATURE)
        assert (asked["retries"], asked["retryInterval"]) == (3, 60)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", **me)
        fetched = await product.api.get(firmware["location"], headers={"authorization": ""})
        assert fetched.content == CONTENT
        await tell(double, SAYS, "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", **me)
        assert (await job(product, name))["phase"] == "open"
        await restart(product, double)
        await tell(double, SAYS, "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["state"], row["signed"]) == ("done", "Installed", True)
        assert course(row) == [
            "Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed",
        ]  # fmt: skip
        assert (row["version_before"], row["version_after"], row["version_check"]) == (OLD, NEW, "confirmed")
        assert row["fetched_at"] is not None
        [deed] = await product.audit(name)
        assert (deed["action"], deed["outcome"], deed["outcome_detail"]) == (
            "update_firmware",
            "accepted",
            "Accepted",
        )
        secret = firmware["location"].split("/")[-2]
        assert secret not in str(deed)
        assert secret not in str(row)


@proves("L01.FR.01", "L01.FR.11", "L01.FR.15", "L01.FR.16")
async def test_TC_L_02_CSMS_install_scheduled(product: Product, name: str, version: str) -> None:
    """An installation is asked for at a time to come; the job waits for it and doesn't count as stalled."""
    async with product.station(name, version) as double:
        at = product.now + timedelta(hours=3)
        asked = await begin(product, double, name, install_at=wire_time(at))
        told = datetime.fromisoformat(asked["firmware"]["installDateTime"])
        assert abs(told - at) < timedelta(seconds=1)
        assert asked["firmware"]["signingCertificate"] == CERTIFICATE
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled", **me)
        row = await job(product, name)
        assert (row["state"], row["phase"], row["stalled_at"]) == ("InstallScheduled", "open", None)
        await tell(double, SAYS, "Installing", "InstallRebooting", **me)
        await restart(product, double)
        await tell(double, SAYS, "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["version_check"]) == ("done", "confirmed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("L01.FR.01", "L01.FR.11", "L01.FR.13", "L01.FR.15")
async def test_TC_L_03_CSMS_download_scheduled(product: Product, name: str, version: str) -> None:
    """A download is asked for at a time to come; its address is good until then."""
    async with product.station(name, version) as double:
        at = product.now + timedelta(days=10)
        asked = await begin(product, double, name, retrieve_at=wire_time(at))
        told = datetime.fromisoformat(asked["firmware"]["retrieveDateTime"])
        assert abs(told - at) < timedelta(seconds=1)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "DownloadScheduled", **me)
        assert (await job(product, name))["state"] == "DownloadScheduled"
        await tell(double, SAYS, "Downloading", **me)
        fetched = await product.api.get(asked["firmware"]["location"], headers={"authorization": ""})
        assert fetched.content == CONTENT
        await tell(double, SAYS, "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", **me)
        await restart(product, double)
        await tell(double, SAYS, "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["version_check"]) == ("done", "confirmed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("L01.FR.21")
async def test_TC_L_04_CSMS_revoked_certificate(product: Product, name: str, version: str) -> None:
    """A signing certificate that the station knows as revoked: the job is refused, its address withdrawn."""
    async with product.station(name, version) as double:
        double.reactions["UpdateFirmware"] = {"status": "RevokedCertificate"}
        kept = await image(product)
        assert await refused(product, name, image_id=kept["image_id"]) == "RevokedCertificate"
        row = await job(product, name)
        assert (row["phase"], row["answer"]) == ("refused", "RevokedCertificate")
        asked = await double.wait_heard("UpdateFirmware")
        fetched = await product.api.get(asked["firmware"]["location"], headers={"authorization": ""})
        assert fetched.status_code == 404
        [deed] = await product.audit(name)
        assert (deed["outcome"], deed["outcome_detail"]) == ("rejected", "RevokedCertificate")


@proves("L01.FR.02", "L01.FR.22")
async def test_TC_L_05_CSMS_invalid_certificate(product: Product, name: str, version: str) -> None:
    """A signing certificate that the station can't accept: the job is refused, its security event taken."""
    async with product.station(name, version) as double:
        double.reactions["UpdateFirmware"] = {"status": "InvalidCertificate"}
        kept = await image(product)
        assert await refused(product, name, image_id=kept["image_id"]) == "InvalidCertificate"
        event = {"type": "InvalidFirmwareSigningCertificate", "timestamp": product.at()}
        assert await double.call("SecurityEventNotification", event) == {}
        row = await job(product, name)
        assert (row["phase"], row["answer"]) == ("refused", "InvalidCertificate")


@proves("L01.FR.01", "L01.FR.03", "L01.FR.11")
async def test_TC_L_06_CSMS_invalid_signature(product: Product, name: str, version: str) -> None:
    """A signature that doesn't fit the image ends the job as failed."""
    async with product.station(name, version) as double:
        asked = await begin(product, double, name)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloaded", "InvalidSignature", **me)
        event = {"type": "InvalidFirmwareSignature", "timestamp": product.at()}
        assert await double.call("SecurityEventNotification", event) == {}
        row = await job(product, name)
        assert (row["phase"], row["state"]) == ("failed", "InvalidSignature")
        assert course(row) == ["Downloading", "Downloaded", "InvalidSignature"]
        assert row["ended_at"] is not None


@proves("L01.FR.01", "L01.FR.30")
async def test_TC_L_07_CSMS_download_failed(product: Product, name: str, version: str) -> None:
    """A download that fails for good, after attempts that may each be told, ends the job as failed."""
    async with product.station(name, version) as double:
        asked = await begin(product, double, name, retries=1)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloading", "DownloadFailed", **me)
        row = await job(product, name)
        assert (row["phase"], course(row)) == ("failed", ["Downloading", "Downloading", "DownloadFailed"])


@proves("L01.FR.01", "L01.FR.11", "L01.FR.29")
async def test_TC_L_08_CSMS_install_verification_failed(product: Product, name: str, version: str) -> None:
    """Firmware whose verification fails in the installation ends the job as failed."""
    async with product.station(name, version) as double:
        asked = await begin(product, double, name)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installing", **me)
        await tell(double, SAYS, "InstallVerificationFailed", **me)
        row = await job(product, name)
        assert (row["phase"], row["state"]) == ("failed", "InstallVerificationFailed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("L01.FR.01", "L01.FR.11", "L01.FR.15")
async def test_TC_L_09_CSMS_installation_failed(product: Product, name: str, version: str) -> None:
    """An installation that fails after the reboot: the station is let in again, the job failed."""
    async with product.station(name, version) as double:
        asked = await begin(product, double, name)
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installing", **me)
        await tell(double, SAYS, "InstallRebooting", **me)
        await restart(product, double, OLD)
        await tell(double, SAYS, "InstallationFailed", **me)
        row = await job(product, name)
        assert (row["phase"], row["state"]) == ("failed", "InstallationFailed")
        assert not [word for word in course(row) if word.endswith("!")]


@proves("L01.FR.01", "L01.FR.11", "L01.FR.24")
async def test_TC_L_10_CSMS_accepted_canceled(product: Product, name: str, version: str) -> None:
    """A second update replaces the first: that one is cancelled, the new one goes to its end."""
    async with product.station(name, version) as double:
        first = await begin(product, double, name)
        await tell(double, SAYS, "Downloading", requestId=first["requestId"])
        double.reactions["UpdateFirmware"] = {"status": "AcceptedCanceled"}
        kept = await image(product, "2.1")
        await order(product, name, image_id=kept["image_id"])
        second = await double.wait_heard("UpdateFirmware", 2)
        assert second["requestId"] != first["requestId"]
        me = {"requestId": second["requestId"]}
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installing", **me)
        await tell(double, SAYS, "InstallRebooting", **me)
        await restart(product, double, "2.1")
        await tell(double, SAYS, "Installed", **me)
        newer, older = await jobs(product, name)
        assert (newer["phase"], newer["answer"], newer["version_check"]) == (
            "done",
            "AcceptedCanceled",
            "confirmed",
        )
        assert (older["phase"], course(older)) == ("cancelled", ["Downloading", "Cancelled!"])


@proves("L01.FR.01", "L01.FR.11", "L01.FR.27")
async def test_TC_L_11_CSMS_unable_to_cancel(product: Product, name: str, version: str) -> None:
    """A station that can't cancel says so: the second job is refused, the first goes to its end."""
    async with product.station(name, version) as double:
        first = await begin(product, double, name)
        me = {"requestId": first["requestId"]}
        await tell(double, SAYS, "Downloading", **me)
        double.reactions["UpdateFirmware"] = {"status": "Rejected"}
        kept = await image(product, "2.1")
        assert await refused(product, name, image_id=kept["image_id"]) == "Rejected"
        await tell(double, SAYS, "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", **me)
        await restart(product, double)
        await tell(double, SAYS, "Installed", **me)
        newer, older = await jobs(product, name)
        assert (newer["phase"], newer["answer"]) == ("refused", "Rejected")
        assert (older["phase"], older["version_check"]) == ("done", "confirmed")
        assert not [word for word in course(older) if word.endswith("!")]


@proves("L01.FR.01", "L01.FR.07", "L01.FR.11")
async def test_TC_L_13_CSMS_waits_for_a_transaction(product: Product, name: str, version: str) -> None:
    """While a car charges the update waits and free connectors are out of service; then it goes on."""
    async with product.station(name, version) as double:
        token = {"idToken": f"CAFE-{name}", "type": "ISO14443"}
        event = {
            "eventType": "Started",
            "triggerReason": "Authorized",
            "timestamp": product.at(),
            "seqNo": 0,
            "transactionInfo": {"transactionId": f"t-{name}", "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": token,
        }
        await double.call("TransactionEvent", event)
        asked = await begin(product, double, name)
        assert asked["firmware"]["signingCertificate"] == CERTIFICATE
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "DownloadScheduled", **me)
        closed = {
            "evseId": 2,
            "connectorId": 1,
            "connectorStatus": "Unavailable",
            "timestamp": product.at(),
        }
        assert await double.call("StatusNotification", closed) == {}
        shown = await product.get(f"/stations/{name}/status")
        statuses = {item["evse_id"]: item["status"] for item in shown["connectors"]}
        assert statuses[2] == "Unavailable"
        assert (await product.transaction(name))["state"] == "open"
        ended = event | {"eventType": "Ended", "triggerReason": "StopAuthorized", "seqNo": 1}
        ended["transactionInfo"] = {"transactionId": f"t-{name}", "stoppedReason": "Local"}
        await double.call("TransactionEvent", ended)
        await tell(double, SAYS, "Downloading", "Downloaded", "SignatureVerified", "Installing", **me)
        await tell(double, SAYS, "InstallRebooting", **me)
        await restart(product, double)
        await tell(double, SAYS, "Installed", **me)
        row = await job(product, name)
        assert (row["phase"], row["version_check"]) == ("done", "confirmed")
        assert (await product.transaction(name))["state"] == "ended"
        assert not [word for word in course(row) if word.endswith("!")]
