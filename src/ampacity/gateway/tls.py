"""TLS at the stations' ports: which certificates are shown, which are asked for, and their renewal while
stations stay connected.

TLS 1.3, and 1.2 with the four suites that OCPP names (A00.FR.318, .421) and their ECDHE kin for RSA keys;
nothing older, no compression, no renegotiation. The suites with plain RSA have no forward secrecy and can
be switched off. There are two server certificates, one with an ECDSA and one with an RSA key: the client's
suites choose.

At the ports that ask for stations' certificates (where there are roots that vouch for them) they are asked
for, not demanded: who has none
may have a password, and who must have one (profile 3) is told so over HTTP, and so by name. OpenSSL checks
the signatures up to a root; validity in time is judged later (`csms.admission`), for the same reason.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..csms.link import Line
from .settings import GatewaySettings

log = logging.getLogger(__name__)

_SUITES_OF_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
_PLAIN_RSA = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""


class Shown(Struct, frozen=True):
    """What a server shows and trusts: (certificate file, key file or None where it is in the first) each, and
    roots (PEM) that vouch for stations.
    """

    pairs: tuple[tuple[str, str | None], ...] = ()
    roots: str = ""


class TlsError(ValueError):
    """Certificates that can't be used; the message names the file and what is wrong with it."""


class ServerTls:
    """The contexts of all secured ports: `asking` for stations' certificates, and `plain`. `more` tells what
    the internal authority adds.
    """

    def __init__(self, settings: GatewaySettings, more: Callable[[], Shown] | None = None) -> None:
        self._settings = settings
        self._more = more
        self._seen: object = None
        shown = self._shown()
        self.plain, self.asking = self._fresh(shown, False), self._fresh(shown, True)
        self._seen = _stamp(shown)

    def reload(self) -> bool:
        """Show renewed certificates to who connects from now on; those connected stay. A file that can't be
        used is told of and the old one goes on. Returns whether anything was renewed.
        """
        try:
            shown = self._shown()
            if _stamp(shown) == self._seen:
                return False
            self._fresh(shown, True)  # proves that all of them fit before one is shown
            _load(self.plain, shown, False)
            _load(self.asking, shown, True)
            self._seen = _stamp(shown)
        except (OSError, ValueError) as problem:
            log.error("the renewed certificates of the stations' ports can't be used: %s", problem)
            return False
        log.info("the stations' ports show renewed certificates")
        return True

    def _fresh(self, shown: Shown, asking: bool) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        oldest = ssl.TLSVersion.TLSv1_2 if settings.tls_minimum == "1.2" else ssl.TLSVersion.TLSv1_3
        context.minimum_version = oldest
        context.set_ciphers(":".join(_SUITES_OF_1_2 + (_PLAIN_RSA if settings.rsa_suites else ())))
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # One session ticket is enough for a station that comes back.
        context.num_tickets = 1
        _load(context, shown, asking)
        return context

    def _shown(self) -> Shown:
        settings = self._settings
        own = (
            (settings.certfile, settings.keyfile),
            (settings.second_certfile, settings.second_keyfile),
        )
        pairs = tuple((certificate, key) for certificate, key in own if certificate is not None)
        roots = "" if settings.client_roots is None else Path(settings.client_roots).read_text()
        more = Shown() if self._more is None else self._more()
        return Shown(pairs or more.pairs, f"{roots}\n{more.roots}".strip())


def line_of(ssl_object: Any) -> Line:
    """What a connection with this TLS object (None: without) is carried by."""
    if ssl_object is None:
        return Line()
    own = ssl_object.getpeercert(True)
    if own is None:
        return Line(True)
    # Python tells the whole chain from 3.13 on, and before that from inside; a resumed session has no chain.
    told = getattr(ssl_object, "get_verified_chain", None) or getattr(
        getattr(ssl_object, "_sslobj", None), "get_verified_chain", None
    )
    chain = [] if told is None else [_der(each) for each in told() or ()]
    return Line(True, tuple(chain) or (own,))


def _der(certificate: Any) -> bytes:
    # A certificate from inside Python before 3.13; 2 is its word for DER.
    return certificate if isinstance(certificate, bytes) else bytes(certificate.public_bytes(2))


def _load(context: ssl.SSLContext, shown: Shown, asking: bool) -> None:
    if not shown.pairs:
        raise TlsError(
            "a port for stations is to speak TLS and has no certificate: set gateway.certfile (and "
            "gateway.second_certfile), or gateway.server_names for certificates of the internal authority"
        )
    for certificate, key in shown.pairs:
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as problem:
            raise TlsError(f"certificate {certificate} with key {key or 'in it'}: {problem}") from None
    if asking and shown.roots:
        context.load_verify_locations(cadata=shown.roots)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)


def _stamp(shown: Shown) -> tuple[object, ...]:
    """Differs when a file has changed."""
    files = [path for pair in shown.pairs for path in pair if path is not None]
    return (shown, *((path, os.stat(path).st_mtime_ns, os.stat(path).st_size) for path in files))
