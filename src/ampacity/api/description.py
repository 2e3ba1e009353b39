"""The API described for programs (OpenAPI) and, from the same source, for people: one page without a
script.
"""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from .errors import MEDIA_TYPE

OPENAPI_PATH = "/api/v1/openapi.json"


def describe(version: str) -> OpenAPIConfig:
    """What stands at the head of the description."""
    return OpenAPIConfig(
        title="Ampacity",
        version=version,
        description=(
            "Charging stations, sites, sessions and limits. Programs send an API key as a Bearer token. "
            f"Errors are `{MEDIA_TYPE}` (RFC 9457) with `what`, `where` and `remedy`. Live feeds are "
            "WebSockets: `/api/v1/live?site=ID` and `/api/v1/stations/ID/messages/live`. Power is in W, "
            "current in A per phase, energy in Wh."
        ),
        # The framework answers unknown paths beneath this one with a page of its own: so it is the file.
        path=OPENAPI_PATH,
        render_plugins=[JsonRenderPlugin(path="/")],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={"key": SecurityScheme(type="http", scheme="bearer", description="An API key")}
        ),
        security=[{"key": []}],
    )


def _type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    for joined in ("oneOf", "anyOf"):
        if joined in schema:
            return " or ".join(_type_of(part) for part in schema[joined])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema.get('items', {}))}"
    kind = schema.get("type", "anything")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _body_of(content: dict[str, Any]) -> str:
    return ", ".join(_type_of(part.get("schema", {})) for part in content.get("content", {}).values())


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(parameter['name'])}</code> ({parameter['in']}): "
        f"{escape(_type_of(parameter.get('schema', {})))} {escape(parameter.get('description') or '')}</li>"
        for parameter in operation.get("parameters", [])
    )
    body = _body_of(operation.get("requestBody", {}))
    answers = "; ".join(
        f"{status}: {escape(_body_of(answer)) or 'nothing'}"
        for status, answer in operation.get("responses", {}).items()
        if status.startswith("2")
    )
    summary = escape(operation.get("summary") or "")
    text = escape(operation.get("description") or "")
    taken = f"<li>Body: {escape(body)}</li>" if body else ""
    return (
        f"<section><h3><code>{method.upper()} {escape(path)}</code></h3><p><b>{summary}.</b> {text}</p>"
        f"<ul>{parameters}{taken}<li>Answer {answers}</li></ul></section>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{'' if field in required else ' (optional)'}</td>"
        f"<td>{escape(_type_of(part))}</td></tr>"
        for field, part in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description") or "")
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{text}</p><table>{rows}</table></section>'


_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h3{margin:1.5rem 0 .3rem;font-size:1rem}p,ul{margin:.3rem 0}
table{border-collapse:collapse}td{border-top:1px solid #8886;padding:.15rem .8rem .15rem 0;vertical-align:top}
"""


def render(schema: dict[str, Any]) -> str:
    """The whole page from an OpenAPI document as plain data."""
    info = schema["info"]
    operations = "".join(
        _operation(path, method, operation)
        for path, methods in sorted(schema["paths"].items())
        for method, operation in methods.items()
        if isinstance(operation, dict) and "responses" in operation
    )
    schemas = "".join(
        _schema(name, part) for name, part in sorted(schema.get("components", {}).get("schemas", {}).items())
    )
    title = f"{escape(info['title'])} {escape(info['version'])}: the API"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><p>{escape(info['description'])}</p>"
        f'<p><a href="{OPENAPI_PATH}">openapi.json</a></p>'
        f"<h2>Paths</h2>{operations}<h2>Types</h2>{schemas}</html>"
    )


@get("/docs", opt={"public": True}, include_in_schema=False, media_type=MediaType.HTML)
async def docs_page(request: Request[Any, Any, Any]) -> Response[str]:
    """The description as a page."""
    schema = msgspec.json.decode(msgspec.json.encode(request.app.openapi_schema.to_schema()))
    return Response(render(schema), media_type=MediaType.HTML)
