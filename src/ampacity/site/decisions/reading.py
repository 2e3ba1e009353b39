"""Finds a moment in the log, and goes through a span of it. Called in a reader thread of the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from ...model.site import Site
from ...store import decisions
from .chain import ChainBroken, Reader
from .columns import Moment

STANDS_S = 30.0
"""A tick stands for so long after it at most: they come each second, and one that is older means that nobody
decided, or that it was not kept."""


class NothingKept(LookupError):
    """The log knows nothing of that time. Its message says what it does know."""


class Chain(NamedTuple):
    """A chain that can be read, and the site as it was built then."""

    begun: datetime
    reader: Reader
    site: Site


class Logged:
    """The log of one site, over a connection for reading."""

    def __init__(self, connection: Connection, operator_id: str, site_id: str) -> None:
        self._connection = connection
        self._operator_id = operator_id
        self._site_id = site_id
        self._sites: dict[str, Site | None] = {}

    def site(self) -> Site:
        """The site as the newest chain knows it. NothingKept where there is none."""
        span = decisions.span(self._connection, self._operator_id, self._site_id)
        chain = None if span is None else self.chain(span[1])
        if chain is None:
            raise NothingKept(
                f"nothing is kept of site {self._site_id!r}: nothing was decided yet, "
                "or longer ago than retention.decision_days"
            )
        return chain.site

    def span(self) -> tuple[datetime, datetime]:
        """From when to when something is kept. NothingKept where nothing is."""
        span = decisions.span(self._connection, self._operator_id, self._site_id)
        if span is None:
            self.site()
            raise AssertionError
        first, last = span
        chain = self.chain(last)
        if chain is not None:
            for link in chain.reader.links():
                last = datetime.fromtimestamp(link.epoch_s, UTC)
        return first, last

    def chain(self, at: datetime) -> Chain | None:
        """The chain that had begun last at `at`. None where none had; raises ChainBroken."""
        pieces = decisions.chain_at(self._connection, self._operator_id, self._site_id, at)
        if not pieces:
            return None
        begun = pieces[0].chain
        bodies = [piece.body for number, piece in enumerate(pieces) if piece.number == number]
        if not bodies:
            raise ChainBroken(f"the chain of {begun.isoformat()} has lost its first piece")
        reader = Reader(begun, bodies)
        site = self._site(reader.head.site)
        if site is None:
            raise ChainBroken(f"how site {self._site_id!r} was built at {begun.isoformat()} is not kept")
        return Chain(begun, reader, site)

    def _site(self, digest: str) -> Site | None:
        if digest not in self._sites:
            kept: Any = decisions.site_of(self._connection, self._operator_id, self._site_id, digest)
            self._sites[digest] = None if kept is None else msgspec.convert(kept, Site)
        return self._sites[digest]

    def at(self, at: datetime) -> Moment:
        """The last tick at or before `at`. NothingKept where there is none within `STANDS_S`."""
        chain = self.chain(at)
        found: Moment | None = None
        wanted = at.timestamp()
        if chain is not None and deque(chain.reader.links(wanted), maxlen=1):
            found = chain.reader.moment(chain.site)
        if found is None or wanted - found.epoch_s > STANDS_S:
            raise NothingKept(self._unknown(at, found))
        return found

    def _unknown(self, at: datetime, found: Moment | None) -> str:
        first, last = self.span()
        text = f"nothing is kept of {at.isoformat(timespec='seconds')} at site {self._site_id!r}"
        if found is None or at > last:
            return f"{text}: the log reaches from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
        before = datetime.fromtimestamp(found.epoch_s, UTC)
        return f"{text}: the controller stood still, the tick before was at {before:%Y-%m-%d %H:%M:%S} UTC"

    def chains(self, start: datetime, end: datetime) -> Iterator[Chain]:
        """All chains that have something of the span from `start` to `end`, the last first."""
        at = end
        while True:
            chain = self.chain(at)
            if chain is None:
                return
            yield chain
            if chain.begun <= start:
                return
            at = chain.begun - timedelta(microseconds=1)
