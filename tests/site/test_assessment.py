"""The assessment of a site: what can be judged on paper, by a pulse, and by a pulled cable; the report."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from ampacity.model.phases import PerPhase
from ampacity.model.proving import Assessment, AssessmentStep, Finding
from ampacity.model.site import Circuit, Evse, Site
from ampacity.site import walk
from ampacity.site.assessment import Assessor
from ampacity.site.report_pdf import report_pdf

from .live import ONE_PHASE, PERSON, LiveYard, built, yard


def paper(*safe_a: float, limit_a: float = 32.0, reserve_a: float = 20.0) -> Site:
    site = built("A", limit_a=limit_a, safe_a=0.0, lease_s=90.0, meter="none", port=0, reserve_a=reserve_a)
    evses = tuple(
        Evse(station_id=f"S{k}", evse_id=1, circuit_id="feeder", phases=(k % 3,), safe_a=safe, priority=-k)
        for k, safe in enumerate(safe_a)
    )
    return structs.replace(site, evses=evses)


def test_the_offline_sum_counts_each_phase_by_itself() -> None:
    found = walk.offline_sum(paper(6.0, 6.0, 6.0, 6.0), {})
    assert [finding.passed for finding in found] == [True, True]
    found = walk.offline_sum(paper(6.0, 6.0, 6.0, 7.0), {})
    assert [finding.passed for finding in found] == [False, True]
    assert "S3/1" in found[0].evidence


def test_the_offline_sum_turns_with_the_circuits_and_counts_what_was_seen() -> None:
    site = paper(6.0, 6.0, 0.0, 6.0)
    feeder = structs.replace(site.circuits[1], rotation=(1, 2, 0))
    site = structs.replace(site, circuits=(site.circuits[0], feeder))
    # 12 A on the feeder's L1 are the grid's L2.
    seen: dict[str, PerPhase] = {"grid": (25.0, 20.0, 20.0)}
    assert walk.offline_sum(site, seen)[0].passed
    assert not walk.offline_sum(site, {"grid": (20.0, 25.0, 20.0)})[0].passed


def test_base_that_is_too_much_alone_is_nobodys_fault() -> None:
    found = walk.offline_sum(paper(0.0, reserve_a=40.0), {})
    assert not found[0].passed
    assert "base alone" in found[0].evidence


def test_an_evse_larger_than_its_circuit_is_found() -> None:
    site = paper(0.0, limit_a=20.0)
    found = {finding.name: finding.passed for finding in walk.tree(site, {}, 0.0)}
    assert found == {"circuit grid": True, "circuit feeder": True, "EVSE S0/1": False}
    bare = structs.replace(site, circuits=(Circuit(circuit_id="grid", name="", rating_a=63.0),), evses=())
    assert [finding.passed for finding in walk.tree(bare, {}, 0.0)] == [False]


@pytest.mark.parametrize(
    ("expected", "seen", "right"),
    [
        ((10.0, 10.0, 10.0), (9.0, 11.0, 10.5), True),
        ((10.0, 0.0, 0.0), (9.0, 0.5, -0.5), True),
        ((10.0, 0.0, 0.0), (0.0, 9.0, 0.0), False),
        ((10.0, 10.0, 10.0), (10.0, 10.0, 0.0), False),
    ],
)
def test_a_pulse_is_judged_by_phase(expected: PerPhase, seen: PerPhase, right: bool) -> None:
    assert walk.judge_pulse(expected, seen) == right


def test_a_report_is_a_pdf_of_as_many_pages_as_it_needs() -> None:
    findings = tuple(
        Finding(name=f"(EVSE) {k}", passed=k % 2 == 0, evidence="21 Ω \\ ä" * 9) for k in range(80)
    )
    step = AssessmentStep(name="tree", state="failed", findings=findings)
    found = Assessment(
        assessment_id="1", site_id="yard", actor=PERSON, started_at=datetime(2026, 3, 2, tzinfo=UTC)
    ).with_step(step)
    document = report_pdf(found, "Yard")
    assert document.startswith(b"%PDF-1.4")
    assert document.endswith(b"%%EOF\n")
    pages = int(re.search(rb"/Count (\d+)", document)[1])  # type: ignore[index]
    assert pages == document.count(b"/Type /Page ") == 2
    table = int(re.search(rb"startxref\n(\d+)", document)[1])  # type: ignore[index]
    assert document[table:].startswith(b"xref")
    for place in re.findall(rb"(\d{10}) 00000 n", document):
        assert re.match(rb"\d+ 0 obj", document[int(place) :])
    assert rb"\(EVSE\) 79: FAILED" in document
    assert "ä".encode("cp1252") in document


def assessor(it: LiveYard) -> Assessor:
    return it.controller.assessor


async def steps(it: LiveYard) -> dict[str, AssessmentStep]:
    found = await assessor(it).newest()
    assert found is not None
    return {step.name: step for step in found.steps}


async def test_a_site_is_assessed_pulled_and_accepted(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", commissioned=False) as it:
        with pytest.raises(LookupError, match="never assessed"):
            await assessor(it).accept(PERSON)
        await it.charge("A")
        await it.until(lambda: it.current_a("A") > 12.0)
        begun = await assessor(it).run(PERSON)
        assert begun.running
        with pytest.raises(ValueError, match="being assessed already"):
            await assessor(it).run(PERSON)
        with pytest.raises(ValueError, match="not passed"):
            await assessor(it).accept(PERSON)
        end = it.clock.monotonic() + 900.0
        while (await steps(it))["probes"].state == "open":
            assert it.clock.monotonic() < end
            await it.clock.sleep(5.0)
        await it.until(lambda: it.current_a("A") > 12.0, 400.0)
        await it.clock.sleep(10.0)
        await it.stations["A"].cut_network(silent=False)
        while (await steps(it))["cable_pull"].state == "open":
            assert it.clock.monotonic() < end
            await it.clock.sleep(5.0)
        done = await steps(it)
        assert {name: step.state for name, step in done.items()} == {
            "tree": "passed",
            "load": "waiting",
            "offline_sum": "passed",
            "phases": "passed",
            "probes": "waiting",
            "cable_pull": "passed",
        }, [finding for step in done.values() for finding in step.findings if not finding.passed]
        assert it.live("A").conduct.measured_to_safe_s is not None
        accepted = await assessor(it).accept(PERSON)
        assert accepted.accepted_by == PERSON
        assert it.controller.site.commissioned


async def test_a_socket_on_another_phase_than_drawn_is_found(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A", ONE_PHASE)
        await it.until(lambda: it.current_a("A") > 12.0)
        live = it.live("A")
        right = await assessor(it)._phases(live)
        assert right.passed, right.evidence
        # Somebody has swapped the wires behind the meter.
        it.turned = True
        await it.until(lambda: it.current_a("A") > 12.0)
        wrong = await assessor(it)._phases(live)
        assert wrong.passed is False, wrong.evidence
