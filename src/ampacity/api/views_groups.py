"""What the API takes and gives of groups of sites."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ..model.groups import GroupMember
from ..model.phases import PerPhase
from ..model.site import Circuit
from .views import Word


class GroupChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group as it shall be: a tree of circuits and the sites below them (`SiteGroup`). Limits of its
    circuits have a source, and may have an end and a fallback."""

    name: Word
    circuits: Annotated[tuple[Circuit, ...], Meta(min_length=1, max_length=100)]
    members: Annotated[tuple[GroupMember, ...], Meta(min_length=1, max_length=1000)]
    voltage_v: Annotated[float, Meta(gt=0, le=100_000)] = 230.0
    lease_s: float = 30.0
    settle_s: float = 720.0


class GroupReading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reading of a circuit's meter, import positive, taken now; `power_w` of all phases together."""

    current_a: PerPhase
    power_w: float | None = None
