"""Live sessions end where people asked, wait for their price, and stay ended after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ampacity.model.goals import Goals
from ampacity.model.site import SharingRules
from ampacity.pricing import Price, PriceEntry
from ampacity.store import transactions
from ampacity.store.sharing import BoostQuotaUsed

from .live import OPERATOR, PERSON, LiveYard, yard


@dataclass
class Quoted:
    """Somebody who knows prices that change while a session goes on."""

    per_kwh: Decimal | None
    per_minute: Decimal = Decimal(0)

    def any_for(self, operator_id: str) -> bool:
        return True

    def price(
        self, operator_id: str, station_id: str, evse_id: int, token: str | None, at: datetime
    ) -> Price | None:
        if self.per_kwh is None:
            return None
        return Price(currency="EUR", per_kwh=self.per_kwh, per_minute=self.per_minute)


def set_prices(it: LiveYard, *prices: tuple[float, str]) -> datetime:
    """Everybody's price of a kWh from so many seconds after now on; returns now."""
    now = it.clock.now()
    for seconds, per_kwh in prices:
        price = Price(currency="EUR", per_kwh=Decimal(per_kwh))
        entry = PriceEntry(scope="all", scope_id="", valid_from=now + timedelta(seconds=seconds), price=price)
        it.node.csms.costs.book.set(OPERATOR, entry)
    return now


async def energy_wh(it: LiveYard) -> list[float]:
    """Of the transactions that have ended."""
    await it.node.csms.written()
    rows = await it.node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
    return [row.energy_wh for row in rows if row.state == "ended"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_session_ends_with_its_energy(tmp_path: Path, version: str) -> None:
    async with yard(tmp_path, "A", version=version) as it:
        await it.charge("A")
        await it.controller.set_goals(("A", 1), Goals(energy_wh=600.0), PERSON)
        await it.until(lambda: it.live("A").goal_reached is not None, 600.0)
        assert it.evse("A").session.state == "full"  # type: ignore[union-attr]
        assert it.evse("A").reasons[0].detail == "has its 0.6 kWh"
        await it.until(lambda: it.live("A").transaction is None, 60.0)
        [energy] = await energy_wh(it)
        assert energy == pytest.approx(600.0, abs=130.0)


async def test_a_budget_is_not_overrun(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        it.node.csms.costs.prices = Quoted(Decimal("0.50"), Decimal("0.06"))
        await it.charge("A")
        await it.controller.set_goals(("A", 1), Goals(budget=Decimal("0.60"), at_goal="pause"), PERSON)
        await it.until(lambda: it.live("A").transaction is None, 900.0)
        await it.node.csms.written()
        [row] = await it.node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))
        cost = it.node.csms.costs.cost(row, it.clock.now())
        assert cost is not None
        assert Decimal("0.45") < cost.total <= Decimal("0.60")
        assert row.goal_reached == "budget"


async def test_a_session_waits_for_its_price_and_goes_on(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        prices = it.node.csms.costs.prices = Quoted(Decimal("0.50"))
        await it.charge("A")
        await it.draws("A", 32.0)
        await it.controller.set_goals(("A", 1), Goals(max_price_per_kwh=Decimal("0.40")), PERSON)
        await it.draws("A", 0.0)
        assert it.codes("A") == {"price"}
        assert it.evse("A").session.state == "waiting"  # type: ignore[union-attr]
        prices.per_kwh = Decimal("0.39")
        await it.until(lambda: it.current_a("A") > 5.0)
        prices.per_kwh = None
        await it.draws("A", 0.0)  # a price that nobody knows is not a low one


async def test_a_price_that_changes_by_the_clock_stops_a_session_and_lets_it_go_on(tmp_path: Path) -> None:
    """The session has its price from its start, which is low; its limit is about the price in force."""
    async with yard(tmp_path, "A") as it:
        set_prices(it, (-3600, "0.30"))
        await it.charge("A")
        await it.controller.set_goals(("A", 1), Goals(max_price_per_kwh=Decimal("0.40")), PERSON)
        await it.until(lambda: it.current_a("A") > 5.0)
        now = set_prices(it, (10, "0.50"), (50, "0.35"))
        await it.until(lambda: it.codes("A") == {"price"} and it.current_a("A") < 0.5)
        assert it.clock.now() >= now + timedelta(seconds=10)
        assert it.evse("A").reasons[0].detail == "a kWh costs 0.50 now, above the limit of 0.40"
        await it.until(lambda: it.current_a("A") > 5.0)
        assert it.clock.now() >= now + timedelta(seconds=50)


async def test_a_budget_counts_the_prices_in_force(tmp_path: Path) -> None:
    """0.10 a kWh when it began, 1.00 soon after: 0.30 of money is 0.3 kWh, not 3."""
    async with yard(tmp_path, "A") as it:
        set_prices(it, (-3600, "0.10"))
        await it.charge("A")
        set_prices(it, (1, "1.00"))
        await it.controller.set_goals(("A", 1), Goals(budget=Decimal("0.30")), PERSON)
        await it.until(lambda: it.live("A").transaction is None, 900.0)
        [energy] = await energy_wh(it)
        assert 100.0 < energy <= 300.0 + 30.0


async def test_money_without_a_known_price_is_refused(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        for goals in (Goals(budget=Decimal(5)), Goals(max_price_per_kwh=Decimal(1))):
            with pytest.raises(ValueError, match="no price is known"):
                await it.controller.set_goals(("A", 1), goals, PERSON)
        assert not it.live("A").goals.any


async def test_a_paused_goal_outlives_a_restart_and_is_changed_by_people(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        await it.charge("A")
        await it.controller.set_goals(("A", 1), Goals(time_s=60.0, at_goal="pause"), PERSON)
        await it.until(lambda: it.live("A").goal_reached == "time", 300.0)
        await it.draws("A", 0.0)
        await it.control()
        await it.stations["A"].cut_network()
        it.stations["A"].restore_network()
        await it.until(lambda: it.live("A").transaction is not None and it.live("A").goal_reached == "time")
        await it.proven("A")
        assert it.current_a("A") < 0.5
        await it.controller.set_goals(("A", 1), Goals(), PERSON)
        await it.until(lambda: it.current_a("A") > 5.0)


async def test_goals_can_be_said_before_a_session_begins(tmp_path: Path) -> None:
    async with yard(tmp_path, "A") as it:
        it.controller.expect_goals(("A", 1), Goals(soc_percent=20.5), PERSON)
        await it.charge("A")
        await it.until(lambda: it.live("A").goals.soc_percent == 20.5)
        with pytest.raises(ValueError, match="charges already"):
            it.controller.expect_goals(("A", 1), Goals(time_s=1.0), PERSON)


async def test_boosts_keep_to_the_sites_rules(tmp_path: Path) -> None:
    async with yard(tmp_path, "A", "B") as it:
        await it.charge("A")
        await it.charge("B")
        rules = SharingRules(boosts_at_once=1, boosts_per_day=1, boost_tokens=("card-a", "card-b"))
        await it.controller.set_sharing(rules, PERSON)
        await it.controller.boost(("A", 1), True, PERSON)
        with pytest.raises(ValueError, match="1 sessions go before others already"):
            await it.controller.boost(("B", 1), True, PERSON)
        await it.controller.boost(("A", 1), False, PERSON)
        await it.controller.boost(("B", 1), True, PERSON)
        await it.controller.boost(("B", 1), False, PERSON)
        await it.controller.set_sharing(SharingRules(boosts_per_day=0), PERSON)
        with pytest.raises(BoostQuotaUsed):
            await it.controller.boost(("A", 1), True, PERSON)
        await it.controller.set_sharing(SharingRules(boost_tokens=("VIP",)), PERSON)
        with pytest.raises(ValueError, match="may not go before others"):
            await it.controller.boost(("A", 1), True, PERSON)
