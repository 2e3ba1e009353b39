"""A charge at a 1.6 station, told by a double step by step; times are the node's own, a second apart."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from ..double import Double
from ..product import Product


class Charge16:
    """One connector of a connected double."""

    def __init__(self, product: Product, double: Double, name: str, connector_id: int = 1) -> None:
        self.product = product
        self.double = double
        self.name = name
        self.connector_id = connector_id
        # A token charges at one place at a time, so each station has its own.
        self.tag = f"TAG-{name}"
        self.register_wh = 1_000
        self.transaction_id = 0
        self._before_s = 900.0

    def at(self) -> str:
        """The next second."""
        self._before_s -= 1.0
        return self.product.at(-self._before_s)

    async def boot(self) -> None:
        """BootNotification, accepted."""
        answer = await self.double.call(
            "BootNotification", {"chargePointVendor": "V1", "chargePointModel": "M1"}
        )
        assert answer["status"] == "Accepted"

    async def status(self, status: str, error: str = "NoError", connector_id: int | None = None) -> None:
        """StatusNotification of the connector, or of another one (0: the station)."""
        connector_id = self.connector_id if connector_id is None else connector_id
        request = {
            "connectorId": connector_id,
            "errorCode": error,
            "status": status,
            "timestamp": self.at(),
        }
        assert await self.double.call("StatusNotification", request) == {}

    async def authorize(self) -> str:
        """Authorize; returns the verdict."""
        answer = await self.double.call("Authorize", {"idTag": self.tag})
        return str(answer["idTagInfo"]["status"])

    async def start(self) -> None:
        """StartTransaction, accepted and given an id."""
        answer = await self.double.call(
            "StartTransaction",
            {
                "connectorId": self.connector_id,
                "idTag": self.tag,
                "meterStart": self.register_wh,
                "timestamp": self.at(),
            },
        )
        assert answer["idTagInfo"]["status"] == "Accepted"
        self.transaction_id = answer["transactionId"]
        assert self.transaction_id > 0
        await self.status("Charging")

    async def charging(self) -> None:
        """From the plug to the energy."""
        await self.status("Preparing")
        assert await self.authorize() == "Accepted"
        await self.start()

    async def stop(self, reason: str | None = None, *, tag: bool = False) -> None:
        """StopTransaction, 500 Wh later; the connector is free again."""
        self.register_wh += 500
        request: dict[str, Any] = {
            "transactionId": self.transaction_id,
            "meterStop": self.register_wh,
            "timestamp": self.at(),
        }
        request |= {"reason": reason} if reason else {}
        request |= {"idTag": self.tag} if tag else {}
        answer = await self.double.call("StopTransaction", request)
        assert not tag or answer["idTagInfo"]["status"] == "Accepted"

    async def freed(self) -> None:
        """The plug is drawn."""
        await self.status("Finishing")
        await self.status("Available")

    async def row(self) -> dict[str, Any]:
        """The transaction as the API tells it."""
        [row] = await self.product.transactions(self.name)
        return dict(row)

    async def connector(self, connector_id: int | None = None) -> tuple[str, str]:
        """(status, error) of a connector as the API tells it."""
        wanted = self.connector_id if connector_id is None else connector_id
        view = await self.product.get(f"/stations/{self.name}/status")
        [found] = [item for item in view["connectors"] if item["evse_id"] == wanted]
        return found["status"], found["error"]

    async def told(self, command: str, expected: str = "accepted", **body: Any) -> dict[str, Any]:
        """A person's command; returns its outcome, which the audit has, too."""
        answer = await self.product.command(self.name, command, **body)
        good = expected == "accepted"
        assert answer.status_code == (200 if good else 502), answer.text
        outcome = answer.json() if good else answer.json()["outcome"]
        assert outcome["result"] == expected
        [deed, *_] = await self.product.audit(self.name)
        assert (deed["action"], deed["outcome"]) == (command, expected)
        return dict(outcome)


@contextlib.asynccontextmanager
async def charging16(product: Product, name: str) -> AsyncIterator[Charge16]:
    """A 1.6 double, connected and booted, with its connector 1 free."""
    async with product.station(name, "1.6") as double:
        charge = Charge16(product, double, name)
        await charge.boot()
        await charge.status("Available", connector_id=0)
        await charge.status("Available")
        yield charge
