"""The bus of one process: events reach all, requests reach the newest server of an address."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from msgspec import Struct

from ampacity.bus import LocalBus, NoResponder


class Rang(Struct):
    bell: int


class LoudlyRang(Rang):
    """A kind of its own: subscribers of its base don't get it."""


def test_events_reach_their_subscribers_in_order() -> None:
    bus, heard = LocalBus(), []
    bus.subscribe(Rang, lambda event: heard.append(("first", event.bell)))
    bus.subscribe(Rang, lambda event: heard.append(("second", event.bell)))
    bus.publish(Rang(1))
    bus.publish(LoudlyRang(2))
    assert heard == [("first", 1), ("second", 1)]


def test_a_subscriber_that_fails_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = LocalBus(), []

    def fail(event: Rang) -> None:
        raise RuntimeError("deaf")

    bus.subscribe(Rang, fail)
    bus.subscribe(Rang, heard.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(Rang(1))
    assert heard == [Rang(1)]
    assert "a subscriber of Rang failed" in caplog.text


def test_a_subscription_ends_once_and_for_all() -> None:
    bus, heard = LocalBus(), []
    end = bus.subscribe(Rang, heard.append)
    other = bus.subscribe(Rang, lambda event: end())
    bus.publish(Rang(1))
    end()
    bus.publish(Rang(2))
    other()
    assert heard == [Rang(1)]


def test_a_subscriber_of_this_very_event_waits_for_the_next() -> None:
    bus, heard = LocalBus(), []
    bus.subscribe(Rang, lambda event: bus.subscribe(Rang, heard.append) and None)
    bus.publish(Rang(1))
    assert heard == []
    bus.publish(Rang(2))
    assert heard == [Rang(2)]


async def answer(name: str) -> Any:
    async def respond(message: Any) -> tuple[str, Any]:
        if message == "fail":
            raise LookupError(name)
        return name, message

    return respond


async def test_requests_reach_the_newest_server() -> None:
    bus = LocalBus()
    with pytest.raises(NoResponder, match="'door'"):
        await bus.request("door", "knock")
    end_old = bus.serve("door", await answer("old"))
    assert await bus.request("door", "knock") == ("old", "knock")
    end_new = bus.serve("door", await answer("new"))
    assert await bus.request("door", "knock") == ("new", "knock")
    end_old()  # a socket that was replaced leaves: the newer one stays
    assert await bus.request("door", "knock") == ("new", "knock")
    with pytest.raises(LookupError, match="new"):
        await bus.request("door", "fail")
    end_new()
    end_new()
    with pytest.raises(NoResponder):
        await bus.request("door", "knock")
