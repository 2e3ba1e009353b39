"""Displays: which messages each station shows for us.

The register follows what stations accept and tell. A whole list that a station was asked for takes the place
of what was known; parts of it count when the last one has come, so that a list that breaks off takes nothing
away. A message that was sent without an answer is `pending`: it may or may not be there.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import asdict, replace

from ...store.display_messages import (
    DisplayMessageRow,
    DisplayStatus,
    remove_display_messages,
    save_display_messages,
)
from ...store.transactions import TransactionRow
from ..context import Context
from ..part import Part, perhaps
from ..state import StationState
from ..vocabulary import (
    Acknowledged,
    ClearDisplayMessage,
    DisplayMessage,
    DisplayMessagesTold,
    GetDisplayMessages,
    Outcome,
    SetDisplayMessage,
)

LISTS_OPEN = 10
"""Questions of a station whose answers are waited for; older ones are given up."""

MESSAGES_KEPT = 1_000
"""Of a station; no display has as many, and what a station tells must not fill the memory."""


class _List(Struct):
    """A list that was asked for: who must be on it to stay (None: everybody), and who is on it so far."""

    asked: frozenset[int] | None
    there: set[int]


class Display:
    """SetDisplayMessage, GetDisplayMessages, ClearDisplayMessage, NotifyDisplayMessages."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # From the clock at the start, as with remote starts.
        self._requests = itertools.count(int(context.clock.time()) % 2**31 or 1)
        self._lists: dict[str, dict[int, _List]] = {}
        self._told: deque[tuple[str, int]] = deque(maxlen=1_000)
        """(station, request) of the lists that were told to their end lately."""

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            hears={DisplayMessagesTold: self.told},
            completes={SetDisplayMessage: self.named, GetDisplayMessages: self.numbered},
            follows={SetDisplayMessage: (perhaps(self.set),)},
            effects={GetDisplayMessages: (self.asked,), ClearDisplayMessage: (self.cleared,)},
        )

    def named(self, state: StationState | None, command: SetDisplayMessage) -> SetDisplayMessage:
        """A new message gets an id that its station does not have."""
        if command.message_id:
            return command
        known = state.display_messages if state is not None else {}
        return replace(command, message_id=max(known, default=0) + 1)

    def numbered(self, state: StationState | None, command: GetDisplayMessages) -> GetDisplayMessages:
        """A question gets its number."""
        return replace(command, request_id=command.request_id or next(self._requests) % 2**31)

    def set(self, state: StationState, command: SetDisplayMessage, outcome: Outcome) -> None:
        """A message was accepted, or sent without an answer (then it is pending)."""
        if outcome.accepted and command.priority == "AlwaysFront":
            # There is one at most: the station has put this one in its place (O02.FR.18).
            self._remove(
                state,
                (
                    row.message_id
                    for row in state.display_messages.values()
                    if row.message["priority"] == "AlwaysFront" and row.message_id != command.message_id
                ),
            )
        self._keep(state, [DisplayMessage(**asdict(command))], "accepted" if outcome.accepted else "pending")

    def cleared(self, state: StationState, command: ClearDisplayMessage, outcome: Outcome) -> None:
        """The station no longer has the message, or never had it."""
        self._remove(state, (command.message_id,))

    def asked(self, state: StationState, command: GetDisplayMessages, outcome: Outcome) -> None:
        """The station will tell its list, or says that nothing is on it."""
        asked: frozenset[int] | None = None
        if command.priority or command.state:
            asked = frozenset()
        elif command.message_ids:
            asked = frozenset(command.message_ids)
        if outcome.status == "Unknown":
            self._take(state, _List(asked, set()))
        elif (state.station_id, command.request_id) not in self._told:
            lists = self._lists.setdefault(state.station_id, {})
            before = lists.get(command.request_id)  # its first parts may have been quicker than its answer
            lists[command.request_id] = _List(asked, set() if before is None else before.there)
            _bound(lists)

    async def told(self, state: StationState, said: DisplayMessagesTold) -> Acknowledged:
        """Take a part of a list: what it shows is there, whoever asked."""
        self._keep(state, said.messages, "accepted")
        lists = self._lists.setdefault(state.station_id, {})
        known = lists.setdefault(said.request_id, _List(frozenset(), set()))
        known.there.update(message.message_id for message in said.messages[:MESSAGES_KEPT])
        if said.more:
            _bound(lists)
        else:
            del lists[said.request_id]
            self._told.append((state.station_id, said.request_id))
            self._take(state, known)
        return Acknowledged()

    def ended(self, state: StationState, row: TransactionRow) -> None:
        """A station drops the messages of a transaction that ended (O02.FR.02)."""
        if state.display_messages:
            self._remove(
                state,
                (
                    shown.message_id
                    for shown in state.display_messages.values()
                    if shown.message.get("station_transaction_id") == row.station_transaction_id
                ),
            )

    def _take(self, state: StationState, told: _List) -> None:
        """Forget what should have been on a list and is not."""
        gone = set(state.display_messages) if told.asked is None else set(told.asked)
        self._remove(state, gone - told.there)

    def _keep(self, state: StationState, messages: Iterable[DisplayMessage], status: DisplayStatus) -> None:
        now, shown = self._context.clock.now(), state.display_messages
        rows: dict[int, DisplayMessageRow] = {}  # a station may name one twice
        for message in messages:
            if message.message_id not in shown and len(shown) >= MESSAGES_KEPT:
                continue
            shown[message.message_id] = rows[message.message_id] = DisplayMessageRow(
                operator_id=state.operator_id,
                station_id=state.station_id,
                message_id=message.message_id,
                message=_plain(message),
                status=status,
                at=now,
            )
        if rows:
            self._context.store.post(
                lambda connection: save_display_messages(connection, list(rows.values()))
            )

    def _remove(self, state: StationState, message_ids: Iterable[int]) -> None:
        gone = [number for number in message_ids if number in state.display_messages]
        for number in gone:
            del state.display_messages[number]
        if gone:
            operator_id, station_id = state.operator_id, state.station_id
            self._context.store.post(
                lambda connection: remove_display_messages(connection, operator_id, station_id, gone)
            )


def _bound(lists: dict[int, _List]) -> None:
    while len(lists) > LISTS_OPEN or any(len(each.there) > 2 * MESSAGES_KEPT for each in lists.values()):
        del lists[next(iter(lists))]


def _plain(message: DisplayMessage) -> dict[str, object]:
    """As plain data; times stay times, so that JSON writes them in one way."""
    return {name: value for name, value in asdict(message).items() if value is not None}
