"""Errors as RFC 9457 writes them: what is wrong, where, and what would be right. Raised as ApiError,
anywhere.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from ..csms.vocabulary import Outcome
from ..store import StoreClosed, StoreError, StoreUnavailable
from ..store.errors import words_of
from .views import FieldProblem, Problem, StoreTroubleView

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_AT = re.compile(r"(?P<what>.*?) - at `\$?\.?(?P<where>.*)`$", re.DOTALL)


class ApiError(Exception):
    """An answer other than success. `kind` names it for programs: the last part of the problem's `type`."""

    def __init__(
        self,
        status: int,
        kind: str,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        errors: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] | None = None,
        outcome: Outcome | None = None,
        trouble: StoreTroubleView | None = None,
    ) -> None:
        super().__init__(what)
        self.status = status
        self.kind = kind
        self.what = what
        self.where = where
        self.remedy = remedy
        self.errors = errors
        self.headers = dict(headers or {})
        self.outcome = outcome
        self.trouble = trouble


def not_found(thing: str, name: object, remedy: str = "") -> ApiError:
    """404: `thing` called `name` is not here (or not this operator's, which looks the same)."""
    return ApiError(404, "not-found", f"There is no {thing} {str(name)!r}.", where=thing, remedy=remedy)


def invalid(where: str, what: str, remedy: str = "") -> ApiError:
    """422: the value at `where` can't be."""
    return ApiError(
        422, "invalid", what, where=where, remedy=remedy, errors=(FieldProblem(where=where, what=what),)
    )


def conflict(what: str, remedy: str = "", *, kind: str = "conflict") -> ApiError:
    """409: well formed, but not as things stand."""
    return ApiError(409, kind, what, remedy=remedy)


def field_problem(message: str) -> FieldProblem:
    """A msgspec message, taken apart: ``Expected `float`, got `str` - at `$.limit_a` ``."""
    found = _AT.match(message)
    if found is None:
        return FieldProblem(where="body", what=message)
    return FieldProblem(where=found["where"] or "body", what=found["what"])


def respond(request: Request[Any, Any, Any], error: ApiError) -> Response[Problem]:
    """The answer that tells `error`."""
    problem = Problem(
        type=f"urn:ampacity:{error.kind}",
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=" ".join(part for part in (error.what, error.remedy) if part),
        instance=request.url.path,
        what=error.what,
        where=error.where,
        remedy=error.remedy,
        errors=error.errors,
        outcome=error.outcome,
        trouble=error.trouble,
    )
    return Response(problem, status_code=error.status, media_type=MEDIA_TYPE, headers=error.headers)


def on_api_error(request: Request[Any, Any, Any], error: ApiError) -> Response[Problem]:
    """Raised by us."""
    return respond(request, error)


def _name_in_request(request: Request[Any, Any, Any], argument: str) -> str:
    """What a handler's argument is called in the query: `from` can't be the name of one."""
    parameter = request.route_handler.parsed_fn_signature.parameters.get(argument)
    described = None if parameter is None else parameter.kwarg_definition
    return getattr(described, "name", None) or argument


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[Problem]:
    """A body, path or query that breaks its schema."""
    problems: list[FieldProblem] = []
    extra = error.extra if isinstance(error.extra, list) else []
    for entry in extra:
        problem = field_problem(str(entry.get("message", "")))
        key = _name_in_request(request, str(entry.get("key", "")))
        if key and key != "data":
            problem = FieldProblem(where=key, what=problem.what)
        problems.append(problem)
    if not problems:
        problems.append(field_problem(error.detail))
    return respond(
        request,
        ApiError(
            422,
            "invalid",
            "; ".join(f"{problem.where}: {problem.what}" for problem in problems),
            where=problems[0].where,
            remedy="See the schema in /api/v1/openapi.json.",
            errors=tuple(problems),
        ),
    )


_KINDS = {
    400: ("malformed", "Send JSON as /api/v1/openapi.json describes it."),
    404: ("not-found", "The paths are listed in /api/v1/openapi.json."),
    405: ("method-not-allowed", "The Allow header names the methods of this path."),
    413: ("too-large", "Send less at once."),
}


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Raised by the framework."""
    kind, remedy = _KINDS.get(error.status_code, ("refused", ""))
    what = error.detail or HTTPStatus(error.status_code).phrase
    if error.status_code == HTTPStatus.NOT_FOUND:
        what = f"There is no path {request.url.path!r}."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        what = f"{request.url.path!r} knows no {request.method}."
    headers = dict(error.headers or {})
    return respond(request, ApiError(error.status_code, kind, what, remedy=remedy, headers=headers))


def sentence(text: str) -> str:
    """A remedy as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."


def on_store_unavailable(request: Request[Any, Any, Any], error: StoreError) -> Response[Problem]:
    """The disk or the server refuses: nothing of the request was kept."""
    log.error("%s %s: %s", request.method, request.url.path, error)
    why, remedy = "", "The node's log says what helps."
    if isinstance(error, StoreUnavailable):
        why, remedy = f" ({words_of(error.kind)})", sentence(error.remedy)
    return respond(
        request,
        ApiError(
            503,
            "store-unavailable",
            f"The database can't be used now{why}; nothing was changed.",
            where="store",
            remedy=f"{remedy} Try again then.",
            headers={"Retry-After": "5"},
        ),
    )


def on_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """A bug, or a store that can't be reached: logged in full, told in brief."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return respond(
        request,
        ApiError(
            500, "failed", "The node could not do this.", remedy="Its log says why; try again in a moment."
        ),
    )


HANDLERS: dict[Any, Any] = {
    ApiError: on_api_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_error,
    StoreUnavailable: on_store_unavailable,
    StoreClosed: on_store_unavailable,
    Exception: on_failure,
}
