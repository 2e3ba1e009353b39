"""Certificates by the API: what may be trusted, by whom, and what ends soon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ampacity.store.certificates import HeldRow, save_held, save_trusted
from ampacity.store.certificates import list_trusted as list_rows
from tests.conformance.outside import make

from .node import OTHER, Node

API = "/api/v1"


async def test_an_owner_trusts_roots_and_everybody_sees_them(node: Node) -> None:
    owner, viewer = await node.as_role("owner"), await node.as_role("viewer")
    now = node.clock.now()
    root = make("V2G Root", now, days=20)
    sub = make("V2G Sub", now, root, days=400)
    body = {"use": "V2GRootCertificate", "pem": "The root:\n" + root.pem + sub.pem}
    for stranger in (viewer, await node.as_role("operator")):
        assert (await stranger.post(f"{API}/certificates", json=body)).status_code == 403
    made = (await owner.post(f"{API}/certificates", json=body)).json()
    assert [(view["subject"], view["label"], view["expiring"], view["expired"]) for view in made] == [
        ("CN=V2G Root", "V2G Root", True, False),
        ("CN=V2G Sub", "V2G Sub", False, False),
    ]
    assert made[0]["pem"] == root.pem
    seen = (await viewer.get(f"{API}/certificates")).json()
    assert seen == made
    assert (await viewer.get(f"{API}/certificates", params={"use": "MORootCertificate"})).json() == []
    again = await owner.post(f"{API}/certificates", json=body | {"label": "Hub"})
    assert [view["label"] for view in again.json()] == ["Hub", "Hub"]
    assert len((await viewer.get(f"{API}/certificates")).json()) == 2
    path = f"{API}/certificates/V2GRootCertificate/{made[0]['fingerprint'].upper()}"
    assert (await viewer.delete(path)).status_code == 403
    assert (await owner.delete(path)).status_code == 204
    assert (await owner.delete(path)).status_code == 404


async def test_what_cannot_be_trusted_is_refused_with_its_reason(node: Node) -> None:
    owner = await node.as_role("owner")
    now = node.clock.now()
    root = make("Root", now)
    leaf, old = make("Leaf", now, root, ca=False), make("Old", now, days=-1, since_days=9)
    key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
    for pem, why in (
        (leaf.pem, "no certificate authority"),
        (old.pem, "expired"),
        (root.pem + old.pem, "expired"),
        (key + root.pem, "private key"),
        ("hello", "no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "can't be read"),
        (root.pem * 9, "at most"),
    ):
        answer = await owner.post(f"{API}/certificates", json={"use": "MORootCertificate", "pem": pem})
        assert answer.status_code == 422, pem
        assert why in answer.text, answer.text
        assert "AA==" not in answer.text
    wrong: dict[str, Any] = {"use": "Root", "pem": root.pem}
    assert (await owner.post(f"{API}/certificates", json=wrong)).status_code in (400, 422)
    assert (await owner.get(f"{API}/certificates")).json() == []


async def test_each_operator_has_its_own(node: Node) -> None:
    owner = await node.as_role("owner")
    body = {"use": "MORootCertificate", "pem": make("Root", node.clock.now()).pem}
    [made] = (await owner.post(f"{API}/certificates", json=body)).json()
    [row] = await node.store.read(lambda connection: list_rows(connection, "default"))
    theirs = type(row)(
        **{name: getattr(row, name) for name in row.__struct_fields__} | {"operator_id": OTHER}
    )
    await node.store.write(lambda connection: save_trusted(connection, theirs))
    assert (await owner.get(f"{API}/certificates")).json() == [made]
    assert (await owner.get(f"{API}/stations/XX-1/certificates")).status_code == 404


async def test_what_ends_soon_is_in_one_list(node: Node) -> None:
    owner, now = await node.as_role("owner"), node.clock.now()
    for name, days in (("Soon", 10), ("Late", 300)):
        body = {"use": "MORootCertificate", "pem": make(name, now, days=days).pem}
        assert (await owner.post(f"{API}/certificates", json=body)).status_code == 200
    for number, days in enumerate((-1, 10, 300, None)):
        row = HeldRow(
            operator_id="default",
            station_id="CP-1",
            use="CSMSRootCertificate",
            certificate_id=str(number),
            parent_id=None,
            hash_algorithm="SHA256",
            issuer_name_hash="aa",
            issuer_key_hash="bb",
            serial_number=str(number),
            not_after=None if days is None else now + timedelta(days=days),
        )
        await node.store.write(lambda connection, row=row: save_held(connection, row))
    found = (await owner.get(f"{API}/certificates/expiring")).json()
    assert [view["subject"] for view in found["trusted"]] == ["CN=Soon"]
    assert [(view["certificate_id"], view["expired"]) for view in found["held"]] == [
        ("0", True),
        ("1", False),
    ]
    far = (await owner.get(f"{API}/certificates/expiring", params={"within_days": 3_650})).json()
    assert (len(far["trusted"]), len(far["held"])) == (2, 3)
    held = (await owner.get(f"{API}/stations/CP-1/certificates")).json()
    assert [view["expiring"] for view in held] == [True, True, False, None]
