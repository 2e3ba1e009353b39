"""What an authority issues, and what it refuses to sign."""

from __future__ import annotations

import base64
from datetime import timedelta
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ampacity.pki.authority import CLIENT, Subject, new_serial
from ampacity.pki.certificates import check_chain, describe
from ampacity.pki.requests import RequestError, check_names, read_request
from tests.pki.chains import NOW, ec_key, issuing_authority, request_for, root_authority, rsa_key, serial

ROOT = root_authority()
ISSUING = issuing_authority(ROOT)


def with_another_name(text: str) -> str:
    """The same request for another station, as who has no key would make it."""
    body = base64.b64decode("".join(text.strip().splitlines()[1:-1]))
    return base64.b64encode(body.replace(b"CS-7", b"CS-8")).decode()


def test_a_station_gets_what_it_asked_for() -> None:
    text, key = request_for("CS-7")
    request = read_request(text)
    check_names(request, {"CS-7"}, "Operator")
    made = ISSUING.issue(
        request.csr.public_key(), request.csr.subject, NOW, days=30, serial=serial(), usage=(CLIENT,)
    )
    check_chain([made, ISSUING.certificate], [ROOT.certificate], NOW + timedelta(days=29))
    told = describe(made)
    assert (told.common_name, told.organization, told.is_ca) == ("CS-7", "Operator", False)
    assert made.public_key() == key.public_key()


def test_a_certificate_never_outlives_its_authority() -> None:
    text, _ = request_for("CS-7")
    csr = read_request(text).csr
    made = ISSUING.issue(csr.public_key(), csr.subject, NOW, days=36500, serial=serial())
    assert made.not_valid_after_utc <= ISSUING.certificate.not_valid_after_utc
    with pytest.raises(ValueError, match="expired"):
        ISSUING.issue(csr.public_key(), csr.subject, NOW + timedelta(days=9000), days=1, serial=serial())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no request at all", "no PKCS#10"),
        (request_for("CS-7", rsa_key(1024))[0], "too weak"),
        ("x" * 5601, "5601 characters"),
        (with_another_name(request_for("CS-7")[0]), "not signed with the key"),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        read_request(text)


def test_a_request_that_was_tampered_with_is_refused_and_never_anything_else() -> None:
    """Every byte of it, changed to something: no exception but ours, and no signature that holds."""
    body = base64.b64decode("".join(request_for("CS-7")[0].strip().splitlines()[1:-1]))
    random = Random(7)
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] ^= random.randint(1, 255)
        with pytest.raises(RequestError):
            read_request(base64.b64encode(changed).decode())


def test_a_second_common_name_is_refused() -> None:
    both = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("CS-7", "CS-8")])
    made = x509.CertificateSigningRequestBuilder().subject_name(both).sign(ec_key(), hashes.SHA256())
    request = read_request(made.public_bytes(Encoding.PEM).decode())
    with pytest.raises(RequestError, match="several"):
        check_names(request, {"CS-7"})


def test_names_must_be_the_stations_own() -> None:
    request = read_request(request_for("CS-7")[0])
    with pytest.raises(RequestError, match="'CS-8'"):
        check_names(request, {"CS-8"})
    with pytest.raises(RequestError, match="organization"):
        check_names(request, {"CS-7"}, "Somebody else")
    check_names(read_request(request_for("CS-7", organization="")[0]), {"CS-7"}, "Operator")


def test_a_request_without_armour_is_read() -> None:
    """Some stations send the base64 alone."""
    text, _ = request_for("CS-7")
    bare = "".join(text.strip().splitlines()[1:-1])
    assert read_request(bare).common_name == "CS-7"


def test_the_revocation_list_names_what_was_revoked() -> None:
    revoked = serial()
    found = ISSUING.revoke([(revoked, NOW)], NOW, 7)
    assert found.is_signature_valid(ISSUING.key.public_key())
    assert found.get_revoked_certificate_by_serial_number(revoked) is not None
    assert found.get_revoked_certificate_by_serial_number(revoked + 1) is None


def test_serials_are_positive_and_fit() -> None:
    assert new_serial(b"\xff" * 20).bit_length() == 159
    assert new_serial(b"\0" * 20) == 1
    with pytest.raises(ValueError, match="20"):
        new_serial(b"\0" * 8)
    assert Subject(common_name="x", domain="CPO").name.rfc4514_string() == "DC=CPO,CN=x"
