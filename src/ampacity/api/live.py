"""The live feed of a site: a snapshot, then only what changes, encoded once for all who watch.

Sequence. Each message carries `seq`; a delta holds what changed since `seq - 1`. Whoever sees a gap asks for
a snapshot (any text frame), and whoever reads too slowly is given one: his queue is thrown away, never
lengthened. A site nobody watches costs nothing.

Changes are gathered for `interval_s` of wall time, so that a fast simulated site does not flood a browser.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from ..model.live import LiveDelta, LiveSnapshot, SiteView
from .context import SiteRuntime

_encoder = msgspec.json.Encoder()


def difference(old: SiteView, new: SiteView, seq: int) -> LiveDelta | None:
    """What turns `old` into `new`; None where a delta can't say it (the site was rebuilt) and a snapshot
    must.
    """
    same_build = (
        (old.name, old.voltage_v, old.speed, old.demo) == (new.name, new.voltage_v, new.speed, new.demo)
        and [c.circuit_id for c in old.circuits] == [c.circuit_id for c in new.circuits]
        and [(e.station_id, e.evse_id) for e in old.evses] == [(e.station_id, e.evse_id) for e in new.evses]
    )
    if not same_build:
        return None
    return LiveDelta(
        seq=seq,
        at=new.at,
        strategy=new.strategy,
        overloaded=new.overloaded,
        base_power_w=new.base_power_w,
        ev_power_w=new.ev_power_w,
        limit_power_w=new.limit_power_w,
        mode=new.mode,
        mode_reason=new.mode_reason,
        mode_by=new.mode_by,
        mode_since=new.mode_since,
        circuits=tuple(now for was, now in zip(old.circuits, new.circuits, strict=True) if was != now),
        evses=tuple(now for was, now in zip(old.evses, new.evses, strict=True) if was != now),
    )


class Watcher:
    """One client of a feed. `receive()` gives what to send it next."""

    def __init__(self, feed: LiveFeed, limit: int) -> None:
        self._feed = feed
        self._limit = limit
        self._frames: deque[str] = deque()
        self._behind = True  # the first message is a snapshot
        self._ready = asyncio.Event()
        self._ready.set()

    def offer(self, frame: str) -> None:
        """Queue a delta, or, when too many wait already, drop them all for a snapshot."""
        if self._behind:
            return
        if len(self._frames) >= self._limit:
            self.resync()
            return
        self._frames.append(frame)
        self._ready.set()

    def resync(self) -> None:
        """Forget what waits: the next message is a snapshot."""
        self._frames.clear()
        self._behind = True
        self._ready.set()

    async def receive(self) -> str:
        """The next message, when there is one."""
        await self._ready.wait()
        if self._behind:
            self._behind = False
            self._ready.clear()
            return self._feed.snapshot()
        frame = self._frames.popleft()
        if not self._frames:
            self._ready.clear()
        return frame


class LiveFeed:
    """All who watch one site."""

    def __init__(self, runtime: SiteRuntime, *, interval_s: float, queue: int) -> None:
        self._runtime = runtime
        self._interval_s = interval_s
        self._queue = queue
        self._seq = 0
        self._view = runtime.view()
        self._snapshot: str | None = None
        self._watchers: set[Watcher] = set()
        self._end: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def join(self) -> Watcher:
        """A new client, in step with the site as it is now."""
        if self._end is None:
            self._end = self._runtime.on_change(self._changed)
        self._publish()
        watcher = Watcher(self, self._queue)
        self._watchers.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """The client is gone."""
        self._watchers.discard(watcher)
        if not self._watchers:
            self.close()

    def close(self) -> None:
        """Stop following the site."""
        if self._end is not None:
            self._end()
            self._end = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def snapshot(self) -> str:
        """The whole view as of the last message that went out."""
        if self._snapshot is None:
            self._snapshot = _encoder.encode(LiveSnapshot(seq=self._seq, site=self._view)).decode()
        return self._snapshot

    def _changed(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval_s, self._publish)

    def _publish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        view = self._runtime.view()
        if view == self._view:
            return
        self._seq += 1
        delta = difference(self._view, view, self._seq)
        self._view = view
        self._snapshot = None
        frame = None if delta is None else _encoder.encode(delta).decode()
        for watcher in self._watchers:
            if frame is None:
                watcher.resync()
            else:
                watcher.offer(frame)


class LiveFeeds:
    """The feeds of a node, made when somebody first watches a site."""

    def __init__(self, *, interval_s: float, queue: int) -> None:
        self._interval_s = interval_s
        self._queue = queue
        self._feeds: dict[str, tuple[SiteRuntime, LiveFeed]] = {}

    def of(self, runtime: SiteRuntime) -> LiveFeed:
        """The feed of a site; a new one when the site's runtime was replaced."""
        site_id = runtime.site.site_id
        known = self._feeds.get(site_id)
        if known is not None and known[0] is runtime:
            return known[1]
        if known is not None:
            known[1].close()
        feed = LiveFeed(runtime, interval_s=self._interval_s, queue=self._queue)
        self._feeds[site_id] = (runtime, feed)
        return feed
