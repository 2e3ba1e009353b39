"""A recorded run of the control law: what it was told tick by tick, as JSON, and run through it again.

Who finds the law doing something odd (a property test, a site's own recorder) writes down the snapshots; here
they go through `control.law.step` once more, which gives the same decisions, because the law is a pure
function of them.

The file: `form` 1, `site`, `settings`, and `ticks`, each with `at`, `epoch_s`, `circuits` and `evses` as the
law's types have them (`control.types`). A tick with a `site` of its own changes the site from there on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from ampacity.control.check import reservation_excess
from ampacity.control.law import step
from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.state import START
from ampacity.control.topology import TopologyError
from ampacity.control.types import CircuitPhase, CircuitState, Decision, EvseState, Snapshot
from ampacity.model.site import Site


class Tick(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the law was told at one instant; `site` only where it changed."""

    at: float
    epoch_s: float
    circuits: tuple[CircuitState, ...] = ()
    evses: tuple[EvseState, ...] = ()
    site: Site | None = None


class Recording(Struct, frozen=True, kw_only=True):
    """A site, the law's settings, and what it was told."""

    form: Literal[1]
    site: Site
    settings: ControlSettings
    ticks: tuple[Tick, ...]


class Replayed(Struct, frozen=True, kw_only=True):
    """One tick again: what the law saw and said, and where that promises more than a circuit carries."""

    snapshot: Snapshot
    decision: Decision
    excess: dict[CircuitPhase, float]


class RecordingError(ValueError):
    """A file that is no recording; the message names file, place, fault and remedy."""


def record(snapshots: Iterable[Snapshot], settings: ControlSettings = DEFAULTS) -> bytes:
    """Snapshots in their order as a recording. Raises ValueError for none at all."""
    ticks: list[Tick] = []
    first: Site | None = None
    site: Site | None = None
    for snapshot in snapshots:
        changed = site is not None and snapshot.site is not site and snapshot.site != site
        site = snapshot.site
        first = first or site
        ticks.append(
            Tick(
                at=snapshot.at,
                epoch_s=snapshot.epoch_s,
                circuits=tuple(snapshot.circuits.values()),
                evses=tuple(snapshot.evses.values()),
                site=site if changed else None,
            )
        )
    if first is None:
        raise ValueError("a recording needs one snapshot at least")
    return msgspec.json.encode(Recording(form=1, site=first, settings=settings, ticks=tuple(ticks)))


def read_recording(path: Path) -> Recording:
    """A recording from its file. Raises RecordingError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Recording)
    except OSError as problem:
        raise RecordingError(f"{path} can't be read: {problem.strerror}; give a recording's path") from None
    except msgspec.DecodeError as problem:
        raise RecordingError(
            f"{path} is no recording of the control law: {problem}; see docs/scenarios.md for the form"
        ) from None


def replay(recording: Recording) -> Iterator[Replayed]:
    """Each tick through the law, one after the other. Raises RecordingError where the site is no tree."""
    state, site = START, recording.site
    for tick in recording.ticks:
        site = tick.site or site
        snapshot = Snapshot(
            site=site,
            circuits={circuit.circuit_id: circuit for circuit in tick.circuits},
            evses={evse.key: evse for evse in tick.evses},
            at=tick.at,
            epoch_s=tick.epoch_s,
        )
        try:
            state, decision = step(state, snapshot, recording.settings)
        except TopologyError as problem:
            raise RecordingError(f"at {tick.at:g} s: {problem}") from None
        excess = reservation_excess(snapshot, decision)
        allowed = {row: over for row, over in excess.items() if row not in decision.overcommitted}
        yield Replayed(snapshot=snapshot, decision=decision, excess=allowed)
