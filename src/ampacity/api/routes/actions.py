"""The actions of each OCPP version with their schemas: what `POST /stations/{id}/ocpp/{Action}` takes."""

from __future__ import annotations

from litestar import Router, get
from litestar.params import FromPath

from ...ocpp.description import requests
from ...ocpp.version import Role, Version
from ..errors import not_found
from ..views_actions import ActionView


@get("/{version:str}/actions", summary="The actions of an OCPP version")
async def list_actions(version: FromPath[str]) -> list[ActionView]:
    """All that a CSMS may call on a station that speaks it, with the schema of each request."""
    if version not in tuple(Version):
        raise not_found("OCPP version", version, f"There are {', '.join(Version)}.")
    described = requests(Version(version), Role.CSMS)
    return [ActionView(action=action, schema=schema) for action, schema in described.items()]


router = Router("/ocpp", tags=["commands"], route_handlers=[list_actions])
