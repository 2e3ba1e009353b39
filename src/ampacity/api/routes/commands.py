"""Commands to a station: one path for each of the vocabulary, its body the command itself.

An outcome other than accepted is an error answer, so that a program that only looks at the status is never
wrong: 409 offline, 502 refused or garbled by the station, 504 no answer in time, 501 not known to the
station's OCPP version.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from litestar import Request, Router, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from ...access.principal import Principal
from ...csms import vocabulary
from ...csms.raw import compact
from ...csms.vocabulary import Command, Outcome, RawCall
from ..context import ApiContext
from ..errors import ApiError, invalid, not_found
from ..views import FieldProblem
from .names import Api, Who, station_of

COMMANDS: dict[str, type[Command]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(vocabulary.Command)
}
"""Each command by its name in the path."""

LONGEST_S = 120.0
"""The longest that a caller may let a station take for an answer."""

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
    "not_accepted": (
        409,
        "Station {station} is not accepted.",
        "Set its boot policy by PATCH /api/v1/stations/{station_id}.",
    ),
    "unsupported": (501, "Station {station} speaks an OCPP version without this.", "Use another command."),
    "invalid": (
        422,
        "This can't be sent ({status}):",
        "Nothing was sent. Correct what is named and send it again.",
    ),
}


async def send(api: ApiContext, who: Principal, station_id: str, command: Command) -> Outcome:
    """Send a command and return what became of it. Raises ApiError for anything but accepted."""
    return judged(station_id, await api.csms.command(who.operator_id, station_id, command, who.actor))


def judged(station_id: str, outcome: Outcome) -> Outcome:
    """The outcome where it is accepted. Raises ApiError for anything else."""
    if outcome.result == "accepted":
        return outcome
    raise trouble_of(station_id, outcome)


def trouble_of(station_id: str, outcome: Outcome) -> ApiError:
    """What an outcome other than accepted is as an error."""
    status, what, remedy = _TROUBLE[outcome.result]
    words = what.format(station=station_id, status=outcome.status or "no reason given")
    detail = f" {outcome.detail}" if outcome.detail else ""
    where = f"station {station_id}"
    errors: tuple[FieldProblem, ...] = ()
    if outcome.result == "invalid":
        errors = (FieldProblem(where=outcome.data["path"], what=outcome.data["problem"]),)
    return ApiError(
        status, outcome.result, words + detail, where=where, remedy=remedy, errors=errors, outcome=outcome
    )


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


@post(
    "/{station_id:str}/ocpp/{action:str}",
    opt={"permission": "operate"},
    status_code=200,
    summary="Send any action of OCPP",
)
async def send_action(
    api: Api,
    who: Who,
    request: Request[Any, Any, Any],
    station_id: FromPath[str],
    action: FromPath[str],
    timeout_s: FromQuery[float] = 30.0,
) -> Any:
    """Send exactly the payload of the body (without the white space between its words) as the given action
    of the station's OCPP version, and return the answer's payload, a refusal too.
    """
    station_of(api, who, station_id)
    if not 0 < timeout_s <= LONGEST_S:
        raise invalid("timeout_s", f"{timeout_s:g} s is no time to wait.", f"Give up to {LONGEST_S:g}.")
    text = await _json_text(request)
    raw = RawCall(action=action, payload=compact(text))
    outcome = await api.csms.command(who.operator_id, station_id, raw, who.actor, timeout_s)
    if outcome.result in ("accepted", "rejected"):
        return outcome.data
    raise trouble_of(station_id, outcome)


async def _json_text(request: Request[Any, Any, Any]) -> str:
    body = await request.body()
    if not body.strip():
        return "{}"
    try:
        if isinstance(msgspec.json.decode(body), dict):
            return body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("$", f"The payload is no JSON: {error}.", "Send a JSON object.") from None
    raise invalid("$", "The payload is no JSON object.", "Send the members of the request, {} for none.")


router = Router(
    "/stations",
    tags=["commands"],
    route_handlers=[
        send_action,
        *(_handler(name, kind) for name, kind in COMMANDS.items()),
        unknown_command,
    ],
)
