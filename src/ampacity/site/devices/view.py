"""What people see of a site's devices."""

from __future__ import annotations

from ...model.live import DeviceView
from ...model.site import Site
from .running import SiteDevices


def device_views(site: Site, devices: SiteDevices, at: float) -> tuple[DeviceView, ...]:
    """All devices of a site now."""
    views = []
    for device in site.devices:
        runner = devices.runners.get(device.device_id)
        told = None if runner is None else runner.duty.told
        state = None if runner is None else runner.duty.state(at)
        alarms = [devices.wrong[device.device_id]] if device.device_id in devices.wrong else []
        if runner is not None:
            alarms += runner.duty.alarms.values()
            if runner.failure is not None:
                alarms.append(runner.failure)
            if device.commanded and told is not None and not runner.duty.is_master(at):
                alarms.append("another program commands it")
        views.append(
            DeviceView(
                device_id=device.device_id,
                name=device.name,
                kind=device.kind,
                circuit_id=device.circuit_id,
                online=state is not None and state.online,
                commanded=device.commanded,
                steered=state is not None and state.steered,
                power_w=None if told is None else told.power_w,
                soc_percent=None if told is None else told.soc_percent,
                command_w=None if runner is None else runner.duty.command_w,
                stated_w=None if told is None else told.command_w,
                generation_w=None if told is None else told.generation_w,
                state="" if told is None else told.state,
                alarms=tuple(alarms),
            )
        )
    return tuple(views)
