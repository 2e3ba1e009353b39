"""`ampacity probe` and `ampacity assess` against a node that runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from ampacity.cli.main import main
from ampacity.model.proving import Assessment, ProbeReport

from .node import Node


async def ampacity(*arguments: str) -> int:
    """The command as in a shell; the node goes on meanwhile."""
    return await asyncio.to_thread(main, arguments)


@pytest.fixture
async def at(node: Node, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Who asks which node."""
    monkeypatch.setenv("AMPACITY_KEY", await node.key("operator"))
    return "--node", node.server.url


async def test_a_probe_finds_the_site_and_says_what_failed(
    at: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "probe.json"
    assert await ampacity("probe", *at, "CP-1", "--json", str(file)) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "FAILED online not connected" in told
    report = msgspec.json.decode(file.read_bytes(), type=ProbeReport)
    assert [(finding.name, finding.passed) for finding in report.findings] == [("online", False)]


async def test_an_assessment_is_followed_to_its_end_and_written(
    at: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json_file, pdf_file = tmp_path / "a.json", tmp_path / "a.pdf"
    code = await ampacity("assess", *at, "work", "--json", str(json_file), "--pdf", str(pdf_file))
    found = msgspec.json.decode(json_file.read_bytes(), type=Assessment)
    assert code == int(found.failed)
    assert pdf_file.read_bytes().startswith(b"%PDF")
    told = capsys.readouterr().out
    for step in found.steps:
        assert f"{step.name}: " in told
    assert "Mend what failed" in told or "Run it again" in told
    assert not found.running
    assert await ampacity("assess", *at, "work", "--step", "tree") in (0, 1)
    assert await ampacity("assess", *at, "work", "--step", "roof") == 2


async def test_what_can_t_be_asked_says_why(
    node: Node, at: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ampacity("probe", *at, "NONE") == 2
    assert "no site has it" in capsys.readouterr().err
    assert await ampacity("assess", *at, "nowhere") == 2
    assert "refuses (404)" in capsys.readouterr().err
    monkeypatch.setenv("AMPACITY_KEY", await node.key("viewer"))
    assert await ampacity("probe", *at, "CP-1") == 2
    assert "refuses (403)" in capsys.readouterr().err
    monkeypatch.setenv("AMPACITY_KEY", "amp_wrong")
    assert await ampacity("probe", *at, "CP-1") == 2
    assert "make another one" in capsys.readouterr().err
    assert await ampacity("probe", "--node", "http://127.0.0.1:9", "CP-1") == 2
    assert "no node answers" in capsys.readouterr().err
    monkeypatch.delenv("AMPACITY_KEY")
    assert await ampacity("probe", *at, "CP-1") == 2
    assert "AMPACITY_KEY" in capsys.readouterr().err
