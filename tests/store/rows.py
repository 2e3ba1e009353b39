"""Rows that several tests need."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import msgspec

from ampacity.model.station import IdToken, MeterReading, Sample
from ampacity.store.files import FileKind, FileRow
from ampacity.store.findings import Finding
from ampacity.store.jobs import FirmwareJobRow, LogJobRow
from ampacity.store.journal import JournalEntry
from ampacity.store.transactions import TransactionRow

from .conftest import NOON, OPERATOR


def transaction_row(number: int = 1, **changes: object) -> TransactionRow:
    """An open transaction of station CP1."""
    row = TransactionRow(
        operator_id=OPERATOR,
        transaction_id=f"t{number}",
        station_transaction_id=str(number),
        station_id="CP1",
        evse_id=1,
        connector_id=1,
        token=IdToken("AbCd"),
        state="open",
        charging_state="Charging",
        started_at=NOON + timedelta(minutes=number),
        updated_at=NOON + timedelta(minutes=number),
        register_start_wh=1000.0,
        register_last_wh=1000.0,
    )
    return msgspec.structs.replace(row, **changes)


def reading(at: datetime, register_wh: float, current_a: float = 16.0) -> MeterReading:
    """What a three-phase station samples."""
    return MeterReading.of(
        at=at,
        samples=(
            Sample("Energy.Active.Import.Register", register_wh, "Wh"),
            Sample("Power.Active.Import", current_a * 690, "W"),
            *(Sample("Current.Import", current_a, "A", phase=phase) for phase in (1, 2, 3)),
        ),
    )


_ids = itertools.count(1)


def record(
    retry_key: str,
    *,
    operator_id: str = OPERATOR,
    station_id: str = "CP1",
    kind: str = "Updated",
    at: datetime = NOON,
    payload: bytes = b"{}",
) -> JournalEntry:
    """A kept message; each has an id of its own."""
    return JournalEntry(
        id=next(_ids),
        operator_id=operator_id,
        station_id=station_id,
        received_at=at,
        version="1.6",
        action="MeterValues",
        kind=kind,
        at=at,
        retry_key=retry_key,
        transaction_id="t1",
        payload=payload,
    )


def finding(finding_id: str, at: datetime = NOON, **changes: object) -> Finding:
    """CP1 was turned away at `at`, for the first time."""
    found = Finding(
        operator_id=OPERATOR,
        finding_id=finding_id,
        outcome="rejected",
        kind="password_wrong",
        station_id="CP1",
        reason="the password of station 'CP1' is wrong",
        peer="10.0.0.7:5000",
        path="/ocpp/CP1",
        offered="ocpp1.6",
        status=401,
        lasted_s=None,
        count=1,
        first_at=at,
        last_at=at,
    )
    return msgspec.structs.replace(found, **changes)


def firmware_job(job_id: str, station_id: str = "CP1", operator_id: str = OPERATOR) -> FirmwareJobRow:
    return FirmwareJobRow(
        operator_id=operator_id,
        job_id=job_id,
        station_id=station_id,
        kind="install",
        request_id=2**31 - 1,
        image_id="image1",
        location="https://a.example/***/fw.bin",
        checksum=None,
        signed=True,
        requested_by="user:ada",
        requested_at=NOON,
        retrieve_at=NOON,
        install_at=None,
        answer="",
        state="Requested",
        phase="open",
        steps=[{"at": NOON.isoformat(), "status": "Downloading", "expected": True, "note": ""}],
        updated_at=NOON,
        version_before="1.0",
        version_wanted="2.0",
        version_check="waiting",
    )


def log_job(job_id: str) -> LogJobRow:
    return LogJobRow(
        operator_id=OPERATOR,
        job_id=job_id,
        station_id="CP1",
        log_type="SecurityLog",
        request_id=7,
        location="https://a.example/***/",
        oldest=NOON - timedelta(days=1),
        latest=None,
        requested_by="user:ada",
        requested_at=NOON,
        answer="Accepted",
        state="Uploading",
        phase="open",
        steps=[],
        updated_at=NOON,
    )


def stored(file_id: str, days: float = 0.0, kind: FileKind = "log") -> FileRow:
    return FileRow(
        operator_id=OPERATOR,
        file_id=file_id,
        kind=kind,
        name="a.log",
        bytes=5_000_000_000,
        sha256="s",
        md5="m",
        station_id="CP1",
        created_at=NOON - timedelta(days=days),
        created_by="station:CP1",
    )
