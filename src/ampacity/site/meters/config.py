"""Whether a meter's configuration makes sense, said where it is entered and not when it is first read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ...model.site import Circuit, MeterConfig, Site
from ..modbus import ModbusAddress
from ..units import factor
from .json_path import parse
from .modbus import meter_map, sunspec_number
from .ocpp import station_of
from .source import tls_context

SHORTEST_S: Final = 0.5
LONGEST_S: Final = 3600.0


class MeterConfigError(ValueError):
    """A meter can't be read like this: `field` names what is wrong, the text what would be right."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")
        self.field, self.text = field, text


def check_config(config: MeterConfig, maps: Path | None = None) -> None:
    """Raises MeterConfigError."""
    if not SHORTEST_S <= config.interval_s <= LONGEST_S:
        raise MeterConfigError(
            "interval_s", f"{config.interval_s:g} s: {SHORTEST_S:g} to {LONGEST_S:g} s are right"
        )
    phases = config.phases
    if not 1 <= len(phases) <= 3 or len(set(phases)) != len(phases) or not set(phases) <= {0, 1, 2}:
        raise MeterConfigError("phases", f"{list(phases)}: one to three of 0, 1, 2, each once, is right")
    try:
        _check_way(config, maps)
    except MeterConfigError:
        raise
    except ValueError as problem:
        raise MeterConfigError("map" if "map" in str(problem)[:20] else "address", str(problem)) from None
    try:
        tls_context(config.ca_pem) if config.ca_pem else None
    except ValueError as problem:
        raise MeterConfigError("ca_pem", str(problem)) from None


def check_meter(site: Site, circuit: Circuit, config: MeterConfig, maps: Path | None = None) -> None:
    """The same, and whether the meter sees every phase that EVSEs load. Raises MeterConfigError."""
    check_config(config, maps)
    loaded = _loaded(site, circuit.circuit_id)
    if not loaded <= set(config.phases):
        missing = ", ".join(f"L{phase + 1}" for phase in sorted(loaded - set(config.phases)))
        raise MeterConfigError(
            "phases",
            f"EVSEs of {circuit.circuit_id} load {missing}, which the meter does not see: measure it too",
        )


def _loaded(site: Site, circuit_id: str) -> set[int]:
    """Phases of a circuit that EVSEs in it or below load."""
    found = {phase for evse in site.evses if evse.circuit_id == circuit_id for phase in evse.phases}
    for child in site.circuits:
        if child.parent_id == circuit_id:
            found |= {child.rotation[phase] for phase in _loaded(site, child.circuit_id)}
    return found


def _check_way(config: MeterConfig, maps: Path | None) -> None:
    match config.protocol:
        case "modbus-tcp":
            ModbusAddress.parse(config.address)
            if config.map and not sunspec_number(config.map):
                told = {register.name for register in meter_map(config.map, maps).registers}
                _check_currents(config, told, "map")
        case "p1":
            _check_host(config.address)
        case "ocpp":
            station_of(config.address)
        case "http":
            where = urlsplit(config.address)
            if where.scheme not in ("http", "https") or not where.hostname or where.username:
                raise MeterConfigError(
                    "address", f"{config.address!r}: http://host/path is right, user apart"
                )
            _check_values(config)
        case "mqtt":
            where = urlsplit(config.address)
            if where.scheme not in ("mqtt", "mqtts") or not where.hostname or where.username:
                raise MeterConfigError(
                    "address", f"{config.address!r}: mqtts://host:8883 is right, user apart"
                )
            for topic in (config.topic, config.status_topic, *(value.topic for value in config.values)):
                if "#" in topic or "+" in topic:
                    raise MeterConfigError("topic", f"{topic!r} has a wildcard: name each topic")
            if not config.topic and any(not value.topic for value in config.values):
                raise MeterConfigError("topic", "a value has no topic and the meter neither: name one")
            _check_values(config)
        case "push":
            return


def _check_values(config: MeterConfig) -> None:
    for value in config.values:
        try:
            parse(value.path)
            if not (value.name == "time" and value.unit == "iso"):
                factor(value.unit)
        except ValueError as problem:
            raise MeterConfigError(f"values.{value.name}", str(problem)) from None
    _check_currents(config, {value.name for value in config.values}, "values")


def _check_currents(config: MeterConfig, told: Iterable[str], field: str) -> None:
    known = set(told)
    missing = [name for line in range(len(config.phases)) if (name := f"current_l{line + 1}") not in known]
    if missing:
        raise MeterConfigError(field, f"{', '.join(missing)} are needed: amperes are what a fuse knows")


def _check_host(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"meter address {address!r} can't be read: write host:port, e.g. 10.0.0.5:8088")
