"""Puts the API together: routes, the door, errors, headers, OpenAPI, the console."""

from __future__ import annotations

from litestar import Litestar, Router, asgi
from litestar.config.compression import CompressionConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.di import Provide
from litestar.handlers import ASGIRouteHandler
from litestar.types import Message, Receive, Scope, Send

from ..access.rate import RateLimit
from ..files.http import FileDoor
from . import errors
from .console import SECURITY_HEADERS, Assets, console
from .context import ApiContext
from .description import describe, docs_page
from .guard import guard, principal_of
from .live import LiveFeeds
from .routes import (
    account,
    actions,
    certificates,
    charging,
    commands,
    configurations,
    connections,
    decisions,
    device_model,
    devices,
    display_messages,
    evses,
    fairness,
    feeds,
    firmware,
    groups,
    local_lists,
    logs,
    messages,
    meters,
    monitoring,
    node,
    prices,
    proving,
    public,
    quarantine,
    reservations,
    security,
    site_forms,
    sites,
    stations,
    tokens,
    transactions,
)

MAX_BODY_BYTES = 1_000_000


async def _secure(message: Message, scope: Scope) -> None:
    """Put the security headers on each answer, errors included; what the API says is never cached."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if scope["path"].startswith("/api/"):
        headers.setdefault("cache-control", "no-store")


def _file_door(context: ApiContext) -> list[ASGIRouteHandler]:
    """`/files`, where stations fetch and bring them, unless they have a door of their own."""
    if context.files is None or context.files.settings.port is not None:
        return []
    door = FileDoor(context.files)

    async def files(scope: Scope, receive: Receive, send: Send) -> None:
        await door(scope, receive, send)

    return [asgi("/files", is_mount=True, copy_scope=True, opt={"compressed_itself": True})(files)]


def create_app(context: ApiContext, assets: Assets | None = None) -> Litestar:
    """The ASGI application of a node."""

    def api() -> ApiContext:
        return context

    settings = context.settings
    v1 = Router(
        "/api/v1",
        route_handlers=[
            node.router,
            account.router,
            sites.router,
            groups.router,
            site_forms.router,
            devices.router,
            proving.router,
            meters.router,
            meters.maps,
            decisions.router,
            evses.router,
            evses.sessions_router,
            stations.router,
            device_model.router,
            configurations.router,
            configurations.stations_router,
            monitoring.router,
            monitoring.alarms_router,
            security.router,
            connections.router,
            display_messages.router,
            messages.router,
            quarantine.router,
            quarantine.repairs_router,
            commands.router,
            firmware.router,
            firmware.jobs_router,
            logs.router,
            charging.router,
            charging.templates_router,
            actions.router,
            certificates.router,
            certificates.stations_router,
            prices.router,
            tokens.router,
            local_lists.router,
            reservations.router,
            transactions.router,
            public.router,
            fairness.site_router,
            fairness.transaction_router,
            fairness.public_router,
            feeds.router,
            docs_page,
        ],
        guards=[guard],
        dependencies={
            "api": Provide(api, sync_to_thread=False),
            "who": Provide(principal_of, sync_to_thread=False),
        },
    )
    app = Litestar(
        route_handlers=[v1, *_file_door(context), console],
        exception_handlers=errors.HANDLERS,
        before_send=[_secure],
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=2000, gzip_compress_level=3, exclude_opt_key="compressed_itself"
        ),
        openapi_config=describe(node.package_version()),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    app.state.api = context
    app.state.assets = assets or Assets()
    app.state.feeds = LiveFeeds(interval_s=settings.live_interval_s, queue=settings.live_queue)
    app.state.driver_codes = public.DriverCodes(context)
    app.state.public_limit = RateLimit(settings.public_per_minute, settings.public_burst)
    app.state.sign_in_limit = RateLimit(settings.sign_in_per_minute, settings.sign_in_burst)
    return app
