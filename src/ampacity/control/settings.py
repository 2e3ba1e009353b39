"""Every number of the law that a site may set. The defaults are those of docs/control.md."""

from __future__ import annotations

from msgspec import Struct


class ControlSettings(Struct, frozen=True, kw_only=True):
    """Times in seconds, currents in amperes, shares of one.

    `latency_s` is the worst time from a decision to its acknowledgement; `reaction_s`, from the decision to
    the effect in the meter, is 5 s more.
    """

    latency_s: float = 5.0
    landing_s: float = 5.0
    rise_s: float = 10.0
    verify_s: float = 15.0
    disobey_share: float = 0.10
    disobey_a: float = 0.5
    verify_retries: int = 3
    verify_cycles: int = 5
    verify_cool_down_s: float = 120.0
    trust_after_s: float = 600.0
    stop_again_s: float = 60.0

    peak_hold_s: float = 30.0
    stale_hold_s: float = 300.0
    negative_base_a: float = 2.0
    future_s: float = 2.0
    commissioning_share: float = 0.8

    raise_share: float = 0.25
    raise_per_evse_a: float = 1.0
    metered_raise_share: float = 0.5
    site_raise_share: float = 0.10
    raise_every_s: float = 30.0
    deadband_a: float = 0.5
    keep_a: float = 0.3
    deadband_share: float = 0.05
    deadband_waived_after_s: float = 240.0

    minimum_run_s: float = 300.0
    minimum_pause_s: float = 180.0
    turn_s: float = 900.0
    kept_turn_s: float = 7200.0
    wake_s: float = 120.0
    wakes_above_a: float = 1.0
    slack_slot_s: float = 900.0
    unknown_need_wh: float = 10_000.0

    accept_gap_a: float = 1.0
    accept_gap_share: float = 0.10
    accept_after_s: float = 60.0
    ask_again_s: float = 900.0

    switch_down_s: float = 60.0
    switch_up_s: float = 600.0
    switch_below_w: float = 100.0
    switch_rest_s: float = 30.0
    switch_timeout_s: float = 600.0
    switches_a_session: int = 3

    calm_s: float = 30.0

    release_share_a_minute: float = 0.10

    @property
    def reaction_s(self) -> float:
        """One worst-case reaction: the decision is sent, acknowledged, obeyed and visible in the circuit's
        meter."""
        return self.latency_s + self.landing_s


DEFAULTS = ControlSettings()
