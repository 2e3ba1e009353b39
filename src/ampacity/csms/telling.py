"""How a command gets to a station: completed, written down, sent, followed up.

Every command of a person, a controller or the system goes this way, a raw payload too. What the functional
blocks have to do with it they say by tables (see `part`), so this path knows none of their business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

import msgspec
from msgspec.structs import replace

from ..bus import Bus, NoResponder
from ..files.errors import FileTrouble
from ..ocpp.errors import PayloadError
from ..store import Store, StoreClosed, StoreUnavailable, audit
from . import boot_policy
from .dialects import Unsupported, dialect
from .dialects.dialect import Dialect, told
from .dialects.dialect import Reply as StationReply
from .following import Begun
from .link import CallFailed, OutboundCall, station_address
from .paging import merged
from .part import Part
from .raw import request_of, shown
from .state import Stations, StationState
from .vocabulary import Command, Outcome, RawCall

log = logging.getLogger(__name__)


class Telling:
    """The one way out."""

    def __init__(self, store: Store, bus: Bus, stations: Stations, part: Part) -> None:
        self._store = store
        self._bus = bus
        self._stations = stations
        self._part = part

    async def command(
        self,
        operator_id: str,
        station_id: str,
        command: Command | RawCall,
        actor: str,
        timeout_s: float = 30.0,
        *,
        front: bool = False,
    ) -> Outcome:
        """Carry out a command for `actor` and return what became of it; never raises for the station's
        reasons.

        A person's command is in the audit before it is sent; those of `controller ...` and `system ...` are
        posted.
        """
        if not isinstance(command, RawCall):
            if (complete := self._part.completes.get(type(command))) is not None:
                try:
                    command = complete(self._stations.get(station_id), command)
                except ValueError as impossible:
                    return Outcome(result="error", detail=str(impossible))
            command = await self._prepared(operator_id, station_id, command, actor)
        program = actor.startswith(("controller", "system"))
        action = str(command.__struct_config__.tag)
        target = f"station/{station_id}"
        detail = shown(command)
        if program:
            audit_id = audit.post_record(self._store, operator_id, actor, action, target, detail)
        else:
            audit_id = await audit.record(self._store, operator_id, actor, action, target, detail)
        try:
            outcome = await self._carry_out(operator_id, station_id, command, actor, timeout_s, front)
        except asyncio.CancelledError:
            # Whoever asked gave up; the station may have acted. Said at once: nobody would come back to it.
            with contextlib.suppress(StoreClosed):
                audit.post_complete(self._store, operator_id, audit_id, "cancelled", "nobody waited for it")
            raise
        if not isinstance(command, RawCall):
            self._settled(operator_id, station_id, command, outcome)
        words = f"{outcome.status} {outcome.detail}".strip()
        if program:
            audit.post_complete(self._store, operator_id, audit_id, outcome.result, words)
        else:
            try:
                await audit.complete(self._store, operator_id, audit_id, outcome.result, words)
            except StoreUnavailable:
                # What the station did is done: the person hears of it even if the row must stay without its
                # outcome.
                log.exception("the outcome of %s could not be written", audit_id)
        return outcome

    async def _prepared(self, operator_id: str, station_id: str, command: Command, actor: str) -> Command:
        state, prepare = self._stations.get(station_id), self._part.prepares.get(type(command))
        if prepare is None or state is None or state.operator_id != operator_id:
            return command
        return await prepare(state, command, actor)

    def _settled(self, operator_id: str, station_id: str, command: Command, outcome: Outcome) -> None:
        state, settle = self._stations.get(station_id), self._part.settles.get(type(command))
        if settle is not None and state is not None and state.operator_id == operator_id:
            settle(state, command, outcome)

    async def _carry_out(
        self,
        operator_id: str,
        station_id: str,
        command: Command | RawCall,
        actor: str,
        timeout_s: float,
        front: bool,
    ) -> Outcome:
        state = self._stations.get(station_id)
        if state is None or state.operator_id != operator_id:
            return Outcome(result="offline", detail=f"station {station_id!r} is unknown")
        if not state.online or state.version is None:
            return Outcome(result="offline", detail=f"station {station_id!r} is not connected")
        name = str(command.__struct_config__.tag)
        if (why := boot_policy.why_not_told(name, state.registration)) is not None:
            return Outcome(result="not_accepted", status=state.registration or "", detail=why)
        speech = dialect(state.version)
        if isinstance(command, RawCall):
            return await self._carry_out_raw(state, speech, command, actor, timeout_s)
        begun: Begun | None = None
        if (jobs := self._part.jobs.get(type(command))) is not None:
            try:
                begun = await jobs.begin(state, command, actor)
            except (ValueError, FileTrouble) as trouble:
                return _impossible(command, trouble)
            command = begun.command
        cut, carry = self._part.pages.get(type(command)), self._part.carries.get(type(command))

        async def tell(said: Command) -> Outcome:
            return await self._carry_out_page(state, speech, said, actor, timeout_s, front)

        outcomes = []
        for page in (command,) if cut is None else cut(state, speech, command):
            outcomes.append(await (tell(page) if carry is None else carry(state, page, actor, tell)))
            if outcomes[-1].result in ("offline", "unsupported"):
                break
        outcome = merged(outcomes)
        return outcome if jobs is None or begun is None else await jobs.answered(state, begun, outcome)

    async def _carry_out_page(
        self,
        state: StationState,
        speech: Dialect,
        command: Command,
        actor: str,
        timeout_s: float,
        front: bool,
    ) -> Outcome:
        try:
            calls = speech.calls(command)
        except Unsupported as unsupported:
            return Outcome(result="unsupported", detail=str(unsupported))
        except ValueError as impossible:
            return Outcome(result="error", detail=str(impossible))
        await self._precede(state, command, actor)
        replies = [
            await self._ask(state, OutboundCall(action, payload, timeout_s, front))
            for action, payload in calls
        ]
        only = replies[0] if len(replies) == 1 else None
        if isinstance(only, CallFailed):
            outcome = _failure(only)
        else:
            outcome = speech.outcome(command, replies)
        self._take_effect(state, command, outcome)
        return outcome

    async def _carry_out_raw(
        self, state: StationState, speech: Dialect, raw: RawCall, actor: str, timeout_s: float
    ) -> Outcome:
        """Send a payload as it was written; what it means takes effect as if it had been a command."""
        try:
            request = request_of(speech.version, raw)
        except PayloadError as error:
            place = {"path": error.path, "problem": error.description}
            detail = f"{error.description} at {error.path}"
            return Outcome(result="invalid", status=error.code, detail=detail, data=place)
        meaning = speech.meaning(raw.action, request)
        jobs = self._part.jobs.get(type(meaning))
        try:
            begun = None if jobs is None else await jobs.begin(state, meaning, actor, exact=True)
        except (ValueError, FileTrouble) as trouble:
            return _impossible(raw, trouble)
        if meaning is not None:
            await self._precede(state, meaning, actor)
        reply = await self._ask(state, OutboundCall(raw.action, request, timeout_s, body=raw.payload))
        if isinstance(reply, CallFailed):
            outcome = _failure(reply)
        elif meaning is None:
            outcome = told(str(getattr(reply, "status", "")), ("", "Accepted"))
        else:
            outcome = speech.outcome(meaning, [reply])
        if meaning is not None:
            self._take_effect(state, meaning, outcome)
            self._settled(state.operator_id, state.station_id, meaning, outcome)
        if jobs is not None and begun is not None:
            await jobs.answered(state, begun, outcome)
        return outcome if isinstance(reply, CallFailed) else replace(outcome, data=msgspec.to_builtins(reply))

    async def _ask(self, state: StationState, call: OutboundCall) -> StationReply:
        """Send a CALL to whoever holds the station's socket."""
        try:
            reply: StationReply = await self._bus.request(
                station_address(state.operator_id, state.station_id), call
            )
        except NoResponder:
            return CallFailed("lost", "Closed", "the station is not connected")
        except CallFailed as failed:
            return failed
        return reply

    async def _precede(self, state: StationState, command: Command, actor: str) -> None:
        for precede in self._part.precedes.get(type(command), ()):
            await precede(state, command, actor)

    def _take_effect(self, state: StationState, command: Command, outcome: Outcome) -> None:
        for follow in self._part.follows.get(type(command), ()):
            follow(state, command, outcome)
        if outcome.accepted:
            for effect in self._part.effects.get(type(command), ()):
                effect(state, command, outcome)


def _impossible(command: Command | RawCall, trouble: Exception) -> Outcome:
    """What can't be sent, before anything was."""
    place = {"path": str(command.__struct_config__.tag), "problem": str(trouble)}
    return Outcome(result="invalid", status="impossible", detail=str(trouble), data=place)


def _failure(failed: CallFailed) -> Outcome:
    if failed.kind == "error" or failed.code == "QueueFull":
        return Outcome(result="error", status=failed.code, detail=failed.description)
    if failed.sent:
        return Outcome(result="timeout", detail=failed.description)
    return Outcome(result="offline", detail=failed.description)
