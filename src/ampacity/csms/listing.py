"""Local lists: which messages take a station from the list it holds to the one it should hold. Pure.

- A list that is short of nothing is sent no message.
- Changes go as differential updates, each with a version of its own: a station refuses a version that is not
  above its own (D01.FR.19). What is removed goes first, so that there is room for what is added.
- A whole list that needs several messages is one full update with the first part and differential ones with
  the rest: a second full one would replace the first.
- A whole list is sent when nothing is known of what the station holds, and when the changes would be more.
- A message has no more entries (D01.FR.11) and bytes than the station takes; where it tells nothing, `ITEMS`.
- Versions are above 0 (D01.FR.18).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from ..model.station import IdToken
from ..store.local_lists import Held
from ..store.tokens import TokenRow, token_key
from .verdicts import Question, Rules, allowed_evses, judge
from .vocabulary import ListEntry, SendLocalList

ITEMS = 100
"""Entries of a message to a station that does not say how many it takes: the largest of 4 kB or so."""

FRAME_BYTES = 400
"""Of a message beside its entries."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a station takes: entries and bytes of a message, entries in all; None: it doesn't say."""

    items: int | None = None
    bytes: int | None = None
    entries: int | None = None


def wanted(
    tokens: Iterable[TokenRow], question: Question, rules: Rules, limits: Limits
) -> tuple[dict[str, ListEntry], int]:
    """Which entries a station should hold, by the token's key, and how many have no room.

    `question` says which station and when; its token is not looked at. A token that is good elsewhere only is
    left out. Those that are refused are on it, so that they are refused without us, too.
    """
    found: dict[str, ListEntry] = {}
    left_out = 0
    for row in tokens:
        if allowed_evses(row.allowed, question.station_id, question.site_id, question.currents) is None:
            continue
        if limits.entries is not None and len(found) >= limits.entries:
            left_out += 1
            continue
        asked = msgspec.structs.replace(question, token=row.token, purpose="unknown")
        verdict = judge(row, asked, rules)
        # Only what the token itself is counts: a list is not forgotten by parts.
        verdict = msgspec.structs.replace(verdict, expires_at=row.expires_at)
        found[token_key(row.token.value)] = ListEntry(token=row.token, verdict=verdict)
    return found, left_out


def digest(entry: ListEntry) -> str:
    """What tells an entry's verdict from another one."""
    return hashlib.blake2b(msgspec.json.encode(entry.verdict), digest_size=8).hexdigest()


def held(entry: ListEntry) -> Held:
    """An entry as it is remembered."""
    return Held(entry.token.value, entry.token.kind, digest(entry))


def messages(
    has: Mapping[str, Held] | None, wants: Mapping[str, ListEntry], version: int, limits: Limits
) -> list[SendLocalList]:
    """The messages, in order, that make a station with version `version` that `has` these entries (None:
    nobody knows) hold those that it `wants`.
    """
    changes = None if has is None else _changes(has, wants)
    if changes == []:
        return []
    full = changes is None or sum(map(len, changes)) > len(wants)
    groups = [list(wants.values())] if changes is None or full else changes
    parts = [part for group in groups for part in _parts(group, limits)] or [[]]
    return [
        SendLocalList(full=full and number == 0, version=version + 1 + number, entries=tuple(part))
        for number, part in enumerate(parts)
    ]


def after(has: Mapping[str, Held], sent: SendLocalList) -> dict[str, Held]:
    """What a station holds that took a message."""
    now = {} if sent.full else dict(has)
    for entry in sent.entries:
        key = token_key(entry.token.value)
        if entry.verdict is None:
            now.pop(key, None)
        else:
            now[key] = held(entry)
    return now


def _changes(has: Mapping[str, Held], wants: Mapping[str, ListEntry]) -> list[list[ListEntry]]:
    """Entries to send; those of one list may share a message."""
    gone = [ListEntry(token=IdToken(old.value, old.kind)) for key, old in has.items() if key not in wants]
    new = [entry for key, entry in wants.items() if has.get(key) != held(entry)]
    # Of another kind it is another token; and no token may be twice in a message (D01.FR.06).
    other = [
        ListEntry(token=IdToken(old.value, old.kind))
        for key, old in has.items()
        if key in wants and old.kind != wants[key].token.kind
    ]
    together = [gone + other, new] if other else [gone + new]
    return [group for group in together if group]


def _parts(entries: Sequence[ListEntry], limits: Limits) -> Iterable[list[ListEntry]]:
    most = max(1, limits.items or ITEMS)
    part: list[ListEntry] = []
    size = FRAME_BYTES
    for entry in entries:
        length = _bytes(entry)
        if part and (len(part) >= most or (limits.bytes is not None and size + length > limits.bytes)):
            yield part
            part, size = [], FRAME_BYTES
        part.append(entry)
        size += length
    if part:
        yield part


def _bytes(entry: ListEntry) -> int:
    """At most so many bytes of a message; names and marks are about 300."""
    verdict = entry.verdict
    texts = [entry.token.value]
    if verdict is not None:
        texts += [verdict.group or "", verdict.message, verdict.language]
    return 300 + sum(len(text.encode()) for text in texts)
