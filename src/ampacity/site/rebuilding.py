"""A site built anew while it works: circuits and EVSEs come, go and change, and cars charge on.

What stays keeps what is known of it. An EVSE whose safe current, rating or wiring has changed is held until
its station holds the new base profile and has told so; until then the higher of both safe currents counts. A
new one is reserved at its maximum until it has been proven, like after a start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from ..model.live import SitePoint, UnattendedSum
from ..model.site import Circuit, Site
from . import form_changes, paper
from .assessment import Assessor
from .devices import SiteDevices
from .form import FormError, check_form
from .introductions import Introductions
from .live_site import Commander, LiveSite
from .meters.running import SiteMeters
from .prover import Prover
from .records import SiteRecords
from .safe import Safe, hidden, resealed


class Builder:
    """Changes the form of one site. `told` is called when it has changed."""

    def __init__(
        self,
        live_site: LiveSite,
        records: SiteRecords,
        commander: Commander,
        introductions: Introductions,
        assessor: Assessor,
        prover: Prover,
        meters: SiteMeters,
        devices: SiteDevices,
        safe: Safe,
        told: Callable[[], None],
    ) -> None:
        self._live, self._records, self._commander = live_site, records, commander
        self._introductions, self._assessor, self._prover = introductions, assessor, prover
        self._meters, self._devices, self._safe, self._told = meters, devices, safe, told

    @property
    def maps(self) -> Path | None:
        """Where the site's own register maps are."""
        return self._meters.maps

    @property
    def form(self) -> Site:
        """The site with its limits of now, as it may be shown."""
        return hidden(self._with_limits())

    @property
    def mark(self) -> str:
        """Names this form: another one has another mark."""
        bare = structs.replace(self._live.site, operator_id="")
        return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16]

    def look_at(self, wanted: Site) -> tuple[tuple[SitePoint, ...], tuple[UnattendedSum, ...]]:
        """What a person should know of a form before it is used, and what its circuits carry unattended.
        Raises FormError where it can't be."""
        self._check(wanted)
        worst_a = self._assessor.worst_base_a()
        found = paper.points(wanted, worst_a)
        if self._live.site.commissioned:
            loosened = form_changes.unproven(self._live.site, wanted)
            if loosened:
                found = (*found, paper.back_to_start(loosened))
        return found, paper.sums(wanted, worst_a)

    async def rebuild(self, wanted: Site, actor: str, based_on: str | None = None) -> None:
        """Use this form from now on. Limits that it names are set, others stay.

        FormError where it can't be; ValueError where it can't be now: a car charges at an EVSE that goes, the
        site is being assessed, another site has a station, or somebody was quicker (`based_on`: the mark of
        the form that this one was made from).
        """
        async with self._live.changing:
            before = self._live.site
            if based_on is not None and based_on != self.mark:
                raise ValueError(
                    f"site {before.site_id!r} was changed by somebody else meanwhile: look at it again, then "
                    "repeat the change"
                )
            self._check(wanted)
            after = resealed(wanted, before, self._safe)
            self._check_quiet(after)
            if after.commissioned and not before.commissioned:
                raise ValueError(
                    f"site {before.site_id!r} is not commissioned: accept its assessment instead"
                )
            loosened = bool(form_changes.unproven(before, after))
            if loosened:
                after = structs.replace(after, commissioned=False)
            here, gone = _stations(after), _stations(before) - _stations(after)
            taken = await self._records.stations_elsewhere(here)
            if taken:
                station_id, site_id = next(iter(taken.items()))
                raise ValueError(f"station {station_id!r} stands at site {site_id!r}: remove it there first")
            changes = form_changes.differences(before, after) | self._limits_named(after)
            circuits_gone = _circuit_ids(before) - _circuit_ids(after)
            await self._records.rebuild(after, gone, circuits_gone, changes, actor)
            try:
                self._check_quiet(after)
            except ValueError:
                # A car has come while it was written.
                undone = form_changes.differences(after, before)
                new = _circuit_ids(after) - _circuit_ids(before)
                await self._records.rebuild(
                    self._with_limits(), _stations(after) - _stations(before), new, undone, actor
                )
                raise
            if loosened:
                await self._assessor.site_changed(actor)
            self._commander.settle(after, gone)
            await self._take(before, after)

    def _check(self, wanted: Site) -> None:
        site_id = self._live.site.site_id
        if wanted.site_id != site_id:
            raise FormError("site_id", f"{wanted.site_id!r} is not {site_id!r}: a site keeps its id")
        check_form(wanted, self.maps)

    def _check_quiet(self, after: Site) -> None:
        site_id = after.site_id
        if self._assessor.running or self._prover.probing:
            raise ValueError(f"site {site_id!r} is being assessed or probed: wait for the end, or cancel it")
        stay = {evse.key for evse in after.evses}
        for key, live in self._live.evses.items():
            if key not in stay and live.transaction is not None:
                raise ValueError(
                    f"a car charges at EVSE {key[1]} of station {key[0]!r}: end its session first, then "
                    "remove the EVSE"
                )

    async def _take(self, before: Site, after: Site) -> None:
        known = {circuit.circuit_id: _as_read(circuit, before) for circuit in before.circuits}
        changed = [
            circuit.circuit_id
            for circuit in after.circuits
            if _as_read(circuit, after) != known.get(circuit.circuit_id)
        ]
        look_again = self._live.rebuild(after)
        for circuit_id in {*changed, *(_circuit_ids(before) - _circuit_ids(after))}:
            self._meters.follow(circuit_id)
        devices = {device.device_id: device for device in before.devices}
        for device in after.devices:
            if devices.pop(device.device_id, None) != device:
                await self._devices.replace(device.device_id, device)
        for device_id in devices:
            await self._devices.replace(device_id, None)
        for station_id in look_again:
            self._introductions.look_again(station_id)
        self._told()
        self._live.wake()

    def _limits_named(self, after: Site) -> dict[str, Any]:
        """The limits of a form that are not in force, for the audit."""
        known = self._live.limits
        return {
            f"circuit {circuit.circuit_id}.limit of {limit.source}": structs.asdict(limit)
            for circuit in after.circuits
            for limit in circuit.limits
            if known.get(circuit.circuit_id, {}).get(limit.source) != limit
        }

    def _with_limits(self) -> Site:
        limits = self._live.limits
        circuits = tuple(
            structs.replace(circuit, limits=tuple(limits[circuit.circuit_id].values()))
            for circuit in self._live.site.circuits
        )
        return structs.replace(self._live.site, circuits=circuits)


def _as_read(circuit: Circuit, site: Site) -> tuple[object, ...]:
    """What the reading of a circuit's meter depends on."""
    return circuit.meter, circuit.rating_a, circuit.name, site.voltage_v


def _stations(site: Site) -> set[str]:
    return {evse.station_id for evse in site.evses}


def _circuit_ids(site: Site) -> set[str]:
    return {circuit.circuit_id for circuit in site.circuits}
