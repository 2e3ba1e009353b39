"""Smart charging as one block: the registry of profiles, reading back, others' limits, and cars."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ...bus import Bus
from ...model.events import StationBooted, TransactionChanged
from ..context import Context
from ..state import StationState
from ..vocabulary import (
    Answer,
    CarScheduleTold,
    ClearProfile,
    ClearProfiles,
    Command,
    GetCompositeSchedule,
    GetProfiles,
    LimitImposed,
    LimitReleased,
    NeedsTold,
    Outcome,
    ProfilesReported,
    SetProfile,
)
from .car_needs import Cars
from .external_limits import ExternalLimits
from .profile_reading import ProfileReading, Send
from .smart_charging import SmartCharging, Tell


class Charging:
    """What the CSMS asks of block K. `send` carries a command out for an actor of the system."""

    def __init__(self, context: Context, send: Send) -> None:
        self.registry = SmartCharging(context)
        limits = ExternalLimits(context)
        self._reading = ProfileReading(context, self.registry, limits, send)
        self._cars = Cars(context, send)
        self.hear: Mapping[type[Any], Callable[[StationState, Any], Awaitable[Answer]]] = {
            ProfilesReported: self._reading.reported,
            LimitImposed: limits.imposed,
            LimitReleased: limits.released,
            NeedsTold: self._cars.needs,
            CarScheduleTold: self._cars.plan,
        }
        self.effects: Mapping[type[Any], Callable[[StationState, Any, Outcome], None]] = {
            SetProfile: self.registry.installed,
            ClearProfile: self.registry.cleared,
            ClearProfiles: self.registry.cleared_all,
            GetProfiles: self._reading.asked,
            GetCompositeSchedule: self._reading.composite,
        }

    def listen(self, bus: Bus) -> list[Callable[[], None]]:
        """Follow boots and transactions; returns what ends that."""
        return [
            bus.subscribe(StationBooted, self._reading.booted),
            bus.subscribe(TransactionChanged, self.registry.transaction_changed),
            bus.subscribe(TransactionChanged, self._cars.transaction_changed),
        ]

    async def stop(self) -> None:
        """End what is under way."""
        await self._reading.stop()
        await self._cars.stop()

    def prepared(self, state: StationState | None, command: Command) -> Command:
        """The command with what it leaves to us: a transaction, a number."""
        return self._reading.numbered(state, self.registry.prepared(state, command))

    async def carried_out(self, state: StationState, command: Command, actor: str, tell: Tell) -> Outcome:
        """Carry a command out, if it keeps to the rules of installing profiles."""
        program = actor.startswith(("controller", "system"))
        refusal = self.registry.refusal(state, command, program=program)
        if refusal is not None:
            return refusal
        if isinstance(command, SetProfile):
            return await self.registry.set(state, command, tell, program=program)
        if isinstance(command, GetCompositeSchedule):
            command = self.registry.units.asked_in_its_unit(state, command)
        return await tell(command)
