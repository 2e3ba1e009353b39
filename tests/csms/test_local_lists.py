"""A local list is no longer than its station says that it can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ampacity.model.station import IdToken
from ampacity.store import tokens
from ampacity.store.tokens import TokenRow
from ampacity.store.variables import StationVariable, save_variables
from tests.conformance.double import station

from .world import OPERATOR, world

NOW = datetime(2026, 11, 21, tzinfo=UTC)


async def test_the_limit_that_a_report_told(address: str) -> None:
    """2.x: the upper limit of LocalAuthListCtrlr.Entries, which no question for a value tells."""
    async with world(address) as csms, station(csms.port, "CP1", "2.0.1") as double:
        await double.call("Heartbeat", {})

        def fill(connection: Any) -> None:
            for value in "ABC":
                tokens.save_token(
                    connection, TokenRow(operator_id=OPERATOR, token=IdToken(value), created_at=NOW)
                )
            told = StationVariable(
                component="LocalAuthListCtrlr", variable="Entries", value="0", max_limit=2.0, seen_at=NOW
            )
            save_variables(connection, OPERATOR, "CP1", (told,))

        await csms.store.write(fill)
        double.reactions["SendLocalList"] = {"status": "Accepted"}
        double.reactions["GetLocalListVersion"] = {"versionNumber": 1}
        state = csms.csms.stations["CP1"]
        row, outcome = await csms.csms.local_lists.bring(state)
        assert outcome.accepted
        assert (row.state, sorted(row.held)) == ("synced", ["a", "b"])
        assert row.detail == "1 tokens have no room: it holds 2"
