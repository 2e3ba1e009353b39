"""The fuzzer's targets in a quick form: seeded damage for seconds, Hypothesis, and wrong products that each
target must notice. The long form is `./dev bench fuzz`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.bench.fuzz import child, run, targets
from ampacity.bench.fuzz.corpus import damaged, seeds, words, write_dictionary
from ampacity.bench.fuzz.oracle import expected, may_differ
from ampacity.bench.fuzz.targets import TARGETS, Wrong, counts
from ampacity.ocpp import codec, errors
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.engine import Engine, History
from ampacity.ocpp.messages.v16 import MeterValuesRequest
from ampacity.ocpp.version import Role, Version


@pytest.fixture(scope="module")
def pools() -> dict[str, list[bytes]]:
    return {target: list(seeds(target, Random(1))) for target in TARGETS}


def drive(target: str, pool: list[bytes], turns: int, seed: int = 1) -> None:
    rng, work = Random(seed), TARGETS[target]()
    for data in pool:
        work(data)
    for _ in range(turns):
        work(rng.randbytes(rng.randint(0, 300)) if rng.random() < 0.2 else damaged(rng.choice(pool), rng))


@pytest.mark.parametrize(
    ("target", "turns", "seen"),
    [
        ("frames", 6_000, ["frame call", "frame refused", "frame ignored", "frame result", "frame error"]),
        ("payloads", 20_000, ["payload valid", "payload invalid", "payload repaired"]),
        ("messages", 1_000, ["message accepted", "message refused"]),
        (
            "sequences",
            2_000,
            [
                "sequence CallReceived",
                "sequence ResultReceived",
                "sequence CallTimedOut",
                "sequence CallLost",
            ],
        ),
    ],
)
def test_nothing_is_found(pools: dict[str, list[bytes]], target: str, turns: int, seen: list[str]) -> None:
    counts.clear()
    drive(target, pools[target], turns)
    assert min(counts[name] for name in seen) > 20, counts


@pytest.mark.parametrize("target", ["frames", "payloads", "sequences"])
def test_nor_by_hypothesis(target: str) -> None:
    work = TARGETS[target]()

    @settings(max_examples=400, deadline=None, derandomize=True)
    @given(st.binary(max_size=300))
    def any_bytes(data: bytes) -> None:
        work(data)

    any_bytes()


def wrong_code(version: Version, code: str) -> str:
    return "GenericError"


def forgets_to_finish(self: Engine, now: float) -> None:
    if self._queue:
        self._start(self._queue.popleft(), now)


def remembers_all(self: History, *words: Any) -> None:
    self._size = 10**6
    ANSWERED(self, *words)


ANSWERED = History.answered


@pytest.mark.parametrize(
    ("target", "place", "name", "doctored"),
    [
        ("frames", codec, "spell", wrong_code),
        ("frames", errors.PayloadError, "from_validation", classmethod(lambda *_: 1 / 0)),
        ("payloads", codec.Codec, "decode_call", lambda *_: MeterValuesRequest(connectorId=1, meterValue=[])),
        (
            "payloads",
            codec.Codec,
            "_repaired",
            lambda *_: (MeterValuesRequest(connectorId=1, meterValue=[]), ()),
        ),
        ("messages", codec, "dec_hook", lambda kind, value: 1 / 0),
        ("sequences", Engine, "_finish", forgets_to_finish),
        ("sequences", History, "answered", remembers_all),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_found(
    monkeypatch: pytest.MonkeyPatch,
    pools: dict[str, list[bytes]],
    target: str,
    place: Any,
    name: str,
    doctored: Any,
) -> None:
    monkeypatch.setattr(place, name, doctored)
    with pytest.raises((Wrong, ZeroDivisionError)):
        drive(target, pools[target], 2_000)


@pytest.mark.parametrize(
    ("text", "meaning", "codes"),
    [
        ('[2,"a","Heartbeat",{}]', "call", set()),
        ('[2,"a","Heartbeat",{"x":1}]', "refused", {"ProtocolError"}),
        ('[2,"a","Heartbeat",[]]', "refused", {"ProtocolError"}),
        ('[2,"a","Dance",{}]', "refused", {"NotImplemented"}),
        ('[2,"a","ClearCache",{}]', "refused", {"NotSupported"}),
        ('[2,"a","DataTransfer",{}]', "refused", {"OccurrenceConstraintViolation"}),
        (
            '[2,"a","DataTransfer",{"vendorId":7,"x":1}]',
            "refused",
            {"ProtocolError", "TypeConstraintViolation"},
        ),
        ('[3,"q",{"status":"Accepted"}]', "result", set()),
        ('[3,"q",{"status":"No"}]', "error", {"PropertyConstraintViolation"}),
        ('[3,"z",{"status":"Accepted"}]', "ignored", set()),
        ('[4,"q","GenericError","",{}]', "error", set()),
        ('[9,"q",{}]', "ignored", set()),
    ],
)
def test_the_oracle_knows_the_standard(text: str, meaning: str, codes: set[str]) -> None:
    found = expected(Version.V21, Role.CSMS, text.encode(), {"q": "ClearCache"})
    assert (found.meaning, found.codes) == (meaning, codes)


def test_reasons_to_differ_are_seen() -> None:
    assert may_differ(b'{"a":7.0}')
    assert may_differ(b'{"a":1,"a":2}')
    assert not may_differ(b'{"a":"x","b":[1,2]}')


def test_an_id_with_escapes_is_answered() -> None:
    """Found by fuzzing: such a call was answered under the id -1 when the rest could not be read."""
    engine = Engine(Codec(Version.V201, Role.CSMS), new_id=lambda: "q")
    engine.receive(r'[2,"a\n\"b","Heartbeat",{', 0.0)
    assert json.loads(engine.frames_to_send()[0])[1] == 'a\n"b'


def test_a_member_that_is_there_twice_is_told() -> None:
    """Found by fuzzing: the last one was taken without a word."""
    csms = Codec(Version.V21, Role.CSMS, lenient=True)
    value = b'{"timestamp":"2025-01-01T00:00:00Z","sampledValue":[{"value":1}]}'
    text = b'{"evseId":{},"evseId":1,"meterValue":[' + value + b"]}"
    message, repairs = csms.read_call("MeterValues", text)
    assert message.evseId == 1  # type: ignore[attr-defined]
    assert repairs == ("$: a member is there twice, the last one taken",)


def test_engines_that_live_long_hold_no_more(tmp_path: Path) -> None:
    child.growth(2.0, 1, tmp_path)
    found = json.loads((tmp_path / "growth.json").read_text())
    assert found["executions"] >= 1_000
    assert found["growth_kb"] < run.GROWTH_BOUND_KB


def test_what_grows_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hoard: list[bytes] = []
    fed = child._fed()

    def hoarding() -> Callable[[int, bytes, float], None]:
        def feed(number: int, frame: bytes, now: float) -> None:
            hoard.append(bytes(500))
            fed(number, frame, now)

        return feed

    monkeypatch.setattr(child, "_fed", hoarding)
    child.growth(2.0, 1, tmp_path)
    assert json.loads((tmp_path / "growth.json").read_text())["growth_kb"] > run.GROWTH_BOUND_KB


def test_the_report_of_a_run() -> None:
    found = run.Fuzzed(executions=145_747)
    run.read_log("#2\tINITED cov: 49 ft: 49 corp: 1/1b exec/s: 0 rss: 46Mb\n", found)
    run.read_log("#77\tpulse  cov: 12 ft: 1 corp: 1/1b rss: 99Mb\n", found)
    assert found == run.Fuzzed(executions=145_747, edges=49, peak_mb=99)
    grown = run.Fuzzed(executions=5, counts={"growth_kb": 300.0})
    verdicts = {"verdicts_unequal": 2}
    crashed = msgspec.structs.replace(found, crashes=1)
    outcome = run.outcome({"frames": crashed, "growth": grown}, verdicts, 1.0, ["how"])
    assert outcome.figures["executions"] == 145_752
    assert outcome.figures["crashes"] == 1
    assert "1 inputs" in outcome.failed
    assert "300 kB" in outcome.failed
    assert "2 verdicts" in outcome.failed
    fine = run.Fuzzed(counts={"growth_kb": 3.0})
    assert run.outcome({"growth": fine}, {"verdicts_unequal": 0}, 1.0, []).failed == ""


def test_crashes_are_kept_with_the_line_that_repeats_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crashes").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crashes/sequences-crash-1").write_bytes(b"\x00\x01")
    [line] = run.keep_crashes(tmp_path / "crashes")
    assert (tmp_path / "fuzz-crashes/HOW.txt").read_text() == line + "\n"
    *_, target, path = line.split()
    assert child.main([target, path]) == 0
    monkeypatch.setitem(TARGETS, "sequences", lambda: lambda data: targets.check(False, "no"))
    with pytest.raises(Wrong):
        child.main([target, path])


def test_without_the_fuzzer_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho \"No module named 'atheris'\" >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    with pytest.raises(run.FuzzerMissing, match=r"No module named 'atheris'.*pip install atheris"):
        run.run(quick=True)


def test_the_dictionary_names_actions_and_members(tmp_path: Path) -> None:
    assert {'"Heartbeat"', '"vendorId"', '"Accepted"'} <= words()
    write_dictionary(tmp_path / "words")
    lines = (tmp_path / "words").read_text().splitlines()
    assert all(line[0] == line[-1] == '"' for line in lines)
