"""Trusted certificates and what stations hold, on both databases."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from ampacity.store import Store
from ampacity.store.certificates import (
    HeldRow,
    TrustedRow,
    list_held,
    list_trusted,
    remove_held,
    remove_trusted,
    replace_held,
    save_held,
    save_trusted,
    trusted_pems,
)
from ampacity.store.operators import ensure_operator

from .conftest import NOON, OPERATOR

ROOT = TrustedRow(
    operator_id=OPERATOR,
    use="MORootCertificate",
    fingerprint="ab",
    label="MO",
    pem="PEM",
    subject="CN=MO",
    issuer="CN=MO",
    serial_number="1",
    not_before=NOON,
    not_after=NOON + timedelta(days=10),
    added_by="ann",
    added_at=NOON,
)


def held(certificate_id: str, **more: object) -> HeldRow:
    row = HeldRow(
        operator_id=OPERATOR,
        station_id="CP1",
        use="V2GCertificateChain",
        certificate_id=certificate_id,
        parent_id=None,
        hash_algorithm="SHA256",
        issuer_name_hash="aa",
        issuer_key_hash="bb",
        serial_number=certificate_id,
    )
    return replace(row, **more)


async def test_trust_is_each_operators_own_and_ends(store: Store) -> None:
    other = replace(ROOT, operator_id="other", pem="OTHER")
    await store.write(lambda connection: ensure_operator(connection, "other", "Other", NOON))
    for row in (ROOT, other, replace(ROOT, use="V2GRootCertificate"), replace(ROOT, label="New name")):
        await store.write(lambda connection, row=row: save_trusted(connection, row))
    found = await store.read(lambda connection: list_trusted(connection, OPERATOR))
    assert [(row.use, row.label) for row in found] == [
        ("MORootCertificate", "New name"),
        ("V2GRootCertificate", "MO"),
    ]
    assert await store.read(lambda c: trusted_pems(c, OPERATOR, ["MORootCertificate"])) == ["PEM"]
    assert await store.write(lambda c: remove_trusted(c, OPERATOR, "MORootCertificate", "ab"))
    assert not await store.write(lambda c: remove_trusted(c, OPERATOR, "MORootCertificate", "ab"))
    assert await store.read(lambda c: trusted_pems(c, OPERATOR, ["MORootCertificate"])) == []
    assert await store.read(lambda c: trusted_pems(c, "other", ["MORootCertificate"])) == ["OTHER"]


async def test_a_list_replaces_what_was_known_of_its_uses_only(store: Store) -> None:
    rows = [held("1"), held("2", use="MORootCertificate"), held("3", station_id="CP2")]
    for row in rows:
        await store.write(lambda connection, row=row: save_held(connection, row))
    listed = [held("4", reported_at=NOON), held("5", parent_id="4", reported_at=NOON)]
    await store.write(
        lambda connection: replace_held(connection, OPERATOR, "CP1", ["V2GCertificateChain"], listed)
    )
    found = await store.read(lambda connection: list_held(connection, OPERATOR, "CP1"))
    assert [(row.certificate_id, row.reported_at) for row in found] == [
        ("2", None),
        ("4", NOON),
        ("5", NOON),
    ]
    await store.write(lambda connection: replace_held(connection, OPERATOR, "CP1", ["MORootCertificate"], []))
    await store.write(lambda connection: remove_held(connection, OPERATOR, "CP1", ["4"]))
    assert await store.read(lambda connection: list_held(connection, OPERATOR, "CP1")) == []
    assert len(await store.read(lambda connection: list_held(connection, OPERATOR))) == 1


async def test_what_ends_by_a_day_is_found(store: Store) -> None:
    day = timedelta(days=1)
    for row in (held("1", not_after=NOON + day), held("2", not_after=NOON + 9 * day), held("3")):
        await store.write(lambda connection, row=row: save_held(connection, row))
    found = await store.read(lambda connection: list_held(connection, OPERATOR, until=NOON + 2 * day))
    assert [(row.certificate_id, row.not_after) for row in found] == [("1", NOON + day)]
