"""I9: no charger counts as controlled without a base profile, whatever it answers, forgets or leaves unsaid
while it comes, goes and starts anew. What it really holds is told by a double of its own (`holder`)."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from ampacity.bus import LocalBus
from ampacity.clock import ScaledClock
from ampacity.control.law import step
from ampacity.control.state import START
from ampacity.csms.state import StationState
from ampacity.csms.vocabulary import (
    Command,
    CompositeSchedule,
    GetCompositeSchedule,
    Outcome,
    SchedulePeriod,
    SetProfile,
)
from ampacity.model.events import StationBooted, StationConnected, StationDisconnected
from ampacity.model.site import Circuit, Evse, Site
from ampacity.model.station import StationInfo
from ampacity.site.introductions import Introductions
from ampacity.site.limits_out import LimitWriter
from ampacity.site.live_site import LiveSite
from ampacity.site.prover import Prover
from ampacity.site.records import SiteRecords
from ampacity.store import Store
from tests.properties.holder import Held, Holder

TEMPERS = ("obeys", "obeys", "refuses", "mute", "deaf", "blind")
SAFE_A = 6.0


class HandClock(ScaledClock):
    """Goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 3, 2, tzinfo=UTC), 1.0)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that falls into it."""
        until = self._elapsed_s + seconds
        while True:
            for _ in range(12):  # whoever was woken goes on, and whom that wakes
                await asyncio.sleep(0)
            if not self._timers or self._timers[0][0] > until:
                break
            self._elapsed_s, _, future = heapq.heappop(self._timers)
            if not future.done():
                future.set_result(None)
        self._elapsed_s = until


class Wire:
    """Hands what the product sends to the double of its station, and an answer back."""

    def __init__(self, clock: HandClock, holders: dict[str, Holder]) -> None:
        self.clock, self.holders = clock, holders

    def station(self, station_id: str) -> StationState | None:
        """Its make is not known."""
        return None

    def settle(self, site: Site, gone: Iterable[str]) -> None:
        """Nobody moves."""

    async def command(
        self,
        operator_id: str,
        station_id: str,
        command: Command,
        actor: str,
        timeout_s: float = 30.0,
        *,
        front: bool = False,
    ) -> Outcome:
        holder = self.holders[station_id]
        await self.clock.sleep(0.5)
        if isinstance(command, SetProfile):
            told = command.profile
            periods = [(float(p.start_s), p.limit) for p in told.periods]
            answer = holder.set(
                told.profile_id, Held(command.evse_id, told.purpose, told.stack_level, periods)
            )
            if answer == "silence":
                await self.clock.sleep(timeout_s)
                return Outcome(result="timeout")
            return Outcome(result="accepted" if answer == "accepted" else "rejected")
        assert isinstance(command, GetCompositeSchedule)
        limit_a = holder.composite(command.evse_id)
        if limit_a is None:
            return Outcome(result="rejected")
        periods_told = (SchedulePeriod(start_s=0, limit=limit_a),)
        schedule = CompositeSchedule(start=self.clock.now(), unit="A", periods=periods_told)
        return Outcome(result="accepted", data=schedule)


async def comes_and_goes(r: random.Random, stations: int) -> None:
    names = [f"s{number}" for number in range(stations)]
    evses = [
        Evse(station_id=name, evse_id=k, circuit_id="grid", phases=(0, 1, 2), safe_a=r.choice((0.0, SAFE_A)))
        for name in names
        for k in (1, 2)[: r.choice((1, 2))]
    ]
    site = Site(
        site_id="site",
        operator_id="operator",
        name="site",
        time_zone="UTC",
        circuits=(Circuit(circuit_id="grid", name="grid", rating_a=200.0),),
        evses=tuple(evses),
        commissioned=True,
    )
    holders = {name: Holder(tuple(e.evse_id for e in evses if e.station_id == name)) for name in names}
    clock, bus = HandClock(), LocalBus()
    live, wire = LiveSite(site, clock), Wire(clock, holders)
    records = SiteRecords(cast(Store, None), site)  # what is durable is not asked for here
    writer = LimitWriter(live, wire)
    Introductions(live, wire, writer, records, Prover(live, wire, writer, records), bus)
    online = dict.fromkeys(names, False)

    def tell(
        name: str, kind: type[StationConnected] | type[StationBooted] | type[StationDisconnected]
    ) -> None:
        at = clock.now()
        if kind is StationConnected:
            bus.publish(StationConnected(operator_id="operator", station_id=name, version="2.0.1", at=at))
        elif kind is StationBooted:
            info = StationInfo(vendor="double", model="one")
            bus.publish(
                StationBooted(operator_id="operator", station_id=name, info=info, reason="PowerUp", at=at)
            )
        else:
            bus.publish(StationDisconnected(operator_id="operator", station_id=name, reason="", at=at))

    def look() -> None:
        live.check_errands()
        decision = step(START, live.snapshot(clock.monotonic()))[1]
        for key, known in live.evses.items():
            holder = holders[key[0]]
            if known.ready:
                assert holder.has_base(key[1]), f"{key} counts as controlled and has no base profile"
                assert holder.starts_with(key[1]) <= known.evse.safe_a + 0.1, key
            else:
                assert key in decision.reserved, f"{key} is steered before it was looked at"
            if not known.proven:
                assert decision.held_a[key] >= holder.starts_with(key[1]), key

    for _ in range(14):
        name = r.choice(names)
        holder = holders[name]
        match r.choice(("temper", "line", "line", "boot", "forget", "wait", "wait")):
            case "temper":
                holder.temper = r.choice(TEMPERS)
            case "line":
                online[name] = not online[name]
                tell(name, StationConnected if online[name] else StationDisconnected)
            case "boot" | "forget" as how if online[name]:
                if how == "forget":
                    holder.profiles.clear()
                tell(name, StationBooted)
            case _:
                await clock.advance(r.choice((1.0, 20.0, 90.0)))
        look()
        await clock.advance(r.choice((0.0, 0.3, 2.0)))
        look()
    for name, holder in holders.items():
        holder.temper = "obeys"
        if not online[name]:
            tell(name, StationConnected)
    await clock.advance(1200.0)
    look()
    assert all(known.ready for known in live.evses.values()), "who obeys is controlled in the end"
    await live.end_errands()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_no_charger_is_controlled_without_a_base_profile(seed: int, stations: int) -> None:
    """I9."""
    asyncio.run(comes_and_goes(random.Random(seed), stations))
