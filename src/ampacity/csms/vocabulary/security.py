"""Words of security: certificates that stations ask for and get, their network, what they notice."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct

Purpose: TypeAlias = Literal["ChargingStationCertificate", "V2GCertificate", "V2G20Certificate"]
"""What a station's certificate is for: its connection to us, or its connection to cars."""


class CertificateRequest(Struct, frozen=True, kw_only=True):
    """SignCertificate: a request (PKCS#10, PEM) for a certificate. `purpose` None: the station did not say,
    one certificate may serve both. `request_id` is the station's own number of it (2.1).
    """

    request: str
    purpose: Purpose | None = None
    request_id: int | None = None


class SecurityEvent(Struct, frozen=True, kw_only=True):
    """SecurityEventNotification. `kind` is the standard's name or a maker's; `at` by the station's clock."""

    kind: str
    at: datetime
    detail: str = ""


class CertificateRequestAnswer(Struct, frozen=True, kw_only=True):
    """Whether a certificate will be signed; `reason` says why not."""

    accepted: bool
    reason: str = ""


class InstallSigned(Struct, frozen=True, kw_only=True, tag="certificate_signed"):
    """Give a station the certificate that it asked for. `chain` is PEM: the certificate and the CAs above it,
    without the root.
    """

    chain: str
    purpose: Purpose | None = None
    request_id: int | None = None


class RenewCertificate(Struct, frozen=True, kw_only=True, tag="renew_certificate"):
    """Ask a station to make a new key and to request a certificate for it. `Combined` serves the connections
    to us and to cars.
    """

    purpose: Literal["ChargingStation", "V2G", "Combined"] = "ChargingStation"


class SetPassword(Struct, frozen=True, kw_only=True, tag="set_password"):
    """Give a station another password for its connection; without one it is drawn here and nobody sees it.
    It has 16 to 40 characters; hex digits fit every version.
    """

    password: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for one that can't be (A00.FR.205)."""
        if self.password is not None and not 16 <= len(self.password) <= 40:
            told = len(self.password)
            raise ValueError(f"a password of {told} characters can't be: 16 to 40 are right")


class SetNetworkProfile(Struct, frozen=True, kw_only=True, tag="set_network_profile"):
    """Keep in a station's `slot` how it may reach us: URL, security profile, the interface. It connects so
    once NetworkConfigurationPriority names the slot and it has been reset; from then on with `password`,
    where one is given (2.1).
    """

    slot: int
    url: str
    security_profile: Literal[0, 1, 2, 3]
    interface: Literal[
        "Wired0", "Wired1", "Wired2", "Wired3", "Wireless0", "Wireless1", "Wireless2", "Wireless3"
    ] = "Wired0"
    message_timeout_s: int = 30
    password: str | None = None


class SetSecurityProfile(Struct, frozen=True, kw_only=True, tag="set_security_profile"):
    """Tell a station whose version has one place for it (1.6) to come by a higher security profile."""

    profile: Literal[1, 2, 3]
