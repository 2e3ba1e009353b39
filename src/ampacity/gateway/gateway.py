"""The gateway: a port for stations, the sessions behind it, and the bus addresses at which stations can be
called.

It knows no business. Who may come in is decided by an injected function, what messages mean by an injected
handler; what happened is told on the bus. Of two sockets of one station the newest wins: a station that lost
its network comes back before we notice that the old socket is dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import secrets
import socket
import ssl
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from ..bus import Bus
from ..clock import Clock
from ..csms.link import (
    CallFailed,
    Credentials,
    HandshakeRejected,
    Line,
    OutboundCall,
    Recorder,
    RejectKind,
    SessionEnded,
    StationHandler,
    StationRef,
    station_address,
)
from ..model.events import StationConnected, StationDisconnected
from ..ocpp.codec import Codec
from ..ocpp.engine import Engine, History
from ..ocpp.version import Role, Version
from .admission import SUBPROTOCOLS, Granted, Rejected, identity_of, judge
from .budget import Budget
from .listening import listen
from .rates import Addresses
from .session import Session, Stranger, Surroundings
from .settings import GatewaySettings, Port
from .tls import ServerTls, Shown
from .transport import (
    GOING_AWAY,
    POLICY_VIOLATION,
    Ending,
    Entry,
    Handshake,
    Listener,
    Peer,
    Refusal,
)

log = logging.getLogger(__name__)

DEADLINE_STEP_S = 0.2
"""How exactly call time-outs are kept, in site seconds."""

MAX_OPEN = 4096
"""Calls of one station read and not answered;
reading stops long before, but what was read at once is taken.
"""

FINISH_WALL_S = 3.0
"""How long a stop waits for answers under way."""

CLOSE_WALL_S = 2.0
"""And how long for the closing handshakes after it."""

ABSENT_REMEMBERED = 10_000
"""Stations without a socket whose last answers are kept, for what they may repeat when they come back."""

COME_BACK_S = (2, 12)
"""Bounds of Retry-After for who can't come in now."""

GUESS_TOKENS = 10.0
"""What a wrong password costs its address: checking it takes us as long as four handshakes."""

Key = tuple[str, str]


class Gateway:
    """Serves stations at `settings.ocpp_port`, or on the sockets that were `bound` before, and at further
    ports. `shown` adds certificates and roots of an authority of our own. `start` and `stop` it; it belongs
    to the event loop that started it.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        bus: Bus,
        clock: Clock,
        credentials: Credentials,
        handler: StationHandler,
        record: Recorder | None = None,
        bound: list[socket.socket] | None = None,
        shown: Callable[[], Shown] | None = None,
    ) -> None:
        self._settings = settings
        self._bound = bound
        self._shown = shown
        self._bus = bus
        self._clock = clock
        self._credentials = credentials
        self._budget = Budget(settings.max_buffered_bytes)
        self._around = Surroundings(
            settings,
            bus,
            clock,
            handler,
            record,
            self._budget,
            self._entered,
            self._left,
            self._moved,
            self._answered,
        )
        self._addresses_seen = Addresses(settings.address_handshakes_per_s, settings.address_handshake_burst)
        self._sessions: dict[Key, Session] = {}
        self._addresses: dict[Session, Callable[[], None]] = {}
        self._absent: dict[Key, History] = {}
        self._waiting: set[Session] = set()
        self._armed = asyncio.Event()
        self._codecs: dict[str, Codec] = {}
        # Ids are unique for each station over all connections and restarts of ours: 8 random characters, a
        # counter.
        prefix = secrets.token_hex(4)
        counter = itertools.count(1)
        self._new_id = lambda: f"{prefix}-{next(counter):x}"
        self._listeners: list[Listener] = []
        self._tls: ServerTls | None = None
        self._reloads: asyncio.TimerHandle | None = None
        self._deadlines: asyncio.Task[None] | None = None
        self._stopping = False

    async def listen(self) -> None:
        """Open the ports; who comes waits in the kernel's queue until `start`. So a process that takes over
        can listen (with `share_port`) before the one before it has stopped. Raises OSError when a port
        can't be had, TlsError (a ValueError) when certificates can't be used.
        """
        ports = self._settings.all_ports
        if any(port.secured for port in ports):
            self._tls = ServerTls(self._settings, self._shown)
        for number, port in enumerate(ports):
            context = None
            if port.secured and self._tls is not None:
                context = self._tls.asking if port.asks else self._tls.plain
            bound = self._bound if number == 0 else None
            door = _PortDoor(self, port)
            self._listeners.append(await listen(self._settings, door, port.port, context, bound))

    @property
    def tls(self) -> ssl.SSLContext | None:
        """How the secured ports speak TLS, for other doors of stations; None where there are none. Renewed
        certificates are shown by itself.
        """
        return None if self._tls is None else self._tls.plain

    async def start(self) -> None:
        """Let stations in; listens first unless that was done. Raises as `listen` does."""
        if not self._listeners:
            await self.listen()
        for listener in self._listeners:
            listener.accept()
        self._look_at_certificates()
        self._deadlines = asyncio.ensure_future(self._keep_deadlines())
        log.info("stations connect to %s:%d by %s", self._settings.host, self.port, self._settings.transport)

    async def stop(self) -> None:
        """Stop listening, answer what was read, and close each socket as going away; each station is told
        another moment to come back. Returns when they have gone, at the latest `FINISH_WALL_S` and
        `CLOSE_WALL_S` later.

        Our calls in flight are lost. What a station sent and we did not read is not answered: it sends it
        again, to who comes after us.
        """
        self._stopping = True
        if self._reloads is not None:
            self._reloads.cancel()
        for listener in self._listeners:
            await listener.close()
        sessions = tuple(self._sessions.values())
        finishing = [asyncio.ensure_future(session.finish()) for session in sessions]
        if finishing:
            await asyncio.wait(finishing, timeout=FINISH_WALL_S)
        for session in sessions:
            again = f"restarting, come back in {random.randint(*COME_BACK_S)} s"
            session.close(GOING_AWAY, Ending("restart", again))
        # To end at once would reset the sockets, and so throw away answers that are still on their way.
        ends = asyncio.get_running_loop().time() + CLOSE_WALL_S
        while any(listener.open for listener in self._listeners):
            if asyncio.get_running_loop().time() > ends:
                break
            await asyncio.sleep(0.01)
        if self._deadlines is not None:
            self._deadlines.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._deadlines

    @property
    def port(self) -> int:
        """The port that stations connect to."""
        return self.ports[0]

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port, in the order of `GatewaySettings.all_ports`."""
        if not self._listeners:
            raise RuntimeError("the gateway is not started: call start() first")
        return tuple(listener.port for listener in self._listeners)

    @property
    def connected(self) -> int:
        """Stations with an open socket."""
        return len(self._sessions)

    def disconnect(self, operator_id: str, station_id: str, reason: str) -> bool:
        """Close a station's socket; returns whether there was one."""
        session = self._sessions.get((operator_id, station_id))
        if session is None:
            return False
        session.close(POLICY_VIOLATION, Ending("disconnected", reason))
        return True

    # ------------------------------------------------------------ the door

    def shuns(self, address: str, now: float) -> bool:
        """Whether this address isn't worth a TLS handshake (see `transport.Door`)."""
        return self._addresses_seen.shuns(_network(address), now)

    def judge(self, handshake: Handshake, late_s: float = 0.0) -> Entry | Refusal:
        """Decide on an opening request (see `transport.Door`)."""
        if self._stopping:
            return self._come_back(handshake, "busy", "the charging station management system restarts")
        if len(self._sessions) >= self._settings.max_connections or self._budget.over:
            reason = f"{len(self._sessions)} stations are connected and there is no room for more"
            return self._come_back(handshake, "busy", reason)
        now, network = asyncio.get_running_loop().time(), _network(handshake.peer.rpartition(":")[0])
        if late_s > 0.0 or self._addresses_seen.take(network, now) > 0.0:
            whose = "all stations" if late_s > 0.0 else f"the address {network}"
            return self._come_back(handshake, "too_many", f"too many handshakes of {whose} at once")
        verdict = judge(handshake, self._credentials)
        if isinstance(verdict, Rejected):
            if verdict.kind == "password_wrong":
                self._addresses_seen.charge(network, now, GUESS_TOKENS)
            status = verdict.refusal.status
            self._reject(handshake, verdict.identity, verdict.kind, verdict.reason, status)
            return verdict.refusal
        if verdict.version is None:
            return self._no_subprotocol(handshake, verdict)
        admitted = verdict.admitted
        station = StationRef(admitted.operator_id, admitted.station_id, verdict.version)
        return Entry(verdict.subprotocol, lambda: self._session(station, handshake.peer))

    def failed(self, peer: str, tls: str | None, secured: bool = False) -> None:
        """A connection ended before its opening request (see `transport.Door`)."""
        if tls is not None:
            self._tell_rejected(peer, "", None, "tls", f"TLS could not be agreed: {tls}", 0)
            return
        spoken = "something else than HTTP" if secured else "TLS (wss:) where this port has none (ws:)"
        reason = f"no WebSocket request came: it closed, stayed silent or spoke {spoken}"
        self._tell_rejected(peer, "", None, "not_websocket", reason, 0)

    def _come_back(self, handshake: Handshake, kind: RejectKind, reason: str) -> Refusal:
        """Not now. The moment is drawn, so that those who keep it don't come together again."""
        self._reject(handshake, identity_of(handshake.path)[0], kind, reason, 503)
        after_s = random.randint(*COME_BACK_S)
        return Refusal(503, f"{reason}\n", (("Retry-After", str(after_s)),))

    def _no_subprotocol(self, handshake: Handshake, verdict: Granted) -> Entry:
        spoken = ", ".join(SUBPROTOCOLS)
        offer = f"offers {verdict.offered!r}" if verdict.offered else "offers no subprotocol"
        reason = f"station {verdict.admitted.station_id!r} {offer}; we speak {spoken}"
        self._reject(handshake, verdict.admitted.station_id, "subprotocol", reason, 101)
        peer: Peer = Stranger("no common subprotocol")
        return Entry(None, lambda: peer)

    def _reject(
        self, handshake: Handshake, identity: str | None, kind: RejectKind, reason: str, status: int
    ) -> None:
        offered = handshake.headers.get("sec-websocket-protocol", "")[:200]
        self._tell_rejected(handshake.peer, handshake.path[:500], identity, kind, reason, status, offered)

    def _tell_rejected(
        self,
        peer: str,
        path: str,
        identity: str | None,
        kind: RejectKind,
        reason: str,
        status: int,
        offered: str = "",
    ) -> None:
        log.info("handshake of %s rejected: %s", peer, reason)
        self._bus.publish(
            HandshakeRejected(
                peer=peer,
                path=path,
                identity=identity,
                kind=kind,
                reason=reason,
                status=status,
                at=self._clock.now(),
                offered=offered,
            )
        )

    def _session(self, station: StationRef, peer: str) -> Session:
        codec = self._codecs.get(station.version)
        if codec is None:
            # What real stations send is repaired where that loses little; what we send stays strict.
            codec = Codec(
                Version(station.version),
                Role.CSMS,
                max_frame=self._settings.max_frame_bytes,
                lenient=True,
            )
            self._codecs[station.version] = codec
        key = (station.operator_id, station.station_id)
        older = self._sessions.get(key)
        history = older.engine.history if older is not None else self._absent.get(key)
        engine = Engine(
            codec,
            new_id=self._new_id,
            history=history,
            max_queue=self._settings.max_queued_calls,
            max_open=MAX_OPEN,
        )
        return Session(station, peer, engine, self._around)

    # ------------------------------------------------------------ sessions come and go

    def _entered(self, session: Session) -> None:
        station = session.station
        key = (station.operator_id, station.station_id)
        older = self._sessions.get(key)
        self._sessions[key] = session
        self._absent.pop(key, None)
        if older is not None:
            older.close(POLICY_VIOLATION, Ending("replaced", "the station opened a newer connection"))
        self._addresses[session] = self._bus.serve(station_address(*key), _responder(session))
        self._bus.publish(
            StationConnected(
                operator_id=station.operator_id,
                station_id=station.station_id,
                version=station.version,
                at=self._clock.now(),
            )
        )

    def _left(self, session: Session, ending: Ending) -> None:
        self._waiting.discard(session)
        end = self._addresses.pop(session, None)
        if end is not None:
            end()
        station = session.station
        key = (station.operator_id, station.station_id)
        self._bus.publish(
            SessionEnded(
                operator_id=station.operator_id,
                station_id=station.station_id,
                peer=session.peer,
                kind=ending.kind,
                reason=ending.reason,
                lasted_s=self._clock.monotonic() - session.opened_at,
                at=self._clock.now(),
            )
        )
        if self._sessions.get(key) is not session:
            return  # a newer socket has taken over: the station never left
        del self._sessions[key]
        while len(self._absent) >= ABSENT_REMEMBERED:
            del self._absent[next(iter(self._absent))]
        self._absent[key] = session.engine.history
        self._bus.publish(
            StationDisconnected(
                operator_id=station.operator_id,
                station_id=station.station_id,
                reason=ending.reason,
                at=self._clock.now(),
            )
        )

    def _answered(self, station: StationRef) -> None:
        """A handler of a closed session has finished: its answer may be what the newer session waits for."""
        session = self._sessions.get((station.operator_id, station.station_id))
        if session is not None:
            session.flush()

    def _look_at_certificates(self) -> None:
        """Show renewed ones from time to time; off the loop's hot path, a stat of a few files."""
        if self._tls is None:
            return
        if self._reloads is not None:
            self._tls.reload()
        after_s = self._settings.reload_every_s
        self._reloads = asyncio.get_running_loop().call_later(after_s, self._look_at_certificates)

    # ------------------------------------------------------------ call time-outs, in site time

    def _moved(self, session: Session) -> None:
        if session.engine.next_timeout() is None:
            self._waiting.discard(session)
        else:
            self._waiting.add(session)
            self._armed.set()

    async def _keep_deadlines(self) -> None:
        while True:
            if not self._waiting:
                self._armed.clear()
                await self._armed.wait()
            await self._clock.sleep(DEADLINE_STEP_S)
            now = self._clock.monotonic()
            for session in tuple(self._waiting):
                try:
                    session.handle_timeout(now)
                except Exception:
                    # One station's trouble must not stop the time of all others.
                    log.exception("the deadline of %s failed", session.station.station_id)


class _PortDoor:
    """The gateway's door as one port has it (see `transport.Door`)."""

    def __init__(self, gateway: Gateway, port: Port) -> None:
        self._gateway = gateway
        self._port = port

    def shuns(self, address: str, now: float) -> bool:
        return self._gateway.shuns(address, now)

    def judge(self, handshake: Handshake, late_s: float = 0.0) -> Entry | Refusal:
        line = Line(self._port.secured, handshake.line.certificates, self._port.lowest_profile)
        return self._gateway.judge(replace(handshake, line=line), late_s)

    def failed(self, peer: str, tls: str | None) -> None:
        self._gateway.failed(peer, tls, self._port.secured)


def _network(address: str) -> str:
    """What counts as one address: of IPv6 a household's /64."""
    return ":".join(address.split(":")[:4]) if ":" in address else address


def _responder(session: Session) -> Callable[[Any], Any]:
    async def respond(message: Any) -> Any:
        if not isinstance(message, OutboundCall):
            raise CallFailed(
                "error", "InternalError", f"a station takes OutboundCall, not {type(message).__name__}"
            )
        return await session.call(message)

    return respond
