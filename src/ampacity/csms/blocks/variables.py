"""Variables: the device model of 2.x and the configuration keys of 1.6, as last seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...store.stations import StationVariable, save_variables
from ..context import Context
from ..state import StationState
from ..vocabulary import GetVariables, Outcome, SetVariables, VariableRef, VariableValue

_HELD = ("Accepted", "RebootRequired")


SECRETS = ("AuthorizationKey", "BasicAuthPassword")
"""Variables whose values must never be kept or shown."""


def is_secret(ref: VariableRef) -> bool:
    """Whether a variable's value must never be kept or shown."""
    return ref.variable in SECRETS


class Variables:
    """GetVariables, SetVariables, and reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def read(self, state: StationState, command: GetVariables, outcome: Outcome) -> None:
        """What a station answered when it was asked."""
        self._keep(state, (value for value in outcome.data or () if value.status == "Accepted"))

    def written(self, state: StationState, command: SetVariables, outcome: Outcome) -> None:
        """Values that the station took over, each on its own: others may have been refused."""
        self._keep(state, (value for value in outcome.data or () if value.status in _HELD))

    def reported(self, state: StationState, content: dict[str, Any]) -> None:
        """A part of a report (NotifyReport of 2.x), as plain data."""
        self._keep(state, _from_report(content))

    def _keep(self, state: StationState, values: Iterable[VariableValue]) -> None:
        now = self._context.clock.now()
        rows = []
        for value in values:
            if is_secret(value.ref):
                continue
            known = state.variables.get(value.ref)
            if value.read_only is None and known is not None and known.read_only is not None:
                value = VariableValue(
                    ref=value.ref, value=value.value, status=value.status, read_only=known.read_only
                )
            state.variables[value.ref] = value
            ref = value.ref
            rows.append(
                StationVariable(
                    component=ref.component,
                    variable=ref.variable,
                    value=value.value,
                    component_instance=ref.component_instance,
                    variable_instance=ref.variable_instance,
                    evse_id=ref.evse_id,
                    attribute=ref.attribute,
                    read_only=value.read_only,
                    seen_at=now,
                )
            )
        if rows:
            operator_id, station_id = state.operator_id, state.station_id
            self._context.store.post(
                lambda connection: save_variables(connection, operator_id, station_id, rows)
            )


def _from_report(content: dict[str, Any]) -> Iterable[VariableValue]:
    for item in content.get("reportData") or ():
        component, variable = item["component"], item["variable"]
        for attribute in item["variableAttribute"]:
            ref = VariableRef(
                component=component["name"],
                variable=variable["name"],
                component_instance=component.get("instance"),
                variable_instance=variable.get("instance"),
                evse_id=(component.get("evse") or {}).get("id"),
                attribute=attribute.get("type") or "Actual",
            )
            yield VariableValue(
                ref=ref,
                value=attribute.get("value"),
                read_only=attribute.get("mutability") == "ReadOnly",
            )
