"""Arrival models as TOML files: what `ampacity fit` writes, what a scenario names, and the shipped fits.

The format is described in docs/session-files.md; `VERSION` rises when an older program couldn't read it.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from .model import ArrivalModel
from .stays import Declared, MixtureStays, Rows, mixture_of, rows_of

FORMAT: Final = "ampacity-arrivals"
VERSION: Final = 1


class ArrivalFileError(ValueError):
    """A file that is no arrival model: names the file, the field and the remedy."""

    def __init__(self, path: str, problem: str, remedy: str, *, field: str = "") -> None:
        self.path, self.field, self.problem, self.remedy = path, field, problem, remedy
        super().__init__(f"arrival model {path}{', ' + field if field else ''}: {problem}. {remedy}")


class _Days(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sessions_per_evse: float
    day_factors: tuple[float, float, float, float, float, float, float]
    holiday_factor: float = 1.0
    days_off: tuple[int, ...] = (5, 6)
    dispersion: float = 1.0


class _Stays(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    most_kw: float
    working: Rows
    off: Rows = ()
    day_starts_h: float = 0.0
    longest_h: float = 24.0


class _Declared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    share: float
    dwell: Rows
    energy: Rows


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    version: int
    name: str
    source: str
    days: _Days
    stays: _Stays
    declared: _Declared | None = None
    goodness: dict[str, Any] = {}


def load_arrivals(path: str | Path) -> ArrivalModel:
    """The model of a file. Raises `ArrivalFileError`."""
    name = str(path)
    remedy = "Write it anew with ampacity fit; docs/session-files.md describes it."
    try:
        values: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArrivalFileError(name, "there is no such file", "Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArrivalFileError(name, f"the file can't be read ({error})", "Check the path.") from None
    except tomllib.TOMLDecodeError as error:
        raise ArrivalFileError(name, f"not TOML ({error})", remedy) from None
    if values.get("format") != FORMAT:
        raise ArrivalFileError(name, f"not {FORMAT!r}: {values.get('format')!r}", remedy, field="format")
    if values.get("version") != VERSION:
        raise ArrivalFileError(
            name,
            f"version {values.get('version')!r}, this program reads {VERSION}",
            "Use the program that wrote it, or fit anew.",
            field="version",
        )
    try:
        return _model(name, msgspec.convert(values, _File))
    except msgspec.ValidationError as error:
        raise ArrivalFileError(name, str(error), remedy) from None


def _model(path: str, file: _File) -> ArrivalModel:
    days, stays = file.days, file.stays
    for field, value, low, high in (
        ("days.sessions_per_evse", days.sessions_per_evse, 0.0, 1000.0),
        ("days.holiday_factor", days.holiday_factor, 0.0, 100.0),
        ("days.dispersion", days.dispersion, 0.0, 1000.0),
        *((f"days.day_factors[{at}]", factor, 0.0, 100.0) for at, factor in enumerate(days.day_factors)),
        *((f"days.days_off[{at}]", float(day), 0.0, 6.0) for at, day in enumerate(days.days_off)),
        ("stays.most_kw", stays.most_kw, 0.1, 3750.0),
        ("stays.day_starts_h", stays.day_starts_h, 0.0, 24.0),
        ("stays.longest_h", stays.longest_h, 1.0, 1000.0),
        ("declared.share", file.declared.share if file.declared else 0.0, 0.0, 1.0),
    ):
        if not low <= value <= high:
            raise ArrivalFileError(
                path, f"{value:g} is outside {low:g} to {high:g}", "Correct it or fit anew.", field=field
            )

    def table(field: str, rows: Rows, dimensions: int) -> Any:
        try:
            mixture = mixture_of(rows)
            if mixture.means.shape[1] != dimensions:
                raise ValueError(f"{mixture.means.shape[1]} dimensions: {dimensions} are needed")
        except ValueError as error:
            raise ArrivalFileError(path, str(error), "Correct it or fit anew.", field=field) from None
        return mixture

    declared: Declared | None = None
    if file.declared is not None:
        declared = Declared(
            share=file.declared.share,
            dwell=table("declared.dwell", file.declared.dwell, 2),
            energy=table("declared.energy", file.declared.energy, 2),
        )

    def law(field: str, rows: Rows) -> MixtureStays:
        return MixtureStays(
            together=table(field, rows, 3),
            most_kw=stays.most_kw,
            day_starts_h=stays.day_starts_h,
            longest_h=stays.longest_h,
            declared=declared,
        )

    return ArrivalModel(
        name=file.name,
        source=file.source,
        sessions_per_evse=days.sessions_per_evse,
        working=law("stays.working", stays.working),
        off=law("stays.off", stays.off) if stays.off else None,
        day_factors=days.day_factors,
        holiday_factor=days.holiday_factor,
        days_off=days.days_off,
        dispersion=days.dispersion,
    )


def arrivals_text(model: ArrivalModel, goodness: dict[str, float], remarks: tuple[str, ...] = ()) -> str:
    """The file of a fitted model; `remarks` become comments at its head.

    Raises ValueError for a model whose stays are assumed: there is no table of those.
    """
    working = model.working
    if not isinstance(working, MixtureStays) or not isinstance(model.off, MixtureStays | None):
        raise ValueError(f"the stays of {model.name!r} are assumed: only fitted ones can be written")
    lines = [f"# {remark}" for remark in remarks]
    lines += [
        f"format = {_text(FORMAT)}",
        f"version = {VERSION}",
        f"name = {_text(model.name)}",
        f"source = {_text(model.source)}",
        "",
        "[days]",
        "# Sessions per EVSE on a usual working day; factors Monday to Sunday; 0 is Monday.",
        f"sessions_per_evse = {model.sessions_per_evse:.6g}",
        f"day_factors = [{', '.join(_number(factor) for factor in model.day_factors)}]",
        f"holiday_factor = {_number(model.holiday_factor)}",
        f"days_off = {list(model.days_off)}",
        "# Variance of a day's number over its mean.",
        f"dispersion = {_number(model.dispersion)}",
        "",
        "[stays]",
        "# Each row a normal component over (hour of arrival, log stay in h, log energy in kWh): weight, the",
        "# three means, then the covariances 11, 12, 13, 22, 23, 33. Hours run on from day_starts_h.",
        f"most_kw = {_number(working.most_kw)}",
        f"day_starts_h = {_number(working.day_starts_h)}",
        f"longest_h = {_number(working.longest_h)}",
        *_table("working", rows_of(working.together)),
    ]
    if model.off is not None:
        lines += _table("off", rows_of(model.off.together))
    if working.declared is not None:
        lines += [
            "",
            "[declared]",
            "# Over (log true, log declared), in h and in kWh; share of the drivers who declare.",
            f"share = {_number(working.declared.share)}",
            *_table("dwell", rows_of(working.declared.dwell)),
            *_table("energy", rows_of(working.declared.energy)),
        ]
    if goodness:
        lines += ["", "[goodness]", *(f"{key} = {_number(value)}" for key, value in goodness.items())]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _number(value: float) -> str:
    text = f"{value:.6g}"
    return text if any(mark in text for mark in ".en") else text + ".0"


def _table(name: str, rows: Rows) -> list[str]:
    inner = [f"    [{', '.join(_number(value) for value in row)}]," for row in rows]
    return [f"{name} = [", *inner, "]"]
