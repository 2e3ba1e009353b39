"""How many bytes of messages the whole gateway holds, in both directions, and who waits for them to go.

A bound for each station is none for ten thousand of them. What counts are messages that were read and wait to
be handled, and frames that a station does not take. Above the limit whoever holds something is not read
(`wait`), until three quarters of the limit are reached.
"""

from __future__ import annotations

from collections.abc import Callable

_LOW_SHARE = 0.75


class Budget:
    """Counts bytes against `limit`."""

    def __init__(self, limit: int) -> None:
        self.held = 0
        self._limit = limit
        self._waiting: list[Callable[[], None]] = []

    @property
    def over(self) -> bool:
        """Whether more is held than may be."""
        return self.held > self._limit

    def move(self, count: int) -> None:
        """`count` bytes more are held, or less."""
        self.held += count
        if self._waiting and self.held <= self._limit * _LOW_SHARE:
            waiting, self._waiting = self._waiting, []
            for go_on in waiting:
                go_on()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call `go_on`, once, when there is room again."""
        self._waiting.append(go_on)
