"""Whatever arrives, the engine neither raises nor sends nonsense."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.ocpp.engine import Engine, ProtocolViolation
from ampacity.ocpp.errors import ErrorCode, spell
from ampacity.ocpp.messages import v16
from ampacity.ocpp.version import Role, Version
from tests.ocpp.schemas import speaks

SEEDS = [
    '[2,"1","Heartbeat",{}]',
    '[2,"2","Authorize",{"idTag":"null \\u00e9","idToken":{"idToken":"x","type":"Local"}}]',
    '[2,"3","DataTransfer",{"vendorId":"org.x","data":"[{}]","customData":{"vendorId":"y","z":[null]}}]',
    '[2,"4","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2025-01-01T00:00:00Z",'
    '"sampledValue":[{"value":"8.1"}]}]}]',
    '[3,"1",{"status":"Accepted"}]',
    '[4,"1","GenericError","",{}]',
    '[5,"1","GenericError","",{}]',
    '[6,"1","NotifyPeriodicEventStream",{"id":1,"pending":0}]',
]
PIECES = st.sampled_from(
    [
        "[",
        "]",
        "{",
        "}",
        '"',
        ",",
        ":",
        "null",
        "2",
        "-1",
        "1e400",
        "\\ud800",
        "\\",
        "\x00",
        "é",
        "😀",
        "[" * 99,
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A good frame with pieces cut out and put in."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(PIECES) + text[at + draw(st.integers(0, 6)) :]
    return text


frames = st.one_of(
    damaged(), damaged().map(lambda text: text.encode("utf-8", "surrogatepass")), st.text(), st.binary()
)


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize("role", list(Role))
@settings(max_examples=150, deadline=None)
@given(texts=st.lists(frames, min_size=1, max_size=6))
def test_nothing_that_arrives_breaks_the_engine(
    version: Version, role: Role, texts: list[str | bytes]
) -> None:
    engine = Engine(speaks(version, role), new_id=lambda: "1")
    if role is Role.CSMS and version is Version.V16:
        engine.call("Reset", v16.ResetRequest(type="Soft"), 0.0)
        engine.frames_to_send()
    codes = {spell(version, code) for code in ErrorCode}
    for text in texts:
        for event in engine.receive(text, 0.0):
            if isinstance(event, ProtocolViolation):
                assert event.reason
                assert len(event.raw) <= 4_000
        for sent in engine.frames_to_send():
            number, message_id, code, description, details = json.loads(sent)
            assert number in ((4, 5) if version is Version.V21 else (4,))
            assert message_id
            assert code in codes
            assert len(description) <= 255
            assert isinstance(details, dict)


def test_an_answer_may_hold_any_text() -> None:
    csms = Engine(speaks(Version.V16, Role.CSMS), new_id=lambda: "1")
    csms.receive('[2,"😀\\n","Heartbeat",{}]', 0.0)
    csms.answer("😀\n", v16.HeartbeatResponse(currentTime=datetime(2025, 1, 1, tzinfo=UTC)))
    assert json.loads(csms.frames_to_send()[0])[1] == "😀\n"
