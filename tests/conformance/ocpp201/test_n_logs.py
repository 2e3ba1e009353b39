"""Block N, logs: a station is asked for one, brings it to an address of its own, and says how that goes.

Each function is a test case of the standard's part 6, run against 2.0.1 and 2.1.
"""

from __future__ import annotations

import itertools

import pytest

from ..product import Product
from ..updating import course, job, jobs, tell

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("version", ["2.0.1", "2.1"]),
]
proves = pytest.mark.proves
_names = itertools.count(1)
SAYS = "LogStatusNotification"
LOG = b"12:00:00 contactor closed\n" * 1_000


@pytest.fixture
def name() -> str:
    return f"N{next(_names)}"


async def brought(product: Product, name: str, version: str, log_type: str) -> None:
    async with product.station(name, version) as double:
        double.reactions["GetLog"] = {"status": "Accepted", "filename": "log.zip"}
        answer = await product.api.post(
            f"/api/v1/stations/{name}/logs",
            json={"log_type": log_type, "oldest": product.at(-86_400), "latest": product.at(), "retries": 2},
        )
        assert answer.status_code == 201, answer.text
        asked = await double.wait_heard("GetLog")
        assert (asked["logType"], asked["retries"]) == (log_type, 2)
        assert set(asked["log"]) == {"remoteLocation", "oldestTimestamp", "latestTimestamp"}
        me = {"requestId": asked["requestId"]}
        await tell(double, SAYS, "Uploading", **me)
        url = asked["log"]["remoteLocation"] + "log.zip"
        put = await product.api.put(url, content=LOG, headers={"authorization": ""})
        assert put.status_code == 201, put.text
        await tell(double, SAYS, "Uploaded", **me)

        row = await job(product, name, "logs")
        assert (row["phase"], row["file_name"], course(row)) == ("done", "log.zip", ["Uploading", "Uploaded"])
        assert (row["file"]["name"], row["file"]["bytes"]) == ("log.zip", len(LOG))
        got = await product.api.get(f"/api/v1/stations/{name}/logs/{row['job_id']}/file")
        assert got.content == LOG
        assert got.headers["content-disposition"] == 'attachment; filename="log.zip"'
        deeds = [(deed["action"], deed["outcome"]) for deed in await product.audit(name)]
        assert deeds == [("download_log", "done"), ("get_log", "accepted")]
        assert asked["log"]["remoteLocation"].split("/")[-2] not in str(row)


@proves("N01.FR.01", "N01.FR.04", "N01.FR.07", "N01.FR.08", "N01.FR.09", "N01.FR.14", "N01.FR.18")
async def test_TC_N_25_CSMS_diagnostics_log(product: Product, name: str, version: str) -> None:
    """Diagnostics are asked for, brought, and there to be downloaded."""
    await brought(product, name, version, "DiagnosticsLog")


@proves("N01.FR.03")
async def test_TC_N_35_CSMS_security_log(product: Product, name: str, version: str) -> None:
    """The security log is asked for, brought, and there to be downloaded."""
    await brought(product, name, version, "SecurityLog")


@proves("N01.FR.05")
async def test_TC_N_34_CSMS_rejected(product: Product, name: str, version: str) -> None:
    """A station without such a log says so: the job is refused, the asker told, the address withdrawn."""
    async with product.station(name, version) as double:
        double.reactions["GetLog"] = {"status": "Rejected"}
        answer = await product.command(name, "get_log", log_type="DiagnosticsLog")
        assert (answer.status_code, answer.json()["outcome"]["status"]) == (502, "Rejected")
        row = await job(product, name, "logs")
        assert (row["phase"], row["answer"], row["file"]) == ("refused", "Rejected", None)
        url = (await double.wait_heard("GetLog"))["log"]["remoteLocation"]
        assert (await product.api.put(url, content=LOG)).status_code == 404


@proves("N01.FR.12", "N01.FR.20")
async def test_TC_N_36_CSMS_second_request(product: Product, name: str, version: str) -> None:
    """A second request cancels the upload under way; the words of both are told apart by their request."""
    async with product.station(name, version) as double:
        double.reactions["GetLog"] = {"status": "Accepted"}
        assert (await product.command(name, "get_log", log_type="DiagnosticsLog")).status_code == 200
        first = (await double.wait_heard("GetLog"))["requestId"]
        await tell(double, SAYS, "Uploading", requestId=first)
        double.reactions["GetLog"] = {"status": "AcceptedCanceled"}
        assert (await product.command(name, "get_log", log_type="DiagnosticsLog")).status_code == 200
        second = (await double.wait_heard("GetLog", 2))["requestId"]
        assert second != first
        await tell(double, SAYS, "AcceptedCanceled", requestId=first)
        await tell(double, SAYS, "Uploading", "Uploaded", requestId=second)
        newer, older = await jobs(product, name, "logs")
        assert (newer["phase"], course(newer)) == ("done", ["Uploading", "Uploaded"])
        assert (older["phase"], older["state"]) == ("cancelled", "AcceptedCanceled")


@proves("N01.FR.10")
async def test_TC_N_25_CSMS_upload_failed(product: Product, name: str, version: str) -> None:
    """A station that can't upload says why, and may try again."""
    async with product.station(name, version) as double:
        double.reactions["GetLog"] = {"status": "Accepted"}
        assert (await product.command(name, "get_log", log_type="DiagnosticsLog")).status_code == 200
        me = {"requestId": (await double.wait_heard("GetLog"))["requestId"]}
        await tell(double, SAYS, "Uploading", **me)
        why = {"statusInfo": {"reasonCode": "InvalidURL"}} if version == "2.1" else {}
        await tell(double, SAYS, "PermissionDenied", **me, **why)
        row = await job(product, name, "logs")
        assert (row["phase"], row["state"]) == ("failed", "PermissionDenied")
        assert row["steps"][-1]["note"] == ("InvalidURL" if why else "")
        await tell(double, SAYS, "Uploading", "Uploaded", **me)
        row = await job(product, name, "logs")
        assert (row["phase"], row["file"]) == ("done", None)  # it went elsewhere, or nowhere
