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
from datetime import datetime

from msgspec.structs import replace

from ..store.transactions import TransactionRow
from .dialects.samples import register_wh
from .meters import newest_power_w
from .vocabulary import TransactionMessage

SUPERSEDED = "NotReported"
"""Stop reason of a transaction that we closed because its EVSE began another one."""

Change = Callable[[TransactionRow, TransactionMessage, float], TransactionRow]


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
    """The row after a message of its transaction."""
    row = _identify(row, message)
    for change in _TABLE[row.state, message.phase]:
        row = change(row, message, nominal_voltage_v)
    return row


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


def _identify(row: TransactionRow, message: TransactionMessage) -> TransactionRow:
    """What any message may tell for the first time, and the count of numbered ones."""
    number = message.seq_no
    if number is not None:
        row = replace(
            row,
            seq_first=number if row.seq_first is None else min(row.seq_first, number),
            seq_last=number if row.seq_last is None else max(row.seq_last, number),
            seq_count=row.seq_count + 1,
        )
    changes: dict[str, object] = {}
    if not row.evse_id and message.evse_id:
        changes["evse_id"] = message.evse_id
    if row.connector_id is None and message.connector_id is not None:
        changes["connector_id"] = message.connector_id
    # The token of an end is the one that stopped, which may be another of the group.
    if row.token is None and message.token is not None and message.phase != "Ended":
        changes["token"] = message.token
    if row.remote_start_id is None and message.remote_start_id is not None:
        changes["remote_start_id"] = message.remote_start_id
    if message.offline and not row.offline:
        changes["offline"] = True
    return replace(row, **changes) if changes else row


def _learn_start(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    register = message.register_wh if message.register_wh is not None else row.register_start_wh
    last = row.register_last_wh if row.register_last_wh is not None else register
    return replace(
        row,
        started_at=message.at,
        token=message.token or row.token,
        register_start_wh=register,
        register_last_wh=last,
        energy_wh=_energy(register, last, row.energy_wh),
    )


def _measure(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    """Follow the register, if the message is not older than what is known."""
    if message.at < row.updated_at or message.register_wh is None:
        return row
    start = row.register_start_wh
    if start is None:
        # Never told by a start: the first register heard of is the best there is.
        start = register_wh(message.readings, first=True)
        start = message.register_wh if start is None else start
    return replace(
        row,
        register_start_wh=start,
        register_last_wh=message.register_wh,
        energy_wh=_energy(start, message.register_wh, row.energy_wh),
    )


def _present(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    """What is true now: power and charging state."""
    if message.at < row.updated_at:
        return row
    power = newest_power_w(message.readings, voltage_v)
    state = message.charging_state or row.charging_state
    if power is None and message.charging_state in ("SuspendedEV", "SuspendedEVSE", "EVConnected", "Idle"):
        power = 0.0
    return replace(
        row,
        charging_state=state,
        power_w=row.power_w if power is None else power,
        updated_at=message.at,
    )


def _end(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    return replace(
        row,
        state="ended",
        ended_at=max(message.at, row.started_at),
        updated_at=max(message.at, row.updated_at),
        charging_state=None,
        power_w=0.0,
        stop_reason=message.stop_reason or "Local",
    )


def _final_register(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    if message.register_wh is None:
        return row
    start = row.register_start_wh
    if start is None:
        start = register_wh(message.readings, first=True)
        start = message.register_wh if start is None else start
    return replace(
        row,
        register_start_wh=start,
        register_last_wh=message.register_wh,
        energy_wh=_energy(start, message.register_wh, row.energy_wh),
    )


def _correct_end(row: TransactionRow, message: TransactionMessage, voltage_v: float) -> TransactionRow:
    if row.stop_reason != SUPERSEDED:
        return row
    return _end(_final_register(row, message, voltage_v), message, voltage_v)


def _energy(start: float | None, last: float | None, before: float) -> float:
    return before if start is None or last is None else max(last - start, 0.0)


_TABLE: dict[tuple[str, str], tuple[Change, ...]] = {
    # An absent transaction is `begin`, then its row here.
    ("open", "Started"): (_learn_start, _present),
    ("open", "Updated"): (_measure, _present),
    ("open", "Ended"): (_final_register, _end),
    ("ended", "Started"): (_learn_start,),
    ("ended", "Updated"): (),
    ("ended", "Ended"): (_correct_end,),
}
