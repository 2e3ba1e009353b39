"""A station that has a device model: what a double answers when it is asked for variables, and the parts of
its reports. By hand, no product code.
"""

from __future__ import annotations

from typing import Any

from .double import Double
from .product import Product

ACCEPTED = {"status": "Accepted"}
Place = dict[str, Any]


def place(
    component: str, variable: str | None = None, evse_id: int | None = None, **more: Any
) -> dict[str, Any]:
    """A component and variable on the wire. `more`: connector_id, instance (of the component),
    variable_instance.
    """
    made: dict[str, Any] = {"component": {"name": component}}
    if evse_id is not None:
        evse = {"id": evse_id}
        if "connector_id" in more:
            evse["connectorId"] = more["connector_id"]
        made["component"]["evse"] = evse
    if "instance" in more:
        made["component"]["instance"] = more["instance"]
    if variable is not None:
        made["variable"] = {"name": variable}
        if "variable_instance" in more:
            made["variable"]["instance"] = more["variable_instance"]
    return made


def reported(
    component: str,
    variable: str,
    value: str | None,
    *,
    mutability: str = "ReadWrite",
    data_type: str = "string",
    kind: dict[str, Any] | None = None,
    **where: Any,
) -> dict[str, Any]:
    """One element of reportData."""
    attribute: dict[str, Any] = {"mutability": mutability, "persistent": True, "constant": False}
    if value is not None:
        attribute["value"] = value
    return place(component, variable, **where) | {
        "variableAttribute": [attribute],
        "variableCharacteristics": {"dataType": data_type, "supportsMonitoring": False} | (kind or {}),
    }


def parts_of(request_id: int, items: list[dict[str, Any]], size: int, at: str) -> list[dict[str, Any]]:
    """NotifyReport payloads of `size` elements each."""
    pages = [items[start : start + size] for start in range(0, len(items), size)]
    return [
        {
            "requestId": request_id,
            "generatedAt": at,
            "seqNo": number,
            "tbc": number < len(pages) - 1,
            "reportData": page,
        }
        for number, page in enumerate(pages)
    ]


async def tell(product: Product, double: Double, request_id: int, items: list[Place], size: int = 50) -> None:
    """Send a whole report."""
    for part in parts_of(request_id, items, size, product.at()):
        assert await double.call("NotifyReport", part) == {}


class Model:
    """Variables of a double by (component, EVSE, variable): read and written as the standard says."""

    def __init__(self, values: dict[tuple[str, int | None, str], str]) -> None:
        self.values = values
        self.verdicts: dict[str, str] = {}
        """Variable -> status of a change, where it is not Accepted."""

    def attach(self, double: Double) -> None:
        """Let the double answer from here."""
        double.reactions["GetVariables"] = self.get
        double.reactions["SetVariables"] = self.set

    def get(self, payload: dict[str, Any]) -> dict[str, Any]:
        results = []
        for asked in payload["getVariableData"]:
            value = self.values.get(_key(asked))
            said = {"attributeStatus": "UnknownVariable"}
            if value is not None:
                said = {"attributeStatus": "Accepted", "attributeValue": value}
            results.append(_named(asked) | {"attributeType": asked.get("attributeType", "Actual")} | said)
        return {"getVariableResult": results}

    def set(self, payload: dict[str, Any]) -> dict[str, Any]:
        results = []
        for asked in payload["setVariableData"]:
            status = self.verdicts.get(asked["variable"]["name"], "Accepted")
            if status in ("Accepted", "RebootRequired"):
                self.values[_key(asked)] = asked["attributeValue"]
            results.append(
                _named(asked)
                | {"attributeType": asked.get("attributeType", "Actual"), "attributeStatus": status}
            )
        return {"setVariableResult": results}


def _key(asked: dict[str, Any]) -> tuple[str, int | None, str]:
    component = asked["component"]
    return component["name"], component.get("evse", {}).get("id"), asked["variable"]["name"]


def _named(asked: dict[str, Any]) -> dict[str, Any]:
    return {"component": asked["component"], "variable": asked["variable"]}
