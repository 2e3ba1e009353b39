"""Local lists: stations whose list is kept hold what our tokens say, whatever happens to either.

A list is brought up to date when a token has changed (`SETTLE_S` after the last change, so that an import is
one update), when its station comes, and when somebody asks for it. After each update the station is asked for
its version. After a boot it is asked, too: one that tells another version than it took last has drifted (it
lost its list, or somebody else wrote it) and gets the whole list.

What a station refuses as a change (VersionMismatch, Failed) it gets as a whole (D01.FR.03); what it refuses
as a whole stays refused until somebody asks again, or a token changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from msgspec.structs import replace
from sqlalchemy import Connection

from ...model.events import StationBooted, StationConnected
from ...model.station import IdToken
from ...store import StoreClosed, StoreUnavailable
from ...store.local_lists import ListState, LocalListRow, list_local_lists, save_local_list
from ...store.tokens import (
    Current,
    TokenFilter,
    TokenRow,
    evse_currents,
    find_token,
    list_tokens,
    save_token,
    token_key,
)
from ...store.variables import find_variables
from .. import listing
from ..context import Context
from ..dialects import dialect
from ..listing import Limits
from ..part import Part
from ..state import StationState
from ..verdicts import Question, Rules
from ..vocabulary import (
    Command,
    GetLocalListVersion,
    GetVariables,
    ListEntry,
    Outcome,
    SendLocalList,
    VariableRef,
)

log = logging.getLogger(__name__)

ACTOR = "system local lists"
SETTLE_S = 5.0
"""A change waits for so long for others."""
AFTER_BOOT_S = 5.0
"""A station that boots has other things to do first."""
AT_ONCE = 8
"""Stations that are brought up to date at the same time."""
TOKENS_AT_ONCE = 1_000
GOOD_S = 2.0
"""For so long tokens that were read are taken for what they are, unless they are told to have changed."""

Send = Callable[[StationState, Command, str], Awaitable[Outcome]]


class LocalLists:
    """SendLocalList, GetLocalListVersion. `rules` are those by which tokens are judged; `send` carries a
    command out.
    """

    def __init__(self, context: Context, rules: Rules, send: Send) -> None:
        self._context = context
        self._rules = rules
        self._send = send
        self._rows: dict[str, LocalListRow] = {}
        self._bringing: set[str] = set()
        """Stations that are being sent something: written when it is done, not with each part. What a crash
        leaves unwritten shows as drift at the next boot.
        """
        self._read: dict[str, tuple[float, list[TokenRow]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._settling: dict[str, asyncio.Task[None]] = {}

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(
            prepares={SendLocalList: self.prepare},
            effects={SendLocalList: (self.taken,), GetLocalListVersion: (self.told,)},
            listens=((StationBooted, self._booted), (StationConnected, self._connected)),
            start=self.start,
            stop=self.stop,
        )

    async def start(self, operators: list[str]) -> None:
        """Load what stations hold."""
        for operator_id in operators:
            for row in await self._context.store.read(
                lambda connection, owner=operator_id: list_local_lists(connection, owner)  # type: ignore[misc]
            ):
                self._rows[row.station_id] = row

    async def stop(self) -> None:
        """End what is under way."""
        tasks = (*self._tasks, *self._settling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------ for people

    def of(self, state: StationState) -> LocalListRow:
        """A station's list; one that nobody ever asked for is off."""
        row = self._rows.get(state.station_id)
        if row is None:
            now = self._context.clock.now()
            row = LocalListRow(
                operator_id=state.operator_id, station_id=state.station_id, enabled=False, changed_at=now
            )
        return row

    async def keep(self, state: StationState, enabled: bool) -> LocalListRow:
        """Keep a station's list from now on, or no longer (it holds what it holds)."""
        row = self._put(replace(self.of(state), enabled=enabled))
        await self._context.store.write(lambda connection: save_local_list(connection, row))
        if enabled:
            self._spawn(self._bring_if_there(state))
        return row

    async def forget(self, state: StationState) -> LocalListRow:
        """Take the station for one that holds nothing: versions begin at 1 again, the next list is whole."""
        row = replace(self.of(state), version=0, seen_version=None, held={}, state="unknown", detail="")
        row = self._put(row)
        await self._context.store.write(lambda connection: save_local_list(connection, row))
        return row

    async def bring(
        self, state: StationState, *, whole: bool = False, actor: str = ACTOR
    ) -> tuple[LocalListRow, Outcome]:
        """Bring a station's list up to date, `whole` or by what changed; returns it, and the last outcome."""
        async with self._room, self._locks.setdefault(state.station_id, asyncio.Lock()):
            limits = await self._limits(state, actor)
            tokens = await self._tokens(state.operator_id)
            self._bringing.add(state.station_id)
            try:
                return await self._bring(state, tokens, limits, whole, actor)
            finally:
                self._bringing.discard(state.station_id)
                self._put(self.of(state))

    def changed(self, operator_id: str) -> None:
        """Tokens of an operator changed: its lists follow when no other change comes for a while."""
        self._read.pop(operator_id, None)
        waiting = self._settling.pop(operator_id, None)
        if waiting is not None:
            waiting.cancel()
        task = asyncio.ensure_future(self._settle(operator_id))
        self._settling[operator_id] = task

    async def strike(self, state: StationState, token: IdToken) -> None:
        """A station was told to forget a customer (N10.FR.02): the token comes off its list at once, and is
        put on no list again.
        """
        operator_id, key = state.operator_id, token_key(token.value)

        def unlist(connection: Connection) -> None:
            row = find_token(connection, operator_id, token.value)
            if row is not None and row.listed:
                save_token(connection, replace(row, listed=False))

        if key not in self.of(state).held:
            return
        await self._context.store.write(unlist)
        async with self._locks.setdefault(state.station_id, asyncio.Lock()):
            row = self.of(state)
            version = max(row.version, row.seen_version or 0) + 1
            held = row.held.get(key)
            if held is not None:
                gone = ListEntry(token=IdToken(held.value, held.kind))
                await self._send(state, SendLocalList(full=False, version=version, entries=(gone,)), ACTOR)
        self.changed(operator_id)

    # ------------------------------------------------------------ bringing up to date

    async def _settle(self, operator_id: str) -> None:
        await self._context.clock.sleep(SETTLE_S)
        self._settling.pop(operator_id, None)
        for row in tuple(self._rows.values()):
            state = self._context.stations.get(row.station_id)
            if row.operator_id == operator_id and row.enabled and state is not None:
                if state.online:
                    self._spawn(self._bring_if_there(state))
                elif row.state == "synced":
                    self._put(replace(row, state="behind", detail="tokens changed while it was away"))

    async def _bring(
        self, state: StationState, tokens: list[TokenRow], limits: Limits, whole: bool, actor: str
    ) -> tuple[LocalListRow, Outcome]:
        row = self.of(state)
        known = None if whole or row.version == 0 else row.held
        currents = await self._context.store.read(
            lambda connection: evse_currents(connection, state.operator_id, state.station_id)
        )

        def plan() -> tuple[dict[str, ListEntry], int, list[SendLocalList]]:
            wants, left_out = self._wanted(state, tokens, limits, currents)
            return wants, left_out, listing.messages(known, wants, row.version, limits)

        # Ten thousand tokens are a tenth of a second: not in the loop.
        wants, left_out, messages = await asyncio.to_thread(plan)
        outcome = await self._send_all(state, messages, actor)
        if outcome.result == "rejected" and known is not None and outcome.status != "NotSupported":
            version = max(self.of(state).version, await self._asked(state, actor) or 0)
            outcome = await self._send_all(state, listing.messages(None, wants, version, limits), actor)
        row = self.of(state)
        if not outcome.accepted:
            kind: ListState = "failed"
            if outcome.result == "unsupported" or outcome.status in ("NotSupported", "NotImplemented"):
                kind = "unsupported"
            elif outcome.result in ("offline", "timeout", "not_accepted"):
                kind = "behind"
            told = f"{outcome.result}: {outcome.status} {outcome.detail}".strip()
            return self._put(replace(row, state=kind, detail=told)), outcome
        seen = await self._asked(state, actor)
        row = self.of(state)
        if seen is not None and seen != row.version:
            detail = f"it tells version {seen} after it took {row.version}"
            if (switch := self._switched_off(state)) is not None:
                detail += f": its list is switched off, set {switch} to true"
            return self._put(replace(row, state="failed", detail=detail)), outcome
        detail = f"{left_out} tokens have no room: it holds {limits.entries}" if left_out else ""
        return self._put(replace(row, state="synced", detail=detail)), outcome

    async def _send_all(self, state: StationState, messages: Iterable[SendLocalList], actor: str) -> Outcome:
        outcome = Outcome(result="accepted", detail="nothing to send")
        for message in messages:
            outcome = await self._send(state, message, actor)
            if not outcome.accepted:
                break
        return outcome

    def _wanted(
        self, state: StationState, tokens: list[TokenRow], limits: Limits, currents: dict[int, Current]
    ) -> tuple[dict[str, ListEntry], int]:
        speech = None if state.version is None else dialect(state.version)
        master = self._rules.master_group
        usable = [
            row
            for row in tokens
            if speech is None or speech.can_list(row.token, master is not None and row.group == master)
        ]
        question = Question(
            token=IdToken(""),
            station_id=state.station_id,
            site_id=state.site_id,
            now=self._context.clock.now(),
            currents=currents,
        )
        return listing.wanted(usable, question, self._rules, limits)

    async def _tokens(self, operator_id: str) -> list[TokenRow]:
        """An operator's tokens for lists; the many lists of one change read them once."""
        kept = self._read.get(operator_id)
        now = self._context.clock.monotonic()
        if kept is not None and now - kept[0] < GOOD_S:
            return kept[1]
        found = await self._read_tokens(operator_id)
        self._read[operator_id] = (now, found)
        return found

    async def _read_tokens(self, operator_id: str) -> list[TokenRow]:
        found: list[TokenRow] = []
        listed = TokenFilter(listed=True)
        while True:
            after = found[-1].token.value if found else ""
            page = await self._context.store.read(
                lambda connection, after=after: list_tokens(  # type: ignore[misc]
                    connection, operator_id, listed, after=after, limit=TOKENS_AT_ONCE
                )
            )
            found += page
            if len(page) < TOKENS_AT_ONCE:
                return found

    async def _limits(self, state: StationState, actor: str) -> Limits:
        """What the station takes; it is asked once."""
        if state.version is None:
            return Limits()
        known = dialect(state.version).list_limits
        asked = (known.enabled, known.items, known.entries, known.bytes)
        refs = tuple(ref for ref in asked if ref is not None)
        if known.items not in state.variables:
            await self._send(state, GetVariables(variables=refs), actor)
        return Limits(
            items=_number(state, known.items),
            bytes=_number(state, known.bytes),
            entries=_number(state, known.entries) or await self._reported(state, known.limited),
        )

    async def _reported(self, state: StationState, ref: VariableRef | None) -> int | None:
        """A variable's upper limit, where a report told it."""
        if ref is None:
            return None
        for found in await self._context.store.read(
            lambda connection: find_variables(
                connection, state.operator_id, state.station_id, (ref.component,)
            )
        ):
            if (found.variable, found.variable_instance) == (ref.variable, ref.variable_instance):
                return None if found.max_limit is None else int(found.max_limit)
        return None

    def _switched_off(self, state: StationState) -> str | None:
        """The name of the variable by which the station's list is off (D02.FR.03)."""
        if state.version is None:
            return None
        ref = dialect(state.version).list_limits.enabled
        known = state.variables.get(ref)
        off = known is not None and (known.value or "").lower() == "false"
        return f"{ref.component}.{ref.variable}" if off else None

    async def _asked(self, state: StationState, actor: str) -> int | None:
        outcome = await self._send(state, GetLocalListVersion(), actor)
        return outcome.data if outcome.accepted and isinstance(outcome.data, int) else None

    # ------------------------------------------------------------ who comes

    def _connected(self, event: StationConnected) -> None:
        row = self._rows.get(event.station_id)
        if row is not None and row.enabled and row.state in ("behind", "unknown"):
            state = self._context.stations.get(event.station_id)
            if state is not None:
                self._spawn(self._later(state, check=False))

    def _booted(self, event: StationBooted) -> None:
        row = self._rows.get(event.station_id)
        state = self._context.stations.get(event.station_id)
        if row is not None and row.enabled and state is not None:
            self._spawn(self._later(state, check=True))

    async def _later(self, state: StationState, check: bool) -> None:
        await self._context.clock.sleep(AFTER_BOOT_S)
        if not check:
            await self._bring_if_there(state)
            return
        row = self.of(state)
        seen = await self._asked(state, ACTOR) if state.online else None
        if seen is not None and seen != row.version:
            log.warning(
                "station %s: holds version %d of its local list, it took %d last: it gets the whole list",
                state.station_id,
                seen,
                row.version,
            )
            self._put(replace(self.of(state), state="behind", detail=f"drift: it holds version {seen}"))
            await self._bring_if_there(state, whole=True)
        else:
            await self._bring_if_there(state)

    async def _bring_if_there(self, state: StationState, whole: bool = False) -> None:
        if state.online:
            await self.bring(state, whole=whole)

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except (StoreUnavailable, StoreClosed) as trouble:
                log.warning("a local list could not be brought up to date: %s", trouble)
            except Exception:
                log.exception("a local list could not be brought up to date")

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------ what stations did

    async def prepare(self, state: StationState, command: SendLocalList, actor: str) -> SendLocalList:
        """An update without a version gets the next."""
        if command.version:
            return command
        row = self.of(state)
        return replace(command, version=max(row.version, row.seen_version or 0) + 1)

    def taken(self, state: StationState, command: SendLocalList, outcome: Outcome) -> None:
        """A station took an update, whoever sent it."""
        row = self.of(state)
        self._put(
            replace(
                row,
                version=command.version,
                held=listing.after(row.held, command),
                state="behind",
                detail="it was sent a part, or by hand",
            )
        )

    def told(self, state: StationState, command: GetLocalListVersion, outcome: Outcome) -> None:
        """A station told its version."""
        if isinstance(outcome.data, int):
            now = self._context.clock.now()
            self._put(replace(self.of(state), seen_version=outcome.data, seen_at=now))

    def _put(self, row: LocalListRow) -> LocalListRow:
        row = replace(row, changed_at=self._context.clock.now())
        self._rows[row.station_id] = row
        if row.station_id not in self._bringing:
            self._context.store.post(lambda connection: save_local_list(connection, row))
        return row


def _number(state: StationState, ref: VariableRef | None) -> int | None:
    value = None if ref is None else state.variables.get(ref)
    if value is None or value.value is None or not value.value.isdecimal():
        return None
    return int(value.value) or None
