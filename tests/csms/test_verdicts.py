"""What a token is worth: the table of `verdicts`, line by line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ampacity.csms.verdicts import Question, Rules, allowed_evses, judge
from ampacity.model.station import IdToken
from ampacity.store.tokens import Place, TokenRow

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def row(kind: str = "ISO14443", **known: Any) -> TokenRow:
    return TokenRow(operator_id="o", token=IdToken("ABC", kind), created_at=NOW, **known)


def asked(kind: str = "ISO14443", **more: Any) -> Question:
    return Question(token=IdToken("abc", kind), station_id="CP1", site_id="yard", now=NOW, **more)


DC_ONLY = (Place(current="DC"),)
PLACES = (Place(station_id="CP1", evse_ids=(2, 1)),)


@pytest.mark.parametrize(
    ("known", "question", "rules", "status"),
    [
        (None, asked("NoAuthorization"), Rules(), "Accepted"),
        (None, asked(), Rules(), "Unknown"),
        (None, asked(), Rules(accept_unknown=True), "Accepted"),
        (None, asked(elsewhere=True), Rules(accept_unknown=True), "ConcurrentTx"),
        (None, asked(granted=True), Rules(), "Accepted"),
        (None, asked("KeyCode"), Rules(accept_unknown=True), "Invalid"),
        (row(), asked(), Rules(), "Accepted"),
        (row(), asked("ISO15693"), Rules(), "Accepted"),
        (row(), asked("KeyCode"), Rules(), "Invalid"),
        (row(), asked("eMAID"), Rules(), "Unknown"),
        (row("KeyCode"), asked("KeyCode"), Rules(), "Accepted"),
        (row("KeyCode"), asked(), Rules(), "Unknown"),
        (row("Central"), asked(), Rules(), "Accepted"),
        (row(status="Blocked"), asked(), Rules(), "Blocked"),
        (row(status="Blocked"), asked(purpose="stop"), Rules(), "Blocked"),
        (row(status="Blocked"), asked(granted=True), Rules(), "Blocked"),
        (row(expires_at=NOW), asked(), Rules(), "Expired"),
        (row(expires_at=NOW + timedelta(seconds=1)), asked(), Rules(), "Accepted"),
        (row(group="boss"), asked(), Rules(master_group="boss"), "Accepted"),
        (row(group="boss"), asked(purpose="start"), Rules(master_group="boss"), "Invalid"),
        (row(group="boss"), asked(purpose="stop"), Rules(master_group="boss"), "Accepted"),
        (row(group="crew"), asked(purpose="start"), Rules(master_group="boss"), "Accepted"),
        (row(allowed=PLACES), asked(evse_id=2), Rules(), "Accepted"),
        (row(allowed=PLACES), asked(evse_id=3), Rules(), "NotAtThisLocation"),
        (row(allowed=PLACES), asked(evse_id=3, purpose="stop"), Rules(), "Accepted"),
        (row(allowed=(Place(station_id="CP2"),)), asked(), Rules(), "NotAtThisLocation"),
        (row(allowed=DC_ONLY), asked(currents={1: "AC", 2: "DC"}), Rules(), "Accepted"),
        (row(allowed=DC_ONLY), asked(currents={1: "AC", 2: "DC"}, evse_id=1), Rules(), "NotAllowedTypeEVSE"),
        (row(allowed=DC_ONLY), asked(currents={1: "AC"}), Rules(), "NotAllowedTypeEVSE"),
        (row(allowed=DC_ONLY), asked(currents={}), Rules(), "NotAllowedTypeEVSE"),
        (row(allowed=DC_ONLY), asked(currents={1: "AC"}, purpose="stop"), Rules(), "Accepted"),
        (row(), asked(elsewhere=True), Rules(), "ConcurrentTx"),
        (row(), asked(elsewhere=True, purpose="stop"), Rules(), "Accepted"),
        (row(), asked(elsewhere=True), Rules(concurrent=True), "Accepted"),
        (row(concurrent=True), asked(elsewhere=True), Rules(), "Accepted"),
        (row(concurrent=False), asked(elsewhere=True), Rules(concurrent=True), "ConcurrentTx"),
    ],
)
def test_the_table(known: TokenRow | None, question: Question, rules: Rules, status: str) -> None:
    assert judge(known, question, rules).status == status


@pytest.mark.parametrize(
    ("allowed", "evses"),
    [
        ((), ()),
        ((Place(site_id="yard"),), ()),
        ((Place(site_id="other"),), None),
        ((Place(),), None),
        ((Place(station_id="CP1"), Place(station_id="CP1", evse_ids=(1,))), ()),
        ((Place(station_id="CP2", evse_ids=(3,)), *PLACES), (1, 2)),
        ((Place(site_id="other", station_id="CP1", evse_ids=(1,)),), (1,)),
    ],
)
def test_places(allowed: tuple[Place, ...], evses: tuple[int, ...] | None) -> None:
    assert allowed_evses(allowed, "CP1", "yard") == evses


@pytest.mark.parametrize(
    ("allowed", "evses"),
    [
        (DC_ONLY, (2, 3)),
        ((Place(current="AC", station_id="CP1"),), (1,)),
        ((Place(current="AC", station_id="CP1", evse_ids=(2,)),), None),
        ((Place(current="DC", site_id="yard"), Place(station_id="CP1", evse_ids=(1,))), (1, 2, 3)),
        ((Place(current="DC", site_id="other"),), None),
    ],
)
def test_currents(allowed: tuple[Place, ...], evses: tuple[int, ...] | None) -> None:
    assert allowed_evses(allowed, "CP1", "yard", {1: "AC", 2: "DC", 3: "DC"}) == evses
    assert allowed_evses(DC_ONLY, "CP1", "yard", {1: "DC"}) == ()


def test_a_place_of_a_site_does_not_hold_where_the_station_has_none() -> None:
    assert allowed_evses((Place(site_id=None),), "CP1", None) is None


def test_the_verdict_tells_what_a_station_needs() -> None:
    known = row(group="crew", message="Hallo", language="de", priority=3, allowed=PLACES)
    verdict = judge(known, asked(), Rules(cache_s=60.0))
    assert (verdict.group, verdict.message, verdict.language, verdict.priority) == ("crew", "Hallo", "de", 3)
    assert verdict.evse_ids == (1, 2)
    assert verdict.expires_at == NOW + timedelta(seconds=60)


def test_a_station_forgets_a_token_no_later_than_it_expires() -> None:
    soon = NOW + timedelta(seconds=30)
    assert judge(row(expires_at=soon), asked(), Rules(cache_s=60.0)).expires_at == soon
    assert judge(row(expires_at=soon), asked(), Rules()).expires_at == soon
    assert judge(row(), asked(), Rules()).expires_at is None
