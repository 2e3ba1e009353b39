"""Plug & Charge: cars that prove their contract by a certificate, get new ones, and want to see that a
station's own certificate was not revoked (use cases C07, M01, M02, M06).

A contract is good when its chain ends at a root that the operator trusts, nothing of it has expired, its
responders say that nothing of it was revoked, and the eMAID it names is worth something here. Where the
station has checked the chain itself it sends hash data only, and revocation is what is left to ask. What
can't be found out is not good (C07.FR.17), unless the settings say so of revocation.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from cryptography.x509 import Certificate
from msgspec import Struct
from msgspec.structs import replace

from ...pki.certificates import (
    ChainError,
    HashData,
    check_chain,
    hash_data,
    ocsp_responders,
    read_chain,
    same_hash_data,
)
from ...pki.contracts import emaid_of, same_emaid
from ...store import audit
from ...store.certificates import trusted_pems
from ..context import Context
from ..contract_pool import ContractPool, ContractProvider, NoContract
from ..outbound import Outbound
from ..part import Part
from ..revocation import Revocation, Unanswered
from ..state import StationState
from ..vocabulary import (
    AuthorizationAnswer,
    Authorize,
    CertificateStatusAnswer,
    CertificateStatusRequest,
    ChainStatusAnswer,
    ChainStatusRequest,
    ContractProof,
    ContractStatus,
    EvCertificateAnswer,
    EvCertificateRequest,
    StatusFound,
    StatusSource,
    VendorAnswer,
    VendorData,
)
from .authorization import Authorization
from .costs import Costs

log = logging.getLogger(__name__)

ACTOR = "system plug and charge"
CONTRACT_ROOTS = ("MORootCertificate", "V2GRootCertificate")
_NEVER = datetime.fromtimestamp(0, UTC)
_NO_CONTRACT = ("Blocked", "Expired", "Invalid", "Unknown")
"""What a token is worth when its contract is over (C07.FR.13)."""


class _Refused(Exception):
    """A proof that does not hold."""

    def __init__(self, status: ContractStatus, why: str) -> None:
        super().__init__(why)
        self.status: ContractStatus = status


class _Link(Struct, frozen=True):
    """A certificate of a chain, and who can tell whether it was revoked."""

    certificate: HashData
    urls: tuple[str, ...]


class PlugAndCharge:
    """Authorize with a contract, Get15118EVCertificate, GetCertificateStatus, GetCertificateChainStatus."""

    def __init__(self, context: Context, authorization: Authorization, costs: Costs) -> None:
        self._context = context
        self._costs = costs
        self._authorization = authorization
        settings = context.settings.plug_and_charge
        self._outbound = Outbound(settings.ocsp_hosts)
        self._revocation = Revocation(context.clock, self._outbound, settings.ocsp_timeout_s)
        self._pool = ContractPool(settings) if settings.pool_url else None
        self.provider: ContractProvider | None = self._pool
        """Who has the contracts of cars; may be another one than the settings'."""

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={
                Authorize: self.authorize,
                EvCertificateRequest: self.ev_certificate,
                CertificateStatusRequest: self.certificate_status,
                ChainStatusRequest: self.chain_status,
            },
            stop=self.close,
        )

    async def close(self) -> None:
        """Let go of what is connected."""
        await self._outbound.close()
        if self._pool is not None:
            await self._pool.close()

    # ------------------------------------------------------------ contracts

    async def authorize(self, state: StationState, said: Authorize) -> AuthorizationAnswer:
        """The verdict on a token, with what it pays here; where a car showed a contract, on that first."""
        return self._costs.with_price(state, await self._verdict(state, said), said.token, 0)

    async def _verdict(self, state: StationState, said: Authorize) -> AuthorizationAnswer:
        proof = said.contract
        if proof is None or not (proof.chain_pem or proof.questions):
            return await self._authorization.authorize(state, said)
        try:
            await self._check(state.operator_id, said.token.value, proof)
        except _Refused as refused:
            self._note(state, said.token.value, refused)
            expired = refused.status == "CertificateExpired"
            return AuthorizationAnswer(
                status="Expired" if expired else "Invalid", certificate_status=refused.status
            )
        verdict = await self._authorization.authorize(state, said)
        over = verdict.status in _NO_CONTRACT
        if verdict.status == "Accepted":
            self._authorization.vouch(state, said.token)
        return replace(verdict, certificate_status="ContractCancelled" if over else "Accepted")

    def _note(self, state: StationState, emaid: str, refused: _Refused) -> None:
        """Say in the audit why a driver stands before a station that does not charge."""
        log.info("station %s: contract %s is refused: %s", state.station_id, emaid, refused)
        store, operator_id = self._context.store, state.operator_id
        detail = {"emaid": emaid, "certificate_status": refused.status}
        target = f"station/{state.station_id}"
        audit_id = audit.post_record(store, operator_id, ACTOR, "refuse_contract", target, detail)
        audit.post_complete(store, operator_id, audit_id, "refused", str(refused)[:500])

    async def _check(self, operator_id: str, emaid: str, proof: ContractProof) -> None:
        trusted = await self._trusted(operator_id, CONTRACT_ROOTS)
        chain: list[Certificate] = []
        if proof.chain_pem:
            try:
                chain = read_chain(proof.chain_pem)
                path = check_chain(chain, trusted, self._context.clock.now())
            except ChainError as error:
                expired = error.fault == "expired"
                raise _Refused("CertificateExpired" if expired else "CertChainError", str(error)) from None
            if not same_emaid(emaid_of(chain[0]), emaid):
                raise _Refused("CertChainError", f"the certificate is of contract {emaid_of(chain[0])!r}")
            links = _links(path, proof)
        else:
            links = [_Link(asked.certificate, (asked.responder_url,)) for asked in proof.questions]
        await self._check_revocation(links, (*chain, *trusted))

    async def _check_revocation(self, links: Sequence[_Link], authorities: Sequence[Certificate]) -> None:
        found = await asyncio.gather(
            *(self._revocation.verdict(link.certificate, link.urls, authorities) for link in links),
            return_exceptions=True,
        )
        doubts = []
        for link, verdict in zip(links, found, strict=True):
            name = f"certificate {link.certificate.serial_number}"
            if isinstance(verdict, Unanswered):
                doubts.append(str(verdict))
            elif isinstance(verdict, BaseException):
                raise verdict
            elif verdict.status == "revoked":
                raise _Refused("CertificateRevoked", f"{name} was revoked at {verdict.revoked_at}")
            elif verdict.status == "unknown":
                doubts.append(f"its responder does not know {name}")
            elif not verdict.proven:
                doubts.append(f"who answered for {name} could not prove to speak for its issuer")
        if doubts and self._wants_proof:
            raise _Refused("CertChainError", "; ".join(doubts))

    async def _trusted(self, operator_id: str, uses: Sequence[str] | None) -> list[Certificate]:
        pems = await self._context.store.read(lambda connection: trusted_pems(connection, operator_id, uses))
        return [certificate for pem in pems for certificate in read_chain(pem)]

    # ------------------------------------------------------------ what stations ask

    async def ev_certificate(self, state: StationState, said: EvCertificateRequest) -> EvCertificateAnswer:
        """A new contract for a car, from whoever has them."""
        if self.provider is None:
            return EvCertificateAnswer(why="no contract certificate pool is set up")
        try:
            return await self.provider.contract(said)
        except NoContract as none:
            log.info("station %s: no contract certificate: %s", state.station_id, none)
            return EvCertificateAnswer(why=str(none))

    async def certificate_status(
        self, state: StationState, said: CertificateStatusRequest
    ) -> CertificateStatusAnswer:
        """The OCSP response of a certificate, for cars to see: they judge who signed it."""
        asked = said.question
        try:
            authorities = await self._trusted(state.operator_id, None)
            verdict = await self._revocation.verdict(asked.certificate, (asked.responder_url,), authorities)
        except Unanswered as none:
            log.info("station %s: no certificate status: %s", state.station_id, none)
            return CertificateStatusAnswer(why=str(none))
        return CertificateStatusAnswer(ocsp_response=verdict.der)

    async def chain_status(self, state: StationState, said: ChainStatusRequest) -> ChainStatusAnswer:
        """The status of each certificate that was asked about, in that order."""
        return ChainStatusAnswer(
            found=tuple(await asyncio.gather(*(self._found(state, asked) for asked in said.asked)))
        )

    async def _found(self, state: StationState, asked: StatusSource) -> StatusFound:
        word: Literal["Good", "Revoked", "Unknown"]
        authorities = await self._trusted(state.operator_id, None)
        try:
            if asked.source == "CRL":
                listed = await self._revocation.listed(asked.certificate, asked.urls, authorities)
                word, proven, until = "Revoked" if listed.revoked else "Good", listed.proven, listed.until
            else:
                said = await self._revocation.verdict(asked.certificate, asked.urls, authorities)
                word, proven, until = _WORDS[said.status], said.proven, said.until
            if word == "Good" and not proven and self._wants_proof:
                raise Unanswered("who says so could not prove to speak for the certificate's issuer")
        except Unanswered as none:
            log.info("station %s: no certificate status: %s", state.station_id, none)
            return StatusFound(asked=asked, status="Failed", next_update=_NEVER)
        return StatusFound(asked=asked, status=word, next_update=until)

    async def unread(self, state: StationState, said: VendorData) -> VendorAnswer:
        """A message of Plug & Charge inside DataTransfer that could not be read."""
        known = said.message_id in _WRAPPED
        return VendorAnswer(status="Rejected" if known else "UnknownMessageId")

    @property
    def _wants_proof(self) -> bool:
        return self._context.settings.plug_and_charge.revocation == "required"


def _links(path: Sequence[Certificate], proof: ContractProof) -> list[_Link]:
    """The certificates below the anchor, each with the responders that it or the station names."""
    links = []
    for certificate, issuer in pairwise(path):
        told = (
            question.responder_url
            for question in proof.questions
            if same_hash_data(
                question.certificate, hash_data(certificate, issuer, question.certificate.hash_algorithm)
            )
        )
        urls: Iterable[str] = (*told, *ocsp_responders(certificate))
        links.append(_Link(hash_data(certificate, issuer), tuple(dict.fromkeys(urls))))
    return links


_WRAPPED = ("Authorize", "Get15118EVCertificate", "GetCertificateStatus", "SignCertificate")
_WORDS: dict[str, Literal["Good", "Revoked", "Unknown"]] = {
    "good": "Good",
    "revoked": "Revoked",
    "unknown": "Unknown",
}
