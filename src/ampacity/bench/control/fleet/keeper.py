"""The product's law at a site: what the site knows (`site.knowledge`), `control.step` each second, limits as
leases, whoever doesn't obey looked at. Only the sockets are missing: `lines` stand for them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ampacity.control.check import reservation_excess
from ampacity.control.law import step
from ampacity.control.lease import Lease
from ampacity.control.settings import DEFAULTS
from ampacity.control.state import START, ControlState
from ampacity.control.types import CircuitState, Decision, EvseState, Snapshot
from ampacity.control.verification import TRUSTED, Seen, verify
from ampacity.model.events import MeterSampled, TransactionChanged
from ampacity.model.site import EvseKey
from ampacity.model.station import MeterReading, Sample
from ampacity.site.knowledge import LiveEvse
from ampacity.site.limits_out import LIMIT_TIMEOUT_S

from .lines import Heard, Told
from .plant import SAMPLE_S, Plant

LOOKED_AGAIN_S = 10.0
"""What follows from time alone (slack, doubts that run out) is worked out so often."""
CHECKED_EACH_S = 20


class Keeper:
    """Controls one plant: `tick` after each of its steps."""

    def __init__(self, plant: Plant) -> None:
        self.plant, self.site = plant, plant.world.site
        self.lives = {evse.key: LiveEvse(evse, self.site) for evse in self.site.evses}
        self.circuits = {
            circuit.circuit_id: CircuitState(circuit_id=circuit.circuit_id) for circuit in self.site.circuits
        }
        self.state: ControlState = START
        self.decision: Decision | None = None
        self._states: dict[EvseKey, EvseState] = {}
        self._fresh_until: dict[EvseKey, float] = {}
        self._calls: dict[EvseKey, tuple[int, int, Lease]] = {}
        self._number = 0
        self.writes = self.renewals = self.unanswered = self.reservations_over = 0
        self._outlets = {outlet.key: outlet for outlet in plant.outlets}
        for live in self.lives.values():
            live.connected("2.0.1", 0.0)
            live.checked(True)

    def tick(self) -> None:
        """One second of the site."""
        at = float(self.plant.at)
        now = self.plant.world.starts_at + timedelta(seconds=at)
        for circuit_id, metered_a in self.plant.readings:
            self.circuits[circuit_id] = CircuitState(
                circuit_id=circuit_id, metered_a=metered_a, metered_at=at
            )
        for heard in self.plant.lines.heard(at):
            self._hear(heard, now, at)
        for key, (_, session, sent) in list(self._calls.items()):
            if at - sent.sent_at >= LIMIT_TIMEOUT_S:
                self.unanswered += 1
                self._answer(key, session, sent, at, answered=False, accepted=False)
        snapshot = Snapshot(
            site=self.site,
            circuits=dict(self.circuits),
            evses=self._known(now, at),
            at=at,
            epoch_s=now.timestamp(),
        )
        self.state, decision = step(self.state, snapshot)
        self.decision = decision
        for grant in decision.cuts:
            if self.lives[grant.key].may_cut(at):
                self._send(grant.key, grant.limit_a, at)
        for grant in decision.raises:
            if self.lives[grant.key].may_lift(at):
                self._send(grant.key, grant.limit_a, at)
        for key, live in self.lives.items():
            if live.transaction is not None:
                self._renew(key, live, at)
            if live.transaction is not None or live.conduct.verification is not TRUSTED:
                self._verify(key, live, at)
        if self.plant.at % CHECKED_EACH_S == 0:
            excess = reservation_excess(snapshot, decision, self.state.topology)
            self.reservations_over += bool(excess.keys() - decision.overcommitted)

    @property
    def aside(self) -> int:
        """EVSEs that are set aside because they don't obey."""
        return sum(live.conduct.verification.aside for live in self.lives.values())

    def _known(self, now: datetime, at: float) -> dict[EvseKey, EvseState]:
        for key, live in self.lives.items():
            if at >= self._fresh_until.get(key, 0.0) or live.refusals:
                self._states[key] = live.state(now, at, float(SAMPLE_S))
                idle = live.transaction is None and live.conduct.verification is TRUSTED
                self._fresh_until[key] = at + (1e9 if idle else LOOKED_AGAIN_S)
        return dict(self._states)

    # ------------------------------------------------------------ limits

    def _send(self, key: EvseKey, limit_a: float, at: float, *, renewal: bool = False) -> None:
        live, session = self.lives[key], self._session(key)
        if session is None:
            return
        live.sent(limit_a)
        live.conduct.writes.count(at, renewal=renewal)
        self.writes += not renewal
        self.renewals += renewal
        lease = Lease(
            limit_a=limit_a,
            safe_a=live.evse.safe_a,
            lease_s=self.site.lease_s,
            sent_at=at,
            skew_s=live.clock.error_s,
        )
        self._number += 1
        self._calls[key] = self._number, session, lease
        self.plant.lines.tell(key, Told(self._number, session, lease, 0.0), at)
        self._fresh_until[key] = 0.0

    def _renew(self, key: EvseKey, live: LiveEvse, at: float) -> None:
        if live.committed_a is None:
            return
        if live.lease_is_over(at):
            live.lease_ended()
            self._fresh_until[key] = 0.0
        elif live.may_renew(at):
            self._send(key, live.committed_a, at, renewal=True)

    def _answer(
        self, key: EvseKey, session: int, sent: Lease, at: float, *, answered: bool, accepted: bool
    ) -> None:
        live = self.lives[key]
        del self._calls[key]
        self._fresh_until[key] = 0.0
        if session != self._session(key):
            live.inflight_a = None
            return
        live.answer(sent, "silent" if not answered else "accepted" if accepted else "refused", at)

    def _session(self, key: EvseKey) -> int | None:
        transaction = self.lives[key].transaction
        return None if transaction is None else int(transaction.transaction_id.rsplit("#", 1)[1])

    def _verify(self, key: EvseKey, live: LiveEvse, at: float) -> None:
        seen = Seen(
            steerable=live.ready,
            session=live.transaction is not None,
            limit_a=live.limit_in_force_a(at),
            measured_a=None if live.measured_a is None else max(live.measured_a),
            measured_at=live.measured_at,
            sample_interval_s=float(SAMPLE_S),
            refusals=live.refusals,
            station_idle=live.transaction is None,
        )
        before = live.conduct.verification
        live.conduct.verification, action = verify(before, seen, at, DEFAULTS)
        if live.conduct.verification is not before:
            self._fresh_until[key] = 0.0
        # These stations obey: to remove a profile and send it again comes to the same as to send it again.
        if action in ("resend", "clear") and live.may_cut(at):
            self._send(key, live.limit_in_force_a(at), at)

    # ------------------------------------------------------------ what stations tell

    def _hear(self, heard: Heard, now: datetime, at: float) -> None:
        key, live = heard.key, self.lives[heard.key]
        self._fresh_until[key] = 0.0
        match heard.kind:
            case "answer":
                call = self._calls.get(key)
                if call is not None and call[0] == heard.number:
                    self._answer(key, call[1], call[2], at, answered=True, accepted=heard.accepted)
            case "sample":
                self._sampled(live, heard, now, at)
            case "began":
                self._transaction(live, heard, now, "Started", "Charging")
                visit = self._outlets[key].visit
                if visit is not None and self._outlets[key].session == heard.session:
                    live.departure, live.need_wh = visit.departure, visit.requested_wh
            case "full":
                self._transaction(live, heard, now, "Updated", "SuspendedEV")
            case "ended":
                self._transaction(live, heard, now, "Ended", None)
            case "lost":
                live.disconnected()
            case "opened":
                live.connected("2.0.1", at)
            case "read" if live.online:
                live.checked(True)
            case _:
                pass

    def _sampled(self, live: LiveEvse, heard: Heard, now: datetime, at: float) -> None:
        evse = live.evse
        location = "Outlet" if evse.dc_power_w is None else "Inlet"
        samples = [
            Sample("Current.Import", heard.draw_a[phase], "A", index + 1, location=location)
            for index, phase in enumerate(evse.phases)
        ]
        reading = MeterReading.of(now - timedelta(seconds=at - heard.taken_at), samples)
        live.sampled(
            MeterSampled(
                operator_id="bench",
                station_id=evse.station_id,
                evse_id=evse.evse_id,
                transaction_id=None,
                reading=reading,
                received_at=now,
            ),
            at,
        )
        current = live.transaction
        if current is not None and self._session(evse.key) == heard.session:
            self._transaction(live, heard, now, "Updated", current.charging_state)

    def _transaction(
        self, live: LiveEvse, heard: Heard, now: datetime, phase: str, charging_state: str | None
    ) -> None:
        known = live.transaction
        name = f"{heard.key[0]}/{heard.key[1]}#{heard.session}"
        same = known is not None and known.transaction_id == name
        if phase == "Updated" and not same:
            return
        assert known is not None or not same
        live.transaction_changed(
            TransactionChanged(
                operator_id="bench",
                station_id=heard.key[0],
                evse_id=heard.key[1],
                transaction_id=name,
                station_transaction_id=name,
                phase=phase,  # type: ignore[arg-type]
                token=None,
                charging_state=charging_state,  # type: ignore[arg-type]
                started_at=known.started_at if known is not None and same else now,
                energy_wh=heard.energy_wh,
                power_w=None,
                stop_reason=None,
                at=now,
            )
        )
