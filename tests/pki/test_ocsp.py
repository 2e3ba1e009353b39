"""OCSP without the line: a response counts for what was asked, while it is fresh, and is proven by the issuer
only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.x509 import ocsp as wire
from msgspec.structs import replace

from ampacity.pki import ocsp
from ampacity.pki.authority import Authority, Subject
from ampacity.pki.certificates import HashData, HashName, hash_data
from ampacity.pki.contracts import emaid_of, same_emaid
from ampacity.pki.ocsp import OcspError

from .answers import delegate_of, refuse, respond
from .chains import NOW, ec_key, issuing_authority, root_authority, rsa_key, serial

ROOT = root_authority("MO Root")
SUB = issuing_authority(ROOT, "MO Sub")
LEAF = SUB.issue(ec_key().public_key(), Subject(common_name="DEABCC12345678"), NOW, days=300, serial=serial())
ASKED = hash_data(LEAF, SUB.certificate)
SIGNER = (SUB.certificate, SUB.key)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_a_request_names_the_certificate_as_rfc_6960_does(algorithm: HashName) -> None:
    asked = hash_data(LEAF, SUB.certificate, algorithm)
    made = wire.load_der_ocsp_request(ocsp.request(asked))
    assert made.issuer_name_hash.hex() == asked.issuer_name_hash
    assert made.issuer_key_hash.hex() == asked.issuer_key_hash
    assert (made.serial_number, made.hash_algorithm.name) == (LEAF.serial_number, algorithm.lower())
    verdict = ocsp.read(respond(ocsp.request(asked), SIGNER), asked, [SUB.certificate], NOW)
    assert (verdict.status, verdict.proven) == ("good", True)


def test_hashes_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="names no certificate"):
        ocsp.request(replace(ASKED, issuer_key_hash="xyz"))
    with pytest.raises(ValueError, match="names no certificate"):
        ocsp.request(replace(ASKED, issuer_key_hash="abcd"))


@pytest.mark.parametrize("status", ["good", "revoked", "unknown"])
def test_each_status_is_read(status: str) -> None:
    verdict = ocsp.read(respond(ocsp.request(ASKED), SIGNER, status), ASKED, [SUB.certificate], NOW)
    assert (verdict.status, verdict.proven, verdict.until) == (status, True, NOW + timedelta(days=1))
    assert (verdict.revoked_at is not None) == (status == "revoked")


def test_case_and_leading_zeros_of_a_stations_hashes_mean_nothing() -> None:
    odd = HashData(
        hash_algorithm="SHA256",
        issuer_name_hash=ASKED.issuer_name_hash.upper(),
        issuer_key_hash=ASKED.issuer_key_hash.upper(),
        serial_number="00" + ASKED.serial_number.upper(),
    )
    assert ocsp.read(respond(ocsp.request(odd), SIGNER), odd, [SUB.certificate], NOW).proven


def test_a_delegate_of_the_issuer_proves_it_and_nobody_else() -> None:
    asked = ocsp.request(ASKED)
    delegate = delegate_of(SUB)
    by_delegate = respond(asked, delegate, enclose=(delegate[0],))
    assert ocsp.read(by_delegate, ASKED, [SUB.certificate], NOW).proven
    assert not ocsp.read(by_delegate, ASKED, [ROOT.certificate], NOW).proven, "its issuer is not known"
    enclosed = respond(asked, delegate, enclose=(delegate[0], SUB.certificate))
    assert ocsp.read(enclosed, ASKED, [], NOW).proven, "the question itself binds the issuer's key"
    for stranger in (delegate_of(SUB, may_sign=False), delegate_of(ROOT), delegate_of(root_authority())):
        der = respond(asked, stranger, enclose=(stranger[0],))
        assert not ocsp.read(der, ASKED, [SUB.certificate, ROOT.certificate], NOW).proven
    old = delegate_of(SUB, NOW - timedelta(days=60))
    der = respond(asked, old, enclose=(old[0],))
    assert not ocsp.read(der, ASKED, [SUB.certificate], NOW).proven, "a delegate whose time is over"


def test_a_forged_issuer_of_the_same_name_proves_nothing() -> None:
    forger = issuing_authority(root_authority("MO Root"), "MO Sub")
    der = respond(ocsp.request(ASKED), (forger.certificate, forger.key), enclose=(forger.certificate,))
    assert not ocsp.read(der, ASKED, [SUB.certificate], NOW).proven


def test_what_is_old_or_to_come_or_about_another_or_no_answer_is_none() -> None:
    asked = ocsp.request(ASKED)
    other = ocsp.request(replace(ASKED, serial_number="abc"))
    week, day = timedelta(days=7), timedelta(days=1)
    for der, why in (
        (respond(asked, SIGNER, at=NOW - 2 * day), "old"),
        (respond(asked, SIGNER, at=NOW - week - day, lasts=None), "old"),
        (respond(asked, SIGNER, at=NOW + day), "to come"),
        (respond(other, SIGNER), "another certificate"),
        (refuse(), "TRY_LATER"),
        (b"no DER", "no readable"),
    ):
        with pytest.raises(OcspError, match=why):
            ocsp.read(der, ASKED, [SUB.certificate], NOW)


def test_no_answer_lasts_longer_than_a_week() -> None:
    der = respond(ocsp.request(ASKED), SIGNER, lasts=timedelta(days=400))
    assert ocsp.read(der, ASKED, [SUB.certificate], NOW).until == NOW + timedelta(days=7)


def test_an_rsa_issuer_signs_as_well() -> None:
    key = rsa_key()
    made = ROOT.make_issuing(key.public_key(), Subject(common_name="RSA Sub"), NOW, 100, serial())
    authority = Authority(certificate=made, chain=(ROOT.certificate,), key=key)
    leaf = authority.issue(ec_key().public_key(), Subject(common_name="x"), NOW, days=9, serial=serial())
    asked = hash_data(leaf, made)
    assert ocsp.read(respond(ocsp.request(asked), (made, key)), asked, [made], NOW).proven


def test_emaids_are_the_same_whatever_their_spelling() -> None:
    assert emaid_of(LEAF) == "DEABCC12345678"
    for spelling in ("DE-ABC-C12345678", "deabcc12345678", "DE-ABC-C12345678-X", "DEABCC12345678X"):
        assert same_emaid(spelling, "DEABCC12345678"), spelling
    for other in ("DEABCC12345679", "DE-ABC-C1234567", "ATABCC12345678", "", "DE-ABCC12345678"):
        assert not same_emaid(other, "DEABCC12345678"), other
