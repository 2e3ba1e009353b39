"""Where an authority's private keys are: files, or a hardware module behind PKCS#11.

Both give keys that `pki.authority` signs with; the one of a module never leaves it, only digests go in. A
key is made when it is first asked for.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, NoReturn, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from ..pki.authority import SigningKey

RSA_BITS = 3072


class KeyTrouble(ValueError):
    """A key can't be had; the message names the place and what to do."""


class KeyProvider(Protocol):
    """Keys by name."""

    def key(self, name: str) -> SigningKey:
        """The private key of this name (ECDSA P-256), made where there is none. Raises KeyTrouble."""
        ...


class FileKeys:
    """PEM files of a folder, for their owner only (0600), encrypted where there is a passphrase."""

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self._folder = folder
        self._passphrase = passphrase.encode() or None

    def key(self, name: str) -> SigningKey:
        path = self._folder / f"{name}.key"
        if path.exists():
            return self._read(path)
        made = ec.generate_private_key(ec.SECP256R1())
        write_private(path, self._pem(made))
        return made

    def rsa_key(self, name: str) -> rsa.RSAPrivateKey:
        """The same with an RSA key, for servers whose clients know nothing else."""
        path = self._folder / f"{name}.key"
        if path.exists():
            found = self._read(path)
            if isinstance(found, rsa.RSAPrivateKey):
                return found
            raise KeyTrouble(f"key file {path} holds no RSA key: move it away and another one is made")
        made = rsa.generate_private_key(65537, RSA_BITS)
        write_private(path, self._pem(made))
        return made

    def _read(self, path: Path) -> SigningKey:
        if path.stat().st_mode & 0o077:
            raise KeyTrouble(f"key file {path} can be read by others than its owner: chmod 600 {path}")
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), self._passphrase)
        except (ValueError, TypeError) as problem:
            raise KeyTrouble(f"key file {path}: {problem}; is key_passphrase the right one?") from None
        if not isinstance(found, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise KeyTrouble(f"key file {path} holds a {type(found).__name__}: ECDSA or RSA is right")
        return found

    def _pem(self, key: SigningKey) -> bytes:
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if self._passphrase is not None:
            locked = serialization.BestAvailableEncryption(self._passphrase)
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class Pkcs11Keys:
    """Keys in a token: made there, marked as never to leave it. `module` is the maker's library.

    Needs the extra `pkcs11`. One session for all, one call at a time: modules differ in what they bear.
    """

    def __init__(self, module: str, token: str, pin: str) -> None:
        try:
            import pkcs11
        except ImportError:
            raise KeyTrouble(
                "security.pkcs11_module is set and the extra is missing: install ampacity[pkcs11]"
            ) from None
        self._pkcs11: Any = pkcs11
        self._lock = threading.Lock()
        try:
            self._session: Any = pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=pin)
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as problem:
            said = str(problem) or type(problem).__name__
            raise KeyTrouble(
                f"token {token!r} of {module} can't be opened: {said}; are module, token and PIN right?"
            ) from None

    def key(self, name: str) -> SigningKey:
        p = self._pkcs11
        with self._lock:
            try:
                private = self._session.get_key(object_class=p.ObjectClass.PRIVATE_KEY, label=name)
                public = self._session.get_key(object_class=p.ObjectClass.PUBLIC_KEY, label=name)
            except p.NoSuchKey:
                public, private = self._make(name)
            except p.PKCS11Error as problem:
                raise KeyTrouble(f"key {name!r} of the token: {problem or type(problem).__name__}") from None
            der = p.util.ec.encode_ec_public_key(public)
        known = serialization.load_der_public_key(der)
        if not isinstance(known, ec.EllipticCurvePublicKey):
            raise KeyTrouble(f"key {name!r} of the token is no ECDSA key: give it another label")
        return _TokenKey(private, known, self._lock, p.Mechanism.ECDSA)

    def close(self) -> None:
        """End the session."""
        with self._lock:
            self._session.close()

    def _make(self, name: str) -> tuple[Any, Any]:
        import pkcs11.util.ec

        p = self._pkcs11
        parameters = self._session.create_domain_parameters(
            p.KeyType.EC,
            {p.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        return parameters.generate_keypair(  # type: ignore[no-any-return]
            label=name,
            store=True,
            mechanism=p.Mechanism.EC_KEY_PAIR_GEN,
            private_template={p.Attribute.SENSITIVE: True, p.Attribute.EXTRACTABLE: False},
        )


class _TokenKey(ec.EllipticCurvePrivateKey):
    """A private key that signs in its token and can do nothing else."""

    def __init__(
        self, key: Any, public: ec.EllipticCurvePublicKey, lock: threading.Lock, mechanism: Any
    ) -> None:
        self._key = key
        self._public = public
        self._lock = lock
        self._mechanism = mechanism

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        algorithm = signature_algorithm.algorithm
        if not isinstance(algorithm, hashes.HashAlgorithm):
            raise TypeError("a token signs data, no digests")
        digest = hashes.Hash(algorithm)
        digest.update(data)
        with self._lock:
            raw: bytes = self._key.sign(digest.finalize(), mechanism=self._mechanism)
        half = len(raw) // 2
        numbers = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        return utils.encode_dss_signature(*numbers)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        raise TypeError("a token's key signs, it agrees on nothing")

    def private_numbers(self) -> NoReturn:
        raise TypeError("a token's key never leaves it")

    def private_bytes(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a token's key never leaves it")

    def __copy__(self) -> _TokenKey:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> _TokenKey:
        return self
