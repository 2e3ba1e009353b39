"""From what several profiles say at one moment to one allowance: the lowest of all, on the phases that all
leave, in the unit that is asked for.

W and A convert by current = power / (voltage * phases), with the phases that are left after combining: a
power that is said for three phases may flow over one, if another profile leaves only one. Where a profile has
values for single phases and another one leaves fewer phases than it, its most careful value counts.
"""

from collections.abc import Callable, Sequence

import msgspec

from .nouns import ChargingProfile, Period, Schedule, Unit

Values = tuple[float | None, float | None, float | None]
Voice = tuple[ChargingProfile, Schedule, Period]
"""Who speaks, and what."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What may flow. Each tuple has one value for all phases, or with `by_phase` one for each; None is
    unlimited (for a setpoint: none is set). `source` is the profile that decided on the limit.
    """

    limit: tuple[float, ...] | None
    discharge_limit: tuple[float, ...] | None
    setpoint: tuple[float, ...] | None
    number_phases: int
    by_phase: bool
    operation_mode: str | None
    source: ChargingProfile | None


def convert(limit: float, unit: Unit, to: Unit, *, voltage_v: float, phases: int) -> float:
    """A limit in the other unit: power of all `phases` together against current in each."""
    if unit == to:
        return limit
    power_per_ampere = voltage_v * phases
    return limit / power_per_ampere if to == "A" else limit * power_per_ampere


def combine(
    voices: Sequence[Voice], added: Sequence[Voice], *, unit: Unit, voltage_v: float, phases: int
) -> Allowance:
    """The lowest of `voices`, and what `added` (LocalGeneration) puts on top. `phases` are the EVSE's."""
    number_phases = min([phases, *(period.number_phases or phases for _, _, period in voices)])
    by_phase = number_phases > 1 and any(period.by_phase for _, _, period in (*voices, *added))

    def amounts(values: Values, schedule: Schedule) -> tuple[float, ...] | None:
        if values[0] is None:
            return None
        return _amounts(values, schedule.unit, unit, voltage_v, number_phases, by_phase=by_phase)

    limit, discharge, setpoint = None, None, None
    source, mode = None, None
    for profile, schedule, period in voices:
        here = amounts(period.limits, schedule)
        if here is not None and (limit is None or sum(here) < sum(limit)):
            source = profile
        limit = _each(min, limit, here)
        discharge = _each(max, discharge, amounts(period.discharge_limits, schedule))
        setpoint = _each(min, setpoint, amounts(period.setpoints, schedule))
        mode = period.operation_mode or mode
    for _, schedule, period in added:
        more = amounts(period.limits, schedule)
        if limit is not None and more is not None:
            limit = tuple(own + extra for own, extra in zip(limit, more, strict=True))
    if setpoint is not None:
        setpoint = _each(min, _each(max, setpoint, discharge), limit)
    return Allowance(
        limit=limit,
        discharge_limit=discharge,
        setpoint=setpoint,
        number_phases=number_phases,
        by_phase=by_phase,
        operation_mode=mode,
        source=source,
    )


def period_of(allowance: Allowance, start_s: float) -> Period:
    """The allowance as a period of a schedule."""
    limit, limit_l2, limit_l3 = _three(allowance.limit)
    discharge, discharge_l2, discharge_l3 = _three(allowance.discharge_limit)
    setpoint, setpoint_l2, setpoint_l3 = _three(allowance.setpoint)
    return Period(
        start_s,
        limit,
        allowance.number_phases,
        limit_l2=limit_l2,
        limit_l3=limit_l3,
        discharge_limit=discharge,
        discharge_limit_l2=discharge_l2,
        discharge_limit_l3=discharge_l3,
        setpoint=setpoint,
        setpoint_l2=setpoint_l2,
        setpoint_l3=setpoint_l3,
        operation_mode=allowance.operation_mode,
    )


def _three(values: tuple[float, ...] | None) -> Values:
    first, second, third, *_ = (*(values or ()), None, None, None)
    return first, second, third


def _each(
    choose: Callable[[float, float], float], one: tuple[float, ...] | None, other: tuple[float, ...] | None
) -> tuple[float, ...] | None:
    """Phase by phase what `choose` takes of the two; of one alone that one."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(choose(mine, theirs) for mine, theirs in zip(one, other, strict=True))


def _amounts(
    values: Values, unit: Unit, to: Unit, voltage_v: float, conductors: int, *, by_phase: bool
) -> tuple[float, ...]:
    """A period's values in the unit `to`: one for all phases, or with `by_phase` one for each conductor."""
    given = [value for value in values if value is not None]
    if not by_phase:
        # Several values are left on one conductor only: the one nearest to nothing is safe for each of them.
        careful = min(given, key=abs)
        return (convert(careful, unit, to, voltage_v=voltage_v, phases=conductors),)
    if len(given) == 1:
        # Equal shares: watts are those of all phases, amperes those of each.
        own = [given[0] if unit == "A" else given[0] / conductors] * conductors
    elif any(value is not None for value in values[conductors:]):
        own = [min(given, key=abs)] * conductors
    else:
        own = [given[0] if value is None else value for value in values][:conductors]
    return tuple(convert(value, unit, to, voltage_v=voltage_v, phases=1) for value in own)
