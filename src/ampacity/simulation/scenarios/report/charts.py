"""Charts as inline SVG: drawn 360 wide, so that they can be read on a phone, colours by the page's classes.

Details show on hover by `<title>`, which needs no script and is read aloud by screen readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from msgspec import Struct

from ..figures import number

WIDTH: Final = 360.0
_LEFT, _RIGHT, _TOP, _FOOT = 38.0, 8.0, 10.0, 22.0


class Line(Struct, frozen=True, kw_only=True):
    """A course over the chart's hours: `kind` names its class in the page's style (`line-KIND`)."""

    name: str
    kind: str
    values: Sequence[float]


class Area(Struct, frozen=True, kw_only=True):
    """A band between two courses (`area-KIND`)."""

    name: str
    kind: str
    low: Sequence[float]
    high: Sequence[float]


class Part(Struct, frozen=True, kw_only=True):
    """A piece of a bar (`part-KIND`)."""

    name: str
    kind: str
    value: float
    said: str


def round_steps(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers from `low` to `high`, both covered."""
    span = max(high - low, 1e-9)
    raw = span / count
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if size * factor >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, last + 1)]


def courses(
    title: str,
    hours: Sequence[float],
    first_hour: float,
    lines: Sequence[Line],
    areas: Sequence[Area],
    unit: str,
    bounds: tuple[float, float],
) -> str:
    """Courses over time. `first_hour` is the local hour of hour 0; `bounds` are shared by charts that are
    compared."""
    height = 190.0
    ticks = round_steps(*bounds)
    low, high = ticks[0], ticks[-1]
    step = hours[1] - hours[0] if len(hours) > 1 else 1.0
    end = hours[-1] + step

    def x(hour: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * hour / end

    def y(value: float) -> float:
        return height - _FOOT - (height - _FOOT - _TOP) * (value - low) / (high - low)

    out = [_open(height, title)]
    for tick in ticks:
        out.append(f'<path class="grid" d="M{_LEFT:.0f} {y(tick):.1f}H{WIDTH - _RIGHT:.0f}"/>')
        out.append(_text(_LEFT - 4, y(tick) + 3.5, number(tick, 0 if ticks[1] - ticks[0] >= 1 else 1), "end"))
    for hour, label in _clock(end, first_hour):
        out.append(f'<path class="tick" d="M{x(hour):.1f} {height - _FOOT:.0f}v4"/>')
        out.append(_text(x(hour), height - 7, label, "middle"))
    for area in areas:
        if any(h > w for h, w in zip(area.high, area.low, strict=True)):
            there = _steps(hours, end, area.high, x, y)
            back = _steps(hours, end, area.low, x, y)[::-1]
            points = "L".join(f"{px:.1f} {py:.1f}" for px, py in (*there, *back))
            out.append(f'<path class="area-{area.kind}" d="M{points}z"/>')
    for line in lines:
        if any(line.values):
            points = "L".join(f"{px:.1f} {py:.1f}" for px, py in _steps(hours, end, line.values, x, y))
            out.append(f'<path class="line line-{line.kind}" d="M{points}"/>')
    stride = max(1, round(len(hours) / 96))
    for k in range(0, len(hours), stride):
        said = [clock_text(hours[k] + first_hour)]
        said += [
            f"{area.name} {number(area.high[k] - area.low[k], 1)} {unit}"
            for area in areas
            if any(h != w for h, w in zip(area.high, area.low, strict=True))
        ]
        said += [f"{line.name} {number(line.values[k], 1)} {unit}" for line in lines if any(line.values)]
        wide = x(step * stride) - x(0)
        out.append(
            f'<rect class="hover" x="{x(hours[k]):.1f}" y="{_TOP:.0f}" width="{wide:.2f}" '
            f'height="{height - _FOOT - _TOP:.0f}"><title>{escape(chr(10).join(said))}</title></rect>'
        )
    out.append("</svg>")
    return "".join(out)


def bars(
    title: str,
    rows: Sequence[tuple[str, Sequence[Part], str]],
    whiskers: Sequence[tuple[float, float] | None] | None = None,
) -> str:
    """Stacked bars beneath each other: label, parts, what stands at the end. Negative parts go left."""
    height = 8.0 + 40.0 * len(rows)
    most = max((sum(max(p.value, 0.0) for p in parts) for _, parts, _ in rows), default=1.0)
    least = min((sum(min(p.value, 0.0) for p in parts) for _, parts, _ in rows), default=0.0)
    for pair in whiskers or ():
        if pair is not None:
            most, least = max(most, pair[1]), min(least, pair[0])
    span = max(most - least, 1e-9)

    def x(value: float) -> float:
        return 4.0 + (WIDTH - 8.0) * (value - least) / span

    out = [_open(height, title)]
    for k, (label, parts, end) in enumerate(rows):
        top = 6.0 + 40.0 * k
        out.append(_text(4, top + 8, label, "start", "label"))
        out.append(_text(WIDTH - 4, top + 8, end, "end"))
        right = left = 0.0
        for part in parts:
            if part.value >= 0.0:
                start, right = right, right + part.value
            else:
                left += part.value
                start = left
            wide = max(x(start + abs(part.value)) - x(start), 0.0)
            if wide > 0.0:
                said = escape(f"{label}: {part.name} {part.said}")
                out.append(
                    f'<rect class="part-{part.kind}" x="{x(start):.1f}" y="{top + 13:.0f}" '
                    f'width="{wide:.1f}" height="16"><title>{said}</title></rect>'
                )
        pair = whiskers[k] if whiskers is not None else None
        if pair is not None and pair[1] > pair[0]:
            path = f"M{x(pair[0]):.1f} {top + 17:.0f}v8m0 -4H{x(pair[1]):.1f}m0 -4v8"
            out.append(f'<path class="whisker" d="{path}"/>')
    out.append("</svg>")
    return "".join(out)


def dots(title: str, rows: Sequence[tuple[str, Sequence[Part]]], mark: float) -> str:
    """Dots on lines beneath each other, in shares of 1; a line at `mark` goes through all."""
    height = 26.0 + 22.0 * len(rows)
    left = 110.0
    most = max(max((part.value for _, parts in rows for part in parts), default=1.0), mark) * 1.03

    def x(value: float) -> float:
        return left + (WIDTH - left - 12.0) * value / most

    out = [_open(height, title)]
    for tick in round_steps(0.0, most * 100.0, 4):
        if tick <= most * 100.0:
            out.append(f'<path class="grid" d="M{x(tick / 100):.1f} 4V{height - 20:.0f}"/>')
            out.append(_text(x(tick / 100.0), height - 7, f"{tick:.0f} %", "middle"))
    out.append(f'<path class="line line-limit" d="M{x(mark):.1f} 4V{height - 20:.0f}"/>')
    for k, (label, parts) in enumerate(rows):
        middle = 15.0 + 22.0 * k
        shown = label if len(label) <= 17 else f"{label[:16]}…"
        out.append(_text(left - 6, middle + 4, shown, "end", "label"))
        for part in parts:
            said = escape(f"{label}: {part.name} {part.said}")
            out.append(
                f'<circle class="part-{part.kind}" cx="{x(part.value):.1f}" cy="{middle:.0f}" r="4.5">'
                f"<title>{said}</title></circle>"
            )
    out.append("</svg>")
    return "".join(out)


def clock_text(hour: float) -> str:
    """A local hour counted from the first day's midnight: `day 2, 07:30`."""
    minutes = round(hour * 60.0)
    day, minutes = divmod(minutes, 1440)
    return f"day {day + 1}, {minutes // 60:02d}:{minutes % 60:02d}"


def _clock(end: float, first_hour: float) -> list[tuple[float, str]]:
    """Marks of the time axis: hours of the day within two days, days beyond."""
    if end <= 48.0:
        stride = 6.0 if end > 14.0 else 2.0
        first = math.ceil(first_hour / stride) * stride
        marks = [first + stride * k for k in range(int(end / stride) + 2)]
        return [(m - first_hour, f"{int(m) % 24:02d}") for m in marks if 0.0 <= m - first_hour <= end]
    stride = max(1, math.ceil(end / 24.0 / 7.0))
    days = range(0, math.ceil((end + first_hour) / 24.0), stride)
    return [
        (24.0 * d - first_hour, f"day {d + 1}") for d in days if 0.0 <= 24.0 * d - first_hour <= end - 6.0
    ]


def _steps(
    hours: Sequence[float],
    end: float,
    values: Sequence[float],
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> list[tuple[float, float]]:
    """Corners of a course that holds each value until the next."""
    edges = [*hours, end]
    corners = []
    for k, value in enumerate(values):
        corners += [(x(edges[k]), y(value)), (x(edges[k + 1]), y(value))]
    return corners


def _open(height: float, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}" '
        'xmlns="http://www.w3.org/2000/svg">'
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "small") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
