"""The raw message log: what passed, found again."""

from __future__ import annotations

from ampacity.store import Store, messages
from ampacity.store.messages import MessageLog, MessageRow, list_messages

from .conftest import NOON, OPERATOR

CALL = '[2,"a1","BootNotification",{"chargePointVendor":"100% \\"Volt\\""}]'
RESULT = '[3,"a1",{"status":"Accepted"}]'


async def found(store: Store, **wanted: object) -> list[MessageRow]:
    return await store.read(lambda connection: list_messages(connection, OPERATOR, **wanted))


async def fill(store: Store) -> MessageLog:
    log = MessageLog(store)
    log.add(OPERATOR, "CP1", "in", CALL, NOON.timestamp())
    log.add(OPERATOR, "CP1", "out", RESULT, NOON.timestamp() + 1)
    log.add(OPERATOR, "CP2", "in", '[2, "a1", "Heartbeat", {}]', NOON.timestamp() + 2)
    log.add("other", "CP1", "in", CALL, NOON.timestamp())
    log.write_gathered()
    await store.flush()
    return log


async def test_frames_come_newest_first_with_their_action(store: Store) -> None:
    await fill(store)
    rows = await found(store)
    assert [(row.station_id, row.direction, row.action, row.message_id) for row in rows] == [
        ("CP2", "in", "Heartbeat", "a1"),
        ("CP1", "out", "BootNotification", "a1"),
        ("CP1", "in", "BootNotification", "a1"),
    ]
    assert rows[2].frame == CALL
    assert rows[2].at == NOON


async def test_searching(store: Store) -> None:
    await fill(store)
    assert len(await found(store, station_id="CP1")) == 2
    assert len(await found(store, action="BootNotification", direction="out")) == 1
    assert [row.direction for row in await found(store, text='100% \\"Volt')] == ["in"]
    assert await found(store, text="100_ ") == []
    newest = (await found(store, limit=1))[0]
    assert len(await found(store, before=newest.id)) == 2


async def test_anything_may_come_from_a_socket(store: Store) -> None:
    log = MessageLog(store)
    frames = [
        "",
        "hello",
        "[",
        "[]",
        '["',
        '[4,"x"',
        '[2,"x"]',
        '[2,"x",7,"y"]',
        "[2,5,7]",
        '{"a":"b","c":"d"}',
    ]
    for frame in frames:
        log.add(OPERATOR, "CP1", "in", frame, NOON.timestamp())
    log.write_gathered()
    await store.flush()
    rows = await found(store)
    assert [row.frame for row in rows] == frames[::-1]
    assert {row.action for row in rows} == {None}


async def test_frames_are_written_after_a_moment_by_themselves(store: Store) -> None:
    log = MessageLog(store)
    log.add(OPERATOR, "CP1", "in", CALL, NOON.timestamp())
    assert log._timer is not None
    log._timer._run()  # its moment has come
    await store.flush()
    assert len(await found(store)) == 1


async def test_more_frames_than_the_disk_takes_are_shed_and_counted(store: Store, monkeypatch) -> None:
    monkeypatch.setattr(messages, "GATHERED_LIMIT", 3)
    log = MessageLog(store)
    for _ in range(5):
        log.add(OPERATOR, "CP1", "in", CALL, NOON.timestamp())
    log.write_gathered()
    await store.flush()
    assert log.shed == 2
    assert len(await found(store)) == 3


async def test_calls_without_an_answer_are_not_remembered_for_ever(store: Store) -> None:
    log = MessageLog(store)
    for number in range(100):
        log.add(OPERATOR, "CP1", "in", f'[2,"{number}","Heartbeat",{{}}]', NOON.timestamp())
    log.write_gathered()
    await store.flush()
    assert len(log._calls[OPERATOR, "CP1"]) == 16
    log.add(OPERATOR, "CP1", "out", '[3,"99",{}]', NOON.timestamp())
    log.write_gathered()
    await store.flush()
    assert (await found(store, direction="out"))[0].action == "Heartbeat"


async def test_pages_join_within_and_between_rows(store: Store) -> None:
    log = MessageLog(store)
    for group in range(3):
        for number in range(4):
            log.add(OPERATOR, "CP1", "in", f'[2,"{group}-{number}","Heartbeat",{{}}]', NOON.timestamp())
        log.write_gathered()
        await store.flush()
    seen: list[str] = []
    before = None
    while page := await found(store, limit=3, before=before):
        seen += [row.message_id or "" for row in page]
        before = page[-1].id
    assert seen == [f"{group}-{number}" for group in (2, 1, 0) for number in (3, 2, 1, 0)]
