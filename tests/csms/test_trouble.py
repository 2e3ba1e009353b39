"""The disk refuses: stations are not answered, keep their messages, and repeat them; nothing else breaks."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from ampacity.csms.vocabulary import Reset
from ampacity.store import journal
from tests.conformance.double import station
from tests.conformance.speech import speech

from .world import OPERATOR, world


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond the size of the database's log."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "ampacity.db-wal").stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_a_full_disk_loses_nothing(tmp_path: Path, version: str) -> None:
    words = speech(version, "CP1")
    async with world(tmp_path) as node, station(node.port, "CP1", version) as double:
        await double.call(*words.boot("Amp Works", "Duo"))
        start = words.start(1, "CAFE01", 100, "2026-03-02T12:00:00Z")
        with full_disk(tmp_path):
            with pytest.raises(TimeoutError):
                await double.call(*start, limit_s=0.5)
            await node.until(lambda: node.store.troubled)
            # What needs no disk goes on: the station stays connected and can be told things.
            assert "currentTime" in await double.call("Heartbeat", {})
            double.reactions["Reset"] = {"status": "Accepted"}
            outcome = await node.csms.command(OPERATOR, "CP1", Reset(), "controller hq")
            assert outcome.accepted
        words.started(await double.call(*start))
        await double.call(*words.stop(1_100, "2026-03-02T13:00:00Z"))
        entries = await node.store.read(lambda c: journal.entries(c, OPERATOR))
        assert [entry.kind for entry in entries] == ["Started", "Ended"]
