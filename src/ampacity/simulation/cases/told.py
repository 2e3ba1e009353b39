"""What the law was told, tick by tick, as the document of a case, and snapshots from it again.

Who finds the law doing something odd (a property test, the model checker, a site's own recorder) writes down
the snapshots. Each tick is a merge patch of the one before, so that only news is written. Numbers that JSON
doesn't have are the texts `nan`, `inf` and `-inf`; what has its default is left out. Times are the law's own
(monotonic site seconds; `epoch_s` is the clock's), so that what is played again is the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from ampacity.control.settings import DEFAULTS, ControlSettings
from ampacity.control.types import CircuitState, DeviceState, EvseState, Snapshot
from ampacity.model.site import EvseKey, Site

from .document import FORM, CaseError, Json, difference, merged, name_of, site_of

_HEADS = ("at", "epoch_s", "happened")
T = TypeVar("T")


def told_case(
    snapshots: Iterable[Snapshot],
    settings: ControlSettings = DEFAULTS,
    *,
    title: str = "what the law was told",
    claims: Sequence[Json] = (),
    broken: str = "",
    happened: Sequence[Sequence[str]] = (),
) -> Json:
    """Snapshots in their order as a case. `broken`: what is known to be wrong with it, `happened`: by tick,
    in words. Raises ValueError for no snapshot at all."""
    ticks: list[Json] = []
    site: Json = {}
    named: Json = {}
    before: Json = {}
    for number, snapshot in enumerate(snapshots):
        after = {"site": _plain_site(snapshot.site), **_plain_news(snapshot)}
        if not ticks:
            site = named = after["site"]
        tick: Json = {"at": snapshot.at, "epoch_s": snapshot.epoch_s}
        tick |= difference(before, {name: value for name, value in after.items() if name != "site"})
        if after["site"] != named:
            tick["site"] = difference(named, after["site"])
        if number < len(happened):
            tick["happened"] = list(happened[number])
        before = {name: value for name, value in after.items() if name != "site"}
        named = after["site"]
        ticks.append(tick)
    if not ticks:
        raise ValueError("a case needs one snapshot at least")
    case: Json = {"form": FORM, "title": title, "site": site, "settings": _plain(settings), "told": ticks}
    if claims:
        case["claims"] = list(claims)
    if broken:
        case["broken"] = broken
    return case


def snapshots_of(case: Json) -> Iterator[Snapshot]:
    """What the law is told. Raises `CaseError` where a tick is none."""
    named: Json = case["site"]
    site = site_of(named)
    now: Json = {}
    for number, tick in enumerate(case["told"]):
        try:
            if "site" in tick:
                named = merged(named, tick["site"])
                site = site_of(named)
            now = merged(now, {k: v for k, v in tick.items() if k not in (*_HEADS, "site")})
            yield _snapshot(site, now, tick)
        except (KeyError, TypeError, AttributeError, msgspec.ValidationError) as problem:
            raise CaseError(f"told[{number}]: {problem!r}: see docs/cases.md") from None


def _snapshot(site: Site, now: Json, tick: Json) -> Snapshot:
    keys: dict[str, EvseKey] = {name_of(evse.key): evse.key for evse in site.evses}
    return Snapshot(
        site=site,
        circuits={
            name: _read({"circuit_id": name, **told}, CircuitState)
            for name, told in now.get("circuits", {}).items()
        },
        evses={
            keys[name]: _read({"key": keys[name], "online": False, "proven": False, **told}, EvseState)
            for name, told in now.get("evses", {}).items()
        },
        devices={
            name: _read({"device_id": name, **told}, DeviceState)
            for name, told in now.get("devices", {}).items()
        },
        mode=now.get("mode", "normal"),
        at=_read(tick["at"], float),
        epoch_s=_read(tick["epoch_s"], float),
    )


def _read(document: Any, kind: type[T]) -> T:
    return msgspec.convert(document, kind, strict=False)


def _plain_news(snapshot: Snapshot) -> Json:
    return {
        "circuits": {name: _without(_plain(c), "circuit_id") for name, c in snapshot.circuits.items()},
        "evses": {name_of(key): _without(_plain(e), "key") for key, e in snapshot.evses.items()},
        "devices": {name: _without(_plain(d), "device_id") for name, d in snapshot.devices.items()},
        "mode": snapshot.mode,
    }


def _plain_site(site: Site) -> Json:
    told: Json = _plain(site)
    told["circuits"] = {c.circuit_id: _without(_plain(c), "circuit_id") for c in site.circuits}
    told["evses"] = {
        name_of(e.key): _without(_plain(e), *(("station_id", "evse_id") if e.evse_id == 1 else ()))
        for e in site.evses
    }
    told["devices"] = {d.device_id: _without(_plain(d), "device_id") for d in site.devices}
    return told


def _without(told: Json, *names: str) -> Json:
    return {name: value for name, value in told.items() if name not in names}


def _plain(value: Any) -> Any:
    """As JSON has it, defaults left out."""
    if isinstance(value, Struct):
        return {
            field.encode_name: _plain(got)
            for field in fields(value)
            for got in [getattr(value, field.name)]
            if field.required or not _is_default(field.default, field.default_factory, got)
        }
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _is_default(default: Any, factory: Any, got: Any) -> bool:
    if default is not NODEFAULT:
        return bool(default == got)
    return factory is not NODEFAULT and bool(factory() == got)
