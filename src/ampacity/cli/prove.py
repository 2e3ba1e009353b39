"""`ampacity probe` and `ampacity assess`: what a station's firmware does, and whether a site may use all of
its headroom, asked of a node that runs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from ..model.proving import Assessment, Finding, ProbeReport, ProbeRun, StepName
from .node_api import NodeApi, NodeError

LOOK_EVERY_S = 1.0
PROBE_TIMEOUT_S = 1_800.0
"""With a car a probe lets a lease run out and waits for the car to rise again."""

_VERDICTS = {True: "[green]passed[/]", False: "[bold red]FAILED[/]", None: "[yellow]not asked[/]"}
_STATES = {
    "passed": "[green]passed[/]",
    "failed": "[bold red]FAILED[/]",
    "waiting": "[yellow]waits[/]",
    "open": "[dim]open[/]",
}


_Work: TypeAlias = Callable[[NodeApi], int]
_Tell: TypeAlias = Callable[[str], None]


class _Named(Struct):
    site_id: str


class _Evse(Struct):
    station_id: str


class _Site(Struct):
    """As much of a site as is needed here."""

    evses: tuple[_Evse, ...] = ()


def probe(
    node: str | None, station_id: str, site_id: str | None, json_file: Path | None, console: Console
) -> int:
    """Probe a station; 0 where nothing failed, 1 where something did, 2 where it can't be asked."""

    def work(api: NodeApi) -> int:
        site = site_id or _site_of(api, station_id)
        with console.status(f"probing {station_id}") as status:
            report = _followed(api, site, station_id, status.update)
        _write(json_file, report)
        console.print(findings_table(f"{station_id}: {_firmware(report)}", report.findings))
        return 1 if any(finding.passed is False for finding in report.findings) else 0

    return _with_node(node, "probe", work)


def assess(
    node: str | None,
    site_id: str,
    steps: Sequence[StepName],
    json_file: Path | None,
    pdf_file: Path | None,
    console: Console,
) -> int:
    """Assess a site, or go on with it, and follow that to its end; 0 where nothing failed (steps may wait), 1
    where a step did, 2 where it can't be done.
    """

    def work(api: NodeApi) -> int:
        path = f"/sites/{site_id}/assessment"
        found = api.find(path, Assessment)
        if found is None or not found.running:
            found = api.post(path, Assessment, query={"step": list(steps)} if steps else None)
        with console.status(f"assessing {site_id}") as status:
            while found.running:
                status.update(_now(found))
                time.sleep(LOOK_EVERY_S)
                found = api.get(path, Assessment)
        _write(json_file, found)
        if pdf_file is not None:
            pdf_file.write_bytes(api.raw(f"{path}/report.pdf"))
        for step in found.steps:
            console.print(findings_table(f"{step.name}: {_STATES[step.state]}", step.findings))
        _conclude(found, console)
        return 1 if found.failed else 0

    return _with_node(node, "assess", work)


def findings_table(title: str, findings: Sequence[Finding]) -> Table:
    """Pass or fail, and why."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column("verdict", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("evidence", overflow="fold")
    for finding in findings:
        table.add_row(_VERDICTS[finding.passed], finding.name, finding.evidence)
    return table


def _with_node(node: str | None, name: str, work: _Work) -> int:
    try:
        api = NodeApi(node)
        try:
            return work(api)
        finally:
            api.close()
    except (NodeError, OSError) as problem:
        print(f"ampacity {name}: {problem}", file=sys.stderr)
        return 2


def _site_of(api: NodeApi, station_id: str) -> str:
    at = [
        site.site_id
        for site in api.get("/sites", list[_Named])
        if any(evse.station_id == station_id for evse in api.get(f"/sites/{site.site_id}", _Site).evses)
    ]
    if len(at) != 1:
        words = (
            "no site has it" if not at else f"several sites have it ({', '.join(at)}): name one with --site"
        )
        raise NodeError(f"station {station_id!r}: {words}")
    return at[0]


def _followed(api: NodeApi, site_id: str, station_id: str, tell: _Tell) -> ProbeReport:
    """The probe, with what it has found so far told meanwhile."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_EVERY_S):
            try:
                runs = api.get(f"/sites/{site_id}/probing", list[ProbeRun])
            except NodeError:
                continue  # the probe itself tells what is wrong
            for run in runs:
                if run.station_id == station_id and run.findings:
                    newest = run.findings[-1]
                    tell(f"probing {station_id}: {newest.name} {_VERDICTS[newest.passed]}")

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    try:
        path = f"/sites/{site_id}/stations/{station_id}/probe"
        return api.post(path, ProbeReport, timeout_s=PROBE_TIMEOUT_S)
    finally:
        over.set()
        looker.join()


def _now(found: Assessment) -> str:
    progress = found.progress
    if progress is None:
        return f"assessing {found.site_id}"
    what = f" {progress.what}" if progress.what else ""
    return f"{progress.step}{what} ({progress.done + 1} of {progress.of})"


def _conclude(found: Assessment, console: Console) -> None:
    waiting = [step.name for step in found.steps if step.state in ("waiting", "open")]
    if found.accepted_by is not None:
        console.print(f"Accepted by {found.accepted_by}: the site uses all of its headroom.")
    elif found.failed:
        console.print("Mend what failed, and run it again: the site uses 80 % of its headroom meanwhile.")
    elif waiting:
        console.print(f"Run it again when these can be done: {', '.join(waiting)}.")
    else:
        console.print("All passed: somebody has to accept it in the console.")


def _firmware(report: ProbeReport) -> str:
    return " ".join(part for part in (report.vendor, report.model, report.firmware, report.version) if part)


def _write(file: Path | None, told: Struct) -> None:
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
