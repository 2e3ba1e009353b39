"""Why an EVSE had what it had, told of sites under the real law: what is said is what happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from ampacity.clock import WallClock
from ampacity.model.live import Reason, ReasonCode
from ampacity.model.site import LimitSource, Site
from ampacity.model.why import Why
from ampacity.site.decisions.causes import Tree
from ampacity.site.decisions.columns import Moment
from ampacity.site.decisions.log import DecisionLog
from ampacity.site.decisions.reading import Logged
from ampacity.site.decisions.timeline import timeline
from ampacity.site.decisions.why import UnknownEvse, explain, find_evse
from ampacity.site.decisions.words import Scene, bound_of
from ampacity.store import Store
from ampacity.store.operators import ensure_operator

from .world import Kept, kept, panel

OPERATOR = "stadtwerke"


class Yard:
    """A plant whose ticks go into a log, and the questions that one asks of it."""

    def __init__(self, store: Store, site: Site | None = None) -> None:
        self.plant: Kept = kept(site or panel())
        self.store = store
        self.log = DecisionLog(store, OPERATOR, "yard", store.clock)

    def run(self, seconds: float) -> None:
        for tick in self.plant.keep(seconds):
            self.log.note(*tick)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.plant.epoch_s, UTC)

    async def why(self, evse: str, ago_s: float = 0.0) -> Why:
        await self.log.written()
        asked = self.now - timedelta(seconds=ago_s)
        return await self.store.read(lambda c: explain(Logged(c, OPERATOR, "yard"), evse, asked))

    async def happened(self, evse: str | None = None, last_s: float = 3600.0) -> list[tuple[str, str]]:
        await self.log.written()
        start, end = self.now - timedelta(seconds=last_s), self.now
        told = await self.store.read(
            lambda c: timeline(Logged(c, OPERATOR, "yard"), "yard", "Europe/Berlin", start, end, evse=evse)
        )
        return [(one.kind, one.words) for one in reversed(told.happenings)]


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    store = await Store.open(tmp_path / "a.db", WallClock())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await store.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", now))
    yield Yard(store)
    await store.close()


async def test_a_full_circuit_is_a_sum_that_adds_up(yard: Yard) -> None:
    yard.run(600)
    why = await yard.why("WP-01")
    bound = why.bounds[0]
    assert bound.circuit == "Grid connection"
    parts = (bound.base_a, bound.margin_a, bound.reserve_a, bound.grants_a, bound.kept_back_a)
    assert all(part is not None for part in parts)
    assert sum(part or 0.0 for part in parts) == pytest.approx(80.0, abs=1.0)  # down to a whole step each
    assert bound.words.startswith(f"Grid connection L{bound.phase} was full (limit 80 A, its rating: base 2")
    assert why.words.startswith(f"was held at {why.limit_a:.1f} A of 32 A: Grid connection L")
    assert {share.label for share in why.shares} <= {"WP-01", "WP-02", "WP-03", "WP-04"}
    assert sum(share.amperes for share in why.shares) == pytest.approx(bound.grants_a, abs=0.2)
    assert why.drawn_a == pytest.approx(why.limit_a, abs=0.2)
    [meter] = [known for known in why.inputs if known.what == "meter" and known.circuit_id == "grid"]
    assert "fresh" in meter.words
    assert not meter.trouble


async def test_a_limit_that_somebody_sets_is_the_cause_and_is_named(yard: Yard) -> None:
    yard.run(300)
    before = (await yard.why("WP-01")).limit_a
    until = yard.plant.epoch_s + 100
    yard.plant.limits["grid"] = (LimitSource(limit_a=50.0, source="dso", valid_until=until, fallback_a=60.0),)
    yard.run(20)
    why = await yard.why("WP-01")
    assert why.limit_a < before
    assert why.changes[0].answer == "accepted"
    first = next(change for change in why.changes if change.from_a == before)
    assert first.kind == "cut"
    assert first.cause == "the limit of Grid connection was lowered from 80 A to 50 A (dso)"
    assert (why.bounds[0].source, why.bounds[0].limit_a) == ("dso", 50.0)
    berlin = datetime.fromtimestamp(until, UTC).astimezone(why.bounds[0].valid_until.tzinfo)  # type: ignore[union-attr]
    assert f"limit 50 A, set by dso until {berlin:%H:%M:%S}" in why.bounds[0].words
    assert any(f"50 A by dso until {berlin:%H:%M:%S}, then 60 A" in known.words for known in why.inputs)
    cut = [words for kind, words in await yard.happened(last_s=25) if kind in ("cut", "limit")]
    assert cut[0] == "Grid connection is limited to 50 A by dso (before: 80 A by rating)"
    assert cut[1].endswith("EVSEs cut")


async def test_each_cause_of_a_cut_is_told(yard: Yard) -> None:
    """The building, a car that comes, a station that goes, a person."""
    load = {"now": 20.0}
    yard.plant.base = lambda circuit, at: (load["now"],) * 3 if circuit == "grid" else (0.0, 0.0, 0.0)
    yard.plant.cars["CP-4", 1].session = False
    yard.run(400)
    load["now"] = 35.0
    yard.run(15)
    why = await yard.why("WP-01")
    [cause] = [change.cause for change in why.changes if "rose from 20" in change.cause]
    assert cause.startswith("the building's load on Grid connection L")
    yard.run(300)
    yard.plant.cars["CP-4", 1].session = True
    yard.run(8)
    why = await yard.why("WP-01")
    assert any(change.cause.startswith("WP-04 began to charge") for change in why.changes)
    yard.run(300)
    yard.plant.cars["CP-1", 1].paused = True
    yard.run(8)
    why = await yard.why("WP-01")
    assert why.changes[0].cause == "a person paused it"
    assert why.words == "waited at 0 A: a person had paused it"
    assert any(bound.more == "letting the session go on" for bound in why.bounds)
    kinds = [kind for kind, _ in await yard.happened("WP-01")]
    assert kinds.count("paused") == 1
    assert "cut" in kinds


async def test_a_station_that_is_gone_is_told_with_what_is_set_aside(yard: Yard) -> None:
    yard.run(300)
    yard.plant.cars["CP-2", 1].online = False
    yard.run(5)
    why = await yard.why("WP-02")
    assert why.words == f"could not be reached: {why.held_a:.1f} A were set aside for it".replace(
        ".0 A", " A"
    )
    assert [known.what for known in why.inputs if known.trouble] == ["station"]
    other = await yard.why("WP-01")
    aside = [share for share in other.shares if share.reserved]
    assert [(share.label, share.amperes) for share in aside] == [("WP-02", why.held_a)]
    assert ("offline", "not reachable") in await yard.happened(last_s=30)


async def test_a_silent_meter_is_unmistakable(yard: Yard) -> None:
    yard.run(300)
    yard.plant.dead_meters.add("grid")
    yard.run(20)
    why = await yard.why("WP-01")
    [meter] = [known for known in why.inputs if known.trouble]
    assert "stale" in meter.words
    yard.run(40)
    why = await yard.why("WP-01")
    [meter] = [known for known in why.inputs if known.trouble]
    assert "dead" in meter.words
    assert any("had fallen silent" in bound.words for bound in why.bounds)
    told = [words for kind, words in await yard.happened() if kind == "meter"]
    assert told == [
        "the meter of Grid connection is late: nothing rises",
        "the meter of Grid connection is silent: the worst case counts",
    ]


async def test_the_start_of_the_controller_and_what_is_idle(yard: Yard) -> None:
    yard.plant.cars["CP-1", 1].session = False
    yard.run(30)
    why = await yard.why("CP-1/1")
    assert why.words == "had nothing to charge; a car could have begun with 0 A"
    assert why.changes == ()
    assert (await yard.happened())[0][0] == "started"


async def test_a_raise_says_what_made_room(yard: Yard) -> None:
    yard.run(300)
    for number in (2, 3):
        yard.plant.cars[f"CP-{number}", 1].session = False
    yard.run(45)
    why = await yard.why("WP-01")
    assert why.changes[0].kind == "raise"
    assert "ended its session" in why.changes[0].cause


async def test_before_commissioning_a_part_is_kept_back(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "b.db", WallClock())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await store.write(lambda connection: ensure_operator(connection, OPERATOR, "Stadtwerke", now))
    yard = Yard(store, panel(commissioned=False))
    yard.run(400)
    bound = (await yard.why("WP-01")).bounds[0]
    assert bound.kept_back_a is not None
    assert bound.kept_back_a > 8.0
    assert "kept back until the site is commissioned" in bound.words
    await store.close()


def test_an_evse_is_found_by_each_of_its_names() -> None:
    site = panel()
    assert {find_evse(site, name).key for name in ("WP-01", "wp-01", "CP-1/1", " CP-1 ")} == {("CP-1", 1)}
    with pytest.raises(
        UnknownEvse, match=r"'WP-9' is no EVSE of site 'yard': known are WP-01 \(CP-1/1\), WP"
    ):
        find_evse(site, "WP-9")
    two = structs.replace(site, evses=(*site.evses, structs.replace(site.evses[0], evse_id=2, label="")))
    with pytest.raises(UnknownEvse, match=r"'CP-1' has several EVSEs: known are WP-01 \(CP-1/1\), CP-1/2"):
        find_evse(two, "CP-1")
    with pytest.raises(UnknownEvse):
        find_evse(site, "")


@pytest.mark.parametrize("code", get_args(ReasonCode))
def test_every_reason_can_be_told(code: ReasonCode) -> None:
    """Those with words of their own, and those that were added to the law since."""
    tick = kept(panel()).keep(5)[-1]
    moment = Moment(snapshot=tick.snapshot, decision=tick.decision)
    evse = panel().evses[0]
    scene = Scene(Tree(panel()), moment, evse, tick.snapshot.evses[evse.key], ZoneInfo("UTC"))
    for reason in (
        Reason(code=code),
        Reason(code=code, circuit_id="grid", phase=2, source="dso", detail="so"),
    ):
        bound = bound_of(scene, reason)
        assert bound.code == code
        assert bound.words
        assert "_" not in bound.words
