"""Payloads that somebody wrote: checked against the schema of the station's version, sent as they are, and
shown without secrets.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ..ocpp.codec import Codec
from ..ocpp.version import Role, Version
from .blocks.variables import is_secret
from .following import fit_to_show
from .vocabulary import (
    Command,
    CustomerInformation,
    GetLog,
    PublishFirmware,
    RawCall,
    SendLocalList,
    SetNetworkProfile,
    SetPassword,
    SetVariables,
    UpdateFirmware,
)

_BETWEEN = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')

_SECRETS = ("AuthorizationKey", "assword", "KeyCode", "PRIVATE KEY")
"""A payload that has one of these in it is not shown at all."""

_PERSONAL = ("CustomerInformation",)
"""Actions whose payload names a customer."""


def compact(text: str) -> str:
    """JSON text without the white space between its words: members keep their order, numbers their digits."""
    return _BETWEEN.sub(lambda match: match.group(1) or "", text)


def request_of(version: str, raw: RawCall) -> Struct:
    """The request that a station of `version` will read. Raises PayloadError, for an action that is not ours
    to call, too.
    """
    return _station(version).decode_call(raw.action, raw.payload.encode())


def shown(command: Command | RawCall) -> dict[str, Any]:
    """A command as the audit may show it: secrets are not shown."""
    if isinstance(command, RawCall):
        secret = command.action in _PERSONAL or any(name in command.payload for name in _SECRETS)
        payload = "***" if secret else msgspec.json.decode(fit_to_show(command.payload))
        return {"action": command.action, "payload": payload}
    if isinstance(command, SetVariables):
        values = tuple(replace(item, value="***") if is_secret(item.ref) else item for item in command.values)
        command = replace(command, values=values)
    if isinstance(command, SetNetworkProfile) and command.password is not None:
        command = replace(command, password="***")
    if isinstance(command, SetPassword):
        return {"type": "set_password", "password": "***"}
    if isinstance(command, UpdateFirmware | PublishFirmware | GetLog):
        command = replace(command, location=fit_to_show(command.location))
    if isinstance(command, CustomerInformation):
        # Who asks that a customer be forgotten must not be remembered for it.
        token = command.token
        command = replace(
            command,
            token=None if token is None else replace(token, value="***"),
            identifier=None if command.identifier is None else "***",
        )
    if isinstance(command, SendLocalList):
        # The tokens have rows of their own; a list may be long, and each station has one.
        return {"full": command.full, "version": command.version, "entries": len(command.entries)}
    made: dict[str, Any] = msgspec.to_builtins(command)
    token = made.get("token")
    if isinstance(token, dict) and token.get("kind") == "KeyCode":  # C04.FR.04
        token["value"] = "***"
    return made


@cache
def _station(version: str) -> Codec:
    return Codec(Version(version), Role.STATION)
