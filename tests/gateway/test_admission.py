"""Who may open a socket: the judgement without sockets."""

from __future__ import annotations

import base64

import pytest

from ampacity.csms.link import Line
from ampacity.gateway.admission import Granted, Rejected, choose_subprotocol, identity_of, judge
from ampacity.gateway.transport import Handshake

from .node import credentials


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/CP1", "CP1"),
        ("/any/prefix/at/all/CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("/ocpp/CP1?token=x", "CP1"),
        ("/ocpp/RDAM%7C123", "RDAM|123"),
        ("/ocpp/DE*ABC*E1", "DE*ABC*E1"),
        ("/ocpp/" + "x" * 48, "x" * 48),
    ],
)
def test_identity_is_the_last_segment_decoded(path: str, identity: str) -> None:
    assert identity_of(path) == (identity, "")


@pytest.mark.parametrize(
    "path", ["/", "", "/ocpp/", "/ocpp/a%3Ab", "/ocpp/a%2Fb", "/ocpp/a%00b", "/ocpp/%FF"]
)
def test_impossible_identities(path: str) -> None:
    identity, trouble = identity_of(path)
    assert (identity is None) == bool(trouble)
    if path == "/ocpp/":
        assert identity == "ocpp"  # a path of one segment names the station
    else:
        assert identity is None


def test_an_identity_of_49_characters_is_too_long() -> None:
    assert identity_of("/" + "x" * 49)[0] is None


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp1.6, ocpp2.0.1", "ocpp2.0.1"),
        ("ocpp1.6,ocpp2.0.1,ocpp2.1", "ocpp2.1"),
        ("ocpp2.0", None),
        ("OCPP1.6", None),
        ("", None),
    ],
)
def test_the_newest_common_version_is_ours_to_choose(offered: str, chosen: str | None) -> None:
    assert choose_subprotocol(offered) == chosen


def _handshake(path: str = "/ocpp/CP1", **headers: str) -> Handshake:
    given = {"upgrade": "websocket", "sec-websocket-protocol": "ocpp1.6"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return Handshake(path, given, "10.0.0.9:1234")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("handshake", "status", "word"),
    [
        (_handshake("/"), 404, "names no station"),
        (_handshake("/ocpp/STRANGER"), 404, "unknown"),
        (_handshake("/ocpp/"), 404, "missing after it"),
        (_handshake(upgrade=""), 426, "WebSocket"),
        (_handshake(sec_websocket_version="8"), 426, "only 13"),
        (_handshake("/ocpp/GUARDED"), 401, "no password"),
        (_handshake("/ocpp/GUARDED", authorization=_basic("GUARDED", "guess")), 401, "wrong"),
        (_handshake("/ocpp/GUARDED", authorization=_basic("CP1", "0123456789abcdef")), 401, "Basic user"),
        (_handshake("/ocpp/GUARDED", authorization="Bearer x"), 401, "Bearer"),
        (_handshake("/ocpp/GUARDED", authorization="Basic %%%"), 401, "base64"),
        (_handshake("/ocpp/GUARDED", authorization="Basic R1VBUkRFRA=="), 401, "user:password"),
    ],
)  # fmt: skip
def test_rejections_name_their_reason(handshake: Handshake, status: int, word: str) -> None:
    verdict = judge(handshake, credentials)
    assert isinstance(verdict, Rejected)
    assert verdict.refusal.status == status
    assert word in verdict.reason
    if status == 401:
        assert ("WWW-Authenticate", 'Basic realm="OCPP"') in verdict.refusal.headers


def test_a_password_may_hold_colons_and_bytes_that_are_no_text() -> None:
    seen: list[bytes | None] = []

    def remember(identity: str, password: bytes | None, line: Line):  # type: ignore[no-untyped-def]
        seen.append(password)
        return credentials(identity, password, line)

    header = "Basic " + base64.b64encode(b"CP1:a:b\xff\x00").decode()
    assert isinstance(judge(_handshake(authorization=header), remember), Granted)
    assert seen == [b"a:b\xff\x00"]
