"""What a station takes at once: a list of items cut into pages. Pure.

2.x names two limits of a message: how many items it may carry (ItemsPerMessage) and how many bytes it may
have (BytesPerMessage); B05.FR.11, B06.FR.05, N04.FR.09 and N06.FR.04 forbid to pass them. One message never
names the same thing twice (B05.FR.13).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from msgspec import Struct

from .vocabulary import Outcome

T = TypeVar("T")

FRAME_BYTES = 120
"""What surrounds the items: the frame's head with a message id of 36 characters, and the list's name."""


class PageLimits(Struct, frozen=True):
    """Most items and most bytes of one message; None: the station names none."""

    items: int | None = None
    bytes: int | None = None


def pages(
    things: Sequence[T],
    limits: PageLimits,
    size: Callable[[T], int],
    name: Callable[[T], Hashable],
) -> tuple[tuple[T, ...], ...]:
    """`things` in order, as few pages as the limits allow. `size` is an item's bytes in the message, `name`
    what must be once in a page. An item that is too large alone goes alone: the station shall say so.
    """
    most = max(limits.items, 1) if limits.items is not None else None
    room = None if limits.bytes is None else limits.bytes - FRAME_BYTES
    made: list[tuple[T, ...]] = []
    page: list[T] = []
    names: set[Hashable] = set()
    used = 0
    for thing in things:
        more = size(thing) + 1 if room is not None else 0
        full = (most is not None and len(page) >= most) or (room is not None and used + more > room)
        if page and (full or name(thing) in names):
            made.append(tuple(page))
            page, names, used = [], set(), 0
        page.append(thing)
        names.add(name(thing))
        used += more
    if page:
        made.append(tuple(page))
    return tuple(made)


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of all pages as one: what each item became, and the first page's trouble, if any."""
    if len(outcomes) == 1:
        return outcomes[0]
    data = [item for outcome in outcomes for item in outcome.data or ()]
    trouble = next((outcome for outcome in outcomes if not outcome.accepted), None)
    if trouble is None:
        return Outcome(result="accepted", status="Accepted", data=data)
    some = any(outcome.accepted for outcome in outcomes)
    return Outcome(
        result=trouble.result,
        status="Partial" if some else trouble.status,
        detail=trouble.detail,
        data=data,
    )
