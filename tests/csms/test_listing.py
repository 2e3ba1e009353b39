"""Local lists: the messages that take a station from what it holds to what it should hold.

Properties: a station that follows the standard ends up with what it should hold, whatever it held and however
little a message may carry.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ampacity.csms import listing
from ampacity.csms.listing import Limits
from ampacity.csms.verdicts import Question, Rules
from ampacity.csms.vocabulary import AuthorizationAnswer, ListEntry
from ampacity.model.station import IdToken
from ampacity.store.local_lists import Held
from ampacity.store.tokens import Place, TokenRow

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

entries = st.builds(
    ListEntry,
    token=st.builds(IdToken, st.sampled_from("abcdefgh"), st.sampled_from(["ISO14443", "Central"])),
    verdict=st.builds(
        AuthorizationAnswer,
        status=st.sampled_from(["Accepted", "Blocked"]),
        group=st.sampled_from([None, "G"]),
        message=st.sampled_from(["", "x" * 200]),
    ),
)
lists = st.lists(entries, max_size=8).map(lambda made: {entry.token.value: entry for entry in made})


def held(entries: dict[str, ListEntry]) -> dict[str, Held]:
    return {key: listing.held(entry) for key, entry in entries.items()}


@given(
    has=lists,
    wants=lists,
    known=st.booleans(),
    items=st.none() | st.integers(1, 4),
    size=st.none() | st.integers(1, 3_000),
    version=st.integers(0, 50),
)
def test_the_messages_lead_there(
    has: dict[str, ListEntry],
    wants: dict[str, ListEntry],
    known: bool,
    items: int | None,
    size: int | None,
    version: int,
) -> None:
    limits = Limits(items=items, bytes=size)
    sent = listing.messages(held(has) if known else None, wants, version, limits)
    now, at = held(has), version
    for number, message in enumerate(sent):
        assert message.version > at  # else VersionMismatch
        assert message.full is False or number == 0
        keys = [entry.token.value for entry in message.entries]
        assert len(keys) == len(set(keys))
        assert items is None or len(keys) <= items
        now, at = listing.after(now, message), message.version
    assert now == held(wants)
    if known:
        assert sum(len(message.entries) for message in sent) <= max(len(wants), 1)
        assert bool(sent) == (held(has) != held(wants))


def test_a_list_without_changes_needs_no_message() -> None:
    wants = {"a": ListEntry(token=IdToken("a"), verdict=AuthorizationAnswer(status="Accepted"))}
    assert listing.messages(held(wants), wants, 3, Limits()) == []
    [whole] = listing.messages(None, {}, 0, Limits())
    assert (whole.full, whole.version, whole.entries) == (True, 1, ())


def token(value: str, **more: object) -> TokenRow:
    return TokenRow(operator_id="o", token=IdToken(value), created_at=NOW, **more)  # type: ignore[arg-type]


def test_what_a_station_should_hold() -> None:
    tokens = [
        token("A", group="G", expires_at=NOW.replace(year=2030)),
        token("B", status="Blocked"),
        token("C", expires_at=NOW),
        token("D", allowed=(Place(station_id="CP2"),)),
        token("E", allowed=(Place(station_id="CP1", evse_ids=(2,)),)),
    ]
    question = Question(token=IdToken(""), station_id="CP1", site_id=None, now=NOW)
    found, left_out = listing.wanted(tokens, question, Rules(cache_s=60.0), Limits())
    told = {key: entry.verdict for key, entry in found.items()}
    assert left_out == 0
    assert told == {
        "a": AuthorizationAnswer(status="Accepted", group="G", expires_at=NOW.replace(year=2030)),
        "b": AuthorizationAnswer(status="Blocked"),
        "c": AuthorizationAnswer(status="Expired", expires_at=NOW),
        "e": AuthorizationAnswer(status="Accepted", evse_ids=(2,)),
    }
    found, left_out = listing.wanted(tokens, replace(question, station_id="CP2"), Rules(), Limits(entries=1))
    assert (list(found), left_out) == (["a"], 3)
