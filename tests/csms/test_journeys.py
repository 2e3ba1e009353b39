"""Boot, status, start, meter, stop over real sockets in three versions:
what the store, the state and the bus hold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ampacity.model import events
from ampacity.model.station import IdToken
from ampacity.store import journal, messages, stations, tokens, transactions
from tests.conformance.double import Double, station
from tests.conformance.speech import Speech, speech

from .world import OPERATOR, World, world

VERSIONS = ["1.6", "2.0.1", "2.1"]
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
"""Lately: a station whose clock is months off is corrected (tests/conformance)."""


def at(minutes: float) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


async def say(double: Double, message: tuple[str, dict[str, Any]], **options: Any) -> dict[str, Any]:
    return await double.call(*message, **options)


async def row_of(node: World, wire_id: str, station_id: str = "CP1") -> transactions.TransactionRow:
    await node.csms.written()
    row = await node.store.read(lambda c: transactions.by_wire_id(c, OPERATOR, station_id, wire_id))
    assert row is not None
    return row


async def rows_of(node: World) -> list[transactions.TransactionRow]:
    await node.csms.written()
    return await node.store.read(lambda c: transactions.list_transactions(c, OPERATOR))


async def journal_of(node: World) -> list[journal.JournalEntry]:
    return await node.store.read(lambda c: journal.entries(c, OPERATOR))


@pytest.fixture(params=VERSIONS)
def words(request: pytest.FixtureRequest) -> Speech:
    """A station's way to speak, in each version."""
    return speech(request.param, "CP1")


async def test_a_charge_from_boot_to_stop(address: str, words: Speech) -> None:
    async with world(address) as node, station(node.port, "CP1", words.version) as double:
        boot = await say(double, words.boot("Amp Works", "Duo"))
        assert boot["status"] == "Accepted"
        assert boot["interval"] == 300
        told = datetime.fromisoformat(boot["currentTime"])
        assert abs((told - datetime.now(UTC)).total_seconds()) < 2
        state = node.csms.stations["CP1"]
        assert (state.online, state.version, state.info.vendor, state.info.model) == (
            True,
            words.version,
            "Amp Works",
            "Duo",
        )
        assert node.of(events.StationBooted)[0].info.serial == "S1"

        plugged = "Preparing" if words.version == "1.6" else "Occupied"
        assert await say(double, words.status(1, plugged, at(0))) == {}
        assert state.connectors[1, 1].reported == plugged
        assert state.evse_status(1) == plugged
        assert words.token_status(await say(double, words.authorize("CAFE01"))) == "Accepted"

        answer = await say(double, words.start(1, "CAFE01", 1_000, at(1)))
        words.started(answer)
        assert words.token_status(answer) == "Accepted"
        row = await row_of(node, words.wire_id)
        assert (row.state, row.evse_id, row.register_start_wh, row.started_at) == (
            "open",
            1,
            1_000.0,
            NOON + timedelta(minutes=1),
        )
        assert row.token == IdToken("CAFE01")
        assert state.transaction_on(1) == row
        if words.version == "1.6":
            assert await say(double, words.status(1, "Charging", at(1))) == {}
        assert state.evse_status(1) == "Charging"  # 2.x: the transaction says it
        statuses = [event.status for event in node.of(events.ConnectorChanged)]
        assert statuses == [plugged, "Charging"]

        await say(double, words.meter(2_500, 6_900, at(15)))
        changed = node.of(events.TransactionChanged)[-1]
        assert (changed.phase, changed.energy_wh, changed.power_w) == ("Updated", 1_500.0, 6_900.0)
        assert changed.transaction_id == row.transaction_id
        sampled = node.of(events.MeterSampled)[-1]
        assert sampled.reading.at == NOON + timedelta(minutes=15)
        assert {(item.measurand, item.value, item.unit, item.phase) for item in sampled.reading.samples} == {
            ("Energy.Active.Import.Register", 2_500.0, "Wh", 0),
            ("Power.Active.Import", 6_900.0, "W", 0),
            ("Current.Import", 9.1, "A", 1),
        }
        assert state.meters[1].current_a == (9.1, 0.0, 0.0)

        await say(double, words.stop(9_000, at(60)))
        row = await row_of(node, words.wire_id)
        assert (row.state, row.energy_wh, row.stop_reason) == ("ended", 8_000.0, "EVDisconnected")
        assert row.ended_at == NOON + timedelta(minutes=60)
        assert state.transactions == {}
        assert node.of(events.TransactionChanged)[-1].phase == "Ended"
        assert state.meters[1].current_a == (0.0, 0.0, 0.0)
        kinds = [entry.kind for entry in await journal_of(node)]
        assert kinds == ["Started", "Updated", "Ended"]
        assert {entry.transaction_id for entry in await journal_of(node)} == {row.transaction_id}


async def test_a_repeated_message_counts_once_and_is_answered_alike(address: str, words: Speech) -> None:
    async with world(address) as node:
        async with station(node.port, "CP1", words.version) as double:
            start = words.start(1, "CAFE01", 100, at(0))
            first = await say(double, start)
            words.started(first)
            assert await say(double, start) == first  # another message id: only the content tells
            meter = words.meter(700, 7_000, at(5))
            await say(double, meter)
        async with station(node.port, "CP1", words.version) as double:
            await say(double, meter)
            stop = words.stop(1_100, at(9))
            ended = await say(double, stop)
            assert await say(double, stop) == ended
        row = await row_of(node, words.wire_id)
        assert row.energy_wh == 1_000.0
        assert [entry.kind for entry in await journal_of(node)] == ["Started", "Updated", "Ended"]
        assert len(node.of(events.TransactionChanged)) == 3
        assert len(await rows_of(node)) == 1


async def test_a_restart_forgets_nothing(address: str, words: Speech) -> None:
    async with world(address) as node, station(node.port, "CP1", words.version) as double:
        await say(double, words.boot("Amp Works", "Duo"))
        await say(double, words.status(2, "Available", at(0)))
        answer = await say(double, words.start(1, "CAFE01", 100, at(0)))
        words.started(answer)
        await say(double, words.meter(400, 7_000, at(5)))
        before = node.csms.stations["CP1"]
    async with world(address) as node:
        state = node.csms.stations["CP1"]
        assert not state.online
        assert state.version == words.version
        assert state.info == before.info
        assert state.evse_status(2) == "Available"
        assert state.transactions == before.transactions
        assert state.auto_registered
        async with station(node.port, "CP1", words.version) as double:
            await say(double, words.stop(1_100, at(9)))
        assert (await row_of(node, words.wire_id)).energy_wh == 1_000.0


async def test_a_stop_of_an_unknown_transaction_is_kept(address: str, words: Speech) -> None:
    async with world(address) as node, station(node.port, "CP1", words.version) as double:
        words.started({"transactionId": 4711})
        await say(double, words.stop(5_000, at(0)))
        row = await row_of(node, words.wire_id)
        assert (row.state, row.energy_wh, row.register_last_wh) == ("ended", 0.0, 5_000.0)
        assert [entry.kind for entry in await journal_of(node)] == ["Ended"]


async def test_an_end_before_its_values_and_its_start(address: str) -> None:
    """2.x: a station replays what it kept while offline in any order;
    each message is taken for what it is.
    """
    words = speech("2.0.1", "CP1")
    async with world(address) as node, station(node.port, "CP1", "2.0.1") as double:
        start, meter, stop = (
            words.start(1, "CAFE01", 100, at(0)),
            words.meter(600, 7_000, at(5)),
            words.stop(1_100, at(9)),
        )
        for message in (stop, meter, start):
            message[1]["offline"] = True
            await say(double, message)
        row = await row_of(node, words.wire_id)
        assert (row.state, row.energy_wh, row.started_at) == ("ended", 1_000.0, NOON)
        assert (row.token, row.evse_id, row.offline) == (IdToken("CAFE01"), 1, True)
        assert not row.has_gap


async def test_1_6_stops_without_an_id_are_different_transactions(address: str) -> None:
    async with world(address) as node, station(node.port, "CP1") as double:
        for minute in (1, 2):
            payload = {"transactionId": -1, "meterStop": 100 * minute, "timestamp": at(minute)}
            assert await double.call("StopTransaction", payload) == {}
        assert len(await rows_of(node)) == 2


async def test_two_1_6_starts_get_different_positive_ids(address: str) -> None:
    async with world(address) as node, station(node.port, "CP1") as double:
        ids = set()
        for connector in (1, 2):
            words = speech("1.6", "CP1")
            ids.add((await say(double, words.start(connector, f"T{connector}", 0, at(0))))["transactionId"])
        assert len(ids) == 2
        assert all(0 < number < 2**31 for number in ids)
        assert {row.evse_id for row in node.csms.stations["CP1"].transactions.values()} == {1, 2}


async def test_a_start_closes_the_forgotten_transaction_of_its_evse_and_its_late_stop_corrects_it(
    address: str,
) -> None:
    async with world(address) as node, station(node.port, "CP1") as double:
        old, new = speech("1.6", "CP1"), speech("1.6", "CP1")
        old.started(await say(double, old.start(1, "T1", 0, at(0))))
        await say(double, old.meter(500, 7_000, at(5)))
        new.started(await say(double, new.start(1, "T2", 900, at(20))))
        row = await row_of(node, old.wire_id)
        assert (row.state, row.stop_reason, row.energy_wh) == ("ended", "NotReported", 500.0)
        assert [open_.token for open_ in node.csms.stations["CP1"].transactions.values()] == [IdToken("T2")]
        await say(double, old.stop(900, at(10)))
        row = await row_of(node, old.wire_id)
        assert (row.stop_reason, row.energy_wh, row.ended_at) == (
            "EVDisconnected",
            900.0,
            NOON + timedelta(minutes=10),
        )


async def test_tokens_decide(address: str, words: Speech) -> None:
    async with world(address, unknown_tokens="reject") as node:

        def enter(connection: Any) -> None:
            for value, status, days in (
                ("GOOD", "Accepted", 1),
                ("OLD", "Accepted", -1),
                ("BAD", "Blocked", 1),
            ):
                tokens.save_token(
                    connection,
                    tokens.TokenRow(
                        operator_id=OPERATOR,
                        token=IdToken(value),
                        status=status,  # type: ignore[arg-type]
                        group="FLEET",
                        expires_at=datetime.now(UTC) + timedelta(days=days),
                        created_at=NOON,
                    ),
                )

        await node.store.write(enter)
        async with (
            station(node.port, "CP1", words.version) as one,
            station(node.port, "CP2", words.version) as two,
        ):
            unknown = "Invalid" if words.version == "1.6" else "Unknown"
            for token, verdict in (
                ("GOOD", "Accepted"),
                ("good", "Accepted"),
                ("OLD", "Expired"),
                ("BAD", "Blocked"),
                ("WHO", unknown),
            ):
                assert words.token_status(await say(one, words.authorize(token))) == verdict, token
            words.started(await say(one, words.start(1, "GOOD", 0, at(0))))
            # At another station the same token is in use; here it may stop its own transaction.
            assert words.token_status(await say(two, words.authorize("GOOD"))) == "ConcurrentTx"
            refused = await say(two, speech(words.version, "CP2").start(1, "WHO", 0, at(0)))
            assert words.token_status(refused) == unknown  # told so, and kept all the same
            await say(one, words.stop(10, at(1)))
            assert words.token_status(await say(two, words.authorize("GOOD"))) == "Accepted"
        assert len(await journal_of(node)) == 3


async def test_values_outside_of_transactions(address: str, words: Speech) -> None:
    async with world(address) as node, station(node.port, "CP1", words.version) as double:
        if words.version == "1.6":
            payload: dict[str, Any] = {
                "connectorId": 1,
                "meterValue": [{"timestamp": at(0), "sampledValue": [{"value": "12.5", "unit": "kWh"}]}],
            }
        else:
            values = {"value": 12.5, "unitOfMeasure": {"unit": "kWh"}}
            payload = {"evseId": 1, "meterValue": [{"timestamp": at(0), "sampledValue": [values]}]}
        assert await double.call("MeterValues", payload) == {}
        assert await double.call("MeterValues", payload) == {}
        (sampled,) = node.of(events.MeterSampled)
        assert (sampled.transaction_id, sampled.reading.samples[0].value) == (None, 12_500.0)
        assert [entry.kind for entry in await journal_of(node)] == ["Metered"]


async def test_one_bad_value_does_not_lose_the_others(address: str) -> None:
    async with world(address) as node, station(node.port, "CP1") as double:
        values = [
            {"value": "not a number"},
            {"value": "230,4", "measurand": "Voltage", "unit": "V"},
            {"value": "5", "measurand": "Power.Active.Import", "unit": "A"},
            {"value": "16.1", "measurand": "Current.Import", "phase": "L2-N"},
            {"value": "NaN", "measurand": "SoC"},
        ]
        payload = {"connectorId": 1, "meterValue": [{"timestamp": at(0), "sampledValue": values}]}
        await double.call("MeterValues", payload)
        (sampled,) = node.of(events.MeterSampled)
        assert [(item.measurand, item.value, item.phase) for item in sampled.reading.samples] == [
            ("Voltage", 230.4, 0),
            ("Current.Import", 16.1, 2),
        ]


async def test_the_raw_messages_and_the_last_sign_of_life_are_kept(address: str, words: Speech) -> None:
    async with world(address) as node:
        async with station(node.port, "CP1", words.version) as double:
            await double.call("Heartbeat", {}, message_id="h1")
        await node.until(lambda: not node.csms.stations["CP1"].online)
        node.csms._messages.write_gathered()
        await node.csms.written()
        await node.store.flush()
        rows = await node.store.read(lambda c: messages.list_messages(c, OPERATOR, station_id="CP1"))
        assert [(row.direction, row.action, row.message_id) for row in rows] == [
            ("out", "Heartbeat", "h1"),
            ("in", "Heartbeat", "h1"),
        ]
        known = await node.store.read(lambda c: stations.get_station(c, OPERATOR, "CP1"))
        assert known is not None
        assert known.version == words.version
        assert known.last_seen_at is not None
