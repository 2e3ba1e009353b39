"""The CSMS: what stations say becomes state, events and durable rows; what people and controllers want
becomes calls.

It meets its stations over two seams only: `handle` is called with each message (a gateway, near or far, is
behind it), and commands leave through the bus address of a station. So it does not know where a station's
socket is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

from ..bus import Bus
from ..clock import Clock
from ..files.service import FileService
from ..model.events import StationConnected, StationDisconnected
from ..model.site import Site
from ..ocpp.codec import Codec
from ..ocpp.errors import ErrorCode
from ..ocpp.events import CallReceived, ProtocolViolation, ResultReceived, SendReceived
from ..ocpp.version import Role, Version
from ..store import Store, StoreClosed, StoreUnavailable, operators, security, stations
from ..store.journal import JournalEntry
from ..store.messages import MessageLog
from .admission import Admission, hash_password
from .blocks.authorization import Authorization
from .blocks.availability import Availability
from .blocks.certificates import Certificates
from .blocks.charging import charging
from .blocks.costs import Costs
from .blocks.device_model import DeviceModel
from .blocks.display import Display
from .blocks.firmware import Firmware
from .blocks.local_lists import LocalLists
from .blocks.logs import Logs
from .blocks.metering import Metering
from .blocks.notices import Notices
from .blocks.oversight import Oversight
from .blocks.plug_and_charge import PlugAndCharge
from .blocks.provisioning import ACTOR
from .blocks.remote import Remote
from .blocks.reservations import Reservations
from .blocks.security import Security
from .blocks.signing import Signing
from .blocks.transactions import Transactions
from .blocks.vendor import Vendor
from .context import Context
from .dialects import dialect
from .dialects.dialect import Dialect
from .doctor import Doctor
from .ledger import Ledger
from .link import (
    Reply,
    StationRef,
)
from .part import Part, together
from .presence import Presence
from .quarantine import Quarantine
from .repairs import Repairs
from .settings import CsmsSettings
from .state import Stations, StationState
from .telling import Telling
from .vocabulary import (
    PNC_VENDOR,
    Answer,
    Command,
    FromStation,
    Heartbeat,
    Metered,
    Notice,
    Outcome,
    RawCall,
    Status,
    TransactionMessage,
)

log = logging.getLogger(__name__)


class Csms:
    """`start` before the gateway, `stop` after it.

    `credentials` and the object itself (as handler) go to the gateway.
    """

    def __init__(
        self,
        store: Store,
        bus: Bus,
        clock: Clock,
        settings: CsmsSettings | None = None,
        files: FileService | None = None,
    ) -> None:
        self.settings = settings or CsmsSettings()
        self._store = store
        self._bus = bus
        self._clock = clock
        self._stations = Stations()
        self._context = context = Context(store, bus, clock, self.settings, self._stations)
        send = self._for_the_system
        self.security = Security(context, send)
        self.signing = Signing(context, send)
        self.credentials = Admission(
            self._stations, self.settings, clock, self.security.proved, self.signing.objection
        )
        self.vendor = Vendor()
        self.quarantine = Quarantine()
        self.repairs = Repairs()
        self._messages = MessageLog(store)
        self._presence = Presence(store, clock)
        self.doctor = Doctor(store, clock, self._owner)
        self._availability = Availability(context)
        self._authorization = Authorization(context)
        self.costs = Costs(context, send)
        self.plug_and_charge = PlugAndCharge(context, self._authorization, self.costs)
        self.ledger = Ledger(store, _interpret)
        self._metering = Metering(context, self.ledger)
        self.reservations = Reservations(context)
        self._transactions = Transactions(
            context, self._authorization, self._metering, self.ledger, self.reservations, self.costs
        )
        self._oversight = Oversight(context, self._transactions, self.ledger, send)
        self._notices = Notices(context)
        self.device_model = DeviceModel(context, send, self._availability.status)
        self._provisioning = self.device_model.provisioning
        self.local_lists = LocalLists(context, self._authorization.rules, send)
        display = Display(context)
        # What one block does where another has something to tell it.
        self.vendor.serve(PNC_VENDOR, self.plug_and_charge.unread)
        self._provisioning.when_booted.append(self.signing.booted)
        self._transactions.when_ended += [self.costs.ended, display.ended]
        self.device_model.customers.forgotten.append(self.local_lists.strike)
        # Started in this order, stopped in the other: what the journal applies again needs what is above it.
        self._part = together(
            Part(listens=((StationConnected, self._connected), (StationDisconnected, self._disconnected))),
            self._availability.part,
            self._authorization.part,
            self.plug_and_charge.part,
            self.vendor.part,
            self.security.part,
            self.device_model.part,
            self.reservations.part,
            self.local_lists.part,
            Part(start=self._apply_again, stop=self._derive_the_rest),
            self._metering.part,
            self._transactions.part,
            self.signing.part,
            self._oversight.part,
            self.costs.part,
            Firmware(context, files, send).part,
            Logs(context, files).part,
            charging(context, send),
            Certificates(context, send).part,
            self._notices.part,
            display.part,
            Remote(int(clock.time())).part,
            self.doctor.part,
        )
        self._telling = Telling(store, bus, self._stations, self._part)
        self._ends: list[Callable[[], None]] = []
        self._conversations: set[asyncio.Task[None]] = set()
        self._ledger_task: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Load what is known and listen to the bus."""
        settings, now = self.settings, self._clock.now()
        await self._store.write(
            lambda connection: operators.ensure_operator(
                connection, settings.operator_id, settings.operator_name, now
            )
        )
        await self.reload()
        known = await self._store.read(operators.list_operators)
        await self._part.start([operator.operator_id for operator in known])
        self._ends = [self._bus.subscribe(kind, hear) for kind, hear in self._part.listens]

    async def _apply_again(self, operators: list[str]) -> None:
        """Take up the journal, and derive the rest of it from now on."""
        applied = await self.ledger.start(self._stations.add, operators)
        if applied:
            log.info("%d messages of before the restart were applied again from the journal", applied)
        self._ledger_task = asyncio.ensure_future(self.ledger.run())

    async def _derive_the_rest(self) -> None:
        if self._ledger_task is not None:
            self._ledger_task.cancel()
            await asyncio.gather(self._ledger_task, return_exceptions=True)
        await self.ledger.stop()

    async def reload(self) -> None:
        """Read all stations of all operators;
        for those that were registered past this object (a site was saved).
        """
        for operator in await self._store.read(operators.list_operators):
            await self._store.read(
                lambda connection, owner=operator.operator_id: self._stations.load(connection, owner)  # type: ignore[misc]
            )
            proofs = await self._store.read(
                lambda connection, owner=operator.operator_id: security.list_security(connection, owner)  # type: ignore[misc]
            )
            self.security.load(operator.operator_id, proofs)

    def settle(self, site: Site, gone: Iterable[str]) -> None:
        """A site was saved, or built anew: its stations are known, and stand there; those that are `gone`
        stand nowhere.
        """
        for station_id in gone:
            left = self._stations.get(station_id)
            if left is not None:
                left.site_id = None
        for evse in site.evses:
            state = self._stations.add(site.operator_id, evse.station_id)
            state.site_id = site.site_id
            if evse.dc_power_w is None:
                state.charging.wiring[evse.evse_id] = len(evse.phases)
            else:
                state.charging.wiring.pop(evse.evse_id, None)

    async def stop(self) -> None:
        """End what is under way and write what has gathered."""
        for end in self._ends:
            end()
        await self._part.stop()
        self._messages.write_gathered()
        self._presence.write_gathered()
        self.doctor.write_gathered()

    async def written(self) -> None:
        """Return when the tables hold what has been answered until now, as far as the disk takes it: for who
        reads them right after.
        """
        self._presence.write_gathered()
        with contextlib.suppress(StoreUnavailable):
            await self.ledger.write()

    async def logged(self) -> None:
        """Return when the message log holds what has passed until now, as far as the disk takes it."""
        self._messages.write_gathered()
        with contextlib.suppress(StoreUnavailable):
            await self._store.flush()

    # ------------------------------------------------------------ who is there

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Station id -> state, of all operators (ids are unique in a node)."""
        return self._stations.by_id

    def station(self, station_id: str) -> StationState | None:
        """A station's state, None for an unknown one."""
        return self._stations.get(station_id)

    async def register(
        self, operator_id: str, station_id: str, *, site_id: str | None = None, password: str | None = None
    ) -> StationState:
        """Make a station known, or change its site and password.

        Raises ValueError when another operator has the id.
        """
        state = self._stations.add(operator_id, station_id)
        password_hash = None if password is None else hash_password(password)
        now = self._clock.now()

        def register(connection: Any) -> None:
            if not stations.register_station(
                connection, operator_id, station_id, now, site_id=site_id, password_hash=password_hash
            ):
                stations.change_station(
                    connection, operator_id, station_id, site_id=site_id, password_hash=password_hash
                )

        await self._store.write(register)
        state.site_id, state.password_hash = site_id, password_hash
        state.proof.next_hashes = ()
        return state

    # ------------------------------------------------------------ what stations say

    def handle(self, station: StationRef, call: CallReceived, reply: Reply) -> None:
        """Understand a message, make its effect last, and reply (see `link.StationHandler`)."""
        state = self._stations.add(station.operator_id, station.station_id)
        now = self._clock.time()
        self._presence.seen(state, station.version, now)
        if call.repairs:
            self.repairs.take(station, call.action, call.repairs, now)
        if not self._provisioning.may_say(state, call.action):
            self._provisioning.refused(state)
            reply.refuse(ErrorCode.SECURITY_ERROR, "the station is not accepted: it must boot first")
            return
        speech = dialect(station.version)
        said = speech.understand(call.action, call.payload, call.raw)
        if isinstance(said, TransactionMessage):
            self._transactions.told(state, said, call, speech, reply, int(now * 1e6))
        elif isinstance(said, Metered):
            self._metering.told(state, said, call, speech, reply, int(now * 1e6))
        elif state.registering is None and (answer := self._at_once(state, said)) is not None:
            reply.answer(speech.answer(call.action, call.payload, answer))
        else:
            task = asyncio.ensure_future(self._converse(state, speech, said, call, reply))
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)

    def _at_once(self, state: StationState, said: FromStation) -> Answer | None:
        """The answer to what changes nothing that must last; None where somebody has to work on it."""
        if type(said) is Heartbeat:
            return self._provisioning.heartbeat(said)
        if type(said) is Status:
            state.heard_statuses[said.evse_id, said.connector_id] = (said.status, self._clock.time())
            return self._availability.unchanged(state, said)
        return None

    async def _converse(
        self, state: StationState, speech: Dialect, said: FromStation, call: CallReceived, reply: Reply
    ) -> None:
        try:
            if state.registering is not None:
                await state.registering
            answer = self._at_once(state, said) or await self._part.hears[type(said)](state, said)
            payload = speech.answer(call.action, call.payload, answer)
        except (StoreUnavailable, StoreClosed) as trouble:
            reply.leave(str(trouble))
        except asyncio.CancelledError:
            reply.leave("the system stops")
            raise
        except Exception as error:
            log.exception("station %s: %s could not be handled", state.station_id, call.action)
            reply.refuse(ErrorCode.INTERNAL_ERROR, type(error).__name__)
        else:
            reply.answer(payload)

    def hear(self, station: StationRef, message: SendReceived) -> None:
        """A message that is never answered: a notice."""
        state = self._stations.add(station.operator_id, station.station_id)
        self._presence.seen(state, station.version, self._clock.time())
        if not self._provisioning.may_say(state, message.action):
            return
        notice = Notice(action=message.action, content=msgspec.to_builtins(message.payload))
        self._notices.take(state, notice)

    def mended(self, station: StationRef, answer: ResultReceived) -> None:
        """An answer was repaired: count it (see `link.StationHandler`)."""
        self.repairs.take(station, f"{answer.action} (answer)", answer.repairs, self._clock.time())

    def broken(self, station: StationRef, violation: ProtocolViolation) -> None:
        """A frame broke the protocol: keep it where a person can see it."""
        self.quarantine.take(station, violation, self._clock.time())

    def record(self, station: StationRef, direction: str, frame: str, at: float) -> None:
        """Keep a raw frame in the message log (see `link.Recorder`)."""
        if self.settings.log_messages:
            self._messages.add(station.operator_id, station.station_id, direction, frame, at)

    # ------------------------------------------------------------ what stations are told

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
        """Carry out a command for `actor` and return what became of it (see `telling.Telling.command`)."""
        return await self._telling.command(operator_id, station_id, command, actor, timeout_s, front=front)

    async def _for_the_system(self, state: StationState, command: Command, actor: str = ACTOR) -> Outcome:
        return await self.command(state.operator_id, state.station_id, command, actor)

    async def close_transaction(self, operator_id: str, transaction_id: str, actor: str, why: str) -> bool:
        """Close an open transaction that its station never ended, for `actor`; returns whether there was one.

        It is a supposition like any other: the station's own end, should it come, replaces it.
        """
        for state in self._stations:
            if state.operator_id == operator_id and any(
                row.transaction_id == transaction_id for row in state.transactions.values()
            ):
                return await self._oversight.close(state, transaction_id, actor, why)
        return False

    # ------------------------------------------------------------ what the bus tells

    def _connected(self, event: StationConnected) -> None:
        state = self._stations.get(event.station_id)
        if state is None:
            state = self._stations.add(event.operator_id, event.station_id)
            self._admit(state)
        state.online = True
        self._presence.turned(state, event.version, self._clock.time())

    def _admit(self, state: StationState) -> None:
        """Register a station that the policy let in. Its first message waits for this."""
        state.auto_registered = True
        operator_id, station_id, now = state.operator_id, state.station_id, self._clock.now()
        registering = asyncio.ensure_future(
            self._store.write(
                lambda connection: stations.register_station(
                    connection, operator_id, station_id, now, auto_registered=True
                )
            )
        )
        state.registering = registering

        def registered(done: asyncio.Future[Any]) -> None:
            if not done.cancelled() and done.exception() is None:
                state.registering = None
                return
            # Let the next connection try again.
            state.registering = None
            self._stations.forget(station_id)

        registering.add_done_callback(registered)

    def _disconnected(self, event: StationDisconnected) -> None:
        state = self._stations.get(event.station_id)
        if state is not None:
            state.online = False
            self._presence.turned(state, state.version, self._clock.time())

    def _owner(self, identity: str | None) -> str:
        """Whose a handshake is: the station's operator's, a stranger's our own."""
        state = None if identity is None else self._stations.get(identity)
        return self.settings.operator_id if state is None else state.operator_id


def _interpret(entry: JournalEntry) -> TransactionMessage | Metered | None:
    """What a message in the journal says, read anew."""
    payload, _ = _codec(entry.version).read_call(entry.action, entry.payload)
    said = dialect(entry.version).understand(entry.action, payload, entry.payload)
    return said if isinstance(said, TransactionMessage | Metered) else None


@cache
def _codec(version: str) -> Codec:
    return Codec(Version(version), Role.CSMS, lenient=True)
