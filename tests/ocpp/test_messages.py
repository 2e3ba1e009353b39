"""The generated messages against OCA's schemas."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest

from ampacity.ocpp.errors import PayloadError
from ampacity.ocpp.messages import v16
from ampacity.ocpp.version import Role, Version, vocabulary
from tests.ocpp import schemas
from tests.ocpp.schemas import Case

TOOL = Path(__file__).resolve().parents[2] / "tools" / "ocpp_messages.py"


def test_the_schemas_are_oca_s_byte_for_byte() -> None:
    """Their licence allows only unmodified copies, so no formatter may touch them."""
    digest = hashlib.sha256()
    paths = sorted(schemas.ROOT.glob("*/*.json"))
    for path in paths:
        digest.update(path.relative_to(schemas.ROOT).as_posix().encode() + path.read_bytes())
    assert len(paths) == 387
    assert digest.hexdigest() == "38363e0bb0588f41408fdf16b7c8bd40c8375af2faa8472578d0e8d536b5b7b9"


def test_the_modules_are_what_the_schemas_say() -> None:
    spec = importlib.util.spec_from_file_location("ocpp_messages", TOOL)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    sys.modules["ocpp_messages"] = tool
    spec.loader.exec_module(tool)
    for edition in tool.EDITIONS:
        committed = (tool.TARGET / f"{edition.module}.py").read_text(encoding="utf-8")
        assert tool.generate(edition) == committed, f"{edition.module}.py is stale: run {TOOL.name}"


@pytest.mark.parametrize(
    ("version", "calls", "sends"), [(Version.V16, 39, 0), (Version.V201, 64, 0), (Version.V21, 90, 1)]
)
def test_every_action_has_types_and_a_starter(version: Version, calls: int, sends: int) -> None:
    words = vocabulary(version)
    assert (len(words.calls), len(words.sends)) == (calls, sends)
    station, csms = words.started_by[Role.STATION], words.started_by[Role.CSMS]
    assert station | csms == words.calls.keys() | words.sends.keys()
    assert station & csms == {"DataTransfer"}


def test_subprotocol_names() -> None:
    assert [version.subprotocol for version in Version] == ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    assert Version.from_subprotocol("ocpp2.0.1") is Version.V201
    assert Version.from_subprotocol("ocpp2.0") is None


@pytest.mark.parametrize("case", schemas.cases(), ids=str)
def test_our_verdict_is_the_schema_s(case: Case) -> None:
    rng = Random(f"{case}")
    judge = schemas.judge(case.folder, case.file)
    for turn in range(4):
        payload = schemas.example(case.schema, case.schema, rng, fullness=(0.0, 0.4, 0.8, 1.0)[turn])
        judge.validate(payload)
        message = schemas.decode(case, payload)
        assert json.loads(msgspec.json.encode(message)) == payload
        for _ in range(5):
            change, other = schemas.mutated(case.schema, payload, rng)
            expected = judge.is_valid(other)
            try:
                schemas.decode(case, other)
                ours = True
            except PayloadError:
                ours = False
            assert ours == expected, f"{change}: schema says {expected}, we say {ours}\n{json.dumps(other)}"


@pytest.mark.parametrize("limit", [8.1, 0.3, 6, 16.0, 32.7, 1e6 + 0.1, -0.1, 22080.9])
def test_one_decimal_passes(limit: float) -> None:
    period = v16.ChargingSchedulePeriod(startPeriod=0, limit=limit)
    assert msgspec.json.decode(msgspec.json.encode(period), type=v16.ChargingSchedulePeriod).limit == limit


@pytest.mark.parametrize("limit", [8.15, 0.01, 7.999, 1e-9])
def test_two_decimals_do_not_pass(limit: float) -> None:
    with pytest.raises(ValueError, match="at most one decimal"):
        v16.ChargingSchedulePeriod(startPeriod=0, limit=limit)


def test_custom_data_keeps_its_extras() -> None:
    raw = b'{"customData":{"vendorId":"org.x","sessions":342,"deep":[{"a":null}]}}'
    request = schemas.speaks(Version.V21, Role.CSMS).decode_call("Heartbeat", raw)
    assert request.customData.vendorId == "org.x"
    assert msgspec.json.encode(request) == raw
