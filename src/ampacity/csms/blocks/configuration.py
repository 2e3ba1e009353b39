"""Expected configuration: templates, the drift of each station from them, and setting it right.

Convergence reads what it does not know before it writes (flash memory wears), writes what differs, and
remembers what a station refuses: we don't ask for the same again by ourselves (see `expectation`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import asdict

from ...store import configurations, variables
from ...store.configurations import Template
from ...store.operators import list_operators
from ...store.provisioning import RefusedValue, save_provisioning
from ..context import Context
from ..dialects import dialect
from ..expectation import TAKEN, Actual, Drift, Expected, Refusal, drift, expected
from ..state import StationState
from ..vocabulary import Command, GetVariables, Outcome, SetVariables, VariableRef, VariableValue
from .variables import ref_of

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class Configuration:
    """The templates of all operators. `send` carries a command out for an actor."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        self._templates: dict[str, list[Template]] = {}

    async def load(self) -> None:
        """Read the templates of all operators."""
        for operator in await self._context.store.read(list_operators):
            await self.reload(operator.operator_id)

    async def reload(self, operator_id: str) -> None:
        """Read an operator's templates: one was changed."""
        self._templates[operator_id] = await self._context.store.read(
            lambda connection: configurations.list_templates(connection, operator_id)
        )

    def templates(self, operator_id: str) -> list[Template]:
        """An operator's templates by name."""
        return self._templates.get(operator_id, [])

    def expected(self, state: StationState, *, automatic: bool = False) -> dict[VariableRef, Expected]:
        """What is wanted of a station, as far as its version has such a thing: a template may serve a mixed
        fleet. `automatic`: only what is set without being asked for.
        """
        wanted = expected(self.templates(state.operator_id), state.station_id, state.info)
        speech = None if state.version is None else dialect(state.version)
        return {
            ref: item
            for ref, item in wanted.items()
            if (item.automatic or not automatic) and (speech is None or speech.has_component(ref.component))
        }

    def fingerprint(self, state: StationState) -> str:
        """What the station is and should be: firmware and wanted values. Changes when either does."""
        wanted = sorted(
            (msgspec.json.encode(ref), item.value)
            for ref, item in self.expected(state, automatic=True).items()
        )
        info = state.info
        digest = hashlib.sha256(msgspec.json.encode([info.vendor, info.model, info.firmware, wanted]))
        return digest.hexdigest()[:32]

    async def drift(self, state: StationState, *, automatic: bool = False) -> list[Drift]:
        """Each expected value of a station beside what it has."""
        wanted = self.expected(state, automatic=automatic)
        if not wanted:
            return []
        operator_id, station_id = state.operator_id, state.station_id
        known = await self._context.store.read(
            lambda connection: variables.find_variables(
                connection, operator_id, station_id, {ref.component for ref in wanted}
            )
        )
        actual = {
            ref_of(row): Actual(
                row.value, row.data_type, bool(row.reboot_required), row.mutability == "WriteOnly"
            )
            for row in known
        }
        return drift(wanted, actual, map(_refusal, state.refusals), state.info.firmware)

    async def converge(self, state: StationState, actor: str, *, automatic: bool = False) -> list[Drift]:
        """Set right what drifts, and return what is left. `automatic`: only what may be set without being
        asked for, and never again what was refused or can't be compared.
        """
        found = await self.drift(state, automatic=automatic)
        unread = tuple(item.ref for item in found if item.state == "unknown")
        if unread:
            await self._send(state, GetVariables(variables=unread), actor)
            await self._context.store.flush()
            found = await self.drift(state, automatic=automatic)
        wrong = ("differs", "unknown") if automatic else ("differs", "unknown", "refused", "write_only")
        values = tuple(
            VariableValue(ref=item.ref, value=item.wanted) for item in found if item.state in wrong
        )
        if not values:
            return found
        outcome = await self._send(state, SetVariables(values=values), actor)
        await self._remember(state, values, outcome.data or ())
        await self._context.store.flush()
        return await self.drift(state, automatic=automatic)

    async def _remember(
        self, state: StationState, sent: Iterable[VariableValue], told: Iterable[VariableValue]
    ) -> None:
        """Keep what the station said no to, let go what it took."""
        words = {value.ref: value.status for value in told}
        firmware = state.info.firmware
        kept = {(_ref(item), item.value): item for item in state.refusals if item.firmware == firmware}
        for value in sent:
            status = words.get(value.ref)
            if status is None or value.value is None:
                continue  # no answer is no refusal
            place = asdict(value.ref)
            kept.pop((value.ref, value.value), None)
            if status not in TAKEN:
                kept[value.ref, value.value] = RefusedValue(
                    **place, value=value.value, status=status, firmware=firmware
                )
        refusals = tuple(kept.values())
        if refusals == state.refusals:
            return
        state.refusals = refusals
        operator_id, station_id = state.operator_id, state.station_id
        await self._context.store.write(
            lambda connection: save_provisioning(connection, operator_id, station_id, refusals=refusals)
        )


def _ref(item: RefusedValue) -> VariableRef:
    fields: dict[str, Any] = {name: getattr(item, name) for name in VariableRef.__struct_fields__}
    return VariableRef(**fields)


def _refusal(item: RefusedValue) -> Refusal:
    return Refusal(ref=_ref(item), value=item.value, status=item.status, firmware=item.firmware)
