"""What was acknowledged survives a killed process, exactly once."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROUNDS = 20


def test_nothing_acknowledged_is_lost_or_doubled_by_kills(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    program = Path(__file__).with_name("acknowledging_writer.py")
    rng = random.Random(20261121)
    acknowledged: list[tuple[str, str]] = []
    wire_ids: list[int] = []
    process = subprocess.Popen(
        [sys.executable, program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(ROUNDS):
        # The first one makes the database; some die while they open it, most while they write.
        process.stdin.write(f"{number} {rng.uniform(0.0, 0.4) if number else 2.0:.6f}\n")
        process.stdin.flush()
        while (line := process.stdout.readline().strip()) != "died":
            assert line != "ended by itself"
            if len(words := line.split()) == 3:  # a line cut off by the kill was told to nobody
                acknowledged.append((words[0], words[1]))
                wire_ids.append(int(words[2]))
    process.stdin.close()
    process.stdout.close()
    assert process.wait() == 0

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
