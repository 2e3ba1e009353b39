"""The raw message log: what passed, found again."""

from __future__ import annotations

from datetime import timedelta

from ampacity.store import Store, messages
from ampacity.store.messages import (
    MessageFilter,
    MessageLog,
    MessageRow,
    MessagesFound,
    list_messages,
    search,
)

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


async def test_a_time_range_is_found_in_a_long_log(store: Store) -> None:
    log = MessageLog(store)
    for minute in range(0, 600, 10):
        log.add(OPERATOR, "CP1", "in", f'[2,"m{minute}","Heartbeat",{{}}]', NOON.timestamp() + 60 * minute)
        log.write_gathered()
    await store.flush()

    async def ids(start: int | None, end: int | None) -> list[str | None]:
        wanted = MessageFilter(
            start=None if start is None else NOON + timedelta(minutes=start),
            end=None if end is None else NOON + timedelta(minutes=end),
        )
        page = await store.read(lambda connection: search(connection, OPERATOR, wanted))
        assert page.next is None
        return [row.message_id for row in page.frames]

    assert await ids(100, 130) == ["m120", "m110", "m100"]
    assert await ids(580, None) == ["m590", "m580"]
    assert await ids(None, 10) == ["m0"]
    assert await ids(None, None) == [f"m{minute}" for minute in range(590, -1, -10)]
    assert await ids(900, None) == []
    assert await ids(None, -5) == []


async def test_a_rare_text_is_searched_for_piece_by_piece(store: Store) -> None:
    log = MessageLog(store)
    for number in range(50):
        text = "Needle" if number == 3 else "hay"
        log.add(
            OPERATOR,
            "CP1",
            "in",
            f'[2,"m{number}","DataTransfer",{{"data":"{text}"}}]',
            NOON.timestamp() + number,
        )
        log.write_gathered()
    await store.flush()
    before, pages, found = None, 0, []
    while True:
        page: MessagesFound = await store.read(
            lambda connection, before=before: search(  # type: ignore[misc]
                connection, OPERATOR, MessageFilter(text="needle"), before=before, limit=5, rows=20
            )
        )
        pages += 1
        found += page.frames
        if page.next is None:
            break
        assert page.searched_to is not None
        before = page.next
    assert [row.message_id for row in found] == ["m3"]
    assert pages == 3


async def test_a_call_and_its_answer_are_found_by_their_id(store: Store) -> None:
    await fill(store)
    wanted = MessageFilter(station_id="CP1", message_id="a1")
    page = await store.read(lambda connection: search(connection, OPERATOR, wanted))
    assert [row.frame for row in page.frames] == [RESULT, CALL]
