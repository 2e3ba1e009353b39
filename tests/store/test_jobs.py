"""Images, files, addresses and jobs as rows, on both databases."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from ampacity.store import Store, files, jobs
from ampacity.store.files import GrantRow
from ampacity.store.jobs import ImageRow
from ampacity.store.operators import ensure_operator

from .conftest import NOON, OPERATOR
from .rows import firmware_job, log_job, stored


async def test_jobs_come_back_as_they_were_and_newest_first(store: Store) -> None:
    def fill(connection: Connection) -> None:
        ensure_operator(connection, "other", "Other", NOON)
        for row in (firmware_job("j1"), firmware_job("j2", "CP2"), firmware_job("j3")):
            jobs.save_job(connection, row)
        jobs.save_job(connection, firmware_job("j4", operator_id="other"))
        jobs.save_job(connection, log_job("j1"))
        done = replace(firmware_job("j3"), phase="done", published_at=["a", "b"], ended_at=NOON)
        jobs.save_job(connection, done)

    await store.write(fill)

    def look(connection: Connection) -> None:
        assert jobs.find_firmware_job(connection, OPERATOR, "j1") == firmware_job("j1")
        assert jobs.find_firmware_job(connection, "other", "j1") is None
        assert jobs.find_log_job(connection, OPERATOR, "j1") == log_job("j1")
        assert [row.job_id for row in jobs.firmware_jobs(connection, OPERATOR)] == ["j3", "j2", "j1"]
        assert [row.job_id for row in jobs.firmware_jobs(connection, OPERATOR, "CP1")] == ["j3", "j1"]
        assert [row.job_id for row in jobs.firmware_jobs(connection, OPERATOR, phase="open")] == ["j2", "j1"]
        assert [row.job_id for row in jobs.firmware_jobs(connection, OPERATOR, before="j3", limit=1)] == [
            "j2"
        ]
        assert jobs.firmware_jobs(connection, OPERATOR)[0].published_at == ["a", "b"]
        assert [row.job_id for row in jobs.log_jobs(connection, OPERATOR, "CP1", phase="open")] == ["j1"]

    await store.read(look)


async def test_images_are_changed_in_place(store: Store) -> None:
    image = ImageRow(
        operator_id=OPERATOR,
        image_id="i1",
        vendor="Voltwerk",
        model="V1",
        version="2.0",
        note="",
        signing_certificate=None,
        signature=None,
        signature_check="none",
        created_at=NOON,
        created_by="user:ada",
    )
    signed = replace(image, signature="s", signing_certificate="c", signature_check="good")

    def fill(connection: Connection) -> None:
        jobs.save_image(connection, image)
        jobs.save_image(connection, signed)

    await store.write(fill)
    assert await store.read(lambda connection: jobs.list_images(connection, OPERATOR)) == [signed]
    assert await store.read(lambda connection: jobs.find_image(connection, "other", "i1")) is None
    assert await store.write(lambda connection: jobs.remove_image(connection, OPERATOR, "i1"))
    assert await store.read(lambda connection: jobs.find_image(connection, OPERATOR, "i1")) is None


async def test_files_and_their_addresses_go_together(store: Store) -> None:
    def grant(sha256: str, file_id: str | None, job_id: str, hours: float) -> GrantRow:
        return GrantRow(
            operator_id=OPERATOR,
            sha256=sha256,
            purpose="bring" if file_id is None else "fetch",
            file_id=file_id,
            station_id="CP1",
            job_id=job_id,
            max_bytes=5_000_000_000,
            created_at=NOON,
            expires_at=NOON + timedelta(hours=hours),
        )

    def fill(connection: Connection) -> None:
        for row in (stored("f1", 9), stored("f2", 1), stored("f3", 9, "firmware")):
            files.add_file(connection, row)
        for address in (grant("a", "f1", "j1", 1), grant("b", None, "j2", 1), grant("c", None, "j3", -1)):
            files.add_grant(connection, address)
        files.count_use(connection, grant("b", None, "j2", 1))

    await store.write(fill)

    def look(connection: Connection) -> None:
        assert files.find_file(connection, OPERATOR, "f1") == stored("f1", 9)
        assert files.bytes_of(connection, OPERATOR, "log") == 10_000_000_000
        assert files.bytes_of(connection, "other", "log") == 0
        old = files.old_files(connection, OPERATOR, "log", NOON - timedelta(days=5), 10)
        assert [row.file_id for row in old] == ["f1"]
        assert files.known_files(connection, ["f1", "f9"]) == {"f1"}
        assert files.find_grant(connection, "b") == replace(grant("b", None, "j2", 1), uses=1)

    await store.read(look)

    def drop(connection: Connection) -> list[bool]:
        files.remove_file(connection, OPERATOR, "f1")
        files.withdraw_grants(connection, OPERATOR, "j2")
        files.remove_expired_grants(connection, OPERATOR, NOON)
        return [files.find_grant(connection, sha256) is None for sha256 in "abc"]

    assert await store.write(drop) == [True, True, True]
