"""What stations and sites have shown of themselves: findings with their evidence."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """One question put to a station or a site. `passed` None: it could not be asked (`evidence` says why)."""

    name: str
    passed: bool | None
    evidence: str


class ProbeReport(Struct, frozen=True, kw_only=True):
    """What a firmware does, as found out at one station."""

    station_id: str
    vendor: str
    model: str
    firmware: str
    version: str
    at: datetime
    actor: str
    findings: tuple[Finding, ...]

    def failed(self, name: str) -> bool:
        """Whether it was asked and did not pass."""
        return any(finding.name == name and finding.passed is False for finding in self.findings)
