"""1.6 has no reports: its inventory is the list of its configuration keys, told at once."""

from __future__ import annotations

from typing import Any

from ...ocpp.messages import v16 as wire
from ..vocabulary import GetBaseReport, Outcome, VariableRef, VariableValue
from .dialect import WireCall
from .v16_core import KEYS
from .words import Words


def configuration(reply: Any) -> list[VariableValue]:
    """The keys of an answer, those that the station does not know at the end."""
    known = [
        VariableValue(
            ref=VariableRef(component=KEYS, variable=item.key), value=item.value, read_only=item.readonly
        )
        for item in reply.configurationKey or ()
    ]
    unknown = [
        VariableValue(ref=VariableRef(component=KEYS, variable=key), value=None, status="UnknownVariable")
        for key in reply.unknownKey or ()
    ]
    return known + unknown


def _inventory(dialect: Any, command: GetBaseReport) -> WireCall:
    return "GetConfiguration", wire.GetConfigurationRequest()


def _told(command: GetBaseReport, reply: Any) -> Outcome:
    return Outcome(result="accepted", status="Accepted", data=configuration(reply))


DEVICE_MODEL = Words(calls={GetBaseReport: _inventory}, outcomes={GetBaseReport: _told})
