"""Commands to a station: one path for each of the vocabulary, its body the command itself.

An outcome other than accepted is an error answer, so that a program that only looks at the status is never
wrong: 409 offline, 502 refused or garbled by the station, 504 no answer in time, 501 not known to the
station's OCPP version.
"""

from __future__ import annotations

from typing import Any, get_args

from litestar import Request, Router, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from ...access.principal import Principal
from ...csms import vocabulary
from ...csms.vocabulary import Command, Outcome
from ..context import ApiContext
from ..errors import ApiError, not_found
from .names import Api, Who, station_of

COMMANDS: dict[str, type[Command]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(vocabulary.Command)
}
"""Each command by its name in the path."""

_TROUBLE: dict[str, tuple[int, str, str]] = {
    "offline": (
        409,
        "Station {station} is not connected.",
        "/api/v1/connections tells why it is not connected.",
    ),
    "rejected": (502, "Station {station} refused: {status}.", "Its variables or its state may say why."),
    "timeout": (
        504,
        "Station {station} did not answer in time; it may or may not have acted.",
        "Look at its state.",
    ),
    "error": (502, "Station {station} answered with an error.", "Its raw messages show the answer."),
    "unsupported": (501, "Station {station} speaks an OCPP version without this.", "Use another command."),
}


async def send(api: ApiContext, who: Principal, station_id: str, command: Command) -> Outcome:
    """Send a command and return what became of it. Raises ApiError for anything but accepted."""
    outcome = await api.csms.command(who.operator_id, station_id, command, who.actor)
    if outcome.result == "accepted":
        return outcome
    status, what, remedy = _TROUBLE[outcome.result]
    words = what.format(station=station_id, status=outcome.status or "no reason given")
    detail = f" {outcome.detail}" if outcome.detail else ""
    where = f"station {station_id}"
    raise ApiError(status, outcome.result, words + detail, where=where, remedy=remedy, outcome=outcome)


def _handler(name: str, kind: type[Command]) -> HTTPRouteHandler:
    async def handle(api: ApiContext, who: Principal, station_id: str, data: Any) -> Outcome:
        station_of(api, who, station_id)
        return await send(api, who, station_id, data)

    # One typed body a path, so that each is checked and described as what it is.
    body: Any = JSONBody
    handle.__annotations__ = {
        "api": Api,
        "who": Who,
        "station_id": FromPath[str],
        "data": body[kind],
        "return": Outcome,
    }
    handle.__name__ = f"command_{name}"
    handle.__doc__ = kind.__doc__
    return post(
        f"/{{station_id:str}}/commands/{name}",
        opt={"permission": "operate"},
        status_code=200,
        summary=f"Command: {name.replace('_', ' ')}",
    )(handle)


@post("/{station_id:str}/commands/{name:str}", opt={"permission": "operate"}, include_in_schema=False)
async def unknown_command(
    request: Request[Any, Any, Any], station_id: FromPath[str], name: FromPath[str]
) -> None:
    """Whatever is no command."""
    raise not_found("command", name, f"The commands are {', '.join(sorted(COMMANDS))}.")


router = Router(
    "/stations",
    tags=["commands"],
    route_handlers=[*(_handler(name, kind) for name, kind in COMMANDS.items()), unknown_command],
)
