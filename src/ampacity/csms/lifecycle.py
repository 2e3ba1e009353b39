"""One transaction's life, in one table, for all versions. Pure: a row and a message give the next row.

Theory. A transaction is a register's advance between a start and an end, told by messages that may be lost
for hours, repeated, and out of order (a station replays what it kept while offline; 2.x says so by
`offline`). Repetitions are sorted out before (journal); here each message comes once, in any order:

    state      Started                     Updated                       Ended
    absent     begin                       begin, without a start        begin and end, without a start
    open       learn the start             follow                        end
    ended      learn the start             keep (late value)             correct an end that we supposed

- Nothing is refused: a station whose message is refused sends it for ever, or throws it away.
- Times are the station's. What describes *now* (power, charging state, last register) follows the newest
  message only; what describes the whole (start, token, EVSE) is taken when it is first told, a start's own
  word above all.
- Energy is last register minus start register, never negative. An end's register is final.
- An end that we supposed (`SUPERSEDED`: the EVSE began another transaction) yields to the station's own.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime

from msgspec.structs import replace

from ..store.transactions import TransactionRow
from .dialects.samples import register_wh
from .meters import newest_power_w
from .skew import ClockError
from .vocabulary import TransactionMessage

SUPERSEDED = "NotReported"
"""Stop reason of a transaction that we closed because its EVSE began another one."""

Change = Callable[[TransactionRow, TransactionMessage, float], None]
"""Changes a row that nobody else has yet."""


def begin(
    message: TransactionMessage,
    *,
    operator_id: str,
    station_id: str,
    transaction_id: str,
    station_transaction_id: str,
) -> TransactionRow:
    """The row of a transaction that was not known: empty, to be changed by `follow`."""
    return TransactionRow(
        operator_id=operator_id,
        transaction_id=transaction_id,
        station_transaction_id=station_transaction_id,
        station_id=station_id,
        evse_id=message.evse_id or 0,
        connector_id=message.connector_id,
        token=message.token if message.phase == "Started" else None,
        state="open",
        charging_state=None,
        started_at=message.at,
        updated_at=message.at,
    )


def follow(row: TransactionRow, message: TransactionMessage, nominal_voltage_v: float) -> TransactionRow:
    """The row after a message of its transaction; the one before stays as it is."""
    row = copy(row)
    changes = _TABLE[row.state, message.phase]
    _identify(row, message)
    for change in changes:
        change(row, message, nominal_voltage_v)
    return row


def correct_clock(
    row: TransactionRow,
    before: TransactionRow | None,
    clock: ClockError,
    correction_s: float,
    received_at: float,
) -> None:
    """Note in a row of `follow` that its station's clock is wrong by `correction_s`, which the message that
    it followed has been corrected by. If that was not known when the transaction began, its start is moved.
    """
    if before is not None and before.clock_correction_s is None and row.started_at == before.started_at:
        start = clock.judge(row.started_at.timestamp(), received_at)
        if start.verdict == "corrected":
            row.started_at = datetime.fromtimestamp(start.at, UTC)
    if abs(correction_s) > abs(row.clock_correction_s or 0.0):
        row.clock_correction_s = correction_s


def is_another(row: TransactionRow, message: TransactionMessage) -> bool:
    """Whether a start uses the id of a transaction that ended before it:
    stations count anew after a reset.
    """
    return message.phase == "Started" and row.ended_at is not None and message.at > row.ended_at


def supersede(row: TransactionRow, at: datetime) -> TransactionRow:
    """The row closed by us: its EVSE began another transaction and no end of this one was told."""
    return replace(
        row,
        state="ended",
        ended_at=at,
        charging_state=None,
        power_w=0.0,
        stop_reason=SUPERSEDED,
        updated_at=at,
    )


# ---------------------------------------------------------------- changes


def _identify(row: TransactionRow, message: TransactionMessage) -> None:
    """What any message may tell for the first time, and the count of numbered ones."""
    number = message.seq_no
    if number is not None:
        if row.seq_first is None or number < row.seq_first:
            row.seq_first = number
        if row.seq_last is None or number > row.seq_last:
            row.seq_last = number
        row.seq_count += 1
    if not row.evse_id and message.evse_id:
        row.evse_id = message.evse_id
    if row.connector_id is None:
        row.connector_id = message.connector_id
    # The token of an end is the one that stopped, which may be another of the group.
    if row.token is None and message.phase != "Ended":
        row.token = message.token
    if row.remote_start_id is None:
        row.remote_start_id = message.remote_start_id
    if message.offline:
        row.offline = True


def _learn_start(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    row.started_at = message.at
    row.token = message.token or row.token
    if message.register_wh is not None:
        row.register_start_wh = message.register_wh
    if row.register_last_wh is None:
        row.register_last_wh = row.register_start_wh
    _count_energy(row)


def _measure(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    """Follow the register, if the message is not older than what is known."""
    if message.at >= row.updated_at:
        _final_register(row, message, voltage_v)


def _present(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    """What is true now: power and charging state."""
    if message.at < row.updated_at:
        return
    power = newest_power_w(message.readings, voltage_v)
    if power is None and message.charging_state in ("SuspendedEV", "SuspendedEVSE", "EVConnected", "Idle"):
        power = 0.0
    if message.charging_state is not None:
        row.charging_state = message.charging_state
    if power is not None:
        row.power_w = power
    row.updated_at = message.at


def _end(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    row.state = "ended"
    row.ended_at = max(message.at, row.started_at)
    row.updated_at = max(message.at, row.updated_at)
    row.charging_state = None
    row.power_w = 0.0
    row.stop_reason = message.stop_reason or "Local"


def _final_register(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    if message.register_wh is None:
        return
    if row.register_start_wh is None:
        # Never told by a start: the first register heard of is the best there is.
        first = register_wh(message.readings, first=True)
        row.register_start_wh = message.register_wh if first is None else first
    row.register_last_wh = message.register_wh
    _count_energy(row)


def _correct_end(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    if row.stop_reason == SUPERSEDED:
        _final_register(row, message, voltage_v)
        _end(row, message, voltage_v)


def _count_energy(row: TransactionRow) -> None:
    if row.register_start_wh is not None and row.register_last_wh is not None:
        row.energy_wh = max(row.register_last_wh - row.register_start_wh, 0.0)


_TABLE: dict[tuple[str, str], tuple[Change, ...]] = {
    # An absent transaction is `begin`, then its row here.
    ("open", "Started"): (_learn_start, _present),
    ("open", "Updated"): (_measure, _present),
    ("open", "Ended"): (_final_register, _end),
    ("ended", "Started"): (_learn_start,),
    ("ended", "Updated"): (),
    ("ended", "Ended"): (_correct_end,),
}
