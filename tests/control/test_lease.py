"""The arithmetic of leases: what is written, what it still allows, when it is renewed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampacity.control.lease import (
    BACKDATE_S,
    Lease,
    Period,
    expires_at,
    has_credit,
    one_decimal,
    periods,
    renew_at,
    start_s,
    valid_limit,
)


@pytest.mark.parametrize(
    ("limit_a", "safe_a", "expected"),
    [
        (16.0, 6.0, ((0, 16.0), (360, 6.0))),
        (16.0, 0.0, ((0, 16.0), (360, 0.0))),
        (0.0, 6.0, ((0, 0.0), (660, 6.0))),
        (6.0, 6.0, ((0, 6.0),)),
        (8.1, 10.0, ((0, 8.1), (660, 10.0))),
        (8.19999, 0.0, ((0, 8.1), (360, 0.0))),
    ],
)
def test_periods_step_down_first_and_up_to_safe_only_when_all_others_are_down(
    limit_a: float, safe_a: float, expected: tuple[tuple[int, float], ...]
) -> None:
    """A fallback above the limit in force must not raise a paused car when the controller dies."""
    assert periods(limit_a, safe_a, 300.0) == tuple(Period(*step) for step in expected)


@pytest.mark.parametrize(
    "bad", [(-1.0, 0.0, 300.0), (float("nan"), 0.0, 300.0), (6.0, -1.0, 300.0), (6.0, 0.0, 0.5)]
)
def test_nonsense_is_refused_with_the_values(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="1 s or more"):
        periods(*bad)


def test_the_start_lies_in_the_stations_past() -> None:
    assert start_s(1_790_000_000.7) == 1_790_000_000 - BACKDATE_S


@given(st.integers(0, 4000).map(lambda tenths: tenths / 10))
def test_one_decimal_survives(value: float) -> None:
    assert one_decimal(value) == value


def station_allows(lease: Lease, clock_error_s: float, at: float) -> float:
    """What a station with that error of its clock lets through, from the periods that it was sent."""
    station_now = at + clock_error_s
    start = start_s(lease.sent_at)
    allowed = 0.0
    for period in periods(lease.limit_a, lease.safe_a, lease.lease_s):
        if station_now >= start + period.start_s:
            allowed = period.limit_a
    return allowed


@given(
    st.integers(0, 320),
    st.sampled_from([0.0, 6.0, 10.0]),
    st.integers(30, 900),
    st.integers(0, 200),
    st.floats(-1, 1),
    st.integers(0, 3000),
)
def test_what_counts_is_never_less_than_what_the_station_allows(
    tenths: int, safe_a: float, lease_s: int, skew_s: int, share: float, after_s: int
) -> None:
    """I14: whatever the station's clock does within the measured skew, the reserve covers it."""
    lease = Lease(limit_a=tenths / 10, safe_a=safe_a, lease_s=lease_s, sent_at=1_000_000.0, skew_s=skew_s)
    at = lease.sent_at + after_s
    allowed = station_allows(lease, skew_s * share, at)
    assert max(valid_limit(lease, at), safe_a) >= allowed
    ends = expires_at(lease)
    if ends is None or at < ends:
        assert max(lease.limit_a, safe_a) >= allowed
    else:
        assert allowed <= safe_a


@given(st.integers(30, 900), st.integers(0, 450))
def test_renewal_comes_before_the_end_and_too_much_skew_costs_the_credit(lease_s: int, skew_s: int) -> None:
    lease = Lease(limit_a=16.0, safe_a=6.0, lease_s=lease_s, sent_at=0.0, skew_s=skew_s)
    assert has_credit(lease) == (skew_s <= lease_s / 2)
    if has_credit(lease):
        assert renew_at(lease) <= lease_s * 2 / 3
        assert renew_at(lease) >= lease_s / 3
    else:
        assert renew_at(lease) == lease_s * 2 / 3
        assert expires_at(lease) is None
        assert valid_limit(lease, 1e9) == 16.0
