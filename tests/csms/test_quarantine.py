"""Refused messages are counted by their fault, bounded, and each operator's own."""

from __future__ import annotations

from typing import Any

import pytest

from ampacity.csms.link import StationRef
from ampacity.csms.quarantine import FRAME_KEPT, Quarantine, RefusedMessage
from ampacity.ocpp.codec import Codec
from ampacity.ocpp.engine import Engine
from ampacity.ocpp.events import ProtocolViolation
from ampacity.ocpp.version import Role, Version

CP1 = StationRef("stadtwerke", "CP1", "1.6")
CP2 = StationRef("stadtwerke", "CP2", "1.6")
THEIRS = StationRef("others", "CP3", "1.6")


def violation(reason: str = "`vendorId` is missing", **more: Any) -> ProtocolViolation:
    values = {
        "raw": '[2,"m1","DataTransfer",{}]',
        "kind": "payload",
        "message_id": "m1",
        "action": "DataTransfer",
        "code": "ProtocolError",
    }
    return ProtocolViolation(reason, **(values | more))


def test_a_repetition_is_counted_and_its_newest_frame_kept() -> None:
    quarantine = Quarantine()
    quarantine.take(CP1, violation(), 100.0)
    fault = quarantine.take(CP1, violation(message_id="m2", raw='[2,"m2","DataTransfer",{}]'), 160.0)
    assert (fault.count, fault.first_at, fault.last_at) == (2, 100.0, 160.0)
    assert (fault.message_id, fault.frame) == ("m2", '[2,"m2","DataTransfer",{}]')
    assert quarantine.listed("stadtwerke") == [fault]


def test_places_and_numbers_do_not_make_another_fault_but_actions_errors_and_stations_do() -> None:
    quarantine = Quarantine()
    quarantine.take(CP1, violation("Expected `str`, got `int` - at `$.meterValue[3].timestamp`"), 1)
    quarantine.take(CP1, violation("Expected `str`, got `int` - at `$.meterValue[12].timestamp`"), 2)
    assert len(quarantine) == 1
    for station, different in (
        (CP1, violation("Expected `str`, got `int` - at `$.meterValue[3].context`")),
        (CP1, violation(action="MeterValues")),
        (CP1, violation(code="FormatViolation")),
        (CP2, violation("Expected `str`, got `int` - at `$.meterValue[3].timestamp`")),
    ):
        quarantine.take(station, different, 3)
    assert len(quarantine) == 5


def test_a_talkative_station_pushes_out_its_own_oldest_fault_only() -> None:
    quarantine = Quarantine(per_station=3)
    kept = quarantine.take(CP2, violation(), 0)
    names = ["Aa", "Bb", "Cc", "Dd", "Ee"]
    for at, name in enumerate(names):
        quarantine.take(CP1, violation(action=name), at)
        quarantine.take(CP1, violation(action="Bb"), at + 0.5)  # heard of again and again: stays
    assert [fault.action for fault in quarantine.listed("stadtwerke", "CP1")] == ["Bb", "Ee", "Dd"]
    assert quarantine.listed("stadtwerke", "CP2") == [kept]


def test_all_stations_together_are_bounded() -> None:
    quarantine = Quarantine(per_station=5, in_all=20)
    for at in range(1_000):
        station = StationRef("stadtwerke", f"CP{at}", "2.0.1")
        quarantine.take(station, violation(raw="x" * 100_000, reason="y" * 10_000), at)
    found = quarantine.listed("stadtwerke")
    assert [fault.station_id for fault in found] == [f"CP{at}" for at in reversed(range(980, 1_000))]
    assert max(len(fault.frame) for fault in found) == FRAME_KEPT
    assert len(quarantine._of_station) == 20


def test_what_is_removed_comes_back_as_new() -> None:
    quarantine = Quarantine()
    fault = quarantine.take(CP1, violation(), 1)
    assert quarantine.remove("others", fault.refusal_id) is None  # not theirs
    assert quarantine.remove("stadtwerke", fault.refusal_id) == fault
    assert quarantine.remove("stadtwerke", fault.refusal_id) is None
    assert quarantine.listed("stadtwerke") == []
    again = quarantine.take(CP1, violation(), 9)
    assert (again.refusal_id, again.count, again.first_at) == (fault.refusal_id, 1, 9)


def test_operators_see_their_own() -> None:
    quarantine = Quarantine()
    mine, theirs = quarantine.take(CP1, violation(), 1), quarantine.take(THEIRS, violation(), 2)
    assert quarantine.listed("stadtwerke") == [mine]
    assert quarantine.listed("others") == [theirs]
    assert quarantine.get("stadtwerke", theirs.refusal_id) is None


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize(
    "frame",
    [
        '[2,"m1","BootNotification",{}]',
        '[2,"m1","Fly",{}]',
        '[2,"m1","Heartbeat",',
        '[9,"m1",{}]',
        '[3,"nobody-asked",{}]',
        '[4,"nobody-asked","GenericError","",{}]',
        '[6,"m1","NotifyPeriodicEventStream",{"id":"x"}]',
        "nonsense",
        '[2,"' + "m" * 40 + '","Heartbeat",{}]',
    ],
)
def test_what_was_answered_is_told_as_it_was(version: Version, frame: str) -> None:
    """Against the engine itself: what it queues is what the entry says."""
    engine = Engine(Codec(version, Role.CSMS), new_id=lambda: "1")
    told = [event for event in engine.receive(frame, 0.0) if isinstance(event, ProtocolViolation)]
    sent = engine.frames_to_send()
    assert len(told) == 1
    fault: RefusedMessage = Quarantine().take(StationRef("o", "s", version.value), told[0], 0.0)
    assert (fault.answered is not None) == bool(sent)
