"""How a station conducts itself, as far as an EVSE's limits are concerned: whether it obeys, what its memory
stands, whether its leases end, and what others than we have told it.
"""

from __future__ import annotations

from math import inf

from ..control.verification import TRUSTED
from ..control.writes import Writes, thrift
from ..csms.offline import LineHabits
from ..model.phases import ZERO, PerPhase
from ..model.proving import ProbeReport

OFFLINE_S = 10
"""So long a station of OCPP 2.1 may keep a live limit once it has noticed that it is offline."""

MISSED_PINGS = 2.0
"""Of its own pings a station misses so many answers at most before it knows that it is offline (assumed; the
standard leaves it open)."""

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
        self.keeps_offline = False
        """Whether the station says that it knows maxOfflineDuration (2.1): then limits carry it."""
        self.ping_s: float | None = None
        """How often it pings us by its own word; None: never, or unknown."""
        self.offline_shown: bool | None = None
        """Whether its firmware was seen to leave a limit aside when it was offline; None: nobody has seen
        it."""
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
            self.offline_shown = probed.verdict("offline_ends")

    def learn_habits(self, told: LineHabits) -> None:
        """What the station says of itself."""
        self.keeps_offline, self.ping_s = told.keeps_offline, told.ping_s

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
        if self.verification.late_s:
            told.append(f"follows a lower limit only after {self.verification.late_s:.0f} s")
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
        bounds = [lease_s + skew_s]
        if self.offline_s is not None:
            bounds.append(self.offline_s)
        return self.measured_to_safe_s or min(bounds)

    @property
    def offline_may_s(self) -> float | None:
        """How long after we have lost its line a station that does as it says has left its limits aside;
        None: it doesn't say, or nobody knows when it notices."""
        if not self.keeps_offline or self.ping_s is None:
            return None
        return OFFLINE_S + MISSED_PINGS * self.ping_s

    @property
    def offline_s(self) -> float | None:
        """The same, where its firmware has shown it: only then the law counts on it."""
        return self.offline_may_s if self.offline_shown else None

    def external_cap(self) -> tuple[float | None, str | None]:
        """The lowest of others' limits, and whose it is."""
        if not self.external:
            return None, None
        source = min(self.external, key=self.external.__getitem__)
        return self.external[source], source
