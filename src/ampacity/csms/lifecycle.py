"""One transaction's life, in one table, for all versions. Pure: a row and a message give the next row.

Theory. A transaction is a register's advance between a start and an end, told by messages that may be lost
for hours, repeated, and out of order (a station replays what it kept while offline; 2.x says so by
`offline`). Repetitions are sorted out before (journal); here each message comes once, in any order:

    state      Started                     Updated                       Ended
    absent     begin                       begin, without a start        begin and end, without a start
    open       learn the start             follow                        end
    ended      learn the start             keep (late value)             keep (it has ended)
    supposed   learn the start             follow, move the end          end, as the station says
    heard      learn the start             go on, if later than our end  end, as the station says

An absent transaction becomes an open row by `begin`, then the table holds. `supposed` is an end that nobody
told: the EVSE began another transaction, or a rule of `closing` found this one over (`closing.SUPPOSED` has
the stop reasons that say so). It yields to whatever the station tells: its own end replaces ours, and a late
value of after our end moves it. `heard` is the same when the message tells of now (`fresh`): the transaction
is opened again, save where another one has begun on its EVSE, or where it was closed because no energy flows
and none does now.

- Nothing is refused: a station whose message is refused sends it for ever, or throws it away.
- Times are the station's. What describes *now* (power, charging state, last register) follows the newest
  message only; what describes the whole (start, token, EVSE) is taken when it is first told, a start's own
  word above all.
- Energy is last register minus start register, never negative. An end's register is final. A register below
  the start's can't be: meters don't run back, but a meter that can't be read is told as 0. It is passed over.
- Numbered messages (2.x) that are missing are known and asked for (`gaps`); the row says which, and whether
  they have been given up.
- All times here are corrected by what is known of the station's clock when the message comes (`skew`).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime

from msgspec.structs import replace

from ..store.transactions import TransactionRow
from .closing import REASONS, SUPPOSED
from .dialects.samples import register_wh
from .meters import newest_power_w
from .skew import ClockError
from .vocabulary import TransactionMessage

SUPERSEDED = REASONS["another"]
"""Stop reason of a transaction that we closed because its EVSE began another one."""

_SUPPOSED, _HEARD = "supposed", "heard"

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


def follow(
    row: TransactionRow, message: TransactionMessage, nominal_voltage_v: float, *, fresh: bool = True
) -> TransactionRow:
    """The row after a message of its transaction; the one before stays as it is. `fresh`: the message tells
    of now, it is no late one."""
    row = copy(row)
    state: str = row.state
    if supposed(row):
        state = _HEARD if fresh and row.stop_reason != SUPERSEDED else _SUPPOSED
    changes = _TABLE[state, message.phase]
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


def supposed(row: TransactionRow) -> bool:
    """Whether the row has an end that nobody told."""
    return row.state == "ended" and row.stop_reason in SUPPOSED


def supersede(row: TransactionRow, at: datetime, reason: str = SUPERSEDED) -> TransactionRow:
    """The row closed by us (one of `closing.REASONS`), as no end of it was told. `updated_at` stays its last
    word."""
    return replace(
        row,
        state="ended",
        ended_at=max(at, row.started_at),
        charging_state=None,
        power_w=0.0,
        stop_reason=reason,
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
    if row.register_last_wh is None or (
        row.register_start_wh is not None and row.register_last_wh < row.register_start_wh
    ):
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
    if row.register_start_wh is not None and message.register_wh < row.register_start_wh:
        return
    if row.register_start_wh is None:
        # Never told by a start: the first register heard of is the best there is.
        first = register_wh(message.readings, first=True)
        row.register_start_wh = message.register_wh if first is None else first
    row.register_last_wh = message.register_wh
    _count_energy(row)


def _move_end(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    """It still went on then."""
    if message.at >= row.updated_at:
        row.updated_at = message.at
        if row.stop_reason != SUPERSEDED and row.ended_at is not None:
            row.ended_at = max(row.ended_at, message.at)


def _go_on(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> None:
    flows = (newest_power_w(message.readings, voltage_v) or 0.0) > 0.0 or (
        message.register_wh is not None and message.register_wh > (row.register_last_wh or 0.0)
    )
    if (row.ended_at is not None and message.at <= row.ended_at) or (
        row.stop_reason == REASONS["eternal"] and not flows  # it was closed because nothing flows
    ):
        _move_end(row, message, voltage_v)
        return
    row.state = "open"
    row.ended_at = row.stop_reason = None
    _present(row, message, voltage_v)


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
    ("ended", "Ended"): (),
    (_SUPPOSED, "Started"): (_learn_start,),
    (_SUPPOSED, "Updated"): (_measure, _move_end),
    (_SUPPOSED, "Ended"): (_final_register, _end),
    (_HEARD, "Started"): (_learn_start,),
    (_HEARD, "Updated"): (_go_on, _measure),
    (_HEARD, "Ended"): (_final_register, _end),
}
