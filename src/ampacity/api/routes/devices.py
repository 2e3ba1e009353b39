"""Batteries, inverters and heat loads of a site: how they stand, how they are set up."""

from __future__ import annotations

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody

from ...model.devices import Device, trouble
from ...model.live import DeviceView
from ...site.devices.trial import DeviceTrial
from ..errors import invalid
from .names import Api, Who, on_request, site_of

_ONE = "/{site_id:str}/devices/{device_id:str}"


@get("/{site_id:str}/devices", summary="A site's batteries, inverters and heat loads")
async def list_devices(api: Api, who: Who, site_id: FromPath[str]) -> list[DeviceView]:
    """How each stands now: what it draws, what it was told, what it says that it follows, its alarms."""
    return list(site_of(api, who, site_id).device_views())


@get(_ONE, summary="How a device is set up")
async def get_device(api: Api, who: Who, site_id: FromPath[str], device_id: FromPath[str]) -> Device:
    """Its configuration (docs/devices.md)."""
    site = site_of(api, who, site_id).site
    with on_request():
        for device in site.devices:
            if device.device_id == device_id:
                return device
        raise LookupError(f"site {site_id!r} has no device {device_id!r}")


@put(_ONE, opt={"permission": "operate"}, summary="Set up a device")
async def put_device(
    api: Api, who: Who, site_id: FromPath[str], device_id: FromPath[str], data: JSONBody[Device]
) -> Device:
    """Adds it or takes the place of the one with its id; it counts with the next tick."""
    runtime = site_of(api, who, site_id)
    if data.device_id != device_id:
        raise invalid("device_id", f"{data.device_id} is not {device_id}.", "Name the same device twice.")
    wrong = trouble(data)
    if wrong is not None:
        raise invalid("device", f"{wrong}.", "See docs/devices.md.")
    with on_request():
        await runtime.set_device(device_id, data, who.actor)
    return data


@post(f"{_ONE}/test", opt={"permission": "operate"}, status_code=200, summary="Read a device for trial")
async def post_test(
    api: Api, who: Who, site_id: FromPath[str], device_id: FromPath[str], data: JSONBody[Device]
) -> DeviceTrial:
    """Connects, reads once, tells in words what it saw. Writes nothing to it, changes nothing."""
    with on_request():
        return await site_of(api, who, site_id).try_device(data)


@delete(_ONE, opt={"permission": "operate"}, summary="Forget a device")
async def delete_device(api: Api, who: Who, site_id: FromPath[str], device_id: FromPath[str]) -> None:
    """It is left in its safe state first. What it draws is then part of the building."""
    with on_request():
        await site_of(api, who, site_id).set_device(device_id, None, who.actor)


@post(_ONE + "/take-over", opt={"permission": "operate"}, summary="Command a device again")
async def post_take_over(
    api: Api, who: Who, site_id: FromPath[str], device_id: FromPath[str]
) -> list[DeviceView]:
    """After another master was found at it and has been stopped."""
    runtime = site_of(api, who, site_id)
    with on_request():
        await runtime.take_over_device(device_id, who.actor)
    return list(runtime.device_views())


router = Router(
    "/sites",
    tags=["devices"],
    route_handlers=[list_devices, get_device, put_device, post_test, delete_device, post_take_over],
)
