"""Goals come back as they were said; shares, boosts against their quota, feedback that can be changed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from ampacity.model.goals import Goals
from ampacity.model.site import SharingRules
from ampacity.store import Store, sharing, sites, transactions
from ampacity.store.sharing import BoostQuotaUsed, FeedbackClosed, ShareRow

from .conftest import NOON, OPERATOR
from .test_sites import DEPOT


async def test_goals_come_back_with_their_exact_money(store: Store) -> None:
    goals = Goals(soc_percent=80.0, budget=Decimal("12.30"), max_price_per_kwh=Decimal("0.4199"))
    await store.write(lambda c: transactions.set_wish(c, OPERATOR, "t1", {"goals": goals}))
    await store.write(lambda c: transactions.set_wish(c, OPERATOR, "t1", {"goal_reached": "budget"}))
    row = await store.read(lambda c: transactions.wish_of(c, OPERATOR, "t1"))
    assert row is not None
    assert (row.goals, row.goal_reached, row.boosted) == (goals, "budget", False)


async def test_a_site_keeps_its_rules_and_who_may_be_switched(store: Store) -> None:
    rules = SharingRules(fairness="deadline", keep_alive="always", boosts_per_day=2, boost_tokens=("VIP",))
    evses = (structs.replace(DEPOT.evses[0], phase_switch=True), *DEPOT.evses[1:])
    depot = structs.replace(DEPOT, sharing=rules, evses=evses)
    await store.write(lambda c: sites.save_site(c, depot, NOON))
    assert await store.read(lambda c: sites.load_site(c, OPERATOR, "depot", NOON)) == depot


async def test_shares_of_the_days_that_are_asked_for(store: Store) -> None:
    def share(day: str, transaction_id: str, energy_wh: float) -> ShareRow:
        return ShareRow(
            operator_id=OPERATOR,
            site_id="depot",
            day=day,
            transaction_id=transaction_id,
            station_id="CP1",
            evse_id=1,
            energy_wh=energy_wh,
        )

    first, last = share("2026-03-01", "a", 10.0), share("2026-03-03", "b", 20.0)
    await store.write(lambda c: sharing.save_shares(c, [first, share("2026-03-02", "a", 1.0), last]))
    later = structs.replace(first, energy_wh=11.5)
    await store.write(lambda c: sharing.save_shares(c, [later]))
    rows = await store.read(lambda c: sharing.shares(c, OPERATOR, "depot", "2026-03-01", "2026-03-02"))
    assert [(row.day, row.energy_wh) for row in rows] == [("2026-03-01", 11.5), ("2026-03-02", 1.0)]
    assert await store.read(lambda c: sharing.shares(c, OPERATOR, "yard", "2026-03-01", "2026-03-09")) == []


async def test_a_token_has_its_boosts_of_the_day(store: Store) -> None:
    async def claim(transaction_id: str, token: str | None, day: str = "2026-03-01") -> None:
        await store.write(
            lambda c: sharing.claim_boost(
                c, OPERATOR, "depot", day, transaction_id, token, 1, "user:ada", NOON
            )
        )

    await claim("a", "Card")
    await claim("a", "CARD")  # the same session again
    await claim("b", "OTHER")
    await claim("c", "card", "2026-03-02")
    with pytest.raises(BoostQuotaUsed, match="1 boosted sessions a day"):
        await claim("d", "CARD")
    await claim("e", None)
    with pytest.raises(BoostQuotaUsed):
        await claim("f", None)


async def test_feedback_can_be_changed_for_an_hour(store: Store) -> None:
    async def tap(score: int, minutes: float) -> None:
        at = NOON + timedelta(minutes=minutes)
        await store.write(lambda c: sharing.give_feedback(c, OPERATOR, "t", score, at))

    await tap(2, 0.0)
    await tap(5, 60.0)
    with pytest.raises(FeedbackClosed, match="changed for an hour"):
        await tap(1, 61.0)
    [row] = (await store.read(lambda c: sharing.feedback(c, OPERATOR, ["t", "u"]))).values()
    assert (row.score, row.given_at, row.changed_at) == (5, NOON, NOON + timedelta(hours=1))
