"""Passwords of stations."""

from __future__ import annotations

import pytest

from ampacity.csms.admission import Admission, hash_password, password_matches
from ampacity.csms.link import Admitted, NotAdmitted
from ampacity.csms.settings import CsmsSettings
from ampacity.csms.state import Stations

HEX_KEY = "0011223344556677889aabbccddeeff0"


@pytest.mark.parametrize(
    ("written", "sent", "fits"),
    [
        ("a long secret phrase", b"a long secret phrase", True),
        ("a long secret phrase", b"a long secret phrasE", False),
        ("ein Schlüssel mit Umlaut", "ein Schlüssel mit Umlaut".encode(), True),
        (HEX_KEY, bytes.fromhex(HEX_KEY), True),  # 1.6 holds hex digits and sends the bytes
        (HEX_KEY.upper(), bytes.fromhex(HEX_KEY), True),
        (HEX_KEY, HEX_KEY.encode(), True),  # or sends the digits themselves
        (HEX_KEY, HEX_KEY.upper().encode(), True),
        (HEX_KEY, bytes.fromhex(HEX_KEY)[:-1], False),
        ("secret", b"", False),
        ("secret", b"\xff\xfe", False),
    ],
)
def test_both_forms_of_a_password(written: str, sent: bytes, fits: bool) -> None:
    kept = hash_password(written)
    assert written not in kept
    assert password_matches(kept, sent) is fits


def test_hashes_are_salted() -> None:
    assert hash_password("same") != hash_password("same")


def test_admission_and_its_memory() -> None:
    stations = Stations()
    stations.add("o", "CP1").password_hash = hash_password("0123456789abcdef")
    stations.add("o", "CP2")
    closed = Admission(stations, CsmsSettings())
    assert closed("CP1", b"0123456789abcdef") == Admitted("o", "CP1", True)
    assert closed("CP1", b"0123456789abcdef") == Admitted("o", "CP1", True)  # remembered
    assert closed("CP1", b"wrong") == NotAdmitted("password_wrong")
    assert closed("CP1", None) == NotAdmitted("password_missing")
    assert closed("CP2", None) == Admitted("o", "CP2", False)
    assert closed("CP3", None) == NotAdmitted("unknown")
    assert Admission(stations, CsmsSettings(admit_unknown=True))("CP3", None) == Admitted(
        "default", "CP3", False
    )
    # A changed password ends what was remembered of the old one.
    stations.add("o", "CP1").password_hash = hash_password("another one, longer")
    assert closed("CP1", b"0123456789abcdef") == NotAdmitted("password_wrong")
