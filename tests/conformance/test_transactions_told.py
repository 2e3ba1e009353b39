"""What becomes of what stations tell: late, repeated, shuffled, half lost, with wrong clocks and odd meters.

Each scenario is played by a double in the words of the version, and read over the HTTP API. One node serves
them all; a station's name is its own.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from .double import CallError, Double
from .product import Product, running
from .speech import Message, Speech, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")
VERSIONS = ["1.6", "2.0.1", "2.1"]
each_version = pytest.mark.parametrize("version", VERSIONS)
_names = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    async with running(tmp_path_factory.mktemp("node")) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"CP{next(_names)}"


async def say(double: Double, message: Message, *, faulty: bool = False) -> dict[str, Any]:
    return await double.call(*message, faulty=faulty)


async def start(
    product: Product, double: Double, words: Speech, at: float, register_wh: int = 1_000, evse_id: int = 1
) -> None:
    words.started(await say(double, words.start(evse_id, "CAFE01", register_wh, product.at(at))))


def told_values(words: Speech, at: str, items: list[dict[str, Any]]) -> Message:
    """A value message of the transaction with these sampled values, written as 2.x writes them."""
    action, payload = words.meter(0, 0, at)
    if words.version == "1.6":
        items = [_in_16(item) for item in items]
    payload["meterValue"] = [{"timestamp": at, "sampledValue": items}]
    return action, payload


def _in_16(item: dict[str, Any]) -> dict[str, Any]:
    unit = item.get("unitOfMeasure", {})
    rest = {name: value for name, value in item.items() if name != "unitOfMeasure"}
    value = item["value"] * 10 ** unit.get("multiplier", 0)
    return rest | {"value": f"{value:g}"} | ({"unit": unit["unit"]} if "unit" in unit else {})


def unit(name: str, multiplier: int = 0) -> dict[str, Any]:
    return {"unit": name} | ({"multiplier": multiplier} if multiplier else {})


# ---------------------------------------------------------------- late, repeated, reordered


async def offline_charge(
    product: Product, double: Double, words: Speech, order: random.Random | None
) -> None:
    """A charge of five to three hours ago, told now: 1000 -> 9000 Wh."""
    await start(product, double, words, -5 * 3600)
    rest = [words.meter(1_000 + 1_000 * n, 7_000, product.at(-5 * 3600 + 900 * n)) for n in range(1, 8)]
    rest.append(words.stop(9_000, product.at(-3 * 3600)))
    if order is not None:
        order.shuffle(rest)
    for message in rest:
        if words.version != "1.6":
            message[1]["offline"] = True
        await say(double, message)


@each_version
@pytest.mark.parametrize("order", [None, 1, 2, 3, 4])
async def test_a_charge_that_is_told_hours_late_in_any_order_is_the_charge_that_was(
    product: Product, name: str, version: str, order: int | None
) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await offline_charge(product, double, words, None if order is None else random.Random(order))
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"], row["stop_reason"]) == ("ended", 8_000.0, "EVDisconnected")
    assert (row["token"], row["evse_id"], row["missing"]) == ("CAFE01", 1, None)
    assert row["offline"] == (version != "1.6")
    assert (row["started_at"] < row["ended_at"], row["clock_correction_s"]) == (True, None)
    registers = await product.series(row["transaction_id"], "Energy.Active.Import.Register")
    assert [value for _, value in registers] == [1_000.0 * n for n in range(1, 10)]


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_start_that_comes_last_of_all_is_still_the_start(
    product: Product, name: str, version: str, seed: int
) -> None:
    words = speech(version, name)
    messages = [words.start(1, "CAFE01", 1_000, product.at(-600))]
    messages += [words.meter(1_000 + n, 7_000, product.at(-600 + n)) for n in range(1, 6)]
    messages.append(words.stop(2_000, product.at(-500)))
    first = messages.pop(0)
    random.Random(seed).shuffle(messages)
    async with product.station(name, version) as double:
        for message in (*messages, first):
            await say(double, message)
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"], row["token"]) == ("ended", 1_000.0, "CAFE01")
    assert (row["register_start_wh"], row["missing"]) == (1_000.0, None)


@each_version
async def test_what_is_told_again_and_again_counts_once(product: Product, name: str, version: str) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        first = words.start(1, "CAFE01", 1_000, product.at(-60))
        answers = [await say(double, first) for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]
        words.started(answers[0])
        for message in (
            words.meter(2_000, 7_000, product.at(-50)),
            words.meter(3_000, 7_000, product.at(-40)),
            words.stop(4_000, product.at(-30)),
        ):
            same = [await say(double, message) for _ in range(3)]
            assert same[0] == same[1] == same[2]
        assert await say(double, first) == answers[0]
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"]) == ("ended", 3_000.0)
    assert len(await product.series(row["transaction_id"], "Power.Active.Import")) == 2


@each_version
async def test_a_value_that_comes_after_the_end_changes_nothing_but_the_series(
    product: Product, name: str, version: str
) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await start(product, double, words, -60)
        late = words.meter(2_000, 7_000, product.at(-50))
        await say(double, words.stop(4_000, product.at(-30)))
        assert (await product.transaction(name))["missing"] == (None if version == "1.6" else "1")
        await say(double, late)
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"], row["missing"]) == ("ended", 3_000.0, None)
    assert len(await product.series(row["transaction_id"], "Power.Active.Import")) == 1


# ---------------------------------------------------------------- starts and ends that don't fit


@each_version
async def test_an_end_of_a_transaction_that_nobody_knows_is_taken_and_kept(
    product: Product, name: str, version: str
) -> None:
    words = speech(version, name)
    words.started({"transactionId": 2_000_000_007})
    if version != "1.6":
        words.start(1, "CAFE01", 0, product.at())
    async with product.station(name, version) as double:
        await say(double, words.stop(4_000, product.at(-30)))
    row = await product.transaction(name)
    assert (row["state"], row["station_transaction_id"]) == ("ended", words.wire_id)
    assert row["energy_wh"] == 0.0


@pytest.mark.parametrize("wire_id", [0, -1])
async def test_stops_of_transactions_that_never_got_an_id_are_one_each(
    product: Product, name: str, wire_id: int
) -> None:
    async with product.station(name) as double:
        for number in (1, 2):
            stop = {
                "transactionId": wire_id,
                "meterStop": 1_000 * number,
                "timestamp": product.at(-60 * number),
            }
            for _ in range(2):
                await say(double, ("StopTransaction", stop))
        values = {"timestamp": product.at(), "sampledValue": [{"value": "5000"}]}
        await say(
            double, ("MeterValues", {"connectorId": 1, "transactionId": wire_id, "meterValue": [values]})
        )
    rows = await product.transactions(name)
    assert [row["state"] for row in rows] == ["ended", "ended"]
    assert len({row["station_transaction_id"] for row in rows}) == 2


async def test_a_start_whose_answer_was_lost_gets_the_same_id_which_is_never_0(
    product: Product, name: str
) -> None:
    begin = {"connectorId": 1, "idTag": "CAFE01", "meterStart": 5, "timestamp": product.at(-20)}
    ids = set()
    for _ in range(3):
        async with product.station(name) as double:
            # Told twice at once: whether an answer comes is the line's luck.
            both = await asyncio.gather(*(say(double, ("StartTransaction", begin)) for _ in range(2)))
            ids |= {answer["transactionId"] for answer in both}
    [wire_id] = ids
    assert wire_id > 0
    row = await product.transaction(name)
    assert (row["station_transaction_id"], row["state"]) == (str(wire_id), "open")


async def test_the_id_of_a_start_is_the_same_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("restart")
    ids = set()
    begin: dict[str, Any] = {}
    for _ in range(2):
        async with running(folder) as again, again.station("CP1") as double:
            begin = begin or {"connectorId": 1, "idTag": "C", "meterStart": 5, "timestamp": again.at(-20)}
            ids.add((await say(double, ("StartTransaction", begin)))["transactionId"])
    assert len(ids) == 1


@each_version
async def test_two_evses_of_a_station_charge_at_once_and_are_not_mixed_up(
    product: Product, name: str, version: str
) -> None:
    both = [speech(version, f"{name}-{n}") for n in (1, 2)]
    async with product.station(name, version) as double:
        for number, words in enumerate(both, 1):
            words.started(
                await say(double, words.start(number, f"CAFE0{number}", 1_000 * number, product.at(-60)))
            )
        for step in (1, 2):
            for number, words in enumerate(both, 1):
                await say(double, words.meter(1_000 * number + 100 * number * step, 7_000, product.at(step)))
        await say(double, both[0].stop(1_500, product.at(5)))
    rows = {row["evse_id"]: row for row in await product.transactions(name)}
    assert (rows[1]["state"], rows[1]["energy_wh"], rows[1]["token"]) == ("ended", 500.0, "CAFE01")
    assert (rows[2]["state"], rows[2]["energy_wh"], rows[2]["token"]) == ("open", 400.0, "CAFE02")


# ---------------------------------------------------------------- reboots and lost power


@each_version
async def test_a_transaction_goes_on_over_a_reboot(product: Product, name: str, version: str) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await start(product, double, words, -60)
        await say(double, words.meter(2_000, 7_000, product.at(-50)))
    async with product.station(name, version) as double:
        await say(double, words.boot("V", "M"))
        await say(double, words.meter(3_000, 7_000, product.at(-40)))
        await say(double, words.stop(4_000, product.at(-30)))
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"]) == ("ended", 3_000.0)


@each_version
async def test_a_new_transaction_after_a_reboot_closes_the_old_one_and_its_late_end_corrects_that(
    product: Product, name: str, version: str
) -> None:
    old, new = speech(version, f"{name}-old"), speech(version, f"{name}-new")
    async with product.station(name, version) as double:
        await start(product, double, old, -600)
        await say(double, old.meter(2_000, 7_000, product.at(-500)))
    async with product.station(name, version) as double:
        await say(double, old.boot("V", "M"))
        await start(product, double, new, -400, register_wh=2_500)
        rows = await product.transactions(name)
        assert [(row["state"], row["stop_reason"]) for row in rows] == [
            ("ended", "NotReported"),
            ("open", None),
        ]
        assert rows[0]["energy_wh"] == 1_000.0
        await say(double, old.stop(2_500, product.at(-450)))
        rows = await product.transactions(name)
        assert (rows[0]["stop_reason"], rows[0]["energy_wh"]) == ("EVDisconnected", 1_500.0)
        assert rows[1]["state"] == "open"


@each_version
async def test_an_end_for_lost_power_is_told_when_power_is_back(
    product: Product, name: str, version: str
) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await start(product, double, words, -7_200)
        await say(double, words.meter(2_000, 7_000, product.at(-7_000)))
    async with product.station(name, version) as double:
        await say(double, words.boot("V", "M"))
        action, payload = words.stop(2_100, product.at(-6_900))
        if version == "1.6":
            payload["reason"] = "PowerLoss"
        else:
            payload["transactionInfo"]["stoppedReason"] = "PowerLoss"
            payload["offline"] = True
        await say(double, (action, payload))
    row = await product.transaction(name)
    assert (row["stop_reason"], row["energy_wh"]) == ("PowerLoss", 1_100.0)


# ---------------------------------------------------------------- clocks


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


CLOCKS = {
    # name: (error in seconds at a time, expected correction, within)
    "an hour ahead": (lambda t: 3_600.0, -3_600.0),
    "an hour behind": (lambda t: -3_600.0, 3_600.0),
    "at the year 2000": (lambda t: -26 * 365.25 * 86_400, 26 * 365.25 * 86_400),
    "drifting by two seconds a minute": (lambda t: 30.0 + t / 30.0, None),
    "right": (lambda t: 0.0, 0.0),
}


@each_version
@pytest.mark.parametrize("clock", CLOCKS)
async def test_times_of_a_clock_that_is_wrong_are_corrected_and_that_is_said(
    product: Product, name: str, version: str, clock: str
) -> None:
    wrong, correction_s = CLOCKS[clock]
    words = speech(version, name)
    began = product.at()
    async with product.station(name, version) as double:
        await start(product, double, words, wrong(0.0))
        for minute in range(1, 11):
            product.leap(60.0)
            at = product.at(wrong(60.0 * minute))
            await say(double, words.meter(1_000 + 100 * minute, 6_000, at))
        product.leap(60.0)
        await say(double, words.stop(2_200, product.at(wrong(660.0))))
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"]) == ("ended", 1_200.0)
    assert abs(seconds_between(began, row["started_at"])) < 60.0
    assert abs(seconds_between(began, row["ended_at"]) - 660.0) < 30.0
    told = row["clock_correction_s"]
    if correction_s == 0.0:
        assert told is None
    else:
        assert told is not None
        assert correction_s is None or told == pytest.approx(correction_s, rel=1e-3, abs=20.0)
    power = await product.series(row["transaction_id"], "Power.Active.Import")
    # Until the error is known a slow clock is believed: its first values keep the times it told.
    known = [at for at, _ in power][-7:]
    assert known == sorted(known)
    assert product.now.timestamp() - 60.0 - known[-1] < 30.0


@each_version
async def test_a_clock_that_jumps_back_does_not_hold_the_register(
    product: Product, name: str, version: str
) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await start(product, double, words, 0)
        for minute in range(1, 11):
            product.leap(60.0)
            wrong = -7_200.0 if minute > 4 else 0.0
            await say(double, words.meter(1_000 + 100 * minute, 6_000, product.at(wrong)))
        row = await product.transaction(name)
        assert row["energy_wh"] == 1_000.0
        assert row["clock_correction_s"] == pytest.approx(7_200.0, abs=5.0)


# ---------------------------------------------------------------- meters


INTERVAL = {"measurand": "Energy.Active.Import.Interval"}
EXPORTED = {"measurand": "Energy.Active.Export.Register"}
IN_THE_CAR = {"location": "EV"}


@each_version
@pytest.mark.parametrize(
    ("case", "told", "energy_wh"),
    [
        ("a register in kWh among ones in Wh", [[(2.5, "kWh", {})], [(3_000, "Wh", {})]], 2_000.0),
        ("phases only", [[(1_000, "Wh", {"phase": f"L{n}"}) for n in (1, 2, 3)]], 2_000.0),
        ("an interval is no register", [[(2_000, "Wh", {}), (9, "Wh", INTERVAL)]], 1_000.0),
        ("a register that is told as 0 once", [[(2_000, "Wh", {})], [(0, "Wh", {})]], 1_000.0),
        ("the car's own meter is not ours", [[(2_000, "Wh", {}), (7_777, "Wh", IN_THE_CAR)]], 1_000.0),
        ("exported energy is not imported", [[(2_000, "Wh", {}), (9_000, "Wh", EXPORTED)]], 1_000.0),
    ],
)  # fmt: skip
async def test_what_counts_as_the_register(
    product: Product, name: str, version: str, case: str, told: list[Any], energy_wh: float
) -> None:
    words = speech(version, name)
    async with product.station(name, version) as double:
        await start(product, double, words, -60)
        for number, items in enumerate(told):
            sampled = [{"value": value, "unitOfMeasure": unit(base)} | more for value, base, more in items]
            await say(double, told_values(words, product.at(-50 + number), sampled))
    assert (await product.transaction(name))["energy_wh"] == energy_wh, case


async def test_values_outside_of_any_transaction_are_the_evse_s(product: Product, name: str) -> None:
    async with product.station(name) as double:
        values = {"timestamp": product.at(-5), "sampledValue": [{"value": "5000"}]}
        for _ in range(2):
            await say(double, ("MeterValues", {"connectorId": 1, "meterValue": [values]}))
    assert await product.transactions(name) == []


@each_version
async def test_numbers_beyond_all_bounds_are_answered_and_nobody_else_suffers(
    product: Product, name: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    words = speech(version, name)
    huge = 10**30
    codes = set()
    async with product.station(name, version) as double:
        if version == "1.6":
            at = product.at()
            start_ = {"connectorId": 1, "idTag": "C", "meterStart": huge, "timestamp": at}
            poison = [
                ("StartTransaction", start_),
                ("StartTransaction", start_ | {"connectorId": huge}),
                ("StopTransaction", {"transactionId": huge, "meterStop": huge, "timestamp": at}),
                (
                    "StopTransaction",
                    {"transactionId": 3, "meterStop": -huge, "timestamp": "9999-12-31T23:59:59Z"},
                ),
                (
                    "StopTransaction",
                    {"transactionId": 4, "meterStop": 1, "timestamp": "0001-01-01T00:00:00+14:00"},
                ),
            ]
        else:
            poison = []
            for change in (
                {"seqNo": huge},
                {"timestamp": "9999-12-31T23:59:59Z"},
                {"timestamp": "0001-01-01T00:00:00+14:00"},
                {"evse": {"id": huge}},
                {"numberOfPhasesUsed": huge},
                {"meterValue": [{"timestamp": product.at(), "sampledValue": [{"value": 1e308}]}]},
            ):
                action, payload = words.meter(1, 1, product.at())
                poison.append((action, payload | change))
        for message in poison:
            for _ in range(2):
                try:
                    await say(double, message, faulty=True)
                except CallError as refused:
                    codes.add(refused.code)
    async with product.station(f"{name}-other", version) as double:
        words = speech(version, f"{name}-other")
        await start(product, double, words, -60)
        await say(double, words.stop(4_000, product.at(-30)))
    assert (await product.transaction(f"{name}-other"))["energy_wh"] == 3_000.0
    assert "InternalError" not in codes
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_wrong_clock_is_known_again_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("clocks")
    words = speech("1.6", "T")
    wrong = -7_200.0
    async with running(folder) as before, before.station("CP1") as double:
        await start(before, double, words, wrong)
        for number in range(1, 7):
            before.leap(10.0)
            await say(double, words.meter(1_000 + number, 7_000, before.at(wrong)))
        assert (await before.transaction("CP1"))["clock_correction_s"] == pytest.approx(7_200.0, abs=5.0)
    async with running(folder) as after, after.station("CP1") as double:
        after.leap(120.0)
        began = after.at()
        await say(double, words.stop(2_000, after.at(wrong)))
        row = await after.transaction("CP1")
        assert abs(seconds_between(began, row["ended_at"])) < 5.0


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_charge_recorded_before_the_clock_was_set_keeps_its_energy(
    product: Product, name: str, version: str
) -> None:
    words = speech(version, name)
    messages = [words.start(1, "CAFE01", 1_000, "2000-01-01T00:00:10Z")]
    messages += [words.meter(1_000 * n, 7_000, f"2000-01-01T00:{10 * n}:10Z") for n in (2, 3)]
    messages += [words.stop(5_000, "2000-01-01T00:50:10Z")]
    began = product.at()
    async with product.station(name, version) as double:
        await say(double, words.status(1, "Available", product.at()))
        for message in messages:
            message[1]["offline"] = True
            await say(double, message)
    row = await product.transaction(name)
    assert (row["state"], row["energy_wh"], row["missing"]) == ("ended", 4_000.0, None)
    for time in (row["started_at"], row["ended_at"]):
        assert abs(seconds_between(began, time)) < 5.0
    assert row["clock_correction_s"] > 800_000_000.0
