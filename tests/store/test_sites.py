"""Sites come back as they went in; limits keep their history."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from ampacity.model.protection import (
    DemandWindow,
    HotSpotModel,
    LimitPiece,
    SignalSource,
    TemperatureSensor,
)
from ampacity.model.site import UNLIMITED_A, Cabinet, Circuit, Evse, LimitSource, MeterConfig, Site
from ampacity.store import Store, sites, stations

from .conftest import NOON, OPERATOR

DEPOT = Site(
    site_id="depot",
    operator_id=OPERATOR,
    name="Depot Ost",
    time_zone="Europe/Berlin",
    circuits=(
        Circuit(
            circuit_id="grid",
            name="Grid",
            rating_a=250.0,
            limits=(LimitSource(limit_a=150.0, source="contract"),),
            meter=MeterConfig(protocol="modbus-tcp", address="10.0.0.9:502/1"),
            reserve_a=40.0,
        ),
        Circuit(
            circuit_id="garage",
            name="Garage",
            rating_a=63.0,
            parent_id="grid",
            rotation=(1, 2, 0),
            rating_w=40_000.0,
            rating_va=43_000.0,
            neutral_a=50.0,
            unbalance_a=18.0,
            generation_a=32.0,
            export_a=40.0,
            sensors=(TemperatureSensor(sensor_id="cable", points=((60.0, 1.0), (80.0, 0.5))),),
            hot_spot=HotSpotModel(rated_a=120.0, ambient_c=35.0),
            demand=DemandWindow(limit_w=30_000.0),
            signals=(SignalSource(source="grid operator", failsafe_a=16.0),),
        ),
    ),
    evses=(
        Evse(
            station_id="CP2",
            evse_id=1,
            circuit_id="garage",
            phases=(2, 0, 1),
            priority=2,
            label="Tor 1",
            sensors=(TemperatureSensor(sensor_id="plug", points=((70.0, 1.0), (90.0, 0.0))),),
        ),
        Evse(station_id="CP1", evse_id=1, circuit_id="grid", phases=(1,), max_a=16.0, weight=2.0),
        Evse(
            station_id="CP1",
            evse_id=2,
            circuit_id="grid",
            phases=(0, 1, 2),
            dc_power_w=50_000.0,
            cabinet_id="hall",
        ),
        Evse(station_id="CP3", evse_id=1, circuit_id="grid", phases=(0, 1), line_to_line=True),
    ),
    strategy="static",
    supply="delta",
    cabinets=(Cabinet(cabinet_id="hall", modules=6, module_w=30_000.0, move_s=2.0),),
)


async def load(store: Store, at: datetime = NOON) -> Site | None:
    return await store.read(lambda connection: sites.load_site(connection, OPERATOR, "depot", at))


async def save(store: Store, site: Site, at: datetime = NOON) -> None:
    await store.write(lambda connection: sites.save_site(connection, site, at, "user:ada"))


async def test_a_site_comes_back_as_it_went_in(store: Store) -> None:
    await save(store, DEPOT)
    assert await load(store) == DEPOT
    assert await store.read(lambda connection: sites.list_sites(connection, OPERATOR, NOON)) == [DEPOT]
    assert await store.read(lambda connection: sites.list_sites(connection, "other", NOON)) == []


async def test_a_schedule_of_limits_comes_back(store: Store) -> None:
    await save(store, DEPOT)
    noon = NOON.timestamp()
    pieces = (
        LimitPiece(valid_from=noon, valid_until=noon + 900.0, limit_a=80.0),
        LimitPiece(valid_from=noon + 900.0, valid_until=noon + 1800.0, limit_w=30_000.0),
    )
    limit = LimitSource(limit_a=200.0, source="grid operator", valid_until=noon + 3600.0, pieces=pieces)
    await store.write(
        lambda connection: sites.set_limit(connection, OPERATOR, "depot", "garage", limit, "user:ada", NOON)
    )
    found = await store.read(lambda connection: sites.limits_in_force(connection, OPERATOR, "depot", NOON))
    assert found["garage"] == (limit,)


async def test_its_stations_are_known_and_may_connect(store: Store) -> None:
    await save(store, DEPOT)
    known = await store.read(lambda connection: stations.list_stations(connection, OPERATOR, "depot"))
    assert [station.station_id for station in known] == ["CP1", "CP2", "CP3"]
    assert not known[0].auto_registered


async def test_saving_again_replaces_circuits_and_keeps_limits(store: Store) -> None:
    await save(store, DEPOT)
    smaller = msgspec.structs.replace(DEPOT, circuits=DEPOT.circuits[:1], evses=DEPOT.evses[1:2])
    await save(store, smaller, NOON + timedelta(hours=1))
    assert await load(store, NOON + timedelta(hours=1)) == smaller
    history = await store.read(lambda connection: sites.limit_history(connection, OPERATOR, "depot"))
    assert len(history) == 1
    assert history[0].set_at == NOON


async def test_a_new_limit_of_a_source_withdraws_the_former(store: Store) -> None:
    await save(store, DEPOT)
    later = NOON + timedelta(minutes=5)
    until = (NOON + timedelta(minutes=30)).timestamp()
    lowered = LimitSource(limit_a=80.0, source="contract", valid_until=until, fallback_a=60.0)
    dimmed = LimitSource(source="grid operator", valid_until=until, limit_w=30_000.0)
    for limit in (lowered, dimmed):
        await store.write(
            lambda connection, limit=limit: sites.set_limit(
                connection, OPERATOR, "depot", "grid", limit, "user:ada", later
            )
        )

    async def in_force(at: datetime) -> tuple[LimitSource, ...]:
        found = await store.read(lambda connection: sites.limits_in_force(connection, OPERATOR, "depot", at))
        return found.get("grid", ())

    assert await in_force(NOON) == DEPOT.circuits[0].limits
    assert await in_force(later) == (lowered, dimmed)
    # Expired: the one with a fallback still counts, the other is gone.
    assert await in_force(NOON + timedelta(hours=1)) == (lowered,)
    assert await store.write(
        lambda connection: sites.withdraw_limit(
            connection, OPERATOR, "depot", "grid", "contract", "user:bob", NOON + timedelta(hours=2)
        )
    )
    assert await in_force(NOON + timedelta(hours=2)) == ()
    history = await store.read(lambda connection: sites.limit_history(connection, OPERATOR, "depot", "grid"))
    assert [(row.source, row.limit_a, row.limit_w, row.withdrawn_by) for row in history] == [
        ("grid operator", UNLIMITED_A, 30_000.0, None),
        ("contract", 80.0, None, "user:bob"),
        ("contract", 150.0, None, "user:ada"),
    ]


async def test_an_evse_on_no_circuit_is_refused_whole(store: Store) -> None:
    await save(store, DEPOT)
    stray = msgspec.structs.replace(DEPOT.evses[0], circuit_id="attic")
    with pytest.raises(Exception, match=r"FOREIGN KEY|foreign key"):
        await save(store, msgspec.structs.replace(DEPOT, name="Broken", evses=(stray,)))
    assert await load(store) == DEPOT


async def test_strategy_and_removal(store: Store) -> None:
    await save(store, DEPOT)
    assert await store.write(lambda connection: sites.set_strategy(connection, OPERATOR, "depot", "dynamic"))
    assert not await store.write(
        lambda connection: sites.set_strategy(connection, "other", "depot", "dynamic")
    )
    changed = await load(store)
    assert changed is not None
    assert changed.strategy == "dynamic"
    assert await store.write(lambda connection: sites.remove_site(connection, OPERATOR, "depot"))
    assert await load(store) is None
    known = await store.read(lambda connection: stations.list_stations(connection, OPERATOR))
    assert [(station.station_id, station.site_id) for station in known] == [
        ("CP1", None),
        ("CP2", None),
        ("CP3", None),
    ]
