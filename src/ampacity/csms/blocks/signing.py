"""Certificates of stations (A02, A03): what they ask for is checked and signed, given to them, renewed in
time and can be revoked.

A request is answered at once, by what can be judged without its authority; the certificate follows in a
CALL of ours. Nothing hangs on that CALL's answer: a station that did not get it asks again (A02.FR.17), and
the same request gets the same certificate.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ...pki.certificates import describe, read_chain
from ...pki.requests import Request, RequestError, check_names, read_request
from ...store import StoreClosed, StoreUnavailable, audit
from ...store import security as rows
from ..authorities import (
    CertificateAuthority,
    InternalAuthority,
    OutsideAuthority,
    SigningRefused,
    SigningUnavailable,
    authority_of,
)
from ..context import Context
from ..part import Part
from ..state import StationState
from ..vocabulary import (
    CertificateRequest,
    CertificateRequestAnswer,
    Command,
    InstallSigned,
    Outcome,
    RenewCertificate,
    VariableRef,
)

log = logging.getLogger(__name__)

ACTOR = "system certificates"

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]

AFTER_ANSWER_S = 0.05
"""The answer to the request goes out before the certificate does."""

AGAIN_S = (0.0, 30.0, 300.0)
"""When an authority that can't be reached is asked, site seconds after the time before."""

LOOK_EVERY_S = 3600.0
ASK_AGAIN = timedelta(days=1)

_CAR_PURPOSES = ("V2GCertificate", "V2G20Certificate")

_SIZE_LIMITS = (
    VariableRef(component="SecurityCtrlr", variable="MaxCertificateChainSize"),
    VariableRef(component="OCPP16", variable="CertificateSignedMaxChainSize"),
)


class Signing:
    """`send` carries a command out for the system. `authority` may be changed until `start`."""

    def __init__(self, context: Context, send: Send) -> None:
        self._context = context
        self._send = send
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._asked: dict[str, datetime] = {}
        self._revoked: set[str] = set()
        self._owners: dict[str, tuple[str, str]] = {}
        """Fingerprint -> (station, purpose) of every certificate that is still good."""
        self.reserved: frozenset[str] = frozenset()
        """Names of servers: nobody else gets them."""
        self.disconnect: Callable[[str, str, str], object] = lambda operator_id, station_id, reason: None
        """Ends a station's connection."""
        self._looking: asyncio.Task[None] | None = None
        self.authority: CertificateAuthority | None = None
        self.trouble = ""
        """Why there is no authority, where one was asked for."""

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(hears={CertificateRequest: self.requested}, start=self.start, stop=self.stop)

    # ------------------------------------------------------------ life

    async def start(self, operators: list[str]) -> None:
        """Load what is revoked, and look after certificates that end."""
        settings = self._context.settings
        for operator_id in operators:
            now = self._context.clock.now()
            found = await self._context.store.read(
                lambda connection, owner=operator_id, at=now: rows.that_count(connection, owner, at)  # type: ignore[misc]
            )
            self._revoked |= {row.fingerprint for row in found if row.state == "revoked"}
            self._owners |= {row.fingerprint: (row.station_id, row.purpose) for row in found}
        if self.authority is None:
            try:
                self.authority = authority_of(settings.security, settings.operator_name)
            except ValueError as problem:
                self.trouble = str(problem)
                log.error("stations get no certificates: %s", problem)
        if settings.security.renew:
            self._looking = asyncio.ensure_future(self._look())

    async def stop(self) -> None:
        """End what is under way."""
        tasks = [*self._under_way.values(), *([] if self._looking is None else [self._looking])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(self.authority, OutsideAuthority):
            await self.authority.close()
        if self.internal is not None:
            await asyncio.to_thread(self.internal.close)

    @property
    def internal(self) -> InternalAuthority | None:
        """Our own authority, where it is the one that signs."""
        return self.authority if isinstance(self.authority, InternalAuthority) else None

    # ------------------------------------------------------------ signing

    async def requested(self, state: StationState, said: CertificateRequest) -> CertificateRequestAnswer:
        """Judge a request; an accepted one is signed afterwards."""
        if self.authority is None:
            reason = self.trouble or "no authority signs certificates here: set csms.security.authority"
            return self._refused(state, reason)
        try:
            request = read_request(said.request)
            if said.purpose not in _CAR_PURPOSES:
                names = self._names(state)
                check_names(request, names, self._context.settings.security.organization)
        except RequestError as wrong:
            return self._refused(state, str(wrong))
        mark = hashlib.sha256(f"{state.station_id}\0{said.request}".encode()).hexdigest()
        if mark not in self._under_way:
            task = asyncio.ensure_future(self._sign(state, said, request))
            self._under_way[mark] = task
            task.add_done_callback(lambda done: self._done(state, mark, done))
        return CertificateRequestAnswer(accepted=True)

    def _names(self, state: StationState) -> set[str]:
        """What may stand in a station's certificate: its identity, and the serial number that it told, unless
        that is somebody else's name. (A certificate counts for the station that it was issued to, whatever
        its name: see `objection`.)
        """
        serial = state.info.serial
        names = {state.station_id}
        taken = any(
            serial in (other.station_id, other.info.serial)
            for other in self._context.stations
            if other is not state
        )
        if serial and not taken:
            names.add(serial)
        return names - self.reserved

    def _refused(self, state: StationState, reason: str) -> CertificateRequestAnswer:
        log.warning("station %s gets no certificate: %s", state.station_id, reason)
        self._note(state, "refuse_certificate", "refused", reason)
        return CertificateRequestAnswer(accepted=False, reason=reason)

    def _done(self, state: StationState, mark: str, task: asyncio.Task[None]) -> None:
        del self._under_way[mark]
        if task.cancelled() or (problem := task.exception()) is None:
            return
        if not isinstance(problem, StoreClosed | StoreUnavailable):
            log.error("the certificate of %s could not be signed", state.station_id, exc_info=problem)

    async def _sign(self, state: StationState, said: CertificateRequest, request: Request) -> None:
        await self._context.clock.sleep(AFTER_ANSWER_S)
        chain = await self._issued(state, request) or await self._issue(state, said, request)
        if chain is None:
            return
        fingerprint = describe(read_chain(chain)[0]).fingerprint
        limit = _limit(state)
        if len(chain) > limit:
            # Those above it can be fetched by who needs them; without its own it can't connect.
            chain = chain[: chain.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")]
        command = InstallSigned(chain=chain, purpose=said.purpose, request_id=said.request_id)
        outcome = await self._send(state, command, ACTOR)
        became: rows.CertificateState = (
            "installed" if outcome.accepted else "rejected" if outcome.result == "rejected" else "unanswered"
        )
        words = f"{outcome.status} {outcome.detail}".strip()
        await self._change(state.operator_id, fingerprint, became, words)

    async def _issued(self, state: StationState, request: Request) -> str | None:
        """The certificate that this very key got already and may not have reached its station."""
        found = await self._context.store.read(
            lambda connection: rows.list_certificates(
                connection, state.operator_id, station_id=state.station_id, limit=5
            )
        )
        now = self._context.clock.now()
        for row in found:
            if row.state in ("issued", "unanswered") and row.not_after > now:
                own = read_chain(row.chain)[0]
                if own.public_key() == request.csr.public_key() and own.subject == request.csr.subject:
                    return row.chain
        return None

    async def _issue(self, state: StationState, said: CertificateRequest, request: Request) -> str | None:
        authority = self.authority
        assert authority is not None
        for wait_s in AGAIN_S:
            await self._context.clock.sleep(wait_s)
            now = self._context.clock.now()
            try:
                chain = await authority.sign(request, said.purpose, state.station_id, now)
            except SigningUnavailable as problem:
                log.warning("the certificate of %s must wait: %s", state.station_id, problem)
                last = str(problem)
                continue
            except SigningRefused as refused:
                self._note(state, "refuse_certificate", "refused", str(refused))
                return None
            row = _row(state, said, chain, now)
            await self._context.store.write(partial(_save, row))
            self._owners[row.fingerprint] = (row.station_id, row.purpose)
            self._note(state, "issue_certificate", "done", row.subject, row.fingerprint)
            return chain
        self._note(state, "refuse_certificate", "failed", last)
        return None

    # ------------------------------------------------------------ after it

    async def revoke(self, operator_id: str, fingerprint: str) -> bool:
        """Trust a certificate no longer; returns whether it was ours and trusted."""
        revoked = await self._change(operator_id, fingerprint, "revoked", "")
        if revoked:
            self._revoked.add(fingerprint)
            station_id, _ = self._owners.get(fingerprint, ("", ""))
            state = self._context.stations.get(station_id)
            if state is not None and state.online and state.proof.fingerprint == fingerprint:
                self.disconnect(operator_id, station_id, "its certificate was revoked")
        return revoked

    def objection(self, fingerprint: str, station_id: str) -> str:
        """Why a certificate must not let this station in, "" where nothing is known against it."""
        if fingerprint in self._revoked:
            return "is revoked"
        owner, purpose = self._owners.get(fingerprint, (station_id, ""))
        if owner != station_id:
            return f"was issued to station {owner!r}"
        return "is for cars" if purpose in _CAR_PURPOSES else ""

    async def _change(
        self, operator_id: str, fingerprint: str, became: rows.CertificateState, detail: str
    ) -> bool:
        at = self._context.clock.now()
        return await self._context.store.write(
            lambda connection: rows.change_certificate(
                connection, operator_id, fingerprint, became, at, detail
            )
        )

    # ------------------------------------------------------------ renewal

    def booted(self, state: StationState) -> None:
        """A station was answered its boot. One that came with an expired certificate is asked to renew it at
        once: it was let in for nothing else (A00.FR.429).
        """
        if state.proof.expired and self.authority is not None:
            mark = f"expired {state.station_id}"
            if mark not in self._under_way:
                task = asyncio.ensure_future(self._ask(state))
                self._under_way[mark] = task
                task.add_done_callback(lambda done: self._done(state, mark, done))

    async def _look(self) -> None:
        before = timedelta(days=self._context.settings.security.renew_before_days)
        while True:
            await self._context.clock.sleep(LOOK_EVERY_S)
            now = self._context.clock.now()
            for state in self._context.stations:
                ends = state.proof.certificate_ends_at
                asked = self._asked.get(state.station_id)
                due = ends is not None and ends - before < now and state.online and self.authority is not None
                if due and (asked is None or now - asked > ASK_AGAIN):
                    await self._ask(state)

    async def _ask(self, state: StationState) -> None:
        await self._context.clock.sleep(AFTER_ANSWER_S)
        self._asked[state.station_id] = self._context.clock.now()
        await self._send(state, RenewCertificate(), ACTOR)

    def _note(self, state: StationState, action: str, outcome: str, words: str, mark: str = "") -> None:
        detail: dict[str, Any] = {"fingerprint": mark} if mark else {}
        store, operator_id = self._context.store, state.operator_id
        audit_id = audit.post_record(store, operator_id, ACTOR, action, f"station/{state.station_id}", detail)
        audit.post_complete(store, operator_id, audit_id, outcome, words[:500])


def _save(row: rows.StationCertificate, connection: Any) -> None:
    rows.save_certificate(connection, row)


def _row(state: StationState, said: CertificateRequest, chain: str, now: datetime) -> rows.StationCertificate:
    told = describe(read_chain(chain)[0])
    return rows.StationCertificate(
        operator_id=state.operator_id,
        fingerprint=told.fingerprint,
        station_id=state.station_id,
        purpose=said.purpose or "Combined",
        state="issued",
        subject=told.subject,
        issuer=told.issuer,
        serial_number=told.serial_number,
        not_before=told.not_before,
        not_after=told.not_after,
        issued_at=now,
        changed_at=now,
        detail="",
        chain=chain,
    )


def _limit(state: StationState) -> int:
    """How long a chain the station takes, as far as it told."""
    for ref in _SIZE_LIMITS:
        known = state.variables.get(ref)
        if known is not None and known.value is not None and known.value.isdigit():
            return int(known.value)
    return 10_000
