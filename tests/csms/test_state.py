"""What a station's parts say together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ampacity.csms.state import ConnectorState, Stations, StationState
from ampacity.model.station import ChargingState, ConnectorStatus, IdToken
from ampacity.store.transactions import TransactionRow

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def connector(evse_id: int, connector_id: int, status: ConnectorStatus) -> ConnectorState:
    return ConnectorState(
        evse_id=evse_id, connector_id=connector_id, reported=status, status=status, error="", at=NOON
    )


def transaction(number: int, evse_id: int = 1, state: ChargingState | None = None) -> TransactionRow:
    return TransactionRow(
        operator_id="o",
        transaction_id=f"t{number}",
        station_transaction_id=str(number),
        station_id="CP1",
        evse_id=evse_id,
        connector_id=1,
        token=IdToken("Cafe"),
        state="open",
        charging_state=state,
        started_at=NOON.replace(minute=number),
        updated_at=NOON,
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({}, "Unavailable"),
        ({(1, 1): "Available"}, "Available"),
        ({(1, 1): "Available", (1, 2): "Charging"}, "Charging"),
        ({(1, 1): "Unavailable", (1, 2): "Available"}, "Available"),
        ({(1, 1): "Charging", (2, 1): "Available"}, "Charging"),
        ({(0, 0): "Unavailable", (1, 1): "Available"}, "Unavailable"),
        ({(0, 0): "Faulted", (1, 1): "Charging"}, "Faulted"),
        ({(0, 0): "Available", (1, 1): "Preparing"}, "Preparing"),
    ],
)
def test_the_status_of_an_evse(statuses: dict[tuple[int, int], ConnectorStatus], expected: str) -> None:
    state = StationState("o", "CP1")
    state.connectors = {key: connector(*key, status) for key, status in statuses.items()}
    assert state.evse_status(1) == expected


@pytest.mark.parametrize(
    ("charging", "expected"),
    [
        ("Charging", "Charging"),
        ("SuspendedEV", "SuspendedEV"),
        ("SuspendedEVSE", "SuspendedEVSE"),
        ("EVConnected", "Preparing"),
        ("Idle", "Finishing"),
        (None, "Occupied"),
    ],
)
def test_occupied_means_what_the_transaction_says(charging: ChargingState | None, expected: str) -> None:
    stations = Stations()
    state = stations.add("o", "CP1")
    stations.put_transaction(state, transaction(1, state=charging))
    assert state.status_of(1, "Occupied") == expected
    assert state.status_of(2, "Occupied") == "Occupied"
    assert state.status_of(1, "Faulted") == "Faulted"


def test_tokens_in_use() -> None:
    stations = Stations()
    state = stations.add("o", "CP1")
    one, two = transaction(1), transaction(2, evse_id=2)
    stations.put_transaction(state, one)
    assert stations.charging_elsewhere("o", "CAFE", None)
    assert not stations.charging_elsewhere("o", "CAFE", "t1")
    assert not stations.charging_elsewhere("rival", "CAFE", None)
    stations.put_transaction(state, two)
    assert stations.charging_elsewhere("o", "CAFE", "t1")
    assert state.transaction_on(2) == two
    for row in (one, two):
        stations.put_transaction(state, replace(row, state="ended"))
    assert not stations.charging_elsewhere("o", "CAFE", None)
    assert state.transactions == {}
