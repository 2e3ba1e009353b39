"""What the API gives of a site's way into service."""

from __future__ import annotations

from msgspec import Struct

from ..model.proving import Assessment, ProbeReport, ProbeRun


class StationProofView(Struct, frozen=True, kw_only=True):
    """A station of the site: whether it is there, whether its base profiles were read back (`proven`), and
    what its firmware has shown at it or at another station (None: it was never probed)."""

    station_id: str
    proven: bool
    online: bool = False
    ever_seen: bool = False
    has_password: bool = False
    version: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    probe: ProbeReport | None = None


class CommissioningView(Struct, frozen=True, kw_only=True):
    """How far a site is on its way from 80 % of its headroom to all of it."""

    commissioned: bool
    assessment: Assessment | None
    stations: tuple[StationProofView, ...]
    probing: tuple[ProbeRun, ...]
