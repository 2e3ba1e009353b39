"""The token bucket, as a table of tries."""

from __future__ import annotations

import pytest

from ampacity.access.rate import RateLimit
from ampacity.access.roles import PERMISSIONS, ROLES, allows


def test_a_burst_then_the_rate() -> None:
    limit = RateLimit(per_minute=60, burst=3)
    assert [limit.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limit.take("a", 0.0) == pytest.approx(1.0)
    assert limit.take("a", 0.4) == pytest.approx(0.6)
    assert limit.take("a", 1.0) == 0.0
    assert limit.take("a", 1.0) > 0
    assert limit.take("b", 1.0) == 0.0


def test_waiting_never_gives_more_than_the_burst() -> None:
    limit = RateLimit(per_minute=60, burst=2)
    limit.take("a", 0.0)
    assert [limit.take("a", 3600.0) == 0.0 for _ in range(3)] == [True, True, False]


def test_the_names_kept_are_bounded() -> None:
    limit = RateLimit(per_minute=1, burst=1, names=2)
    for name in ("a", "b", "c"):
        assert limit.take(name, 0.0) == 0.0
    assert limit.take("c", 0.0) > 0
    assert limit.take("a", 0.0) == 0.0  # fell out, starts afresh


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (1, 0), (-1, 5)])
def test_a_limit_that_allows_nothing_is_refused(per_minute: float, burst: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        RateLimit(per_minute, burst)


def test_each_role_holds_what_the_one_below_holds() -> None:
    owner, operator, viewer = (set(PERMISSIONS[role]) for role in ROLES)
    assert viewer < operator < owner
    assert not allows("viewer", "operate")
    assert not allows("operator", "administer")
