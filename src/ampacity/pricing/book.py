"""Who has which price, and since when.

An entry is never changed: a new one takes over from its time on, one without a price withdraws. So what a
charge costs follows from the book and the time of its start, and is the same whenever it is asked. The most
particular scope that has a price at that time counts: the token's, the EVSE's, the station's, everybody's.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from .price import Price

Scope: TypeAlias = Literal["all", "station", "evse", "token"]


class PriceEntry(Struct, frozen=True, kw_only=True):
    """The price of a scope from `valid_from` (UTC, aware) on; `price` None: none of its own any more.

    `scope_id` is "" for `all`, the station's id, `STATION/EVSE`, or the token's case-folded value.
    """

    scope: Scope
    scope_id: str
    valid_from: datetime
    price: Price | None


class Prices(Protocol):
    """Who is asked for prices."""

    def any_for(self, operator_id: str) -> bool:
        """Whether the operator has any price at all: nothing needs to be worked out where there is none."""
        ...

    def price(
        self, operator_id: str, station_id: str, evse_id: int, token: str | None, at: datetime
    ) -> Price | None:
        """The price of a charge that began `at`; None where nobody set one: then its cost is not known,
        which is not the same as free. `evse_id` 0 is an EVSE that is not known yet.
        """
        ...


class PriceBook:
    """All entries in memory; see `Prices`."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, str], list[PriceEntry]] = {}
        self._operators: set[str] = set()

    def set(self, operator_id: str, entry: PriceEntry) -> None:
        """Take an entry; one of the same scope and time is replaced."""
        key = (operator_id, entry.scope, entry.scope_id)
        entries = self._entries.setdefault(key, [])
        entries[:] = [known for known in entries if known.valid_from != entry.valid_from]
        insort(entries, entry, key=_since)
        self._operators.add(operator_id)

    def any_for(self, operator_id: str) -> bool:
        """See `Prices`."""
        return operator_id in self._operators

    def price(
        self, operator_id: str, station_id: str, evse_id: int, token: str | None, at: datetime
    ) -> Price | None:
        """See `Prices`."""
        asked: list[tuple[str, str]] = [("station", station_id), ("all", "")]
        if evse_id:
            asked.insert(0, ("evse", f"{station_id}/{evse_id}"))
        if token is not None:
            asked.insert(0, ("token", token.casefold()))
        for scope, scope_id in asked:
            entries = self._entries.get((operator_id, scope, scope_id))
            if not entries:
                continue
            number = bisect_right(entries, at, key=_since)
            if number and (price := entries[number - 1].price) is not None:
                return price
        return None

    def history(self, operator_id: str) -> list[PriceEntry]:
        """All entries of an operator, by scope, the oldest first."""
        return [
            entry
            for (owner, _, _), entries in sorted(self._entries.items())
            if owner == operator_id
            for entry in entries
        ]


def _since(entry: PriceEntry) -> datetime:
    return entry.valid_from
