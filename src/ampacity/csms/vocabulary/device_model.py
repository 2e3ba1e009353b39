"""The device model in reports: what a station is asked to report, and the parts it tells."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from .commands import VariableRef

ReportBase: TypeAlias = Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"]
ComponentCriterion: TypeAlias = Literal["Active", "Available", "Enabled", "Problem"]


class ComponentVariable(Struct, frozen=True, kw_only=True):
    """A component, or one of its variables. What is None stands for any."""

    component: str
    variable: str | None = None
    component_instance: str | None = None
    variable_instance: str | None = None
    evse_id: int | None = None
    connector_id: int | None = None


class GetBaseReport(Struct, frozen=True, kw_only=True, tag="get_base_report"):
    """Ask for a whole inventory; it comes in parts, /reports tells how far it is. A 1.6 station tells all its
    keys at once: outcome data is then a list of VariableValue. `request_id` 0: the next free one.
    """

    base: ReportBase = "FullInventory"
    request_id: int = 0


class GetReport(Struct, frozen=True, kw_only=True, tag="get_report"):
    """Ask for the variables of components that meet any of `criteria`, or are named, or both."""

    criteria: tuple[ComponentCriterion, ...] = ()
    variables: tuple[ComponentVariable, ...] = ()
    request_id: int = 0


class Traits(Struct, frozen=True, kw_only=True):
    """What kind of variable it is: who may write it (`ReadOnly WriteOnly ReadWrite`), whether its value
    outlives a boot, whether it ever changes, its type in the words of 2.x, unit and limits.
    """

    mutability: str | None = None
    persistent: bool | None = None
    constant: bool | None = None
    data_type: str | None = None
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    values_list: str | None = None
    supports_monitoring: bool | None = None


class ReportedVariable(Struct, frozen=True, kw_only=True):
    """An attribute of a variable in a report; `value` None: write-only, or none."""

    ref: VariableRef
    value: str | None
    traits: Traits


class ReportPart(Struct, frozen=True, kw_only=True):
    """NotifyReport: one part of the report of a request."""

    request_id: int
    seq_no: int
    to_be_continued: bool
    variables: tuple[ReportedVariable, ...]
