"""What a firmware really does with charging profiles, asked of one of its stations.

A profile of the probe's own (a TxDefaultProfile one level above the base) shows units, tenths, periods,
stacking and whether the composite schedule is honest, without a car. As long as it is there the EVSE is set
aside with what it allows. With a car that charges, two more: whether a lower limit is obeyed in time, and
whether a lease that nobody renews really ends. A firmware that fails the last gets no credit for its leases:
what it was told counts until it is told otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import isfinite

from ..control.settings import DEFAULTS
from ..control.verification import window_s
from ..csms.state import StationState
from ..csms.vocabulary import (
    ClearProfile,
    Command,
    CompositeSchedule,
    GetCompositeSchedule,
    GetVariables,
    Outcome,
    Profile,
    SchedulePeriod,
    SetProfile,
    SetVariables,
    VariableRef,
    VariableValue,
)
from ..model.proving import Finding
from .knowledge import LiveEvse
from .limits_out import LimitWriter
from .live_site import SAMPLE_INTERVAL_S, LiveSite

PROBE_ID = 9000
"""Profile id of the probe, `PROBE_ID + evse`."""

PROBE_A, OTHER_A = 8.1, 6.0
"""What the probe's profile allows; a tenth that some stations lose, and the least that a car can draw."""

LEASE_S = 30.0
NAMED = "probe"
INTERVALS = (
    VariableRef(component="SampledDataCtrlr", variable="TxUpdatedInterval"),
    VariableRef(component="OCPP16", variable="MeterValueSampleInterval"),
)
LEVELS = (
    VariableRef(component="SmartChargingCtrlr", variable="ProfileStackLevel"),
    VariableRef(component="OCPP16", variable="ChargeProfileMaxStackLevel"),
)

Send = Callable[[Command], Awaitable[Outcome]]


class Probe:
    """One run, at one station. `evses` are the site's EVSEs of the station."""

    def __init__(
        self, live_site: LiveSite, writer: LimitWriter, state: StationState, evses: list[LiveEvse], send: Send
    ) -> None:
        self._live = live_site
        self._writer = writer
        self._state = state
        self._evses = evses
        self._send = send
        self._found: list[Finding] = []

    async def run(self) -> tuple[Finding, ...]:
        """All questions, in order. A station that is away has none answered."""
        if not all(live.ready for live in self._evses):
            return (Finding(name="online", passed=False, evidence="not connected, or not proven yet"),)
        idle = [live for live in self._evses if live.transaction is None]
        if idle:
            await self._without_a_car(idle)
        else:
            self._tell("composite", None, "a car at every EVSE: ask again when one is free")
        await self._meter_interval()
        charging = next((live for live in self._evses if live.transaction is not None), None)
        if charging is None:
            self._tell("obeys", None, "no car charges: ask again with one")
            self._tell("lease_ends", None, "no car charges: ask again with one")
        else:
            await self._with_a_car(charging)
        return tuple(self._found)

    @property
    def found(self) -> tuple[Finding, ...]:
        """What is known so far."""
        return tuple(self._found)

    def _tell(self, name: str, passed: bool | None, evidence: str) -> None:
        self._found.append(Finding(name=name, passed=passed, evidence=evidence))

    # ------------------------------------------------------------ without a car

    async def _without_a_car(self, idle: list[LiveEvse]) -> None:
        for live in idle[:2]:
            live.conduct.probe_a = PROBE_A
        self._live.wake()
        try:
            await self._ask_profiles(idle[0])
            if len(idle) > 1:
                await self._ask_neighbours(idle[0], idle[1])
            else:
                self._tell("two_connectors", None, "one free EVSE only")
        finally:
            for live in idle[:2]:
                await self._send(ClearProfile(profile_id=PROBE_ID + live.evse.evse_id))
                live.conduct.probe_a = None
            self._live.wake()
        told = await self._composite(idle[0])
        most = max((limit for _, limit in told), default=None)
        gone = most is not None and most <= max(idle[0].evse.safe_a, 0.0) + 0.1
        self._tell("clears", gone, f"with the probe's profile removed the schedule says {most} A")

    async def _ask_profiles(self, live: LiveEvse) -> None:
        three: tuple[tuple[int, float], ...] = ((0, PROBE_A), (120, OTHER_A), (240, 0.0))
        outcome = await self._set(live, three)
        self._tell("periods", outcome.accepted, _words(outcome, "three periods"))
        if not outcome.accepted:
            three = three[:1]
            outcome = await self._set(live, three)
            self._tell("one_period", outcome.accepted, _words(outcome, "one period"))
        unit = self._state.charging.rate_unit
        self._tell("unit", outcome.accepted, f"takes {unit or 'what it is given'}; {outcome.detail}".strip())
        told = await self._composite(live)
        first = told[0][1] if told else None
        self._tell("tenths", first is not None and abs(first - PROBE_A) < 0.05, f"8.1 A is told as {first}")
        missing = [
            (start_s, limit)
            for start_s, limit in three
            if not any(abs(start_s - at) <= 5 and abs(limit - value) < 0.15 for at, value in told)
        ]
        self._tell("composite", bool(told) and not missing, f"told {told}, missing {missing}")
        level = self._variable(LEVELS)
        stacked = first is not None and abs(first - PROBE_A) < 0.15
        known = level.value if level is not None else "unknown"
        self._tell(
            "stack_levels", stacked, f"level 1 goes before 0: {stacked}; highest by its own word: {known}"
        )

    async def _ask_neighbours(self, one: LiveEvse, other: LiveEvse) -> None:
        """1.6 replaces by stack level and purpose for the whole charge point, says one reading."""
        await self._set(one, ((0, PROBE_A),))
        await self._set(other, ((0, OTHER_A),))
        first, second = await self._composite(one), await self._composite(other)
        kept = bool(first and second) and abs(first[0][1] - PROBE_A) < 0.15
        kept = kept and abs(second[0][1] - OTHER_A) < 0.15
        self._tell("two_connectors", kept, f"8.1 A and 6 A are told as {first} and {second}")

    async def _set(self, live: LiveEvse, periods: tuple[tuple[int, float], ...]) -> Outcome:
        return await self._send(
            SetProfile(
                evse_id=live.evse.evse_id,
                profile=Profile(
                    profile_id=PROBE_ID + live.evse.evse_id,
                    stack_level=1,
                    purpose="TxDefaultProfile",
                    kind="Relative",
                    unit="A",
                    periods=tuple(SchedulePeriod(start_s=start, limit=limit) for start, limit in periods),
                ),
            )
        )

    async def _composite(self, live: LiveEvse) -> list[tuple[int, float]]:
        """`(start_s, amperes)` as the station tells it; empty where it doesn't."""
        outcome = await self._send(GetCompositeSchedule(evse_id=live.evse.evse_id, duration_s=300))
        if not isinstance(outcome.data, CompositeSchedule):
            return []
        per = 1.0
        if outcome.data.unit == "W":
            per = len(live.evse.phases) * self._live.site.voltage_v
        return [(period.start_s, round(period.limit / per, 2)) for period in outcome.data.periods]

    # ------------------------------------------------------------ its meter

    def _variable(self, places: tuple[VariableRef, ...]) -> VariableValue | None:
        for ref in places:
            known = self._state.variables.get(ref)
            if known is not None and known.value is not None:
                return VariableValue(ref=ref, value=known.value)
        return None

    async def _asked(self, places: tuple[VariableRef, ...]) -> VariableValue | None:
        """The same, asked of the station now."""
        for ref in places:
            read = await self._send(GetVariables(variables=(ref,)))
            for item in read.data if isinstance(read.data, list | tuple) else ():
                if item.value is not None:
                    return VariableValue(ref=ref, value=item.value)
        return None

    async def _meter_interval(self) -> None:
        known = self._variable(INTERVALS) or await self._asked(INTERVALS)
        if known is None:
            self._tell("meter_interval", None, "it does not tell its sample interval")
            return
        outcome = await self._send(SetVariables(values=(VariableValue(ref=known.ref, value="1"),)))
        read = await self._send(GetVariables(variables=(known.ref,)))
        values = [item.value for item in read.data or ()] if isinstance(read.data, list | tuple) else []
        await self._send(SetVariables(values=(known,)))
        self._tell("meter_interval", values == ["1"], f"set to 1 s: {outcome.result}, reads {values}")

    # ------------------------------------------------------------ with a car

    async def _with_a_car(self, live: LiveEvse) -> None:
        before = max(live.measured_a or (0.0,))
        if before < OTHER_A + 2.0:
            self._tell("obeys", None, f"the car draws {before:.1f} A: too little to tell")
            self._tell("lease_ends", None, f"the car draws {before:.1f} A: too little to tell")
            return
        await self._lease(live, before)
        await self._obeys(live)

    async def _obeys(self, live: LiveEvse) -> None:
        """Lower it by the law, like any other limit, and see how long that takes."""
        clock = self._live.clock
        if not await self._until(lambda: max(live.measured_a or (0.0,)) > OTHER_A + 2.0, 300.0):
            self._tell("obeys", None, "the car did not rise again")
            return
        live.conduct.external[NAMED] = OTHER_A
        self._live.wake()
        try:
            told = await self._until(lambda: (live.committed_a or 0.0) <= OTHER_A + 0.05, 60.0)
            since = clock.monotonic()
            window = window_s(SAMPLE_INTERVAL_S, DEFAULTS)

            def obeyed() -> bool:
                fresh = live.measured_at is not None and live.measured_at > since
                return fresh and max(live.measured_a or (99.0,)) <= OTHER_A * 1.1 + 0.5

            seen = told and await self._until(obeyed, window)
            took = clock.monotonic() - since
            self._tell("obeys", seen, f"6 A acknowledged: {told}, seen after {took:.0f} s of {window:.0f} s")
        finally:
            live.conduct.external.pop(NAMED, None)
            self._live.wake()

    async def _lease(self, live: LiveEvse, before: float) -> None:
        """Let a short lease run out unrenewed, and see what the station does then."""
        safe = live.evse.safe_a
        limit = live.committed_a
        if limit is None or min(limit, before) < safe + 2.0:
            self._tell("lease_ends", None, f"its limit of {limit} A is too near to {safe:g} A to tell")
            return
        clock = self._live.clock
        over = window_s(SAMPLE_INTERVAL_S, DEFAULTS) + LEASE_S + live.clock.error_s
        live.lift_again_at = clock.monotonic() + over + 15.0
        if not await self._writer.write_short(live, LEASE_S):
            live.lift_again_at = clock.monotonic()
            self._tell("lease_ends", None, "the limit was not taken")
            return
        await clock.sleep(over)
        told = await self._composite(live)
        now_a = told[0][1] if told else float("nan")
        drawn = max(live.measured_a or (0.0,))
        fell = drawn <= safe * 1.1 + 0.5 and (not isfinite(now_a) or now_a <= safe + 0.1)
        live.lift_again_at = clock.monotonic()
        words = f"{limit:.1f} A for {LEASE_S:.0f} s, unrenewed: then {drawn:.1f} A drawn, {now_a} A scheduled"
        self._tell("lease_ends", fell, words)

    async def _until(self, truth: Callable[[], bool], seconds: float) -> bool:
        clock = self._live.clock
        end = clock.monotonic() + seconds
        while not truth():
            if clock.monotonic() > end or not all(live.online for live in self._evses):
                return False
            await clock.sleep(1.0)
        return True


def _words(outcome: Outcome, what: str) -> str:
    return f"{what}: {outcome.result} {outcome.status} {outcome.detail}".strip()
