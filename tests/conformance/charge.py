"""A charge at a 2.x station, told by a double step by step: the states that the standard's cases start from.

Each deed goes past the judge like any frame. Times are the node's own, a second apart, so that nothing is
told of the future.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from .double import Double
from .product import Product

ACCEPTED = {"status": "Accepted"}


class Charge:
    """One EVSE of a connected double; several transactions may follow each other (`anew`)."""

    def __init__(
        self, product: Product, double: Double, name: str, evse_id: int = 1, token: str = ""
    ) -> None:
        self.product = product
        self.double = double
        self.name = name
        self.evse_id = evse_id
        # A token charges at one place at a time, so each station has its own.
        self.token = {"idToken": token or f"CAFE-{name}", "type": "ISO14443"}
        self.register_wh = 1_000.0
        self._numbers = itertools.count(1)
        self._before_s = 900.0
        self.anew()

    def anew(self) -> None:
        """The next transaction is another one."""
        self.wire_id = f"{self.name}-{self.evse_id}-{next(self._numbers)}"
        self.seq_no = 0
        self.begun = self.ended = False

    def at(self) -> str:
        """The next second."""
        self._before_s -= 1.0
        return self.product.at(-self._before_s)

    @property
    def evse(self) -> dict[str, int]:
        return {"id": self.evse_id, "connectorId": 1}

    async def event(
        self,
        trigger: str,
        state: str | None = None,
        *,
        kind: str | None = None,
        stopped: str | None = None,
        info: dict[str, Any] | None = None,
        seq_no: int | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A TransactionEvent: Started if it is the first, else Updated, unless `kind` says otherwise. `more`
        are further members."""
        kind = kind or ("Updated" if self.begun else "Started")
        told = {"transactionId": self.wire_id} | (info or {})
        if state is not None:
            told["chargingState"] = state
        if stopped is not None:
            told["stoppedReason"] = stopped
        event = {
            "eventType": kind,
            "triggerReason": trigger,
            "timestamp": self.at(),
            "seqNo": self.seq_no if seq_no is None else seq_no,
            "transactionInfo": told,
        } | more
        if seq_no is None:
            self.seq_no += 1
        self.begun = True
        self.ended = self.ended or kind == "Ended"
        return await self.double.call("TransactionEvent", event)

    def values(self, context: str = "Sample.Periodic", **more: Any) -> list[dict[str, Any]]:
        """The register now; `more` are members of the sampled value."""
        sampled = {"value": self.register_wh, "context": context} | more
        return [{"timestamp": self.product.at(-self._before_s), "sampledValue": [sampled]}]

    async def status(self, status: str, connector_id: int = 1) -> None:
        """StatusNotification of the EVSE's connector."""
        answer = await self.double.call(
            "StatusNotification",
            {
                "timestamp": self.at(),
                "connectorStatus": status,
                "evseId": self.evse_id,
                "connectorId": connector_id,
            },
        )
        assert answer == {}

    async def authorize(self) -> str:
        """Authorize; returns the verdict."""
        answer = await self.double.call("Authorize", {"idToken": self.token})
        return str(answer["idTokenInfo"]["status"])

    # ------------------------------------------------------------ the standard's reusable states

    async def authorized(self) -> None:
        """State Authorized: the token is known to be good, and so the transaction's."""
        assert await self.authorize() == "Accepted"
        place = {} if self.begun else {"evse": self.evse}
        answer = await self.event("Authorized", idToken=self.token, **place)
        assert answer["idTokenInfo"]["status"] == "Accepted"

    async def ev_connected(self, **more: Any) -> dict[str, Any]:
        """State EVConnectedPreSession."""
        await self.status("Occupied")
        return await self.event("CablePluggedIn", "EVConnected", evse=self.evse, **more)

    async def energy_transfer(self) -> None:
        """State EnergyTransferStarted."""
        if not self.begun:
            await self.authorized()
            await self.ev_connected()
        await self.event("ChargingStateChanged", "Charging", meterValue=self.values("Transaction.Begin"))

    async def energy_suspended(self) -> None:
        """State EnergyTransferSuspended, by the car."""
        await self.energy_transfer()
        self.register_wh += 500
        await self.event("ChargingStateChanged", "SuspendedEV", meterValue=self.values())

    async def stop_authorized(self) -> None:
        """State StopAuthorized, by the same token."""
        answer = await self.event("StopAuthorized", idToken=self.token)
        assert answer["idTokenInfo"]["status"] == "Accepted"

    async def ev_connected_post(self) -> None:
        """State EVConnectedPostSession."""
        await self.event("ChargingStateChanged", "EVConnected")

    async def ev_disconnected(self, **more: Any) -> dict[str, Any]:
        """State EVDisconnected: the end."""
        await self.status("Available")
        self.register_wh += 500
        given = {"meterValue": self.values("Transaction.End")} | more
        return await self.event(
            "EVCommunicationLost", "Idle", kind="Ended", stopped="EVDisconnected", **given
        )

    # ------------------------------------------------------------ what the product makes of it

    async def row(self) -> dict[str, Any]:
        """The transaction as the API tells it."""
        found = await self.product.transactions(self.name)
        [row] = [row for row in found if row["station_transaction_id"] == self.wire_id]
        return dict(row)

    async def state(self) -> tuple[str, str | None]:
        """(state, charging state)."""
        row = await self.row()
        return row["state"], row["charging_state"]

    async def connector(self, connector_id: int = 1) -> str:
        """A connector's status as the API tells it."""
        view = await self.product.get(f"/stations/{self.name}/status")
        [found] = [
            item
            for item in view["connectors"]
            if (item["evse_id"], item["connector_id"]) == (self.evse_id, connector_id)
        ]
        return str(found["status"])


@contextlib.asynccontextmanager
async def charging(product: Product, name: str, version: str = "2.0.1", **more: Any) -> AsyncIterator[Charge]:
    """A double `name`, connected and booted, and its EVSE 1 (keywords: another EVSE or token)."""
    async with product.station(name, version) as double:
        boot = await double.call(
            "BootNotification",
            {"reason": "PowerUp", "chargingStation": {"model": "M1", "vendorName": "V1"}},
        )
        assert boot["status"] == "Accepted"
        yield Charge(product, double, name, **more)
