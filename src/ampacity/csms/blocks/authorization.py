"""Authorization: what a token is worth, here and now."""

from __future__ import annotations

from datetime import datetime

from ...model.station import IdToken
from ...store.tokens import TokenRow, find_token
from ..context import Context
from ..state import StationState
from ..vocabulary import AuthorizationAnswer, Authorize


class Authorization:
    """Authorize, and the verdict in the answers to transaction messages."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def authorize(self, state: StationState, said: Authorize) -> AuthorizationAnswer:
        """The verdict on a token that was shown to a station. Reads what has been committed."""
        operator_id, value = state.operator_id, said.token.value
        elsewhere = self.elsewhere(state, said.token, None)
        now = self._context.clock.now()
        row = await self._context.store.read(lambda connection: find_token(connection, operator_id, value))
        return self.judge(row, elsewhere, now)

    def elsewhere(self, state: StationState, token: IdToken | None, wire_id: str | None) -> bool:
        """Whether a token charges already, other than in the station's transaction `wire_id`."""
        if token is None or self._context.settings.concurrent_transactions:
            return False
        own = None if wire_id is None else state.transactions.get(wire_id)
        return self._context.stations.charging_elsewhere(
            state.operator_id, token.value, None if own is None else own.transaction_id
        )

    def judge(self, row: TokenRow | None, elsewhere: bool, now: datetime) -> AuthorizationAnswer:
        """The verdict on a token with this row. Plain data only: it is called in the writer thread, too."""
        group, expires_at = (None, None) if row is None else (row.group, row.expires_at)
        if row is not None:
            status = row.status
        elif self._context.settings.unknown_tokens == "accept":
            status = "Accepted"
        else:
            return AuthorizationAnswer(status="Unknown")
        if status == "Accepted" and expires_at is not None and expires_at <= now:
            status = "Expired"
        if status == "Accepted" and elsewhere:
            return AuthorizationAnswer(status="ConcurrentTx", group=group, expires_at=expires_at)
        return AuthorizationAnswer(status=status, group=group, expires_at=expires_at)
