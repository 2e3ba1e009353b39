"""Secrets and their traces: what is handed out once, and what is kept of it.

Codes, session tokens and API keys are random with 192 bits or more, so that a plain SHA-256 of them is enough
to keep: there is nothing to guess. An API key is `amp_<prefix>_<secret>`; its prefix names it in lists and in
the audit.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from ..model.site import EvseKey

_PREFIX_BYTES = 5  # 8 characters of base 32
_DRIVER_CODE_LENGTH = 12  # 60 bits: not to be found by trying at the public rate limit


def new_code() -> str:
    """A secret for a link or a browser session: 43 characters fit for a URL."""
    return secrets.token_urlsafe(32)


def new_api_key() -> tuple[str, str]:
    """A key and its prefix: `(prefix, key)`."""
    prefix = base64.b32encode(secrets.token_bytes(_PREFIX_BYTES)).decode().lower()
    return prefix, f"amp_{prefix}_{secrets.token_hex(24)}"


def prefix_of(key: str) -> str | None:
    """The prefix of an API key; None for what isn't one."""
    parts = key.split("_")
    if len(parts) != 3 or parts[0] != "amp" or not parts[1] or not parts[2]:
        return None
    return parts[1]


def same(a: str, b: str) -> bool:
    """Equality that takes as long for the right as for the wrong."""
    return hmac.compare_digest(a.encode(), b.encode())


def driver_code(operator_secret: str, evse_key: EvseKey) -> str:
    """The short code in an EVSE's QR code: always the same for this EVSE, not to be told from another's name.

    HMAC-SHA-256 of the EVSE under the operator's secret, in lower case base 32.
    """
    station_id, evse_id = evse_key
    # The length keeps ("a", 11) and ("a1", 1) apart.
    text = f"{len(station_id)}:{station_id}:{evse_id}"
    mac = hmac.new(operator_secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b32encode(mac).decode().lower()[:_DRIVER_CODE_LENGTH]
