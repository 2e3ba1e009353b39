"""The judge can say no, and the doubles share no code with what they test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .judge import BadFrame, judge

INDEPENDENT = ("double.py", "judge.py", "speech.py")


@pytest.mark.parametrize("name", INDEPENDENT)
def test_a_double_imports_no_product_code(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / name).read_text())
    named = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert named
    assert not [module for module in named if module.split(".")[0] == "ampacity"]


@pytest.mark.parametrize(
    ("version", "text", "answers"),
    [
        ("1.6", '[2,"m1","Heartbeat",{}]', None),
        ("1.6", '[3,"m1",{"currentTime":"2026-03-02T12:00:00.5Z"}]', "Heartbeat"),
        ("1.6", '[4,"-1","FormationViolation","",{}]', None),
        ("2.0.1", '[4,"m1","FormatViolation","",{}]', None),
        ("2.1", '[5,"m1","FormatViolation","",{}]', None),
        (
            "1.6",
            '[2,"m1","GetCompositeSchedule",{"connectorId":1,"duration":60,"chargingRateUnit":"A"}]',
            None,
        ),
    ],
)
def test_a_faultless_frame_passes(version: str, text: str, answers: str | None) -> None:
    judge(version, text, answers)


@pytest.mark.parametrize(
    ("version", "text", "answers", "fault"),
    [
        ("1.6", '{"a":1}', None, "no list"),
        ("1.6", '["2","m1","Heartbeat",{}]', None, "message type"),
        ("1.6", '[5,"m1","FormatViolation","",{}]', None, "message type"),
        ("2.0.1", '[6,"m1","NotifyPeriodicEventStream",{}]', None, "message type"),
        ("1.6", '[2,"m1","Heartbeat"]', None, "3 elements"),
        ("1.6", '[2,"' + "m" * 37 + '","Heartbeat",{}]', None, "message id"),
        ("1.6", '[2,7,"Heartbeat",{}]', None, "message id"),
        ("1.6", '[2,"m1","Fly",{}]', None, "no schema for FlyRequest"),
        ("1.6", '[2,"m1","Heartbeat",{"now":1}]', None, "Additional properties"),
        ("1.6", '[4,"m1","FormatViolation","",{}]', None, "error code"),
        ("2.0.1", '[4,"m1","FormationViolation","",{}]', None, "error code"),
        ("2.0.1", '[4,"m1","GenericError","' + "x" * 256 + '",{}]', None, "description"),
        ("2.0.1", '[4,"m1","GenericError","",null]', None, "details"),
        ("1.6", '[3,"m1",{"currentTime":"2026-03-02 12:00"}]', "Heartbeat", "date-time"),
        ("2.1", '[3,"m1",{"currentTime":"2026-13-02T12:00:00Z"}]', "Heartbeat", "date-time"),
        ("2.1", '[3,"m1",{}]', "Heartbeat", "currentTime"),
        (
            "2.1",
            '[3,"m1",{"currentTime":"2026-03-02T12:00:00Z","customData":null}]',
            "Heartbeat",
            "null|None",
        ),
    ],
)
def test_a_faulty_frame_does_not(version: str, text: str, answers: str | None, fault: str) -> None:
    with pytest.raises(BadFrame, match=fault):
        judge(version, text, answers)
