"""Local lists: which tokens stations know without us, and whether they are up to date."""

from __future__ import annotations

from litestar import Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from ...access.principal import Principal
from ...csms.vocabulary import Outcome
from ...store import audit
from ...store.local_lists import LocalListRow
from ..context import ApiContext
from ..views_authorization import HeldEntry, LocalListChange, LocalListSync, LocalListView
from .commands import judged
from .names import Api, Limit, Who, station_of


def view_of(row: LocalListRow) -> LocalListView:
    """A row as the API shows it."""
    return LocalListView(
        station_id=row.station_id,
        enabled=row.enabled,
        version=row.version,
        seen_version=row.seen_version,
        seen_at=row.seen_at,
        state=row.state,
        detail=row.detail,
        entries=len(row.held),
        changed_at=row.changed_at,
    )


async def _audited(api: ApiContext, who: Principal, action: str, station_id: str, detail: object) -> None:
    audit_id = await audit.record(
        api.store, who.operator_id, who.actor, action, f"station/{station_id}", detail
    )
    await audit.complete(api.store, who.operator_id, audit_id, "done")


@get("/{station_id:str}/local-list", summary="A station's local list")
async def get_local_list(api: Api, who: Who, station_id: FromPath[str]) -> LocalListView:
    """Off, where nobody ever asked for it."""
    return view_of(api.csms.local_lists.of(station_of(api, who, station_id)))


@get("/{station_id:str}/local-list/entries", summary="What a station's local list holds")
async def get_entries(
    api: Api, who: Who, station_id: FromPath[str], after: FromQuery[str] = "", limit: Limit = 1000
) -> list[HeldEntry]:
    """In the order of the tokens' values, those after `after`."""
    held = api.csms.local_lists.of(station_of(api, who, station_id)).held
    keys = sorted(key for key in held if key > after.casefold())[:limit]
    return [HeldEntry(value=held[key].value, kind=held[key].kind) for key in keys]


@put("/{station_id:str}/local-list", opt={"permission": "operate"}, summary="Keep a local list, or not")
async def put_local_list(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[LocalListChange]
) -> LocalListView:
    """A list that is kept follows the tokens; one that is not stays at the station as it is."""
    state = station_of(api, who, station_id)
    await _audited(api, who, "keep_local_list", station_id, data)
    return view_of(await api.csms.local_lists.keep(state, data.enabled))


@post(
    "/{station_id:str}/local-list/sync",
    opt={"permission": "operate"},
    status_code=200,
    summary="Bring a local list up to date",
)
async def sync_local_list(
    api: Api, who: Who, station_id: FromPath[str], data: JSONBody[LocalListSync]
) -> LocalListView:
    """Returns when the station has taken it; an error says why it did not."""
    state = station_of(api, who, station_id)
    row, outcome = await api.csms.local_lists.bring(state, whole=data.whole, actor=who.actor)
    _: Outcome = judged(station_id, outcome)
    return view_of(row)


@post(
    "/{station_id:str}/local-list/reset",
    opt={"permission": "operate"},
    status_code=200,
    summary="Begin a local list's versions again",
)
async def reset_local_list(api: Api, who: Who, station_id: FromPath[str]) -> LocalListView:
    """Takes the station for one that holds nothing: the next update is the whole list, as version 1."""
    state = station_of(api, who, station_id)
    await _audited(api, who, "reset_local_list", station_id, None)
    return view_of(await api.csms.local_lists.forget(state))


router = Router(
    "/stations",
    tags=["local lists"],
    route_handlers=[get_local_list, get_entries, put_local_list, sync_local_list, reset_local_list],
)
