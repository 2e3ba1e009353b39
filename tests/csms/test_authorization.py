"""Where a token is good, by what each EVSE of a site gives: asked of the rows, answered over a socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ampacity.model.site import Circuit, Evse, Site
from ampacity.model.station import IdToken
from ampacity.store import sites, stations, tokens
from ampacity.store.tokens import Place, TokenRow
from tests.conformance.double import station

from .world import OPERATOR, world

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def yard() -> Site:
    """A station with an AC and a DC EVSE, and one with AC only."""

    def evse(station_id: str, evse_id: int, dc_power_w: float | None) -> Evse:
        return Evse(
            station_id=station_id,
            evse_id=evse_id,
            circuit_id="grid",
            phases=(0, 1, 2),
            label=f"{station_id}/{evse_id}",
            max_a=32.0,
            dc_power_w=dc_power_w,
        )

    return Site(
        site_id="yard",
        operator_id=OPERATOR,
        name="Yard",
        time_zone="Europe/Berlin",
        circuits=(Circuit(circuit_id="grid", name="Grid", rating_a=100.0),),
        evses=(evse("BOTH", 1, None), evse("BOTH", 2, 50_000.0), evse("AC", 1, None)),
    )


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("BOTH", {"status": "Accepted", "evseId": [2]}),
        ("AC", {"status": "NotAllowedTypeEVSE"}),
        # Nobody says what it gives: it is not taken for DC.
        ("STRANGER", {"status": "NotAllowedTypeEVSE"}),
    ],
)
async def test_a_token_for_dc_only(address: str, name: str, verdict: dict[str, Any]) -> None:
    async with world(address) as csms:

        def fill(connection: Any) -> None:
            for known in ("BOTH", "AC"):
                stations.register_station(connection, OPERATOR, known, NOW)
            sites.save_site(connection, yard(), NOW)
            token = TokenRow(
                operator_id=OPERATOR,
                token=IdToken("DCTAG"),
                allowed=(Place(current="DC"),),
                created_at=NOW,
            )
            tokens.save_token(connection, token)

        await csms.store.write(fill)
        await csms.csms.reload()
        async with station(csms.port, name, "2.0.1") as double:
            asked = {"idToken": {"idToken": "DCTAG", "type": "ISO14443"}}
            assert (await double.call("Authorize", asked))["idTokenInfo"] == verdict
