"""Chains that can be trusted and chains that can't, and how OCPP names a certificate."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from ampacity.pki.authority import CLIENT, SERVER, Authority, Subject, make_root
from ampacity.pki.certificates import (
    ChainError,
    check_chain,
    describe,
    hash_data,
    ocsp_responders,
    pem_of,
    read_certificate,
    read_chain,
    same_hash_data,
    weakness,
)
from tests.pki.chains import NOW, ec_key, issuing_authority, root_authority, rsa_key, serial

ROOT = root_authority()
ISSUING = issuing_authority(ROOT)
STATION = Subject(common_name="CS-1", organization="Operator")


def leaf(by: Authority = ISSUING, days: float = 30, **more: object) -> x509.Certificate:
    return by.issue(ec_key().public_key(), STATION, NOW, days=days, serial=serial(), **more)  # type: ignore[arg-type]


def fault(chain: list[x509.Certificate], roots: list[x509.Certificate], later: float = 0.0) -> str:
    with pytest.raises(ChainError) as caught:
        check_chain(chain, roots, NOW + timedelta(days=later))
    return caught.value.fault


def test_a_chain_in_any_order_leads_to_its_root() -> None:
    made = leaf()
    expected = [made, ISSUING.certificate, ROOT.certificate]
    assert check_chain([made, ISSUING.certificate], [ROOT.certificate], NOW) == expected
    assert check_chain([made, ROOT.certificate, ISSUING.certificate], [ROOT.certificate], NOW) == expected
    assert check_chain(read_chain(ISSUING.bundle(made)), [ROOT.certificate], NOW) == expected


def test_each_fault_has_its_name() -> None:
    made = leaf(days=30)
    chain, roots = [made, ISSUING.certificate], [ROOT.certificate]
    assert fault(chain, roots, later=31) == "expired"
    assert fault(chain, roots, later=-1) == "not_yet_valid"
    assert fault([made], roots) == "untrusted"
    assert fault(chain, [root_authority("Another").certificate]) == "untrusted"
    # Another key under the issuer's name.
    assert fault(chain, [root_authority("Test Root").certificate]) == "signature"
    assert fault([], roots) == "empty"
    assert fault([made] * 9, roots) == "too_long"


def test_a_leaf_signs_nothing() -> None:
    key = ec_key()
    middle = ROOT.issue(key.public_key(), STATION, NOW, days=30, serial=serial())
    below = Authority(certificate=middle, chain=(ROOT.certificate,), key=key)
    assert fault([leaf(below), middle], [ROOT.certificate]) == "not_a_ca"


def test_a_ca_without_room_has_no_ca_below_it() -> None:
    second = issuing_authority(ISSUING, "Too deep")
    chain = [leaf(second), second.certificate, ISSUING.certificate]
    assert fault(chain, [ROOT.certificate]) == "path_too_long"


def test_a_weak_key_is_not_trusted() -> None:
    made = ISSUING.issue(rsa_key(1024).public_key(), STATION, NOW, days=30, serial=serial())
    assert fault([made, ISSUING.certificate], [ROOT.certificate]) == "weak_key"
    assert weakness(ec.generate_private_key(ec.SECP192R1()).public_key())
    assert not weakness(rsa_key(2048).public_key())


def test_a_critical_extension_that_nobody_judges_is_refused() -> None:
    key = ec_key()
    name = STATION.name
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(serial())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(strange, critical=True)
        .sign(ROOT.key, hashes.SHA256())
    )
    assert fault([made], [ROOT.certificate]) == "critical_extension"


def test_the_hash_data_is_what_an_ocsp_request_carries() -> None:
    for issuer_key in (ec_key(), rsa_key()):
        issuer = Authority(certificate=make_root(issuer_key, STATION, NOW, 100, serial()), key=issuer_key)
        made = leaf(issuer)
        request = ocsp.OCSPRequestBuilder().add_certificate(made, issuer.certificate, hashes.SHA384()).build()
        ours = hash_data(made, issuer.certificate, "SHA384")
        assert ours.issuer_name_hash == request.issuer_name_hash.hex()
        assert ours.issuer_key_hash == request.issuer_key_hash.hex()
        assert int(ours.serial_number, 16) == request.serial_number
        assert same_hash_data(ours, ours.__class__(
            hash_algorithm="SHA384",
            issuer_name_hash=ours.issuer_name_hash.upper(),
            issuer_key_hash=ours.issuer_key_hash.upper(),
            serial_number="00" + ours.serial_number.upper(),
        ))  # fmt: skip


def test_openssl_agrees_with_our_chain_and_our_verdict(tmp_path) -> None:
    """A second opinion from the program that most stations have inside."""
    server = ISSUING.issue(
        rsa_key().public_key(), STATION, NOW, days=1, serial=serial(), usage=(SERVER, CLIENT),
        names=("csms.example.org", "192.0.2.7"), ocsp="http://ocsp.example.org/",
    )  # fmt: skip
    files = {"root.pem": [ROOT.certificate], "above.pem": [ISSUING.certificate], "leaf.pem": [server]}
    for name, certificates in files.items():
        (tmp_path / name).write_text(pem_of(*certificates))
    at = str(int(NOW.timestamp()))
    for purpose in ("sslserver", "sslclient"):
        told = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-attime", at, "-purpose", purpose, "-CAfile", "root.pem",
             "-untrusted", "above.pem", "leaf.pem"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode == 0, told.stdout + told.stderr
    assert ocsp_responders(server) == ["http://ocsp.example.org/"]


def test_what_cannot_be_read_says_why() -> None:
    cases = {"": "empty", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----": "unreadable"}
    for text, expected in cases.items():
        with pytest.raises(ChainError) as caught:
            read_chain(text)
        assert caught.value.fault == expected
    with pytest.raises(ChainError):
        read_certificate(pem_of(ROOT.certificate, ISSUING.certificate))
    assert describe(read_certificate(pem_of(ROOT.certificate))).common_name == "Test Root"
