"""What the site knows of each EVSE, gathered from events; the law gets it as `EvseState`.

Nothing here decides. Unknown stays None: a missing current is not zero, a station that went away is not
settled.
"""

from __future__ import annotations

from datetime import datetime

from ..control.answers import REFUSING_AFTER, AnswerKind, Answers
from ..control.base import sample_stale_s
from ..control.correlation import Joint
from ..control.goals import Verdict, reason_of
from ..control.lease import Lease
from ..control.phase_switching import ALL, NEVER, ONE, PhaseSwitch, switching
from ..control.station_clock import StationClock
from ..control.thermal import Reading
from ..control.types import EvseState
from ..csms.vocabulary import Outcome
from ..model.events import MeterSampled, TransactionChanged
from ..model.goals import NO_GOALS, GoalKind, Goals
from ..model.live import EvseMeterState, Reason
from ..model.phases import PerPhase
from ..model.site import Evse, Site
from ..model.station import ConnectorStatus
from .conduct import Conduct
from .own_meter import current_of, power_of

FEWER_PHASES_AFTER_S = 60.0
"""A car on a three-phase EVSE that loads fewer phases for so long has fewer."""

CLEARLY_CHARGING_A = 5.0
"""Below it (a tapering battery, noise) phases can't be told apart."""

DEAD_INTERVALS = 6.0
"""So many of its intervals without a sample make an EVSE's meter dead."""

ASK_STOPPED_AGAIN_S = 1800.0
"""A car that stopped by itself and was offered nothing since is asked again after so long."""

LAG_OF_A_SAMPLE_S = 5.0
"""A reading is this old without counting as old: the time that it takes on its way."""

TOO_EARLY = "InvalidMessageSeq"
"""The reason code of a profile that comes before its time (2.x appendix 5, typically with ISO 15118)."""

EARLY_AGAIN_S = 5.0

TOO_OFTEN = "RateLimitExceeded"
"""The reason code of a profile that would wear the station's memory (2.1 K01.FR.56)."""

_KINDS: dict[str, AnswerKind] = {"accepted": "accepted", "timeout": "silent", "error": "unclear"}
"""What an outcome says of the limit; any other means refused, or never arrived."""


_NONE: dict[str, Reading] = {}


class LiveEvse(Answers):
    """One EVSE now. Times are monotonic site seconds unless they are datetimes."""

    def __init__(self, evse: Evse, site: Site) -> None:
        super().__init__()
        self.evse = evse
        self.voltage_v = site.voltage_v
        self._statuses: dict[int, ConnectorStatus] = {}
        self.status: ConnectorStatus = "Unavailable"
        """Of the connector that is in use, else of the first."""
        self.version: str | None = None
        self.vendor: str | None = None
        # the session
        self.transaction: TransactionChanged | None = None
        self._reckoned: tuple[TransactionChanged, float] | None = None
        self.in_watts = False
        """Whether its AC station takes limits in watts only."""
        self.power_w: float | None = None
        self.soc_percent: float | None = None
        self.need_wh: float | None = None
        self.departure: datetime | None = None
        self.boosted = False
        self.paused = False
        self.goals = NO_GOALS
        self.goal_reached: GoalKind | None = None
        self.verdict = Verdict()
        self.goal_held_at: float | None = None
        self.stop_asked_at: float | None = None
        self.switch = NEVER
        self.phases_told = self.phases_taken = ALL
        """How many phases our limits name, and the station took last, where it is switchable."""
        self.next_goals: tuple[Goals, str, float] | None = None
        """What was asked for the next session here, by whom, and until when it waits for it."""
        self.stopped_at: float | None = None
        self.wishes_told = 0
        self.recalled: str | None = None
        """The transaction whose wishes were asked for in the store."""
        # its meter
        self.measured_a: PerPhase | None = None
        self.temperatures: dict[str, Reading] = {}
        self.measured_at: float | None = None
        self.clock = StationClock()
        self.loaded_phases: tuple[int, ...] | None = None
        self._seen_phases: tuple[int, ...] = ()
        self._seen_since: float | None = None
        self.expected_since: float | None = None
        """Since when its meter should be heard: a car is there, and the line is open."""
        self.joint: tuple[Joint, str] | None = None
        """What steps of its current tell of its phases and its meter, and in which circuit's meter."""
        self.conduct = Conduct(evse.max_a)
        self._left_with: tuple[Lease, float] | None = None
        self.outage: tuple[Lease, float] | None = None
        """The limit that it had when its line was lost last, and for how long it was."""
        self.left_a: float | None = None
        """The safe current that its base profile may still allow: it was another one before."""

    def rebuilt(self, evse: Evse, voltage_v: float) -> bool:
        """Take a new form. Returns whether its station has to be told and read back again; until then it is
        held, and unattended it may draw what it might before.
        """
        former, self.evse = (self.evse, self.voltage_v), evse
        self.voltage_v = voltage_v
        self.conduct.max_a = evse.max_a
        before = former[0]
        moved = (before.circuit_id, before.phases, before.line_to_line, before.dc_power_w, former[1]) != (
            evse.circuit_id,
            evse.phases,
            evse.line_to_line,
            evse.dc_power_w,
            voltage_v,
        )
        if moved:
            # What its meter has told was put on other phases.
            self.measured_a = self.measured_at = None
            self.loaded_phases = self._seen_since = None
            self._seen_phases = ()
        told = (before.safe_a, before.max_a, before.phase_switch) != (
            evse.safe_a,
            evse.max_a,
            evse.phase_switch,
        )
        if moved or told:
            self.left_a = max(before.safe_a, evse.safe_a, self.left_a or 0.0)
            self.checking = self.online
        return moved or told

    def checked(self, proven: bool) -> None:
        """It was read back, or refused what it must hold."""
        super().checked(proven)
        if proven:
            self.left_a = None

    # ------------------------------------------------------------ events

    def connected(self, version: str, at: float) -> None:
        """The socket is open. What was proven holds as long as nothing else is read back."""
        if self._left_with is not None:
            lease, lost_at = self._left_with
            self.outage, self._left_with = (lease, at - lost_at), None
        self.line_opened(at)
        self.version = version
        self.clock.line_opened(at)

    def booted(self, at: float) -> None:
        """It has started anew: its clock was told the time, and its profiles may be gone."""
        self.checking = True
        self.outage = None
        self._forget_refusals()
        # A clock that was fast and is set back makes what the station holds last so much longer.
        self.clock_is_off(max(0.0, self.clock.skew_s))
        self.clock.was_set(at)

    def disconnected(self, at: float) -> None:
        """The socket is gone."""
        self._left_with = None if self.lease is None else (self.lease, at)
        self.line_lost(at)

    def connector_changed(self, connector_id: int, status: ConnectorStatus) -> None:
        """Keep what a connector shows."""
        self._statuses[connector_id] = status
        told = [self._statuses[number] for number in sorted(self._statuses, key=lambda number: number or 99)]
        in_use = (status for status in told if status not in ("Available", "Unavailable"))
        self.status = next(in_use, told[0])

    def is_of(self, transaction_id: str) -> bool:
        """Whether that session runs here."""
        return self.transaction is not None and self.transaction.transaction_id == transaction_id

    def transaction_changed(self, event: TransactionChanged) -> None:
        """Take a transaction's new state; its end forgets everything that belonged to the session."""
        current = self.transaction
        if event.phase == "Ended":
            if current is not None and current.transaction_id == event.transaction_id:
                self._end_session()
            return
        if current is None or current.transaction_id != event.transaction_id:
            if current is not None and event.started_at < current.started_at:
                # A replay of an older transaction whose end is still to come: the running one stays.
                return
            self._end_session()
        self.transaction = event
        if event.power_w is not None:
            self.power_w = event.power_w

    def _end_session(self) -> None:
        self.transaction = None
        self.need_wh = self.departure = self.soc_percent = None
        self.boosted = self.paused = False
        self.goals, self.goal_reached, self.verdict = NO_GOALS, None, Verdict()
        self.goal_held_at = self.stop_asked_at = None
        self.loaded_phases = self._seen_since = None
        self.power_w = None
        self.session_ended()

    def sampled(self, event: MeterSampled, at: float) -> None:
        """Take a meter reading received now. One that was taken long ago (a replay) says nothing of the
        present.
        """
        delay_s = (event.received_at - event.reading.at).total_seconds()
        age_s = self.clock.heard(delay_s, at)
        if self.clock.told_now(at):
            self.clock_is_off(self.clock.error_s)
        measured_at = at - max(0.0, age_s if age_s > LAG_OF_A_SAMPLE_S else 0.0)
        if self.measured_at is not None and measured_at < self.measured_at:
            return
        for sample in event.reading.samples:
            if sample.measurand == "Temperature":
                self.temperatures[f"ocpp/{sample.location}"] = sample.value, measured_at
        power_w = power_of(event.reading.samples)
        current_a = current_of(event.reading.samples, self.evse, self.voltage_v, power_w)
        if current_a is None:
            return
        self.measured_a, self.measured_at = current_a, measured_at
        if power_w is not None:
            self.power_w = power_w
        for sample in event.reading.samples:
            if sample.measurand == "SoC":
                self.soc_percent = sample.value
        self._learn_phases(at)

    def _learn_phases(self, at: float) -> None:
        """Find out which phases the car loads, where they are fewer than the EVSE has: a minute of the same
        tells; more phases than were known count at once.
        """
        assert self.measured_a is not None
        if self.transaction is None or max(self.measured_a) < CLEARLY_CHARGING_A:
            self._seen_since = None
            return
        loaded = tuple(phase for phase in self.evse.phases if self.measured_a[phase] > 1.0)
        if self.loaded_phases is not None and not set(loaded) <= set(self.loaded_phases):
            self.loaded_phases = None
        if loaded != self._seen_phases or self._seen_since is None:
            self._seen_phases, self._seen_since = loaded, at
        elif at - self._seen_since >= FEWER_PHASES_AFTER_S:
            self.loaded_phases = loaded if len(loaded) < len(self.evse.phases) else None

    # ------------------------------------------------------------ limits

    def answered(self, sent: Lease, outcome: Outcome, at: float) -> None:
        """The station's answer to a limit, or none."""
        before = self.refusals
        self.answer(sent, _KINDS.get(outcome.result, "refused"), at)
        if outcome.result != "rejected":
            return
        word = f"{outcome.status} {outcome.detail}"
        if TOO_EARLY in word:
            # A car of ISO 15118 is still negotiating: that is no disobedience, only not yet.
            self.refusals = before
            self.lift_again_at = self.cut_again_at = self.urgent_again_at = at + EARLY_AGAIN_S
        elif TOO_OFTEN in word:
            self.refusals = before
            self.conduct.rate_limited_at = at

    def limit_in_force_a(self, at: float) -> float:
        """What the station allows as far as we know: the committed limit while its lease lives, else the base
        profile.
        """
        if self.committed_a is None:
            return self.evse.safe_a
        if self.lease_is_over(at):
            return min(self.committed_a, self.evse.safe_a)
        return self.committed_a

    def meter_state(self, at: float, interval_s: float) -> EvseMeterState:
        """How its own meter stands (docs/control.md, silence); `none` while it need not speak."""
        if self.transaction is None or self.expected_since is None or not self.online:
            return "none"
        silent_s = at - max(self.expected_since, self.measured_at or self.expected_since)
        if silent_s <= sample_stale_s(interval_s):
            return "fresh"
        return "dead" if silent_s > DEAD_INTERVALS * interval_s else "stale"

    def alarms(self, at: float, interval_s: float) -> tuple[str, ...]:
        """What a person should look at."""
        told = self.conduct.alarms(at)
        if self.joint is not None:
            found, circuit_id = self.joint
            if found.verdict == "contradicts":
                lands = ", ".join(f"L{drawn + 1} on L{real + 1}" for drawn, real in enumerate(found.lands))
                told = (f"its current shows on {circuit_id} on other phases than drawn: {lands}", *told)
            if found.measures_wrong:
                told = (
                    f"measures wrong: {circuit_id} shows {found.gain:.2f} A for each A that it tells",
                    *told,
                )
        if self.meter_state(at, interval_s) == "dead":
            told = ("its meter is silent: what it was told last is kept free for it", *told)
        if self.refusals >= REFUSING_AFTER:
            told = (
                f"refused or did not answer {self.refusals} limits in turn: what it had is kept free",
                *told,
            )
        if self.online and not self.checking and not self.proven:
            told = ("does not hold its base profiles: its maximum is kept free", *told)
        return told

    def takes(self, unit: str | None) -> None:
        """The one unit of limits that its station takes, as far as that is known."""
        self.in_watts = unit == "W" and self.evse.dc_power_w is None

    # ------------------------------------------------------------ for the law

    @property
    def told_a(self) -> float | None:
        """What its meter shows, in amperes of a limit: the highest phase, and where its station is told watts
        all of them over its phases."""
        if self.measured_a is None:
            return None
        return sum(self.measured_a) / len(self.evse.phases) if self.in_watts else max(self.measured_a)

    @property
    def wants(self) -> bool:
        """A car that is authorised and hasn't stopped by itself; 1.6 tells that in the connector's status
        only.
        """
        if self.transaction is None:
            return False
        return self.stopped_at is None

    def follow_car(self, at: float) -> None:
        """Remember that the car stopped by itself for as long as it can't tell: with no current offered its
        station says SuspendedEVSE, full or not. After half an hour it counts as wanting again, and is asked.
        """
        if self.transaction is None:
            self.stopped_at = None
            return
        told = self.transaction.charging_state or self.status
        if told == "Charging":
            self.stopped_at = None
        elif told == "SuspendedEV":
            self.stopped_at = at
        elif self.stopped_at is not None and at - self.stopped_at > ASK_STOPPED_AGAIN_S:
            self.stopped_at = None

    def max_power_w(self) -> float:
        """What the EVSE can give this car."""
        if self.evse.dc_power_w is not None:
            return self.evse.dc_power_w
        phases = len(self.loaded_phases or self.evse.phases)
        return self.evse.max_a * phases * self.voltage_v

    @property
    def switchable(self) -> bool:
        """Whether it may be switched between three phases and one."""
        evse = self.evse
        return evse.phase_switch and len(evse.phases) == ALL and evse.dc_power_w is None

    @property
    def number_phases(self) -> int | None:
        """What every limit names: omitted would mean three."""
        return self.phases_told if self.switchable else None

    def switched_to(self, phases: int) -> None:
        """What the station holds was found on one phase or on three."""
        self.switch = PhaseSwitch(phases=phases, to=phases)
        self.phases_told = self.phases_taken = phases

    def _held(self) -> Reason | None:
        if self.transaction is None:
            return None
        return reason_of(self.verdict) or switching(self.switch)

    def _counted_phases(self) -> tuple[int, ...] | None:
        if self.switchable and self.switch.counted == ONE:
            return self.evse.phases[:1]
        # What was learnt of a car on one phase does not hold while it is switched.
        return None if self.switch.holds else self.loaded_phases

    @property
    def missing_wh(self) -> float | None:
        """What the driver's need lacks; None where nobody told it."""
        if self.need_wh is None or self.transaction is None:
            return None
        return max(0.0, self.need_wh - self.transaction.energy_wh)

    def slack_s(self, now: datetime) -> float | None:
        """Time to departure less the time that the missing energy takes at full power."""
        if self.departure is None or self.transaction is None:
            return None
        left_s = (self.departure - now).total_seconds()
        missing_wh = self.missing_wh
        if missing_wh is None:
            return left_s
        return left_s - missing_wh / self.max_power_w() * 3600.0

    def _session_at(self, now: datetime, at: float) -> float | None:
        """When the session began; reckoned again with each of its messages only."""
        transaction = self.transaction
        if transaction is None:
            return None
        if self._reckoned is None or self._reckoned[0] is not transaction:
            self._reckoned = transaction, at - (now - transaction.started_at).total_seconds()
        return self._reckoned[1]

    def state(self, now: datetime, at: float, sample_interval_s: float) -> EvseState:
        """As the law sees it at monotonic second `at`."""
        evse = self.evse
        self.follow_car(at)
        if self.transaction is None or not self.online:
            self.expected_since = None
        elif self.expected_since is None:
            self.expected_since = at
        aside_a, aside_why = self.conduct.aside(self.measured_a)
        raise_least_a, raise_every_s = self.conduct.thrift(at)
        external_a, external_source = self.conduct.external_cap()
        return EvseState(
            key=evse.key,
            online=self.steerable,
            proven=self.proven,
            session=self.transaction is not None,
            wants=self.wants,
            paused=self.paused,
            held=self._held(),
            priority=evse.priority + 1 if self.boosted else None,
            slack_s=self.slack_s(now),
            missing_wh=self.missing_wh,
            session_at=self._session_at(now, at),
            measured_a=self.measured_a,
            measured_at=self.measured_at,
            sample_interval_s=sample_interval_s,
            committed_a=self.committed_a,
            committed_at=self.committed_at,
            lease_until=self.lease_until,
            skew_s=self.skew_s(self.clock.error_s),
            inflight_a=self.inflight_a,
            doubt_a=self.doubt_a(at),
            safe_a=self.left_a,
            raise_after=self.lift_again_at if at < self.lift_again_at else None,
            refusing=self.refusing(at),
            ceiling_a=evse.min_a if self.switch.stage == "proving" else None,
            ceiling_source="phase switch" if self.switch.stage == "proving" else None,
            phases=self._counted_phases(),
            temperatures=dict(self.temperatures) if self.temperatures else _NONE,
            aside_a=aside_a,
            aside_why=aside_why,
            in_watts=self.in_watts,
            raise_least_a=raise_least_a,
            raise_every_s=raise_every_s,
            external_a=external_a,
            external_source=external_source,
        )
