"""Devices of a site, and that one program at a time commands each."""

from __future__ import annotations

from datetime import timedelta

from msgspec import structs

from ampacity.model.devices import Device
from ampacity.store import Store, devices, sites

from .conftest import NOON as AT
from .conftest import OPERATOR
from .test_sites import DEPOT

BATTERY = Device(device_id="b1", kind="battery", circuit_id="grid", draw_w=5e3, feed_w=5e3, phases=(0,))
HEAT = Device(device_id="h1", kind="heat", circuit_id="garage", draw_w=6e3, levels_w=(0.0, 6e3))
MINUTE = timedelta(minutes=1)


async def test_devices_come_back_as_they_were(store: Store) -> None:
    built = structs.replace(DEPOT, devices=(BATTERY,))
    await store.write(lambda c: sites.save_site(c, built, AT))
    loaded = await store.read(lambda c: sites.load_site(c, OPERATOR, DEPOT.site_id, AT))
    assert loaded is not None
    assert loaded.devices == (BATTERY,)
    assert await store.write(lambda c: devices.save_device(c, OPERATOR, DEPOT.site_id, HEAT))
    changed = structs.replace(BATTERY, min_soc_percent=20.0)
    assert await store.write(lambda c: devices.save_device(c, OPERATOR, DEPOT.site_id, changed))
    assert await store.read(lambda c: devices.list_devices(c, OPERATOR, DEPOT.site_id)) == (changed, HEAT)
    assert await store.write(lambda c: devices.remove_device(c, OPERATOR, DEPOT.site_id, "b1"))
    assert not await store.write(lambda c: devices.remove_device(c, OPERATOR, DEPOT.site_id, "b1"))
    assert await store.read(lambda c: devices.list_devices(c, OPERATOR, DEPOT.site_id)) == (HEAT,)
    assert not await store.write(lambda c: devices.save_device(c, OPERATOR, "nowhere", HEAT))


async def test_one_master_at_a_time_and_epochs_only_grow(store: Store) -> None:
    async def take(holder: str, minutes: float) -> int | None:
        now = AT + minutes * MINUTE
        return await store.write(
            lambda c: devices.take_device(c, OPERATOR, "s", "b1", holder, now, now + MINUTE)
        )

    assert await take("one", 0) == 1
    assert await take("two", 0.5) is None
    assert await take("one", 0.9) == 1, "a renewal keeps the epoch"
    assert await take("two", 1.5) is None
    assert await take("two", 2.0) == 2
    assert await take("one", 2.1) is None
    await store.write(lambda c: devices.leave_device(c, OPERATOR, "s", "b1", "one", AT + 2.2 * MINUTE))
    assert await take("one", 2.3) is None, "who is not the master can't give it away"
    await store.write(lambda c: devices.leave_device(c, OPERATOR, "s", "b1", "two", AT + 2.4 * MINUTE))
    assert await take("one", 2.5) == 3
    assert await store.read(lambda c: devices.master_of(c, OPERATOR, "s", "b1")) == ("one", 3)
