"""Our own authority over the years, and one outside."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ampacity.csms.authorities import (
    InternalAuthority,
    OutsideAuthority,
    SigningRefused,
    SigningUnavailable,
    authority_of,
)
from ampacity.csms.keys import KeyTrouble
from ampacity.csms.settings import SecuritySettings
from ampacity.pki.certificates import ChainError, check_chain, describe, pem_of, read_chain
from ampacity.pki.requests import Request, read_request
from tests.conformance.outside import outside
from tests.pki.chains import NOW, issuing_authority, request_for, root_authority, serial

ROOT = root_authority()
ISSUING = issuing_authority(ROOT)


def internal(folder: Path, **settings: Any) -> InternalAuthority:
    return InternalAuthority(folder, SecuritySettings(**settings), "Operator")


def asked(common_name: str = "CP1") -> Request:
    return read_request(request_for(common_name)[0])


async def test_the_same_authority_after_a_restart(tmp_path: Path) -> None:
    first = internal(tmp_path)
    before = read_chain(await first.sign(asked(), "ChargingStationCertificate", "CP1", NOW))
    second = internal(tmp_path)
    assert second.root(NOW) == first.root(NOW)
    after = read_chain(await second.sign(asked(), "ChargingStationCertificate", "CP1", NOW))
    assert before[1] == after[1]
    assert before[0].serial_number != after[0].serial_number
    cars = read_chain(await second.sign(asked(), "V2GCertificate", "CP1", NOW))
    # What stations show to cars opens no door here.
    with pytest.raises(ChainError):
        check_chain(cars, [first.root(NOW)], NOW)
    v2g_root = read_chain((tmp_path / "v2g-root.pem").read_text())
    check_chain(cars, v2g_root, NOW)


async def test_a_ca_is_renewed_before_it_ends(tmp_path: Path) -> None:
    """After four of its five years; what it signed before stays good."""
    authority = internal(tmp_path)
    later = NOW + timedelta(days=4.5 * 365)
    old = read_chain(await authority.sign(asked(), None, "CP1", NOW))
    new = read_chain(await authority.sign(asked(), None, "CP1", later))
    assert old[1] != new[1]
    assert old[1].public_key() == new[1].public_key()
    check_chain(new, [authority.root(later)], later + timedelta(days=89))


async def test_files_that_do_not_fit_are_named(tmp_path: Path) -> None:
    authority = internal(tmp_path)
    await authority.sign(asked(), None, "CP1", NOW)
    (tmp_path / "stations.pem").write_text(pem_of(ISSUING.certificate))
    with pytest.raises(SigningUnavailable, match=r"stations.pem is for another key"):
        await internal(tmp_path).sign(asked(), None, "CP1", NOW)
    (tmp_path / "root.pem").write_text(pem_of(ROOT.certificate))
    with pytest.raises(KeyTrouble, match=r"root.pem is for another key"):
        internal(tmp_path).root(NOW)


def test_server_certificates_are_renewed_at_half_time(tmp_path: Path) -> None:
    """Both kinds of key; new certificates for the same keys, or at once for other names."""
    authority = internal(tmp_path)
    names = ("csms.example.org", "192.0.2.1")
    files = authority.server_files(names, NOW, 24.0)
    first = [read_chain(Path(file).read_text()) for file in files]
    assert isinstance(first[0][0].public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(first[1][0].public_key(), rsa.RSAPublicKey)
    for chain in first:
        check_chain(chain, [authority.root(NOW)], NOW + timedelta(hours=23))
        assert describe(chain[0]).common_name == "csms.example.org"
    assert authority.server_files(names, NOW + timedelta(hours=11), 24.0) == files
    assert [read_chain(Path(file).read_text()) for file in files] == first
    authority.server_files(names, NOW + timedelta(hours=13), 24.0)
    second = [read_chain(Path(file).read_text()) for file in files]
    assert [chain[0].public_key() for chain in second] == [chain[0].public_key() for chain in first]
    assert second[0] != first[0]
    authority.server_files(("other.example.org",), NOW + timedelta(hours=13), 24.0)
    assert describe(read_chain(Path(files[0]).read_text())[0]).common_name == "other.example.org"
    assert Path(files[0]).stat().st_mode & 0o077 == 0


async def test_an_authority_outside_signs() -> None:
    request = asked()
    made = ISSUING.issue(request.csr.public_key(), request.csr.subject, NOW, days=9, serial=serial())
    answer = {"chain": pem_of(made, ISSUING.certificate, ROOT.certificate)}
    async with outside() as server:
        server.paths["/sign"] = lambda body, headers: (200, "application/json", json.dumps(answer).encode())
        authority = OutsideAuthority(settings(server.url))
        chain = await authority.sign(request, "V2GCertificate", "CP1", NOW)
        await authority.close()
        [(_, headers, body)] = server.asked
    assert chain == pem_of(made, ISSUING.certificate)
    assert headers["authorization"] == "Bearer secret"
    told = json.loads(body)
    assert (told["purpose"], told["station_id"]) == ("V2GCertificate", "CP1")
    assert read_request(told["csr"]).csr == request.csr


@pytest.mark.parametrize(
    ("status", "answer", "error", "words"),
    [
        (403, {}, SigningRefused, "403"),
        (503, {}, SigningUnavailable, "503"),
        (200, {"chain": "nothing"}, SigningRefused, "no chain"),
        (200, {"certificate": ""}, SigningRefused, "no chain"),
        (200, {"chain": pem_of(ISSUING.certificate)}, SigningRefused, "another key"),
    ],
)
async def test_what_an_outside_authority_may_say_instead(
    status: int, answer: dict[str, str], error: type[Exception], words: str
) -> None:
    async with outside() as server:
        server.paths["/sign"] = lambda body, headers: (status, "text/plain", json.dumps(answer).encode())
        authority = OutsideAuthority(settings(server.url))
        with pytest.raises(error, match=words):
            await authority.sign(asked(), None, "CP1", NOW)
        await authority.close()


async def test_an_outside_authority_that_is_not_there() -> None:
    async with outside() as server:
        url = server.url
    authority = OutsideAuthority(settings(url))
    with pytest.raises(SigningUnavailable, match="can't be reached"):
        await authority.sign(asked(), None, "CP1", NOW)
    await authority.close()


def test_the_settings_choose(tmp_path: Path) -> None:
    assert authority_of(SecuritySettings(authority="none"), "Operator") is None
    made = authority_of(SecuritySettings(folder=str(tmp_path), organization="Named"), "Operator")
    assert isinstance(made, InternalAuthority)
    assert describe(made.root(NOW)).organization == "Named"
    with pytest.raises(ValueError, match="outside_url"):
        authority_of(SecuritySettings(authority="outside", outside_url="ca.example.org"), "Operator")


def settings(url: str) -> SecuritySettings:
    return SecuritySettings(
        authority="outside", outside_url=f"{url}/sign", outside_token="secret", outside_timeout_s=2.0
    )
