"""Private keys in files and in a hardware module."""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ampacity.csms.authorities import InternalAuthority
from ampacity.csms.keys import FileKeys, KeyTrouble, Pkcs11Keys
from ampacity.csms.settings import SecuritySettings
from ampacity.pki.certificates import check_chain, read_chain
from ampacity.pki.requests import read_request
from tests.fixtures.softhsm import Token, token
from tests.pki.chains import NOW, request_for

__all__ = ["token"]


@pytest.fixture
def module(token: Token) -> Iterator[Pkcs11Keys]:
    keys = Pkcs11Keys(token.module, token.label, token.pin)
    yield keys
    keys.close()


def public(keys: FileKeys | Pkcs11Keys, name: str) -> bytes:
    return keys.key(name).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip


def test_a_key_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "pki")
    first = public(keys, "root")
    assert public(FileKeys(tmp_path / "pki"), "root") == first
    path = tmp_path / "pki/root.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeyTrouble, match="chmod 600"):
        keys.key("root")


def test_a_passphrase_locks_the_file(tmp_path: Path) -> None:
    first = public(FileKeys(tmp_path, "open sesame"), "root")
    assert b"ENCRYPTED" in (tmp_path / "root.key").read_bytes()
    assert public(FileKeys(tmp_path, "open sesame"), "root") == first
    for wrong in ("", "open barley"):
        with pytest.raises(KeyTrouble, match="key_passphrase"):
            FileKeys(tmp_path, wrong).key("root")


def test_a_key_in_a_module_stays_there(module: Pkcs11Keys, token: Token) -> None:
    first = public(module, "root")
    assert public(module, "root") == first
    assert public(module, "another") != first
    key = module.key("root")
    assert copy.deepcopy(key) is key
    with pytest.raises(TypeError, match="never leaves"):
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


async def test_an_authority_with_its_keys_in_a_module(module: Pkcs11Keys, tmp_path: Path) -> None:
    """A certificate that it issues is good; no private key is in its folder; the next start goes on."""
    settings = SecuritySettings()
    text, key = request_for("CP1")
    for _ in range(2):
        authority = InternalAuthority(tmp_path, settings, "Operator", module)
        chain = read_chain(await authority.sign(read_request(text), None, "CP1", NOW))
        check_chain(chain, [authority.root(NOW)], NOW + timedelta(days=80))
        assert chain[0].public_key() == key.public_key()
    assert sorted(os.listdir(tmp_path)) == ["root.pem", "stations.pem"]


def test_what_is_wrong_with_a_module_is_said(token: Token, module: Pkcs11Keys) -> None:
    for library, label, pin in (
        (token.module, token.label, "0000"),
        (token.module, "nobody", token.pin),
        ("/nowhere/module.so", token.label, token.pin),
    ):
        with pytest.raises(KeyTrouble, match="are module, token and PIN right"):
            Pkcs11Keys(library, label, pin)
