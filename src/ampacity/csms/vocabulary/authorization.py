"""Words of authorization: the stations' caches and local lists."""

from __future__ import annotations

from msgspec import Struct

from ...model.station import IdToken
from .answers import AuthorizationAnswer


class ClearCache(Struct, frozen=True, kw_only=True, tag="clear_cache"):
    """Let a station forget the verdicts that it remembers."""


class ListEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token of a local list; without a verdict: one to be taken off it."""

    token: IdToken
    verdict: AuthorizationAnswer | None = None


class SendLocalList(Struct, frozen=True, kw_only=True, tag="send_local_list"):
    """Replace a station's local list (`full`), or change the entries named. `version` is the list's from then
    on; 0: the one that comes next.
    """

    full: bool
    version: int = 0
    entries: tuple[ListEntry, ...] = ()


class GetLocalListVersion(Struct, frozen=True, kw_only=True, tag="get_local_list_version"):
    """Ask which version of the local list a station holds. Outcome data: its number, 0 where it has none."""
