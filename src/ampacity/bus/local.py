"""The bus of one process: events to whoever subscribed, requests to the one who serves an address.

An event handler is a plain function that returns at once; one that fails is logged and never hurts the
publisher or the other subscribers.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from msgspec import Struct

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Struct)
Handler = Callable[[Any], None]
Responder = Callable[[Any], Awaitable[Any]]


class NoResponder(Exception):
    """Nobody serves this address now (for a station: no socket holds it)."""

    def __init__(self, address: str) -> None:
        super().__init__(f"nobody answers at {address!r}")
        self.address = address


class Bus(Protocol):
    """What the rooms see of the bus."""

    def publish(self, event: Struct) -> None:
        """Hand `event` to each subscriber of its type, in the order of subscription."""
        ...

    def hears(self, kind: type[Struct]) -> bool:
        """Whether anybody subscribes to events of this type: who publishes thousands a second asks before it
        makes one.
        """
        ...

    def subscribe(self, kind: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        """Call `handler` with each event of exactly this type. Returns the function that ends it."""
        ...

    async def request(self, address: str, message: Any) -> Any:
        """Ask the one who serves `address`. Raises NoResponder, or whatever the responder raises."""
        ...

    def serve(self, address: str, responder: Responder) -> Callable[[], None]:
        """Answer requests to `address`; a later server of it replaces an earlier one. Returns the function
        that ends it.
        """
        ...


class LocalBus:
    """`Bus` within one event loop."""

    def __init__(self) -> None:
        self._handlers: dict[type[Struct], list[Handler]] = {}
        self._responders: dict[str, Responder] = {}

    def publish(self, event: Struct) -> None:
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                handler(event)
            except Exception:
                log.exception("a subscriber of %s failed", type(event).__name__)

    def hears(self, kind: type[Struct]) -> bool:
        return bool(self._handlers.get(kind))

    def subscribe(self, kind: type[E], handler: Callable[[E], None]) -> Callable[[], None]:
        handlers = self._handlers.setdefault(kind, [])
        handlers.append(handler)

        def end() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return end

    async def request(self, address: str, message: Any) -> Any:
        responder = self._responders.get(address)
        if responder is None:
            raise NoResponder(address)
        return await responder(message)

    def serve(self, address: str, responder: Responder) -> Callable[[], None]:
        self._responders[address] = responder

        def end() -> None:
            # A newer socket may have taken the address over: its responder stays.
            if self._responders.get(address) is responder:
                del self._responders[address]

        return end
