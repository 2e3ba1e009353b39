"""The OCPI form: CDR objects of OCPI 2.2.1 and 2.3.0 (module CDRs), an array or the body of a response.

Of a CDR are read: `start_date_time`, `end_date_time`, `total_energy` (kWh), `session_id`, `id`, `credit`,
`credit_reference_id`, `cdr_location` (`evse_uid`, `evse_id`, `connector_power_type`) and the
`charging_periods` with their dimensions. The prices aren't: a CDR with several tariffs is one session all the
same.

- Only a reservation (RESERVATION_TIME and nothing else) in the first periods: the car came when it ended.
- A session that was split into several CDRs (equal `session_id` on one EVSE) is put together again.
- A credit CDR takes the one that it names out, and itself.
- Times are UTC, also where the designator is left out (2.2.1, types, DateTime).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import structs

from .rows import MOST_POWER_KW, SessionFile, SessionFileError, SessionRow, one_car_at_a_time

_NOT_AVAILABLE: Final = "#NA"
_PHASES: Final = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3}


def file_of_cdrs(path: str, text: str) -> SessionFile:
    """The sessions of a file of CDRs. Raises `SessionFileError` that names the CDR by its number from 1."""
    try:
        body: Any = json.loads(text)
    except ValueError as error:
        raise SessionFileError(path, f"not JSON ({error})", "Write the CDRs as a JSON array.") from None
    cdrs = body.get("data") if isinstance(body, dict) else body
    if isinstance(cdrs, dict):
        cdrs = [cdrs]
    if isinstance(body, dict) and "data" not in body and "start_date_time" in body:
        cdrs = [body]
    if not isinstance(cdrs, list):
        raise SessionFileError(
            path, "no CDRs", 'Write a JSON array of CDR objects, or an object with such an array as "data".'
        )
    read = [_Cdr(path, number, cdr) for number, cdr in enumerate(cdrs, start=1)]
    if not read:
        raise SessionFileError(path, "the file holds no session", "Add at least one CDR.")
    credited = {one.owned(one.text("credit_reference_id")) for one in read if one.is_credit}
    kept = [one for one in read if not one.is_credit and one.owned(one.text("id")) not in credited]
    rows = [row for one in kept if (row := one.row()) is not None]
    whole = _put_together(rows)
    if not whole:
        raise SessionFileError(
            path, "no CDR is of a charging session", "Reservations and credited CDRs alone can't be replayed."
        )
    return structs.replace(
        one_car_at_a_time(path, whole, "ocpi"), credited=len(read) - len(kept), merged=len(rows) - len(whole)
    )


class _Cdr:
    """One CDR on its way to a row; every error knows which it is."""

    def __init__(self, path: str, number: int, cdr: object) -> None:
        self._path, self._number = path, number
        if not isinstance(cdr, dict):
            raise self._wrong("", "a CDR must be an object", "Write each as {...}.", cdr)
        self._cdr: dict[str, Any] = cdr

    @property
    def is_credit(self) -> bool:
        return self._cdr.get("credit") is True

    def owned(self, cdr_id: str) -> tuple[str, str, str]:
        """A CDR's id is unique within country and party, and not case sensitive."""
        return self.text("country_code").upper(), self.text("party_id").upper(), cdr_id.lower()

    def text(self, field: str) -> str:
        value = self._cdr.get(field)
        return value.strip() if isinstance(value, str) else ""

    def row(self) -> SessionRow | None:
        """The session, None for a reservation that nobody used."""
        start = self._time("start_date_time", self._cdr.get("start_date_time"))
        end = self._time("end_date_time", self._cdr.get("end_date_time"))
        kwh = self._energy_kwh()
        periods = self._periods()
        reserved = [bool(kinds) and kinds <= {"RESERVATION_TIME"} for _, kinds, _ in periods]
        if reserved and all(reserved) and kwh == 0.0:
            return None
        first = reserved.index(False) if False in reserved else 0
        if first:
            start = periods[first][0]
        if end <= start:
            raise self._wrong(
                "end_date_time", "not after the start", "Correct it or remove the CDR.",
                self._cdr.get("end_date_time"),
            )  # fmt: skip
        if kwh > MOST_POWER_KW * (end - start).total_seconds() / 3600.0:
            raise self._wrong(
                "total_energy", f"more than {MOST_POWER_KW:g} kW throughout the stay",
                "total_energy is in kWh, not Wh.", kwh,
            )  # fmt: skip
        peaks = [peak for _, _, peak in periods if peak is not None]
        station_id, power_type = self._evse()
        return SessionRow(
            arrival=start,
            departure=end,
            delivered_wh=round(kwh * 1000.0, 6),
            station_id=station_id,
            session_id=self.text("session_id") or self.text("id"),
            phases=_PHASES.get(power_type),
            # The greatest power of a session is no rating, yet the EVSE can give it.
            max_kw=max(peaks, default=None),
            dc=power_type == "DC",
        )

    def _evse(self) -> tuple[str, str]:
        location = self._cdr.get("cdr_location")
        if not isinstance(location, dict):
            raise self._wrong(
                "cdr_location", "not an object", "OCPI 2.2.1 and later have cdr_location; 2.1.1 isn't read.",
                location,
            )  # fmt: skip
        for field in ("evse_uid", "evse_id"):
            name = location.get(field)
            if isinstance(name, str) and name.strip() and name.strip() != _NOT_AVAILABLE:
                return name.strip(), str(location.get("connector_power_type", ""))
        raise self._wrong(
            "cdr_location.evse_uid", "an EVSE is needed", "Name it in evse_uid or evse_id.",
            location.get("evse_uid"),
        )  # fmt: skip

    def _energy_kwh(self) -> float:
        value = self._cdr.get("total_energy")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(
                "total_energy", "not an energy", "Write kWh as a number such as 11.39.", value
            )  # fmt: skip
        if value < 0:
            raise self._wrong(
                "total_energy", "below 0", "Cars that feed the grid can't be replayed: remove the CDR.", value
            )
        return float(value)

    def _periods(self) -> list[tuple[datetime, set[str], float | None]]:
        """Start, kinds of dimension and greatest power in kW of each charging period."""
        periods = self._cdr.get("charging_periods", [])
        if not isinstance(periods, list):
            raise self._wrong("charging_periods", "not an array", "Write an array, or leave it out.", periods)
        found = []
        for at, period in enumerate(periods):
            field = f"charging_periods[{at}]"
            if not isinstance(period, dict):
                raise self._wrong(field, "not an object", "Correct or remove it.", period)
            start = self._time(f"{field}.start_date_time", period.get("start_date_time"))
            kinds, peak = set(), None
            for dimension in period.get("dimensions") or ():
                if not isinstance(dimension, dict):
                    raise self._wrong(f"{field}.dimensions", "not objects", "Correct them.", dimension)
                kind, volume = str(dimension.get("type", "")), dimension.get("volume")
                kinds.add(kind)
                if kind == "MAX_POWER" and isinstance(volume, int | float) and volume > 0:
                    peak = float(volume)
            found.append((start, kinds, peak))
        return sorted(found, key=lambda period: period[0])

    def _time(self, field: str, value: object) -> datetime:
        remedy = "Write it as 2026-05-04T08:00:00Z."
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(field, "a time is needed", remedy, value)
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise self._wrong(field, "not a time", remedy, value) from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    def _wrong(self, field: str, problem: str, remedy: str, value: object) -> SessionFileError:
        shown = value if isinstance(value, str) else json.dumps(value, default=str)[:80]
        return SessionFileError(
            self._path, problem, remedy, element=self._number, column=field or "CDR", value=shown
        )


def _put_together(rows: Sequence[SessionRow]) -> list[SessionRow]:
    """Rows of one session on one EVSE become one, from the first start to the last end."""
    whole: dict[tuple[str, str], SessionRow] = {}
    for number, row in enumerate(rows):
        key = (row.station_id, row.session_id or f"row {number}")
        other = whole.get(key)
        if other is None:
            whole[key] = row
            continue
        powers = [one.max_kw for one in (row, other) if one.max_kw is not None]
        whole[key] = structs.replace(
            other,
            arrival=min(row.arrival, other.arrival),
            departure=max(row.departure, other.departure),
            delivered_wh=round(row.delivered_wh + other.delivered_wh, 6),
            max_kw=max(powers, default=None),
        )
    return list(whole.values())
