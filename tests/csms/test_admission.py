"""Passwords, certificates and security profiles of stations at the door."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ampacity.clock import WallClock
from ampacity.csms.admission import Admission, hash_password, password_matches
from ampacity.csms.link import PLAIN, Admitted, Line, NotAdmitted
from ampacity.csms.settings import CsmsSettings, SecuritySettings
from ampacity.csms.state import Stations, StationState
from ampacity.model.station import StationInfo
from ampacity.pki.authority import Authority, Subject
from tests.pki.chains import NOW, ec_key, issuing_authority, root_authority, serial

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


class FixedClock(WallClock):
    """Stands still until a test puts it on."""

    def __init__(self) -> None:
        self.at = NOW
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return self.ahead_s

    def now(self) -> datetime:
        return self.at


class Door:
    """An admission whose world a test makes; `proved` is what it told."""

    def __init__(self, **settings: Any) -> None:
        self.stations = Stations()
        self.clock = FixedClock()
        self.proved: list[tuple[str, int]] = []
        self.revoked: set[str] = set()
        made = CsmsSettings(**settings)
        self._admission = Admission(
            self.stations,
            made,
            self.clock,
            self._told,
            lambda mark, station_id: "is revoked" if mark in self.revoked else "",
        )

    def __call__(
        self, identity: str, password: bytes | None = None, line: Line = PLAIN
    ) -> Admitted | NotAdmitted:
        return self._admission(identity, password, line)

    def why(self, identity: str, password: bytes | None = None, line: Line = PLAIN) -> str:
        refused = self(identity, password, line)
        assert isinstance(refused, NotAdmitted), refused
        return f"{refused.why}: {refused.reason}"

    def _told(self, state: StationState, profile: int, came_by: str | None, shown: object) -> None:
        self.proved.append((state.station_id, profile))
        state.proof.floor = max(state.proof.floor, profile)


def test_admission_and_its_memory() -> None:
    door = Door()
    door.stations.add("o", "CP1").password_hash = hash_password("0123456789abcdef")
    door.stations.add("o", "CP2")
    assert door("CP1", b"0123456789abcdef") == Admitted("o", "CP1", True, 1)
    assert door("CP1", b"0123456789abcdef") == Admitted("o", "CP1", True, 1)  # remembered
    assert door("CP1", b"wrong") == NotAdmitted("password_wrong")
    assert door("CP1") == NotAdmitted("password_missing")
    assert door("CP2") == Admitted("o", "CP2", False)
    assert door("CP3") == NotAdmitted("unknown")
    assert Door(admit_unknown=True)("CP3") == Admitted("default", "CP3", False)
    # A changed password ends what was remembered of the old one.
    door.stations.add("o", "CP1").password_hash = hash_password("another one, longer")
    assert door("CP1", b"0123456789abcdef") == NotAdmitted("password_wrong")


def test_a_profile_once_reached_is_the_least() -> None:
    door = Door()
    state = door.stations.add("o", "CP1")
    state.password_hash = hash_password("0123456789abcdef")
    assert door("CP1", b"0123456789abcdef") == Admitted("o", "CP1", True, 1)
    assert door("CP1", b"0123456789abcdef", Line(True)) == Admitted("o", "CP1", True, 2)
    assert door.why("CP1", b"0123456789abcdef").startswith("profile: station 'CP1' comes with a password")
    assert door("CP1", None, shown("CP1")) == Admitted("o", "CP1", True, 3)
    assert "below it" in door.why("CP1", b"0123456789abcdef", Line(True))
    assert door.proved == [("CP1", 1), ("CP1", 2), ("CP1", 3)]


def test_a_port_asks_for_its_least() -> None:
    door = Door()
    door.stations.add("o", "CP1").password_hash = hash_password("0123456789abcdef")
    door.stations.add("o", "CP2")
    for profile, line in ((1, Line(False, (), 1)), (2, Line(True, (), 2)), (3, shown("CP1", 3))):
        assert door("CP1", b"0123456789abcdef", line) == Admitted("o", "CP1", True, profile)
    assert "this port asks for profile 1" in door.why("CP2", None, Line(False, (), 1))
    assert "this port asks for profile 3" in door.why("CP2", b"anything", Line(True, (), 3))


def test_a_certificate_must_be_the_stations_own_and_good() -> None:
    door = Door(security=SecuritySettings(organization="Operator"))
    state = door.stations.add("o", "CP1")
    state.info = StationInfo(vendor="v", model="m", serial="SN-1")
    assert door("CP1", None, shown("SN-1")) == Admitted("o", "CP1", True, 3)
    assert "is for 'CP2', not 'CP1' or 'SN-1'" in door.why("CP1", None, shown("CP2"))
    assert "of 'Thief', not of 'Operator'" in door.why("CP1", None, shown("CP1", organization="Thief"))
    line = shown("CP1")
    door.revoked.add(hashlib.sha256(line.certificates[0]).hexdigest())
    assert "revoked" in door.why("CP1", None, line)


def test_a_list_of_its_issuer_revokes_a_certificate(tmp_path: Path) -> None:
    """A list that changes is read again; one that somebody else signed or that is none changes nothing."""
    file = tmp_path / "makers.crl"
    door = Door(security=SecuritySettings(revocation_lists=(str(file),)))
    door.stations.add("o", "CP1")
    line = shown("CP1")
    mark = x509.load_der_x509_certificate(line.certificates[0]).serial_number
    another = Authority(certificate=ISSUING.certificate, chain=ISSUING.chain, key=ec_key())
    steps = (
        (b"nothing of use", False),
        (another.revoke([(mark, NOW)], NOW, 7).public_bytes(Encoding.PEM), False),
        (ISSUING.revoke([(mark + 1, NOW)], NOW, 7).public_bytes(Encoding.DER), False),
        (ISSUING.revoke([(mark, NOW)], NOW, 7).public_bytes(Encoding.PEM), True),
        (b"nothing of use", True),
    )
    for number, (content, revoked) in enumerate(steps):
        file.write_bytes(content)
        os.utime(file, ns=(number + 1, number + 1))
        door.clock.ahead_s += 61.0
        verdict = door("CP1", None, line)
        assert isinstance(verdict, NotAdmitted) is revoked, number
    assert "revoked by its issuer" in door.why("CP1", None, line)


def test_an_expired_certificate_comes_in_where_a_person_says_so() -> None:
    door = Door()
    state = door.stations.add("o", "CP1")
    line = shown("CP1")
    door.clock.at = NOW + timedelta(days=31)
    assert "has expired" in door.why("CP1", None, line)
    state.proof.tolerates_expired = True
    assert door("CP1", None, line) == Admitted("o", "CP1", True, 3)
    # The CA above it must not have expired: nobody would vouch for it.
    door.clock.at = NOW + timedelta(days=2000)
    assert "has expired" in door.why("CP1", None, line)


def test_a_password_on_its_way_counts_beside_the_old_one() -> None:
    door = Door()
    state = door.stations.add("o", "CP1")
    state.proof.next_hashes = (hash_password("the very first one"),)
    assert door("CP1") == Admitted("o", "CP1", False, 0)
    assert door("CP1", b"the very first one") == Admitted("o", "CP1", True, 1)
    state.proof.floor = 0
    state.password_hash = hash_password("0123456789abcdef")
    for password in (b"0123456789abcdef", b"the very first one"):
        assert door("CP1", password) == Admitted("o", "CP1", True, 1)
    assert door("CP1", b"something else, long") == NotAdmitted("password_wrong")


ROOT = root_authority()
ISSUING = issuing_authority(ROOT)


def shown(common_name: str, lowest_profile: int = 0, organization: str = "Operator") -> Line:
    """A connection with a certificate of this name."""
    subject = Subject(common_name=common_name, organization=organization)
    made = ISSUING.issue(ec_key().public_key(), subject, NOW, days=30, serial=serial())
    chain = (made, ISSUING.certificate, ROOT.certificate)
    return Line(True, tuple(each.public_bytes(Encoding.DER) for each in chain), lowest_profile)
