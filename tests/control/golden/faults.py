"""Faults put into the law on purpose, each with the golden cases that must catch it.

A fault replaces one function of `ampacity.control` with what somebody once built: the mistakes of shipping
systems first (the control law's list of them), then every rule that a case is meant to guard. The check of
the reservation sum is silenced meanwhile: what catches a fault are the hand-written claims of a case alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import pytest
from msgspec import structs

from ampacity.control import (
    acceptance,
    answers,
    base,
    commands,
    demand,
    devices,
    fairness,
    hot_spot,
    law,
    lease,
    loading,
    overload,
    picture,
    sharing,
    signals,
    sources,
    thermal,
    turns,
    waking,
)
from ampacity.control import limits as limits_of
from ampacity.control.topology import Entries
from ampacity.ocpp.profiles import speaking
from ampacity.simulation.cases import plant, switching

PutIn: TypeAlias = Callable[[pytest.MonkeyPatch], None]


class Fault(NamedTuple):
    """A mistake in words, how it is put in, and the cases that fail because of it."""

    mistake: str
    put_in: PutIn
    caught_by: tuple[str, ...]


FAULTS: dict[str, Fault] = {}


def fault(mistake: str, *caught_by: str) -> Callable[[PutIn], PutIn]:
    """Enter a function that puts a fault in."""

    def enter(put_in: PutIn) -> PutIn:
        FAULTS[put_in.__name__] = Fault(mistake, put_in, caught_by)
        return put_in

    return enter


# ------------------------------------------------------------ mistakes of shipping systems


@fault("A live controller with a dead meter masks the charger's own fail-safe", "dead_meter")
def dead_meter_masked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "meter_state", lambda age_s, interval_s: "fresh")


@fault("`max(0, limit + available)`: what is missing is no cut", "limit_plus_available_below_zero")
def nothing_below_what_is_there(patch: pytest.MonkeyPatch) -> None:
    real = sharing.Sharing.share

    def share(self: Any, steered: Any, capacity: Any) -> Any:
        targets, reasons = real(self, steered, capacity)
        held = self.picture.holds
        return {i: max(x, held[i].in_force_a) for i, x in targets.items()}, reasons

    patch.setattr(sharing.Sharing, "share", share)


@fault("A meter that was never read is 0 A", "unknown_meter_read_as_zero", "unknown_meter_without_a_reserve")
def unknown_is_zero(patch: pytest.MonkeyPatch) -> None:
    real = base.estimate

    def estimate(memory: Any, circuit: Any, reserves_a: Any, *rest: Any) -> Any:
        if memory is None:
            return "fresh", (0.0,) * len(reserves_a)
        return real(memory, circuit, reserves_a, *rest)

    patch.setattr(base, "estimate", estimate)


@fault("A battery whose state of charge is not known is empty: it charges", "state_of_charge_unknown")
def unknown_charge_is_empty(patch: pytest.MonkeyPatch) -> None:
    real = commands.Commands._battery

    def battery(self: Any, device: Any, now: Any, memory: Any) -> Any:
        if now.soc_percent is None:
            now = structs.replace(now, soc_percent=0.0)
        return real(self, device, now, memory)

    patch.setattr(commands.Commands, "_battery", battery)


@fault("One charger a tick", "more_than_one_charger_per_tick")
def one_charger_a_tick(patch: pytest.MonkeyPatch) -> None:
    real = law.step

    def step(*told: Any) -> Any:
        state, decision = real(*told)
        return state, structs.replace(decision, cuts=decision.cuts[:1], raises=decision.raises[:1])

    patch.setattr(plant, "step", step)


@fault("A charger that reports 0 W does not charge", "reports_zero_while_drawing")
def nothing_reported_is_nothing_drawn(patch: pytest.MonkeyPatch) -> None:
    real = picture.hold

    def hold(*told: Any) -> Any:
        held, memory = real(*told)
        if held.measured_a is None or held.measured_a > 0.5:
            return held, memory
        return structs.replace(held, standing="idle", held_a=0.0), memory

    patch.setattr(picture, "hold", hold)


@fault("Stops instead of throttling", "throttled_and_not_stopped")
def stops_instead_of_throttling(patch: pytest.MonkeyPatch) -> None:
    real = sharing.Sharing.share

    def share(self: Any, steered: Any, capacity: Any) -> Any:
        targets, reasons = real(self, steered, capacity)
        held = self.picture.holds
        return {i: 0.0 if x < held[i].in_force_a - 0.5 else x for i, x in targets.items()}, reasons

    patch.setattr(sharing.Sharing, "share", share)


@fault("Unsigned currents make export look like load", "the_sun_feeds_in")
def currents_without_a_sign(patch: pytest.MonkeyPatch) -> None:
    real = picture.Picture._implied

    def implied(self: Any, k: int, draws: Any) -> Any:
        state = self.circuit_states[k]
        if state.metered_a is not None:
            unsigned = tuple(abs(x) for x in state.metered_a)
            self.circuit_states[k] = structs.replace(state, metered_a=unsigned)
        return real(self, k, draws)

    patch.setattr(picture.Picture, "_implied", implied)


@fault("A base below zero is believed where nothing generates", "a_base_below_zero_without_generation")
def a_base_below_zero_is_believed(patch: pytest.MonkeyPatch) -> None:
    real = base.estimate

    def estimate(memory: Any, circuit: Any, *rest: Any) -> Any:
        return real(memory, structs.replace(circuit, generation_a=1e9), *rest)

    patch.setattr(base, "estimate", estimate)


@fault("Three single-phase cars on rotated phases are 48 A", "rotated_single_phase_cars")
def one_phase_counts_on_all(patch: pytest.MonkeyPatch) -> None:
    real = picture.entries_of

    def entries_of(tree: Any, i: int, phases: Any, **told: Any) -> Entries:
        found: dict[int, float] = {}
        for row, share in real(tree, i, phases, **told).pairs():
            if tree.rows[row].kind == "phase":
                found.update({row - row % 3 + p: share for p in range(3)})
            else:
                found[row] = share
        return Entries(tuple(found), tuple(found.values()))

    patch.setattr(picture, "entries_of", entries_of)


@fault("The rotation of a panel is forgotten", "a_rotated_panel")
def rotation_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = picture.entries_of

    def entries_of(tree: Any, i: int, phases: Any, **told: Any) -> Entries:
        evse = tree.evses[i]
        on = evse.phases if phases is None else phases
        rows = [3 * k + p for k in tree.ancestors[tree.circuit_of[i]] for p in on]
        others = [(r, x) for r, x in real(tree, i, phases, **told).pairs() if tree.rows[r].kind != "phase"]
        return Entries((*rows, *(r for r, _ in others)), (*(1.0 for _ in rows), *(x for _, x in others)))

    patch.setattr(picture, "entries_of", entries_of)


@fault("A watt limit counts on three phases, and its car takes it on one", "watt_limit_after_three_to_one")
def watts_are_always_three_phases(patch: pytest.MonkeyPatch) -> None:
    real = picture.entries_of
    patch.setattr(
        picture,
        "entries_of",
        lambda tree, i, phases, *, in_watts, power_limited: real(
            tree, i, phases, in_watts=False, power_limited=power_limited
        ),
    )


@fault("A turn's timer runs while the car does not charge", "turns_of_a_quarter_of_an_hour")
def turns_run_while_waiting(patch: pytest.MonkeyPatch) -> None:
    real = turns.follow
    patch.setattr(turns, "follow", lambda state, memory, running, at: real(state, memory, True, at))


@fault("What a car takes is learnt while it does not charge", "a_car_that_rests_is_not_learnt")
def learnt_while_resting(patch: pytest.MonkeyPatch) -> None:
    real = acceptance.learn

    def learn(evse: Any, state: Any, *rest: Any) -> Any:
        return real(evse, structs.replace(state, wants=True), *rest)

    patch.setattr(picture.acceptance, "learn", learn)


@fault("A fail-safe is left on the heartbeat alone", "failsafe_left_on_heartbeat_alone")
def failsafe_left_on_a_heartbeat(patch: pytest.MonkeyPatch) -> None:
    real = signals.follow

    def follow(signal: Any, heard: Any, memory: Any, at: float) -> Any:
        return real(structs.replace(signal, resume="last", resume_s=0.0), heard, memory, at)

    patch.setattr(signals, "follow", follow)


@fault("Cars that charge offline are dropped from the sum", "offline_but_charging")
def offline_draws_nothing(patch: pytest.MonkeyPatch) -> None:
    real = picture.hold

    def hold(*told: Any) -> Any:
        held, memory = real(*told)
        if held.standing == "offline":
            held = structs.replace(held, held_a=0.0)
        return held, memory

    patch.setattr(picture, "hold", hold)


@fault(
    "A clock that jumps makes a permission longer and a restriction shorter",
    "a_clock_goes_back_an_hour",
    "a_clock_goes_ahead_an_hour",
)
def only_the_clock_that_people_know(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sources, "SAME_CLOCK_S", math.inf)


@fault("The same limit is not written again", "same_value_deduplication")
def nothing_is_written_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers.Answers, "may_renew", lambda self, at: False)


@fault("A limit that was refused counts as taken", "rejected_profile_remembered_as_sent")
def refused_is_taken(patch: pytest.MonkeyPatch) -> None:
    real = answers.Answers.answer

    def answer(self: Any, sent: Any, kind: Any, at: float) -> None:
        real(self, sent, "accepted" if kind == "refused" else kind, at)

    patch.setattr(answers.Answers, "answer", answer)


@fault("A schedule starts at our own now", "start_in_the_future_by_skew")
def starts_now_by_our_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "start_s", math.floor)


@fault("A lease ends when our clock says so", "a_station_clock_set_back")
def the_stations_clock_is_ours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers.Answers, "clock_is_off", lambda self, error_s: None)


@fault("The fallback is above the limit, and comes first to who was paused", "controller_dies")
def falls_back_at_once(patch: pytest.MonkeyPatch) -> None:
    def periods(limit_a: float, safe_a: float, lease_s: float) -> tuple[lease.Period, ...]:
        return lease.Period(0, limit_a), lease.Period(60 + int(lease_s), safe_a)

    patch.setattr(lease, "periods", periods)


# ------------------------------------------------------------ rules that cases guard


@fault("A limit that was never answered was never taken", "messages_get_lost")
def no_answer_is_no(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(answers.Answers, "doubt_a", lambda self, at: None)


@fault("A car is stopped by its own first draw", "a_signal_never_heard")
def a_start_looks_like_base(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "starts_unseen", lambda *told: False)


@fault("A demand window is 15 kW at every instant", "a_demand_window")
def a_window_is_a_limit_of_power(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(demand, "permitted_w", lambda window, memory: window.limit_w)


@fault("What is left of a window is spread over a minute at its end", "a_demand_window")
def a_window_fades_out(patch: pytest.MonkeyPatch) -> None:
    def permitted_w(window: Any, memory: Any) -> float:
        left_wh = window.limit_w * window.window_s / 3600.0 - memory.energy_wh
        return max(0.0, left_wh * 3600.0 / max(60.0, window.window_s - (memory.epoch_s - memory.start_s)))

    patch.setattr(demand, "permitted_w", permitted_w)


@fault("What has cooled is at once as good as new", "a_cable_cools")
def cool_at_once(patch: pytest.MonkeyPatch) -> None:
    real = thermal.follow
    patch.setattr(thermal, "follow", lambda sensor, reading, memory, at: real(sensor, reading, None, at))


@fault("A sensor that is silent is cool", "a_silent_sensor")
def silent_is_cool(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(thermal, "is_fresh", lambda sensor, reading, at: reading is not None)


@fault("A transformer always carries half as much again", "a_hot_spot", "a_hot_spot_in_cold_air")
def transformers_never_get_hot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(hot_spot, "permitted_share", lambda model, memory, ambient_c: model.most_share)


@fault(
    "A signal that is lost keeps its last limit, and one never heard limits nothing",
    "failsafe_left_on_heartbeat_alone",
    "a_signal_never_heard",
)
def a_lost_signal_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signals, "limits", lambda signal, state, told: told)


@fault("Of two pieces the last counts", "two_pieces_overlap")
def the_last_piece_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sources, "_lower", lambda one, other: other)


@fault("An ordered stop leaves what is safe", "emergency_stop")
def a_stop_is_safe_mode(patch: pytest.MonkeyPatch) -> None:
    real = picture.Picture.order

    def order(self: Any, i: int) -> Any:
        self.snapshot = structs.replace(
            self.snapshot, mode="safe" if self.snapshot.mode != "normal" else "normal"
        )
        return real(self, i)

    patch.setattr(picture.Picture, "order", order)


@fault("No margin below a limit", "a_margin_is_kept")
def no_margin(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(picture, "margin_a", lambda limit_a, interval_s: 0.0)


@fault("The commissioning cap is forgotten", "commissioning_cap")
def no_commissioning_cap(patch: pytest.MonkeyPatch) -> None:
    real = picture.Picture._budget

    def budget(self: Any) -> Any:
        self.settings = structs.replace(self.settings, commissioning_share=1.0)
        return real(self)

    patch.setattr(picture.Picture, "_budget", budget)


@fault("A sample counts however old it is", "an_evse_meter_falls_silent")
def samples_never_grow_old(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(base, "sample_stale_s", lambda interval_s: 1e9)


@fault("A cut counts as obeyed once it was acknowledged", "a_car_that_lets_go_late")
def acknowledged_is_obeyed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "ampacity.control.reserve._settle",
        lambda state, memory, now_a, *rest: structs.replace(memory, in_force_a=now_a),
    )


@fault("The base is what it was a second ago", "a_car_that_stops_between_samples")
def no_peak_hold(patch: pytest.MonkeyPatch) -> None:
    real = base.estimate

    def estimate(*told: Any) -> Any:
        *known, _, settings = told
        return real(*known, 0.0, settings)

    patch.setattr(base, "estimate", estimate)


@fault("No ramp at the grid connection", "the_ramp")
def no_site_ramp(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(law._Turn, "_ramp_left", lambda self: {})


@fault("An EVSE rises as often as it likes", "the_ramp")
def raised_each_second(patch: pytest.MonkeyPatch) -> None:
    real = law._Turn._raises

    def raises(self: Any, *told: Any) -> Any:
        seen = self.picture
        seen.settings = structs.replace(seen.settings, raise_every_s=0.0)
        seen.doubtful = frozenset()
        return real(self, *told)

    patch.setattr(law._Turn, "_raises", raises)


@fault("An overload that stays is only cut once", "an_overload_that_stays")
def overload_is_not_followed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(overload, "follow", lambda memories, readings, at, settings: ({}, frozenset()))


@fault("No car is kept awake", "keep_alive")
def no_keep_alive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(waking, "learn", lambda evse, state, memory, *rest: memory)


@fault("A plan is never too old", "a_ceiling_of_the_plan")
def plans_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sharing, "expired", lambda until, at: False)


@fault("A limit below zero is no limit", "a_limit_below_zero")
def below_zero_is_unlimited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits_of, "permitted", lambda limit_a: limit_a if limit_a > 0 else math.inf)


@fault("Every rule of sharing is the default one", "need", "deadline", "classes", "equal", "first_come")
def one_rule_for_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fairness, "standings", lambda *told: None)


@fault("Who does not tell what he needs needs most", "need_that_nobody_knows")
def unknown_is_empty(patch: pytest.MonkeyPatch) -> None:
    real = fairness.need_weight
    patch.setattr(fairness, "need_weight", lambda wh, settings: real(1e5 if wh is None else wh, settings))


@fault("Classes are ignored", "a_higher_class_first", "a_boost_takes_no_minimum")
def no_classes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(picture.Picture, "priority", lambda self, i: 0)


@fault("Weights are ignored", "weights")
def no_weights(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(picture.Picture, "weight", lambda self, i: 1.0)


@fault("A pause ends when somebody likes", "emergency_stop")
def no_minimum_pause(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(turns, "may_start", lambda *told, kept=False: True)


@fault("A lease has credit whatever the station's clock shows", "a_station_clock_set_back")
def credit_for_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "has_credit", lambda told: True)


def _rows_without(kind: str, patch: pytest.MonkeyPatch) -> None:
    real = picture.Picture._limit

    def limit(self: Any) -> None:
        real(self)
        for number, row in enumerate(self.topology.rows):
            if row.kind == kind:
                self.row_limits[number] = math.inf

    patch.setattr(picture.Picture, "_limit", limit)


@fault("Nobody looks at the neutral", "neutral")
def no_neutral(patch: pytest.MonkeyPatch) -> None:
    _rows_without("neutral", patch)


@fault("Nobody looks at the unbalance", "unbalance")
def no_unbalance(patch: pytest.MonkeyPatch) -> None:
    _rows_without("unbalance", patch)


@fault("Nobody looks at watts", "watts")
def no_watts(patch: pytest.MonkeyPatch) -> None:
    _rows_without("watts", patch)


@fault("Currents between lines add as numbers", "delta")
def phasors_are_numbers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loading, "SIDE", 1.0)


@fault("Half a module feeds an EVSE", "a_cabinet_of_three_modules")
def halves_of_modules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sharing, "whole_modules", lambda *told: {})


@fault("A battery that says nothing does nothing", "an_unknown_battery")
def a_silent_battery_rests(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "span", lambda device, state, at, settings: devices.Span(0.0, 0.0))


@fault(
    "Somebody else's limit at the station is ignored",
    "a_limit_of_somebody_else",
    "a_daily_schedule_when_summer_ends",
    "a_daily_schedule_when_summer_begins",
)
def nobody_else_limits(patch: pytest.MonkeyPatch) -> None:
    real = sharing.Sharing._caps

    def caps(self: Any, i: int, share_a: Any) -> Any:
        return [(a, reason) for a, reason in real(self, i, share_a) if reason.code != "external"]

    patch.setattr(sharing.Sharing, "_caps", caps)


@fault(
    "A daily schedule is read by the wall clock, and begins again when its hour does",
    "a_daily_schedule_when_summer_ends",
)
def the_second_time_counts(patch: pytest.MonkeyPatch) -> None:
    def real(schedule: Any, start: float, zone: Any) -> float:
        return datetime.fromtimestamp(start, UTC).replace(tzinfo=zone, fold=1).timestamp()

    patch.setattr(speaking, "_real", real)


def _switching_with(change: Callable[[Any, Any], tuple[Any, Any]], patch: pytest.MonkeyPatch) -> None:
    real = switching.follow

    def follow(switch: Any, seen: Any, at: float, settings: Any) -> Any:
        seen, settings = change(seen, settings)
        return real(switch, seen, at, settings)

    patch.setattr(switching, "follow", follow)


@fault("Phases are switched as often as it would help", "three_switches_a_session")
def switched_without_end(patch: pytest.MonkeyPatch) -> None:
    _switching_with(lambda seen, told: (seen, structs.replace(told, switches_a_session=99)), patch)


@fault("Up to three phases as quickly as down to one", "down_to_one_phase_and_up_again")
def up_after_a_minute(patch: pytest.MonkeyPatch) -> None:
    _switching_with(lambda seen, told: (seen, structs.replace(told, switch_up_s=told.switch_down_s)), patch)


@fault("A switch of phases is believed and not looked at", "a_switch_that_the_station_ignores")
def a_switch_is_believed(patch: pytest.MonkeyPatch) -> None:
    _switching_with(
        lambda seen, told: (structs.replace(seen, drawn_on=None if seen.drawn_on is None else 1), told), patch
    )


@fault("A switch that never comes is waited for without end", "a_switch_that_the_station_refuses")
def a_switch_never_fails(patch: pytest.MonkeyPatch) -> None:
    _switching_with(lambda seen, told: (seen, structs.replace(told, switch_timeout_s=1e9)), patch)
