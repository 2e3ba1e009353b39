"""What was acknowledged survives a killed process, exactly once."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

ROUNDS = 20


def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    program = Path(__file__).with_name("acknowledging_writer.py")
    rng = random.Random(20261121)
    acknowledged: list[tuple[str, str]] = []
    wire_ids: list[int] = []
    for number in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, program, path, str(number)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline()]  # the first acknowledgement: the store is open and writing
        timer = threading.Timer(rng.uniform(0.0, 0.15), process.send_signal, [signal.SIGKILL])
        timer.start()
        lines += process.stdout.readlines()
        assert process.wait() == -signal.SIGKILL
        timer.join()
        for line in lines:
            if line.endswith("\n"):  # a cut-off line was told to nobody
                station_id, retry_key, wire_id = line.split()
                acknowledged.append((station_id, retry_key))
                wire_ids.append(int(wire_id))

    connection = sqlite3.connect(path)
    kept = Counter(connection.execute("SELECT station_id, retry_key FROM journal").fetchall())
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert len(acknowledged) > 10 * ROUNDS
    assert [entry for entry in acknowledged if kept[entry] != 1] == []
    # At most one message of each task was on its way when the process died.
    assert len(kept) - len(acknowledged) <= 16 * ROUNDS
    assert len(set(wire_ids)) == len(wire_ids)
    assert min(wire_ids) > 0
