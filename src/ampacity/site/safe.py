"""Passwords of meters and devices, sealed wherever they are kept: in the database, its backups, the decision
log. Only this node's key opens them.

The key lies beside the other private keys, for its owner only (0600). A backup of the database without it
holds no password; a restored site whose key is lost asks for them again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from msgspec import structs

from ..csms.keys import write_private
from ..model.site import MeterConfig, Site

PREFIX: Final = "sealed:"
HIDDEN: Final = "***"
"""What is shown in the place of a password, and means the known one where it comes back."""


class SafeError(ValueError):
    """A sealed password can't be opened here; the message says what to do."""


class Safe:
    """Seals and opens. `folder` is where the key is, or will be with the first password; None: nowhere, and
    no password can be kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / "passwords.key" if folder is not None else None
        self._key: Fernet | None = None

    def seal(self, password: str) -> str:
        """What may be kept of a password; one that is sealed, and none, stay as they are."""
        if not password or password.startswith(PREFIX):
            return password
        return PREFIX + self._lock(make=True).encrypt(password.encode()).decode()

    def open(self, sealed: str) -> str:
        """The password itself. Raises SafeError."""
        if not sealed.startswith(PREFIX):
            return sealed
        try:
            return self._lock(make=False).decrypt(sealed.removeprefix(PREFIX).encode()).decode()
        except InvalidToken:
            raise SafeError(f"the password was not sealed with {self._path}: enter it again") from None

    def _lock(self, *, make: bool) -> Fernet:
        if self._path is None:
            raise SafeError("no password can be kept here: this site has no folder for its key")
        if self._key is None:
            if not self._path.exists():
                if not make:
                    raise SafeError(
                        f"{self._path}, which opens the password, is gone: enter the password again"
                    )
                write_private(self._path, Fernet.generate_key())
            if self._path.stat().st_mode & 0o077:
                raise SafeError(f"{self._path} can be read by others than its owner: chmod 600 {self._path}")
            try:
                self._key = Fernet(self._path.read_bytes())
            except ValueError:
                raise SafeError(
                    f"{self._path} holds no key: move it away, then enter passwords again"
                ) from None
        return self._key


def sealed(site: Site, safe: Safe) -> Site:
    """The site with the passwords of its meters sealed."""
    return _with_passwords(site, safe.seal)


def hidden(site: Site) -> Site:
    """The site as it may be shown."""
    return _with_passwords(site, lambda password: HIDDEN if password else "")


def resealed(wanted: Site, known: Site, safe: Safe) -> Site:
    """A form that somebody brings, with its meters' passwords as they are kept: one that is left out, or
    shown as stars, is the known one, but only towards the same place and user. ValueError where it is
    another.
    """
    meters = {circuit.circuit_id: circuit.meter for circuit in known.circuits}
    circuits = tuple(
        circuit
        if circuit.meter is None
        else structs.replace(
            circuit, meter=resealed_meter(circuit.meter, meters.get(circuit.circuit_id), safe)
        )
        for circuit in wanted.circuits
    )
    return structs.replace(wanted, circuits=circuits)


def resealed_meter(config: MeterConfig, known: MeterConfig | None, safe: Safe) -> MeterConfig:
    """The same of one meter: else anybody could have its password sent to a place of his own."""
    if config.password not in ("", HIDDEN):
        return structs.replace(config, password=safe.seal(config.password))
    same = known is not None and (known.protocol, known.address, known.user, known.ca_pem) == (
        config.protocol,
        config.address,
        config.user,
        config.ca_pem,
    )
    if config.password == HIDDEN and not same:
        raise ValueError("password: another address or user needs its password entered again")
    kept = known.password if same and known is not None else ""
    return structs.replace(config, password=kept)


def _with_passwords(site: Site, changed: Callable[[str], str]) -> Site:
    circuits = tuple(
        circuit
        if circuit.meter is None
        else structs.replace(
            circuit, meter=structs.replace(circuit.meter, password=changed(circuit.meter.password))
        )
        for circuit in site.circuits
    )
    return structs.replace(site, circuits=circuits)
