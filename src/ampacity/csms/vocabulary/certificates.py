"""Certificates: what stations hold, ask about and bring along from cars; see `csms.blocks.certificates` and
`csms.blocks.plug_and_charge`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from ...pki.certificates import HashData, read_certificate, split_pem

PNC_VENDOR = "org.openchargealliance.iso15118pnc"
"""Vendor id of Plug & Charge in 1.6's DataTransfer (OCA's application note)."""

CertificateUse: TypeAlias = Literal[
    "CSMSRootCertificate",
    "ManufacturerRootCertificate",
    "V2GRootCertificate",
    "MORootCertificate",
    "OEMRootCertificate",
]
"""What a root is trusted for, in 2.x's words (1.6's CentralSystemRootCertificate is CSMSRootCertificate)."""

InstalledUse: TypeAlias = Literal[
    "CSMSRootCertificate",
    "ManufacturerRootCertificate",
    "V2GRootCertificate",
    "MORootCertificate",
    "OEMRootCertificate",
    "V2GCertificateChain",
]
"""The same and the chain that a station shows to cars."""


# ---------------------------------------------------------------- from the station


class OcspQuestion(Struct, frozen=True, kw_only=True):
    """A certificate and who can tell whether it was revoked."""

    certificate: HashData
    responder_url: str


class ContractProof(Struct, frozen=True, kw_only=True):
    """What a car showed to prove its contract: its certificate with those above it (PEM, leaf first), where
    the station could not check it itself, and who can tell of each whether it was revoked.
    """

    chain_pem: str | None = None
    questions: tuple[OcspQuestion, ...] = ()


class EvCertificateRequest(Struct, frozen=True, kw_only=True):
    """Get15118EVCertificate: a car wants a new or renewed contract certificate. `exi_request` is its own
    message, base64, in the schema named; nobody but the contract's owner reads it.
    """

    schema: str
    action: Literal["Install", "Update"]
    exi_request: str
    maximum_contract_chains: int | None = None
    prioritized_emaids: tuple[str, ...] = ()


class CertificateStatusRequest(Struct, frozen=True, kw_only=True):
    """GetCertificateStatus: the OCSP response of a certificate, to be shown to cars."""

    question: OcspQuestion


class StatusSource(Struct, frozen=True, kw_only=True):
    """A certificate and where its status may be had from."""

    certificate: HashData
    source: Literal["CRL", "OCSP"]
    urls: tuple[str, ...]


class ChainStatusRequest(Struct, frozen=True, kw_only=True):
    """GetCertificateChainStatus (2.1): the status of each certificate of a chain."""

    asked: tuple[StatusSource, ...]


# ---------------------------------------------------------------- answers to the station

ContractStatus: TypeAlias = Literal[
    "Accepted",
    "SignatureError",
    "CertificateExpired",
    "CertificateRevoked",
    "NoCertificateAvailable",
    "CertChainError",
    "ContractCancelled",
]


class EvCertificateAnswer(Struct, frozen=True, kw_only=True):
    """`exi_response` is the message for the car, base64; None when there is none (Failed), then `why`."""

    exi_response: str | None = None
    remaining_contracts: int | None = None
    why: str = ""


class CertificateStatusAnswer(Struct, frozen=True, kw_only=True):
    """`ocsp_response` is DER; None when nobody could tell (Failed), then `why`."""

    ocsp_response: bytes | None = None
    why: str = ""


class StatusFound(Struct, frozen=True, kw_only=True):
    """`Failed` says that nobody could tell; `next_update` is when to ask again."""

    asked: StatusSource
    status: Literal["Good", "Revoked", "Unknown", "Failed"]
    next_update: datetime


class ChainStatusAnswer(Struct, frozen=True, kw_only=True):
    """One for each that was asked about."""

    found: tuple[StatusFound, ...]


# ---------------------------------------------------------------- to the station


class InstallCertificate(Struct, frozen=True, kw_only=True, tag="install_certificate"):
    """Let a station trust a root. `certificate` is one X.509 certificate, PEM."""

    use: CertificateUse
    certificate: str

    def __post_init__(self) -> None:
        """Raises ValueError for anything else, a private key above all."""
        if "PRIVATE KEY" in self.certificate:
            raise ValueError("certificate: a private key is in the text; stations get certificates only")
        read_certificate(self.certificate)
        if self.certificate.strip() != split_pem(self.certificate)[0]:
            raise ValueError(
                "certificate: there is other text beside the certificate; stations want it alone"
            )


class DeleteCertificate(Struct, frozen=True, kw_only=True, tag="delete_certificate"):
    """Let a station forget a certificate, named as the station itself reports it (M04.FR.07).

    `use` is needed for Plug & Charge certificates of a 1.6 station, which go another way than the others.
    """

    certificate: HashData
    use: InstalledUse | None = None


class GetInstalledCertificates(Struct, frozen=True, kw_only=True, tag="get_installed_certificates"):
    """Ask which certificates a station holds; no use named: all. Outcome data: Holdings."""

    uses: tuple[InstalledUse, ...] = ()


class HeldCertificate(Struct, frozen=True, kw_only=True):
    """A certificate as the station names it, with the sub CAs that belong to it."""

    use: InstalledUse
    certificate: HashData
    children: tuple[HashData, ...] = ()


class Holdings(Struct, frozen=True, kw_only=True):
    """What a station holds for `uses`: those that it answered for."""

    uses: tuple[InstalledUse, ...]
    certificates: tuple[HeldCertificate, ...]
