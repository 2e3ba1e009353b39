"""The plain form: our own CSV, made to be written by hand or from a spreadsheet (docs/session-files.md).

`start,end,energy_kwh,evse` are needed; `session,phases,max_kw,dc,declared_energy_kwh,declared_end` may be
there. A session whose driver declared anything is claimed.
"""

from __future__ import annotations

from .csv_lines import CsvLine, lines_of
from .rows import MOST_POWER_KW, SessionRow

PLAIN_COLUMNS = (
    "start",
    "end",
    "energy_kwh",
    "evse",
    "session",
    "phases",
    "max_kw",
    "dc",
    "declared_energy_kwh",
    "declared_end",
)

PLAIN_REQUIRED = ("start", "end", "energy_kwh", "evse")


def rows_of_plain(path: str, text: str) -> list[SessionRow]:
    """The rows of a file in the plain form, in its order. Raises `SessionFileError`."""
    return [_row(line) for line in lines_of(path, text, PLAIN_REQUIRED, PLAIN_COLUMNS)]


def _row(line: CsvLine) -> SessionRow:
    stay = line.stay("start", "end")
    declared_wh, declared_end = line.energy_wh("declared_energy_kwh"), line.time("declared_end")
    if declared_end is not None and declared_end <= stay[0]:
        raise line.wrong("declared_end", "not after the start", "Correct it or leave it empty.")
    phases = line.text("phases")
    if phases not in ("", "1", "2", "3"):
        raise line.wrong("phases", "not a number of phases", "Write 1, 2 or 3, or leave it empty.")
    max_kw = line.number("max_kw", "a power", "Write the EVSE's kW such as 11, or leave it empty.")
    if max_kw is not None and not 0.0 < max_kw <= MOST_POWER_KW:
        raise line.wrong(
            "max_kw", f"not above 0 and up to {MOST_POWER_KW:g} kW", "Powers are in kW, not W."
        )  # fmt: skip
    dc = line.text("dc").lower()
    if dc not in ("", "0", "1", "false", "true", "no", "yes"):
        raise line.wrong("dc", "neither true nor false", "Write true for a DC charger, else leave it empty.")
    return SessionRow(
        arrival=stay[0],
        departure=stay[1],
        delivered_wh=line.delivered_wh("energy_kwh", stay),
        station_id=line.station("evse"),
        session_id=line.text("session"),
        requested_wh=declared_wh,
        estimated_departure=declared_end,
        claimed=declared_wh is not None or declared_end is not None,
        phases=int(phases) if phases else None,
        max_kw=max_kw,
        dc=dc in ("1", "true", "yes"),
    )
