"""Meters of circuits: how they are read, what they tell, a reading for trial, readings that are pushed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody
from msgspec import structs

from ...model.events import CircuitMetered
from ...site.meters import MeterConfigError, MeterTrouble, Reading
from ...site.meters.trial import Trial
from ...site.modbus import load_map, map_names
from ...site.modbus.registers import MapTrouble
from ...site.safe import HIDDEN
from ..context import SiteRuntime
from ..errors import conflict, invalid
from ..views_meters import (
    MeterChange,
    MeterConfigChange,
    MeterMapView,
    MeterReadingView,
    MeterTestRequest,
    MeterTestView,
    MeterView,
)
from .names import Api, Who, circuit_of, on_request, site_of

CLOCK_TOLERANCE = timedelta(seconds=60)
_HERE = "/{site_id:str}/circuits/{circuit_id:str}/meter"


@contextmanager
def on_meter() -> Iterator[None]:
    """A configuration that can't be is a 422 that names its field."""
    with on_request():
        try:
            yield
        except MeterConfigError as problem:
            raise invalid(f"meter.{problem.field}", f"{problem.text}.", "See docs/meters.md.") from None


def reading_view(reading: Reading | CircuitMetered) -> MeterReadingView:
    """A reading as the API shows it."""
    return MeterReadingView(
        at=reading.at,
        current_a=reading.current_a,
        power_w=reading.power_w,
        voltage_v=reading.voltage_v,
        import_wh=reading.import_wh,
        export_wh=reading.export_wh,
    )


def test_view(trial: Trial) -> MeterTestView:
    """A trial as the API shows it."""
    return MeterTestView(
        usable=trial.reading is not None,
        words=trial.words,
        reading=None if trial.reading is None else reading_view(trial.reading),
        fault=trial.fault,
    )


def meter_view(runtime: SiteRuntime, circuit_id: str) -> MeterView:
    """A circuit's meter as it stands now."""
    circuit = circuit_of(runtime, circuit_id)
    told, failed = runtime.meter_told(circuit_id)
    report = runtime.meter_report(circuit_id)
    meter = circuit.meter
    if meter is not None and meter.password:
        meter = structs.replace(meter, password=HIDDEN)
    state = next(view.meter_state for view in runtime.view().circuits if view.circuit_id == circuit_id)
    if meter is None:
        state = "none"
    elif state == "none":  # the view is of the tick before
        state = "dead" if told is None else "fresh"
    return MeterView(
        circuit_id=circuit_id,
        meter=meter,
        state=state,
        reading=None if told is None else reading_view(told),
        fault=None if failed is None else failed.fault,
        fault_text=None if failed is None else failed.text,
        fault_since=None if failed is None else failed.at,
        phases=None if report is None else report.text,
        seen_phases=None if report is None else report.order,
    )


@get(_HERE, summary="A circuit's meter")
async def get_meter(api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str]) -> MeterView:
    """How it is read, what it told last, why that can't be used, and whether its phases are in order."""
    return meter_view(site_of(api, who, site_id), circuit_id)


@put(_HERE, opt={"permission": "operate"}, summary="Give a circuit a meter")
async def put_meter(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[MeterConfigChange]
) -> MeterView:
    """Reads it once, keeps it, and goes on with that reading. 409 with what it told where that can't be used:
    `unproven` keeps it all the same.
    """
    runtime = site_of(api, who, site_id)
    circuit_of(runtime, circuit_id)
    with on_meter():
        trial = None
        if data.meter.protocol != "push":
            trial = await runtime.try_meter(circuit_id, data.meter)
            if trial.reading is None and not data.unproven:
                raise conflict(
                    " ".join(trial.words),
                    "Set it right, or send `unproven`: cars wait until it tells something.",
                )
        await runtime.configure_meter(circuit_id, data.meter, who.actor, trial)
    return meter_view(runtime, circuit_id)


@delete(_HERE, opt={"permission": "operate"}, status_code=200, summary="Take a circuit's meter away")
async def delete_meter(api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str]) -> MeterView:
    """The circuit's `reserve_a` counts as its base load from then on."""
    runtime = site_of(api, who, site_id)
    circuit_of(runtime, circuit_id)
    with on_meter():
        await runtime.configure_meter(circuit_id, None, who.actor, None)
    return meter_view(runtime, circuit_id)


@post(
    f"{_HERE}/test",
    opt={"permission": "operate"},
    status_code=200,
    summary="Read a circuit's meter for trial",
)
async def post_test(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[MeterTestRequest]
) -> MeterTestView:
    """Connects, waits for one reading (20 s at most), tells phase by phase what it saw. Changes nothing."""
    runtime = site_of(api, who, site_id)
    circuit_of(runtime, circuit_id)
    with on_meter():
        return test_view(await runtime.try_meter(circuit_id, data.meter))


@post(
    _HERE,
    opt={"permission": "operate"},
    status_code=204,
    summary="Push a reading of a circuit's meter",
)
async def post_meter(
    api: Api, who: Who, site_id: FromPath[str], circuit_id: FromPath[str], data: JSONBody[MeterChange]
) -> None:
    """For circuits whose meter is configured as `push`."""
    runtime = site_of(api, who, site_id)
    circuit = circuit_of(runtime, circuit_id)
    if circuit.meter is None or circuit.meter.protocol != "push":
        how = "has no meter" if circuit.meter is None else f"is read by {circuit.meter.protocol}"
        raise conflict(f"{circuit.name} {how}.", "Configure its meter as `push` to send readings here.")
    now = api.clock.now()
    at = data.at or now
    if at > now + CLOCK_TOLERANCE:
        raise invalid(
            "at", f"{at.isoformat()} is in the future (now: {now.isoformat()}).", "Set the sender's clock."
        )
    try:
        runtime.record_meter(circuit_id, data.current_a, at, data.power_w, data.voltage_v)
    except MeterTrouble as trouble:
        raise invalid("current_a", f"The reading can't be used ({trouble.fault}): {trouble}.") from None


@get("/", summary="Register maps of Modbus meters")
async def list_maps(api: Api, who: Who) -> list[MeterMapView]:
    """Those that are shipped, and the site's own; one that can't be read is left out."""
    views = []
    for name in map_names(api.meter_maps):
        try:
            found = load_map(name, api.meter_maps)
        except MapTrouble:
            continue
        tells = tuple(register.name for register in found.registers)
        views.append(MeterMapView(map=name, name=found.name, source=found.source, tells=tells))
    return views


router = Router(
    "/sites",
    tags=["meters"],
    route_handlers=[get_meter, put_meter, delete_meter, post_test, post_meter],
)
maps = Router("/meter-maps", tags=["meters"], route_handlers=[list_maps])
