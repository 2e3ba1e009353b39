"""Variables: the device model of 2.x and the configuration keys of 1.6, as last told.

All of them are in the store; those that steer a station are at hand in its state, too. What only a station
knows (write-only values) and secrets are kept without their value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ...store import variables as rows
from ...store.variables import StationVariable
from ..context import Context
from ..paging import PageLimits, pages
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    Command,
    GetBaseReport,
    GetReport,
    GetVariables,
    Outcome,
    ReportedVariable,
    SetVariables,
    VariableRef,
    VariableValue,
)

_HELD = ("Accepted", "RebootRequired")

_SECRETS = ("AuthorizationKey", "BasicAuthPassword")


def is_secret(ref: VariableRef) -> bool:
    """Whether a variable's value must never be kept or shown."""
    return ref.variable in _SECRETS


def at_hand(ref: VariableRef) -> bool:
    """Whether the variable steers the station: a controller's, a 1.6 key, or what feeds an EVSE."""
    controls = ref.component.endswith("Ctrlr") or ref.component == "OCPP16"
    return controls or ref.variable == "SupplyPhases"


def known_variable(ref: VariableRef, value: str | None, **more: Any) -> StationVariable:
    """A variable as the store keeps it."""
    return StationVariable(
        component=ref.component,
        variable=ref.variable,
        value=None if is_secret(ref) else value,
        component_instance=ref.component_instance,
        variable_instance=ref.variable_instance,
        evse_id=ref.evse_id,
        connector_id=ref.connector_id,
        attribute=ref.attribute,
        **more,
    )


class Variables:
    """GetVariables, SetVariables, and what reports tell."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            follows={SetVariables: (self.written,)},  # some may have been refused
            effects={GetVariables: (self.read,), GetBaseReport: (self.read,)},  # 1.6 answers with its keys
        )

    # ------------------------------------------------------------ paging

    def limits(self, state: StationState, component: str, message: str) -> PageLimits:
        """What the station takes in one `message`, as `component` has told."""
        return PageLimits(
            _number(state, component, "ItemsPerMessage", message),
            _number(state, component, "BytesPerMessage", message),
        )

    def parts(self, state: StationState, command: Command, size: Any) -> tuple[Command, ...]:
        """The command in as many commands as the station needs for it. `size` tells the bytes of a command's
        payload.
        """
        if isinstance(command, GetVariables) and command.variables:
            limits = self.limits(state, "DeviceDataCtrlr", "GetVariables")
            if limits.items is None:
                limits = PageLimits(_number(state, "OCPP16", "GetConfigurationMaxKeys"), limits.bytes)
            refs = pages(
                command.variables,
                limits,
                lambda ref: int(size(GetVariables(variables=(ref,)))),
                lambda ref: ref,
            )
            return tuple(GetVariables(variables=page) for page in refs)
        if isinstance(command, GetReport) and command.variables:
            limits = self.limits(state, "DeviceDataCtrlr", "GetReport")
            named = pages(
                command.variables,
                limits,
                lambda item: int(size(replace(command, variables=(item,)))),
                lambda item: item,
            )
            return tuple(replace(command, variables=page) for page in named)
        if isinstance(command, SetVariables) and command.values:
            limits = self.limits(state, "DeviceDataCtrlr", "SetVariables")
            values = pages(
                command.values,
                limits,
                lambda value: int(size(SetVariables(values=(value,)))),
                lambda value: value.ref,
            )
            return tuple(SetVariables(values=page) for page in values)
        return (command,)

    # ------------------------------------------------------------ readings

    def read(self, state: StationState, command: Command, outcome: Outcome) -> None:
        """What a station answered when it was asked."""
        self._keep(state, [value for value in outcome.data or () if value.status == "Accepted"])

    def written(self, state: StationState, command: SetVariables, outcome: Outcome) -> None:
        """Values that the station took over, each on its own: others may have been refused."""
        values = [value for value in outcome.data or () if value.status in _HELD]
        self._keep(state, values, written=True)

    def seen(self, state: StationState, values: Sequence[VariableValue]) -> None:
        """Values that the station told by other means (an event)."""
        self._keep(state, values)

    def _keep(self, state: StationState, values: Sequence[VariableValue], *, written: bool = False) -> None:
        now = self._context.clock.now()
        known: dict[VariableRef, StationVariable] = {}
        for value in values:
            ref = value.ref
            if is_secret(ref):
                continue
            waits = value.status == "RebootRequired" if written else None
            if written:
                (state.reboot_required.add if waits else state.reboot_required.discard)(ref)
            if at_hand(ref):
                self._hold(state, value)
            known[ref] = known_variable(
                ref, value.value, read_only=value.read_only, seen_at=now, reboot_required=waits
            )
        if known:
            operator_id, station_id, changed = state.operator_id, state.station_id, tuple(known.values())
            self._context.store.post(
                lambda connection: rows.save_values(connection, operator_id, station_id, changed)
            )

    def _hold(self, state: StationState, value: VariableValue) -> None:
        before = state.variables.get(value.ref)
        read_only = value.read_only
        if read_only is None and before is not None:
            read_only = before.read_only
        state.variables[value.ref] = replace(value, status="Accepted", read_only=read_only)

    # ------------------------------------------------------------ reports

    async def reported(self, state: StationState, told: Iterable[ReportedVariable]) -> None:
        """Keep a part of a report, durably."""
        now = self._context.clock.now()
        known: dict[VariableRef, StationVariable] = {}
        for item in told:
            ref, traits = item.ref, item.traits
            read_only = traits.mutability == "ReadOnly"
            hidden = is_secret(ref) or traits.mutability == "WriteOnly"
            value = None if hidden else item.value
            known[ref] = known_variable(
                ref, value, read_only=read_only, seen_at=now, **msgspec.structs.asdict(traits)
            )
            if at_hand(ref):
                self._hold(state, VariableValue(ref=ref, value=value, read_only=read_only))
        if known:
            operator_id, station_id, seen = state.operator_id, state.station_id, tuple(known.values())
            await self._context.store.write(
                lambda connection: rows.save_variables(connection, operator_id, station_id, seen)
            )

    async def inventoried(self, state: StationState, since: Any) -> None:
        """All there is has been told since `since`: forget the rest."""
        operator_id, station_id = state.operator_id, state.station_id

        def forget(connection: Any) -> list[StationVariable]:
            rows.forget_seen_before(connection, operator_id, station_id, since)
            return rows.list_variables(connection, operator_id, station_id, in_memory=True)

        left = {ref_of(row) for row in await self._context.store.write(forget)}
        for ref in [ref for ref in state.variables if ref not in left and not is_secret(ref)]:
            del state.variables[ref]


def ref_of(row: StationVariable) -> VariableRef:
    """Which variable a row is of."""
    return VariableRef(
        component=row.component,
        variable=row.variable,
        component_instance=row.component_instance,
        variable_instance=row.variable_instance,
        evse_id=row.evse_id,
        connector_id=row.connector_id,
        attribute=row.attribute,  # type: ignore[arg-type]
    )


def _number(state: StationState, component: str, variable: str, instance: str | None = None) -> int | None:
    ref = VariableRef(component=component, variable=variable, variable_instance=instance)
    known = state.variables.get(ref)
    if known is None or known.value is None or not known.value.isdecimal():
        return None
    return int(known.value)
