"""The station's transactions: begun by a driver or from afar, told in notes, ended for a reason."""

from __future__ import annotations

import random
from collections.abc import Callable

from ..clock import Clock
from ..model.station import ChargingState, IdToken
from .bay import Bay, Expected
from .charging import InstalledProfiles
from .evse import read
from .notes import Note, Phase, Transaction
from .own_clock import OwnClock
from .variables import Variables

DRAWING_W = 50.0
"""A car that takes less is not charging."""

QUIET_S = 15.0
"""So long may a car take nothing before it counts as suspended by the car: acceptance takes seconds."""


class Transactions:
    """`post` keeps a note for the CSMS and says whether it is out of reach now; `changed` is told that a
    connector may show something else.
    """

    def __init__(
        self,
        site: Clock,
        clock: OwnClock,
        rng: random.Random,
        variables: Variables,
        profiles: InstalledProfiles,
        post: Callable[[Note], None],
        is_offline: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._site = site
        self._clock = clock
        self._rng = rng
        self._variables = variables
        self._profiles = profiles
        self._post = post
        self._is_offline = is_offline
        self._changed = changed

    def expect(self, bay: Bay, token: IdToken, remote_start_id: int | None, *, remote: bool) -> None:
        """Wait for a plug."""
        until = self._site.time() + self._variables.number("EVConnectionTimeOut")
        bay.expected = Expected(token, remote_start_id, remote, until)
        self._changed()

    def forget(self, bay: Bay) -> None:
        """Nobody has plugged in: the start is off, and a profile that came with it too."""
        bay.expected = None
        if bay.transaction is None:
            self._profiles.end_transaction(bay.evse_id)
        self._changed()

    def begin(self, bay: Bay, token: IdToken, remote_start_id: int | None, trigger: str) -> None:
        """A car is there and somebody may charge it."""
        vehicle = bay.hardware.vehicle
        assert vehicle is not None
        at = self._site.time()
        bay.expected = None
        bay.finished = False
        bay.transaction = Transaction(
            local_id=f"{self._rng.getrandbits(128):032x}",
            evse_id=bay.evse_id,
            connector_id=bay.connector_id,
            token=token,
            started_at=self._clock.now(),
            start_reading=read(bay.hardware),
            remote_start_id=remote_start_id,
            drawn_wh_at_start=vehicle.energy_wh,
        )
        bay.last_drew_at = at
        # Samples of different stations are not in step: the first one comes at a random part of the interval.
        bay.next_sample_at = at + self._variables.number("TxUpdatedInterval") * self._rng.random()
        self._profiles.transaction_changed()
        self._tell(bay, "Started", trigger)
        self._changed()

    def end(self, bay: Bay, stop_reason: str, trigger: str, state: ChargingState = "EVConnected") -> None:
        """It is over. `state` Idle: the plug is out."""
        transaction = bay.transaction
        assert transaction is not None
        # The contactor opens first: what flowed until this instant belongs to the transaction, nothing after
        # it does.
        bay.hardware.open_contactor(self._site.time())
        vehicle = bay.hardware.vehicle
        if vehicle is not None:
            transaction.drawn_wh = vehicle.energy_wh - transaction.drawn_wh_at_start
        transaction.ended = True
        transaction.charging_state = state
        self._tell(bay, "Ended", trigger, stop_reason=stop_reason)
        bay.transaction = None
        bay.finished = True
        self._profiles.end_transaction(bay.evse_id)
        self._changed()

    def observe(self, bay: Bay, at: float, offered_a: float) -> None:
        """See what the car does with the offer, and take the sample that is due."""
        if bay.hardware.power_w > DRAWING_W:
            bay.last_drew_at = at
            self._state(bay, "Charging")
        elif offered_a <= 0.0:
            bay.last_drew_at = at
            self._state(bay, "SuspendedEVSE")
        elif at - bay.last_drew_at > QUIET_S:
            self._state(bay, "SuspendedEV")
        if at >= bay.next_sample_at and not bay.hardware.flaw.silent:
            interval_s = self._variables.number("TxUpdatedInterval")
            next_at = bay.next_sample_at + interval_s
            # After a standstill the samples missed are not made up.
            bay.next_sample_at = next_at if next_at > at else at + interval_s
            self._tell(bay, "Updated", "MeterValuePeriodic", sampled=True)

    def tell_now(self, bay: Bay) -> None:
        """The CSMS asks for the transaction's values."""
        self._tell(bay, "Updated", "Trigger", sampled=True)

    def _state(self, bay: Bay, state: ChargingState) -> None:
        transaction = bay.transaction
        if transaction is None or transaction.charging_state == state:
            return
        transaction.charging_state = state
        self._tell(bay, "Updated", "ChargingStateChanged")
        self._changed()

    def _tell(
        self, bay: Bay, phase: Phase, trigger: str, *, stop_reason: str | None = None, sampled: bool = False
    ) -> None:
        transaction = bay.transaction
        assert transaction is not None
        self._post(
            Note(
                phase=phase,
                transaction=transaction,
                seq_no=transaction.next_seq_no(),
                at=self._clock.now(),
                reading=read(bay.hardware),
                trigger=trigger,
                charging_state=transaction.charging_state,
                stop_reason=stop_reason,
                sampled=sampled,
                offline=self._is_offline(),
            )
        )
