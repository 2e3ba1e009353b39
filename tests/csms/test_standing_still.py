"""A job that was found standing still is marked by what it is when it is marked: stations talk in between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from ampacity.clock import WallClock
from ampacity.csms.blocks import firmware, logs
from ampacity.csms.following import stepped
from ampacity.store import Store, jobs
from tests.store.conftest import NOON
from tests.store.rows import firmware_job, log_job

LATE = NOON + timedelta(hours=3)


async def test_a_word_that_came_in_between_is_not_lost(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "ampacity.db", WallClock())
    found, log = firmware_job("j1"), log_job("l1")
    told = stepped(found, "install", "Downloading", LATE - timedelta(minutes=1))
    brought = replace(log, file_id="f1", updated_at=LATE - timedelta(minutes=1))
    assert told is not None
    try:
        for row in (told, brought):
            await store.write(lambda connection, row=row: jobs.save_job(connection, row))
        assert await store.write(lambda connection: firmware._stand_still(found, LATE, connection)) is None
        assert await store.write(lambda connection: logs._stand_still(log, LATE, connection)) is None
        kept = await store.read(lambda connection: jobs.find_firmware_job(connection, "stadtwerke", "j1"))
        assert kept == told
        later = LATE + timedelta(hours=3)
        marked = await store.write(lambda connection: firmware._stand_still(found, later, connection))
        assert marked == replace(told, stalled_at=later)
        done = await store.write(lambda connection: logs._stand_still(log, later, connection))
        assert done is not None
        assert (done.phase, done.state, done.file_id) == ("done", "Uploaded", "f1")
    finally:
        await store.close()
