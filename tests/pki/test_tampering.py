"""Whoever changes an answer on its way gains nothing: no byte of a revoked certificate's answer or list can
be changed so that it proves the certificate good, and whatever arrives is an answer or an error of ours.
"""

from __future__ import annotations

import base64
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.pki import ocsp, revocation_lists
from ampacity.pki.authority import Subject
from ampacity.pki.certificates import ChainError, check_chain, hash_data, pem_of, read_chain
from ampacity.pki.ocsp import OcspError
from ampacity.pki.revocation_lists import ListError

from .answers import delegate_of, respond
from .chains import NOW, ec_key, issuing_authority, root_authority, serial

ROOT = root_authority("Root")
SUB = issuing_authority(ROOT, "Sub")
LEAF = SUB.issue(ec_key().public_key(), Subject(common_name="x"), NOW, days=300, serial=serial())
ASKED = hash_data(LEAF, SUB.certificate)
DELEGATE = delegate_of(SUB)
ANSWERS = [
    respond(ocsp.request(ASKED), (SUB.certificate, SUB.key), "revoked"),
    respond(ocsp.request(ASKED), DELEGATE, "revoked", enclose=(DELEGATE[0], SUB.certificate)),
]
LIST = SUB.revoke([(LEAF.serial_number, NOW - timedelta(days=1))], NOW, 1).public_bytes(Encoding.DER)


def changed(data: bytes, place: int, value: int, cut: int) -> bytes:
    place %= len(data)
    found = data[:place] + bytes([data[place] ^ value]) + data[place + 1 :]
    return found[: len(found) - cut]


changes = {
    "place": st.integers(0, 5_000),
    "value": st.integers(0, 255),
    "cut": st.sampled_from([0, 0, 0, 0, 1, 40]),
}


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from([0, 1]), **changes)
def test_no_answer_can_be_changed_to_a_better_one(which: int, place: int, value: int, cut: int) -> None:
    try:
        verdict = ocsp.read(
            changed(ANSWERS[which], place, value, cut), ASKED, [SUB.certificate, ROOT.certificate], NOW
        )
    except OcspError:
        return
    assert verdict.status == "revoked" or not verdict.proven


@settings(max_examples=300, deadline=None)
@given(**changes)
def test_no_list_can_be_changed_to_a_better_one(place: int, value: int, cut: int) -> None:
    try:
        verdict = revocation_lists.read(changed(LIST, place, value, cut), ASKED, [SUB.certificate], NOW)
    except ListError:
        return
    assert verdict.revoked or not verdict.proven


@settings(max_examples=400, deadline=None)
@given(**changes)
def test_no_certificate_can_be_changed_and_still_be_trusted(place: int, value: int, cut: int) -> None:
    """A chain with one byte changed anywhere is refused by an error of ours."""
    der = LEAF.public_bytes(Encoding.DER)
    other = changed(der, place, value, cut)
    text = base64.b64encode(other).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n" + pem_of(SUB.certificate)
    try:
        check_chain(read_chain(pem), [ROOT.certificate], NOW)
    except ChainError:
        return
    assert other == der


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_whatever_arrives_is_no_answer(data: bytes) -> None:
    for read, error in ((ocsp.read, OcspError), (revocation_lists.read, ListError)):
        try:
            read(data, ASKED, [SUB.certificate], NOW)
        except error:
            continue
        raise AssertionError(f"{data!r} was taken for an answer")


def test_the_unchanged_ones_prove_that_it_was_revoked() -> None:
    for answer in ANSWERS:
        verdict = ocsp.read(answer, ASKED, [SUB.certificate], NOW)
        assert (verdict.status, verdict.proven) == ("revoked", True)
    listed = revocation_lists.read(LIST, ASKED, [SUB.certificate], NOW)
    assert (listed.revoked, listed.proven) == (True, True)
    other = SUB.issue(ec_key().public_key(), Subject(common_name="y"), NOW, days=300, serial=serial())
    good = revocation_lists.read(LIST, hash_data(other, SUB.certificate), [SUB.certificate], NOW)
    assert (good.revoked, good.proven) == (False, True)
