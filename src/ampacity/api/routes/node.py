"""The node itself: is it well, what runs, and the demo's switches."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from litestar import Router, get, post
from litestar.params import FromPath
from sqlalchemy import select

from ...store import StoreTrouble, StoreUnavailable
from ...store.errors import words_of
from ..context import ApiContext, DemoControl
from ..errors import ApiError, not_found, sentence
from ..views import DemoView, HealthView, PlugView, StoreTroubleView, VersionView
from .names import Api, Who


def package_version() -> str:
    """The version of the installed package."""
    try:
        return version("ampacity")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0"


@get("/health", opt={"public": True}, summary="Is the node well?")
async def health(api: Api) -> HealthView:
    """200 when the store can be read and written; 503 when not, with the reason in `trouble`."""
    trouble = api.store.trouble
    if trouble is None:
        try:
            await api.store.read(lambda connection: connection.execute(select(1)).scalar())
        except StoreUnavailable as error:
            trouble = StoreTrouble(error.kind, str(error), api.clock.time(), error.remedy)
    if trouble is not None:
        words = words_of(trouble.kind)
        remedy = sentence(trouble.remedy)
        since = datetime.fromtimestamp(trouble.at, UTC)
        raise ApiError(
            503,
            "store-unavailable",
            f"The database can't be used: {words}.",
            where="store",
            remedy=remedy,
            trouble=StoreTroubleView(kind=trouble.kind, text=sentence(words), remedy=remedy, since=since),
        )
    return HealthView(status="ok", at=api.clock.now())


@get("/version", opt={"public": True}, summary="What runs here")
async def get_version() -> VersionView:
    """Name and version."""
    return VersionView(name="ampacity", version=package_version(), api="v1")


def demo_of(api: ApiContext) -> DemoControl:
    """The simulated world; 404 on a real node."""
    if api.demo is None:
        raise ApiError(404, "no-demo", "This node runs no demo.", remedy="`ampacity demo` starts one.")
    return api.demo


@get("/demo", summary="The simulated world's switches")
async def get_demo(api: Api) -> DemoView:
    """Which simulated stations have their network cable in."""
    demo = demo_of(api)
    return DemoView(speed=demo.speed, stations=dict(demo.stations()))


async def _plug(api: ApiContext, station_id: str, plugged: bool) -> PlugView:
    demo = demo_of(api)
    if station_id not in demo.stations():
        raise not_found("simulated station", station_id, "/api/v1/demo lists them.")
    await (demo.plug_network(station_id) if plugged else demo.unplug_network(station_id))
    return PlugView(station_id=station_id, plugged=plugged)


@post(
    "/demo/stations/{station_id:str}/unplug",
    opt={"permission": "operate"},
    status_code=200,
    summary="Pull a simulated station's network cable",
)
async def unplug(api: Api, who: Who, station_id: FromPath[str]) -> PlugView:
    """The station goes silent; its car goes on by what it was last told."""
    return await _plug(api, station_id, False)


@post(
    "/demo/stations/{station_id:str}/plug",
    opt={"permission": "operate"},
    status_code=200,
    summary="Put a simulated station's network cable back",
)
async def plug(api: Api, who: Who, station_id: FromPath[str]) -> PlugView:
    """The station reconnects by itself."""
    return await _plug(api, station_id, True)


router = Router("/", tags=["node"], route_handlers=[health, get_version, get_demo, unplug, plug])
