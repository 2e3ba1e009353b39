"""Transactions that a station forgot, and messages that it lost: closed by rule, asked for, and put right
when the station itself has more to say. Hours pass in no time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .double import Double
from .product import Product, running
from .speech import Speech, speech

VERSIONS = ["1.6", "2.0.1", "2.1"]
ASKED = ["2.0.1", "2.1"]
HOUR, DAY = 3_600.0, 86_400.0


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with running(tmp_path, oversee_every_s=30.0) as made:
        yield made


async def say(double: Double, message: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return await double.call(*message)


async def begin(product: Product, double: Double, words: Speech) -> None:
    """A transaction at 1000 Wh that has come to 3000 Wh."""
    words.started(await say(double, words.start(1, "CAFE01", 1_000, product.at())))
    await say(double, words.meter(3_000, 7_000, product.at(1)))


async def closed(product: Product, station_id: str) -> dict[str, Any]:
    page = await product.until(
        lambda page: page["items"] and page["items"][-1]["state"] == "ended",
        "/transactions",
        station_id=station_id,
    )
    row: dict[str, Any] = page["items"][-1]
    return row


async def audited(product: Product, action: str) -> list[dict[str, Any]]:
    page = await product.until(
        lambda page: any(item["action"] == action and item["outcome"] for item in page["items"]), "/audit"
    )
    return [item for item in page["items"] if item["action"] == action]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_is_never_heard_of_again_holds_its_transaction_no_longer_than_the_rule(
    product: Product, version: str
) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        await begin(product, double, words)
    product.leap(90 * HOUR)
    product.leap(31.0)
    assert (await product.transaction("CP1"))["state"] == "open"
    product.leap(10 * HOUR)
    row = await closed(product, "CP1")
    assert (row["stop_reason"], row["energy_wh"]) == ("NotReportedSilent", 2_000.0)
    [deed] = await audited(product, "close_transaction")
    assert deed["detail"]["rule"] == "silent"
    assert "not heard of" in deed["outcome_detail"]

    # The end comes after all: it replaces ours.
    async with product.station("CP1", version) as double:
        await say(double, words.stop(5_000, product.at(-30 * HOUR)))
    row = await product.transaction("CP1")
    assert (row["stop_reason"], row["energy_wh"]) == ("EVDisconnected", 4_000.0)
    [deed] = await audited(product, "correct_end")
    assert deed["detail"]["supposed_reason"] == "NotReportedSilent"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_that_was_given_up_goes_on_when_its_station_tells_of_it(
    product: Product, version: str
) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        await begin(product, double, words)
    product.leap(100 * HOUR)
    await closed(product, "CP1")
    async with product.station("CP1", version) as double:
        await say(double, words.meter(9_000, 7_000, product.at()))
        row = await product.transaction("CP1")
        assert (row["state"], row["stop_reason"], row["energy_wh"]) == ("open", None, 8_000.0)
        await audited(product, "reopen_transaction")
        await say(double, words.stop(9_500, product.at()))
    row = await product.transaction("CP1")
    assert (row["state"], row["energy_wh"], row["stop_reason"]) == ("ended", 8_500.0, "EVDisconnected")


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_eternal_session_is_closed_when_no_energy_flows(product: Product, version: str) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": False}
        await begin(product, double, words)
        for _ in range(4):
            product.leap(8 * DAY)
            await say(double, words.meter(3_000, 0, product.at()))
        product.leap(31.0)
        row = await closed(product, "CP1")
        assert row["stop_reason"] == "NotReportedEternal"
        # That it goes on to say nothing new changes nothing; that energy flows does.
        await say(double, words.meter(3_000, 0, product.at(1)))
        assert (await product.transaction("CP1"))["state"] == "ended"
        await say(double, words.meter(4_000, 7_000, product.at(2)))
        row = await product.transaction("CP1")
        assert (row["state"], row["energy_wh"]) == ("open", 3_000.0)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_zombie_on_a_free_evse_is_closed_and_a_station_that_can_be_asked_is_asked(
    product: Product, version: str
) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"ongoingIndicator": False, "messagesInQueue": False}
        await begin(product, double, words)
        product.leap(60.0)
        await say(double, words.status(1, "Available", product.at()))
        product.leap(200.0)
        assert (await product.transaction("CP1"))["state"] == "open"
        product.leap(200.0)
        if version in ASKED:
            asked = await double.wait_heard("GetTransactionStatus")
            assert asked == {"transactionId": words.wire_id}
            product.leap(60.0)
        row = await closed(product, "CP1")
        assert row["stop_reason"] == ("NotReported" if version in ASKED else "NotReportedUnplugged")
        assert row["energy_wh"] == 2_000.0


@pytest.mark.parametrize("version", ASKED)
async def test_a_station_that_says_that_it_goes_on_is_believed(product: Product, version: str) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": False}
        await begin(product, double, words)
        product.leap(60.0)
        await say(double, words.status(1, "Available", product.at()))
        product.leap(400.0)
        await double.wait_heard("GetTransactionStatus")
        product.leap(400.0)
        product.leap(31.0)
        await say(double, ("Heartbeat", {}))
        assert (await product.transaction("CP1"))["state"] == "open"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_station_that_booted_and_forgot(product: Product, version: str) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        await begin(product, double, words)
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"messagesInQueue": False}
        await say(double, words.boot("V", "M"))
        product.leap(2_000.0)
        if version in ASKED:
            await double.wait_heard("GetTransactionStatus")
            product.leap(60.0)
        row = await closed(product, "CP1")
        assert (row["stop_reason"], row["energy_wh"]) == ("NotReportedReboot", 2_000.0)


@pytest.mark.parametrize("version", ASKED)
async def test_a_gap_is_asked_for_and_filled(product: Product, version: str) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"ongoingIndicator": True, "messagesInQueue": True}
        words.started(await say(double, words.start(1, "CAFE01", 1_000, product.at())))
        lost = words.meter(2_000, 7_000, product.at(1))
        await say(double, words.meter(3_000, 7_000, product.at(2)))
        row = await product.transaction("CP1")
        assert (row["missing"], row["incomplete"]) == ("1", False)
        product.leap(70.0)
        assert await double.wait_heard("GetTransactionStatus") == {"transactionId": words.wire_id}
        await say(double, lost)
        row = await product.transaction("CP1")
        assert (row["missing"], row["incomplete"], row["energy_wh"]) == (None, False, 2_000.0)


@pytest.mark.parametrize("version", ASKED)
@pytest.mark.parametrize("ended", [False, True])
async def test_what_the_station_does_not_have_any_more_makes_the_transaction_incomplete(
    product: Product, version: str, ended: bool
) -> None:
    words = speech(version, "T")
    async with product.station("CP1", version) as double:
        double.reactions["GetTransactionStatus"] = {"messagesInQueue": False}
        words.started(await say(double, words.start(1, "CAFE01", 1_000, product.at())))
        for number in range(2):
            words.meter(2_000, 7_000, product.at(1 + number))
        if ended:
            await say(double, words.stop(3_000, product.at(4)))
        else:
            await say(double, words.meter(3_000, 7_000, product.at(4)))
        assert (await product.transaction("CP1"))["missing"] == "1-2"
        product.leap(70.0)
        page = await product.until(
            lambda page: page["items"][0]["incomplete"], "/transactions", station_id="CP1"
        )
        assert page["items"][0]["missing"] == "1-2"
        assert page["items"][0]["energy_wh"] == 2_000.0


async def test_a_gap_is_known_again_after_a_restart(tmp_path: Path) -> None:
    words = speech("2.0.1", "T")
    async with running(tmp_path) as product, product.station("CP1", "2.0.1") as double:
        words.started(await say(double, words.start(1, "CAFE01", 1_000, product.at(-120))))
        words.meter(2_000, 7_000, product.at())
        await say(double, words.stop(3_000, product.at(-60)))
        assert (await product.transaction("CP1"))["missing"] == "1"
    async with running(tmp_path, oversee_every_s=30.0) as product:
        async with product.station("CP1", "2.0.1") as double:
            double.reactions["GetTransactionStatus"] = {"messagesInQueue": False}
            await say(double, ("Heartbeat", {}))
            product.leap(70.0)
            await double.wait_heard("GetTransactionStatus")
        await product.until(lambda page: page["items"][0]["incomplete"], "/transactions", station_id="CP1")


async def test_a_station_is_not_asked_where_the_settings_say_no(tmp_path: Path) -> None:
    words = speech("2.0.1", "T")
    rules = {"patience_s": 60.0, "again_s": 60.0, "questions": 1, "give_up_s": 600.0}
    async with (
        running(tmp_path, oversee_every_s=30.0, ask_for_transactions=False, gaps=rules) as product,
        product.station("CP1", "2.0.1") as double,
    ):
        words.started(await say(double, words.start(1, "CAFE01", 1_000, product.at())))
        words.meter(2_000, 7_000, product.at())
        await say(double, words.stop(3_000, product.at(2)))
        for _ in range(12):
            product.leap(61.0)
            await say(double, ("Heartbeat", {}))
        await product.until(lambda page: page["items"][0]["incomplete"], "/transactions", station_id="CP1")
        assert double.heard == []
