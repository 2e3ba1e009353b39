"""Authorization: tokens are judged where they are presented, by our rows and by whoever else is to be asked.

The rules are in `verdicts`, the way to somebody else in `authorizers`. A token with which somebody here
starts a transaction is good for that start even if nobody entered it: its name may be made for it.
"""

from __future__ import annotations

import logging
import time

from msgspec.structs import replace
from sqlalchemy import Connection

from ...model.station import IdToken
from ...store.tokens import Current, TokenRow, evse_currents, find_token, token_key
from ..authorizers import Authorizer, HttpAuthorizer, NoVerdict
from ..context import Context
from ..part import Part
from ..state import StationState
from ..verdicts import ANONYMOUS, Purpose, Question, Rules, judge
from ..vocabulary import (
    AuthorizationAnswer,
    Authorize,
    Outcome,
    RequestStart,
    TransactionMessage,
)

log = logging.getLogger(__name__)

GRANT_S = 900.0
"""For so long a token that a start was asked with is good at its station without a row."""

_STOPPING = ("StopAuthorized", "Deauthorized", "RemoteStop", "AbnormalCondition")


class Authorization:
    """Authorize, and the verdict in the answers to transaction messages. `authorizer` may be replaced."""

    def __init__(self, context: Context) -> None:
        self._context = context
        settings = context.settings
        self.rules = Rules(
            accept_unknown=settings.unknown_tokens == "accept",
            concurrent=settings.concurrent_transactions,
            master_group=settings.master_pass_group,
            cache_s=settings.cache_verdicts_s,
        )
        hook = settings.authorization_hook
        self.authorizer: Authorizer | None = HttpAuthorizer(hook, context.clock) if hook.url else None
        self._granted: dict[tuple[str, str], float] = {}

    @property
    def part(self) -> Part:
        """What it takes part in."""
        return Part(effects={RequestStart: (self.granted,)}, stop=self.stop)

    async def stop(self) -> None:
        """Ask nobody any more."""
        if self.authorizer is not None:
            self.authorizer.close()

    async def authorize(self, state: StationState, said: Authorize) -> AuthorizationAnswer:
        """The verdict on a token that was shown to a station. Reads what has been committed."""
        return await self._verdict(state, said.token, None, "unknown", None)

    async def of_transaction(self, state: StationState, said: TransactionMessage) -> AuthorizationAnswer:
        """The verdict on the token that a transaction's message carries."""
        assert said.token is not None
        own = state.transactions.get(said.station_transaction_id or "")
        stopping = said.phase == "Ended" or said.trigger in _STOPPING
        if own is not None and own.remote_start_id is not None and _same(own.token, said.token):
            self.vouch(state, said.token)  # it goes on for as long as what was started from here
        return await self._verdict(
            state,
            said.token,
            said.evse_id or (None if own is None else own.evse_id),
            "stop" if stopping else "start",
            None if own is None else own.transaction_id,
        )

    def granted(self, state: StationState, command: RequestStart, outcome: Outcome) -> None:
        """A station accepted to start with a token."""
        self.vouch(state, command.token)

    def vouch(self, state: StationState, token: IdToken) -> None:
        """Whatever kind the station calls it next, the token is good there for a while. A 1.6 station starts
        with the bare text of a contract that was proved.
        """
        now = self._context.clock.time()
        for key in [key for key, until in self._granted.items() if until < now]:
            del self._granted[key]
        self._granted[state.station_id, token_key(token.value)] = now + GRANT_S

    async def _verdict(
        self, state: StationState, token: IdToken, evse_id: int | None, purpose: Purpose, own: str | None
    ) -> AuthorizationAnswer:
        context, operator_id, value = self._context, state.operator_id, token.value
        asked = Question(
            token=token,
            station_id=state.station_id,
            site_id=state.site_id,
            now=context.clock.now(),
            evse_id=evse_id,
            purpose=purpose,
            elsewhere=not (purpose == "unknown" and _charges_at(state, token))
            and context.stations.charging_elsewhere(operator_id, value, own),
            granted=self._granted.get((state.station_id, token_key(value)), 0.0) >= context.clock.time(),
        )
        if token.kind == ANONYMOUS:
            return judge(None, asked, self.rules)

        def look(connection: Connection) -> tuple[TokenRow | None, dict[int, Current] | None]:
            row = find_token(connection, operator_id, value)
            if row is None or all(place.current is None for place in row.allowed):
                return row, None
            return row, evse_currents(connection, operator_id, state.station_id)

        row, currents = await context.store.read(look)
        asked = replace(asked, currents=currents)
        known = judge(row, asked, self.rules)
        stranger = row is None and not asked.granted
        only_strangers = context.settings.authorization_hook.asked == "unknown"
        if self.authorizer is None or (only_strangers and not stranger):
            return known
        return await self._ask(self.authorizer, asked, known, stranger)

    async def _ask(
        self, authorizer: Authorizer, asked: Question, known: AuthorizationAnswer, stranger: bool
    ) -> AuthorizationAnswer:
        began = time.monotonic()
        try:
            return await authorizer.ask(asked, known)
        except NoVerdict as silence:
            # Not the token: it may be a secret.
            log.warning(
                "station %s: real-time authorisation failed after %.1f s: %s",
                asked.station_id,
                time.monotonic() - began,
                silence,
            )
        if self._context.settings.authorization_hook.fallback == "refuse":
            return AuthorizationAnswer(status="Invalid")
        if stranger and known.status == "Accepted":
            return AuthorizationAnswer(status="Unknown")
        return known


def _charges_at(state: StationState, token: IdToken) -> bool:
    """Whether a token charges at this station already: shown again, it may be to stop."""
    return any(_same(row.token, token) for row in state.transactions.values())


def _same(one: IdToken | None, other: IdToken) -> bool:
    return one is not None and token_key(one.value) == token_key(other.value)
