"""How a station conducts itself, as far as an EVSE's limits are concerned: whether it obeys, what its memory
stands, whether its leases end, and what others than we have told it.
"""

from __future__ import annotations

from math import inf

from ..control.verification import TRUSTED
from ..control.writes import Writes, thrift
from ..model.phases import ZERO, PerPhase
from ..model.proving import ProbeReport

RATE_LIMITED_S = 60.0
"""A station that says that it is written too often is left alone for so long, but for cuts."""


class Conduct:
    """One EVSE's. Times are monotonic site seconds."""

    def __init__(self, max_a: float) -> None:
        self.max_a = max_a
        self.verification = TRUSTED
        self.quarantine_why = ""
        self.writes = Writes()
        self.write_budget: int | None = None
        self.rate_limited_at = -inf
        self.lease_credit = True
        """Whether its leases end by themselves: False where a probe of its firmware has shown that not."""
        self.measured_to_safe_s: float | None = None
        self.one_period = False
        """Whether its firmware takes schedules of one period only."""
        self.external: dict[str, float] = {}
        """Others' limits that work at the station itself, in amperes by source."""
        self.probe_a: float | None = None
        """What a probe's profile allows while it is there."""
        self.foreign = ""
        """A purpose of a profile there that goes before ours; empty: none."""

    def learn(self, probed: ProbeReport | None) -> None:
        """What a probe has shown of its firmware."""
        if probed is not None:
            self.lease_credit = not probed.failed("lease_ends")
            self.one_period = probed.failed("periods")

    def alarms(self, at: float) -> tuple[str, ...]:
        """What a person should look at."""
        told = []
        match self.verification.trust:
            case "quarantined":
                told.append(f"in quarantine: {self.quarantine_why}")
            case "awaiting_reset" | "resetting" | "clearing":
                most = self.verification.most_a
                told.append(f"does not obey its limits, drew {most:.1f} A; restarts when idle")
            case _:
                pass
        if self.foreign:
            told.append(f"holds a {self.foreign} profile that goes before ours: its maximum is kept free")
        if not self.lease_credit:
            told.append("its limits do not end by themselves: kept free for it while it is silent")
        if at - self.rate_limited_at < RATE_LIMITED_S:
            told.append("says that it is written too often")
        if self.budget_is_spent(at):
            told.append(f"its {self.write_budget} writes of this hour are used up: only lowered now")
        return tuple(told)

    def budget_is_spent(self, at: float) -> bool:
        """Whether as many profiles were written within the last hour as its memory stands."""
        return self.write_budget is not None and self.writes.limits(at) >= self.write_budget

    def aside(self, measured_a: PerPhase | None) -> tuple[float | None, str]:
        """What the law is to set aside for the EVSE instead of steering it, and why."""
        if self.verification.aside:
            most = max(self.verification.most_a, *(measured_a or ZERO))
            return (self.max_a if self.foreign else most), self.quarantine_why or "does not obey its limits"
        if self.foreign:
            return self.max_a, f"a {self.foreign} profile goes before ours"
        if self.probe_a is not None:
            return self.probe_a, "its firmware is being probed"
        return None, ""

    def thrift(self, at: float) -> tuple[float, float]:
        """The least raise and the least pause between raises, to spare its memory."""
        if at - self.rate_limited_at < RATE_LIMITED_S:
            return inf, RATE_LIMITED_S
        return thrift(self.writes.limits(at), self.write_budget)

    def time_to_safe_s(self, lease_s: float, skew_s: float) -> float | None:
        """How long it may draw what it was told last when it hears nothing more; None: for ever."""
        if not self.lease_credit or skew_s > lease_s / 2:
            return None
        return self.measured_to_safe_s or lease_s + skew_s

    def external_cap(self) -> tuple[float | None, str | None]:
        """The lowest of others' limits, and whose it is."""
        if not self.external:
            return None, None
        source = min(self.external, key=self.external.__getitem__)
        return self.external[source], source
