"""Stations, connectors, variables, profiles and tokens."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from ampacity.model.station import IdToken, StationInfo
from ampacity.store import Store, operators, profiles, stations, tokens, variables
from ampacity.store.profiles import ProfileRow
from ampacity.store.stations import ConnectorStatusRow, Sight
from ampacity.store.tokens import TokenRow
from ampacity.store.variables import StationVariable

from .conftest import NOON, OPERATOR

LATER = NOON + timedelta(hours=1)


async def register(store: Store, station_id: str = "CP1", **known: object) -> bool:
    return await store.write(
        lambda connection: stations.register_station(connection, OPERATOR, station_id, NOON, **known)
    )


async def test_a_station_is_registered_once(store: Store) -> None:
    assert await register(store, password_hash="x", security_profile=2)
    assert not await register(store, auto_registered=True)
    station = await store.read(lambda connection: stations.get_station(connection, OPERATOR, "CP1"))
    assert station is not None
    assert (station.password_hash, station.security_profile, station.auto_registered) == ("x", 2, False)
    assert await store.read(lambda connection: stations.get_station(connection, "other", "CP1")) is None


async def test_what_a_station_tells_is_kept(store: Store) -> None:
    await register(store)
    info = StationInfo(vendor="Volt", model="M1", serial="7", firmware="1.2")
    for at in (NOON, LATER):
        sights = [
            Sight(OPERATOR, "CP1", None if at == LATER else "1.6", at),
            Sight(OPERATOR, "CP9", "1.6", at),
        ]
        await store.write(lambda connection, sights=sights: stations.record_sights(connection, sights))
    await store.write(
        lambda connection: stations.record_boot(connection, OPERATOR, "CP1", info, "PowerUp", LATER)
    )
    station = await store.read(lambda connection: stations.get_station(connection, OPERATOR, "CP1"))
    assert station is not None
    assert station.info == info
    assert (station.first_seen_at, station.last_seen_at, station.booted_at) == (NOON, LATER, LATER)
    assert station.version == "1.6"
    assert await store.read(lambda connection: stations.get_station(connection, OPERATOR, "CP9")) is None


async def test_a_change_touches_only_what_is_named(store: Store) -> None:
    await register(store, password_hash="x", security_profile=1)

    async def change(station_id: str = "CP1", **changes: object) -> bool:
        return await store.write(
            lambda connection: stations.change_station(connection, OPERATOR, station_id, **changes)
        )

    assert await change(security_profile=2)
    assert await change()
    assert not await change("CP9")
    station = await store.read(lambda connection: stations.get_station(connection, OPERATOR, "CP1"))
    assert station is not None
    assert (station.password_hash, station.security_profile) == ("x", 2)
    await change(password_hash=None)
    station = await store.read(lambda connection: stations.get_station(connection, OPERATOR, "CP1"))
    assert station is not None
    assert station.password_hash is None


async def test_connectors_keep_their_last_status(store: Store) -> None:
    await register(store)
    first = ConnectorStatusRow(
        operator_id=OPERATOR,
        station_id="CP1",
        evse_id=1,
        connector_id=1,
        status="Preparing",
        error="",
        at=NOON,
    )
    second = msgspec.structs.replace(first, status="Faulted", error="GroundFailure", at=LATER)
    for row in (first, second):
        await store.write(lambda connection, row=row: stations.save_status(connection, row))
    assert await store.read(lambda connection: stations.list_statuses(connection, OPERATOR)) == [second]
    stray = msgspec.structs.replace(first, station_id="CP9")
    with pytest.raises(IntegrityError):
        await store.write(lambda connection: stations.save_status(connection, stray))


async def test_variables_with_and_without_instances(store: Store) -> None:
    await register(store)
    key = StationVariable(component="OCPP16", variable="HeartbeatInterval", value="60", seen_at=NOON)
    of_evse = StationVariable(
        component="EVSE",
        variable="Power",
        value="11000",
        component_instance="left",
        variable_instance="max",
        evse_id=1,
        attribute="MaxSet",
        read_only=True,
        seen_at=NOON,
    )
    changed = msgspec.structs.replace(key, value="90", seen_at=LATER)
    for told in ([key, of_evse], [changed], []):
        await store.write(
            lambda connection, told=told: variables.save_variables(connection, OPERATOR, "CP1", told)
        )
    kept = await store.read(lambda connection: variables.list_variables(connection, OPERATOR, "CP1"))
    assert kept == [of_evse, changed]


async def test_profiles_that_are_cleared_are_shown_only_when_asked_for(store: Store) -> None:
    await register(store)
    row = ProfileRow(
        operator_id=OPERATOR,
        station_id="CP1",
        profile_id=100,
        evse_id=1,
        purpose="TxProfile",
        stack_level=2,
        station_transaction_id="5",
        profile={"periods": [{"start_s": 0, "limit": 16.1}]},
        status="pending",
        at=NOON,
    )
    await store.write(lambda connection: profiles.save_profile(connection, row))
    assert await store.read(lambda connection: profiles.list_profiles(connection, OPERATOR, "CP1")) == [row]
    assert await store.write(
        lambda connection: profiles.mark_profile(connection, OPERATOR, "CP1", 100, "cleared", LATER)
    )
    assert await store.read(lambda connection: profiles.list_profiles(connection, OPERATOR)) == []
    (kept,) = await store.read(lambda connection: profiles.list_profiles(connection, OPERATOR, cleared=True))
    assert (kept.status, kept.at) == ("cleared", LATER)


async def test_a_token_is_found_whatever_its_case(store: Store) -> None:
    row = TokenRow(
        operator_id=OPERATOR,
        token=IdToken("aBc-Ü"),
        group="fleet",
        label="Van 3",
        expires_at=LATER,
        created_at=NOON,
    )
    await store.write(lambda connection: tokens.save_token(connection, row))
    assert await store.read(lambda connection: tokens.find_token(connection, OPERATOR, "ABC-ü")) == row
    assert await store.read(lambda connection: tokens.find_token(connection, "other", "aBc-Ü")) is None
    blocked = msgspec.structs.replace(row, status="Blocked")
    await store.write(lambda connection: tokens.save_token(connection, blocked))
    assert await store.read(lambda connection: tokens.list_tokens(connection, OPERATOR)) == [blocked]
    assert await store.read(lambda connection: tokens.list_tokens(connection, OPERATOR, after="ABC-Ü")) == []
    assert await store.write(lambda connection: tokens.remove_token(connection, OPERATOR, "abc-Ü"))
    assert not await store.write(lambda connection: tokens.remove_token(connection, OPERATOR, "abc-Ü"))


async def test_settings_and_operators(store: Store) -> None:
    assert not await store.write(
        lambda connection: operators.ensure_operator(connection, OPERATOR, "Again", LATER)
    )
    (known,) = await store.read(operators.list_operators)
    assert (known.operator_id, known.name) == (OPERATOR, "Stadtwerke")
    for value in (False, [1, 2.5], {"a": None}):
        await store.write(
            lambda connection, value=value: operators.put_setting(connection, OPERATOR, "k", value, NOON)
        )
        assert await store.read(lambda connection: operators.get_setting(connection, OPERATOR, "k")) == value
    assert await store.read(lambda connection: operators.get_setting(connection, "other", "k", 5)) == 5
