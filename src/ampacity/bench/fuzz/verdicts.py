"""Our strict codec against the schemas: the same verdict on every message, or a difference that is listed.

A message goes the whole way, from the text of a frame to a typed message. DIFFERENCES names the few changes
of a message on which we judge otherwise on purpose, each with its reason; all others must get equal verdicts,
and a difference of the list that no longer comes up is a fault as well (`Tally.stale`).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from ...ocpp.codec import Call, CallResult, Codec, Malformed, Send
from ...ocpp.errors import PayloadError
from ...ocpp.messages.wire import WireStruct
from ...ocpp.version import Role, Version, vocabulary
from .messages import changed, text_of, valid
from .schemas import MessageKind, complaint, parsed, schema_of


class Difference(Struct, frozen=True, kw_only=True):
    """A change of a message that we judge otherwise than its schema: we accept it, or refuse it."""

    we_accept: bool
    reason: str


DIFFERENCES: dict[str, Difference] = {
    "customData nested too deep": Difference(
        we_accept=False, reason="a peer shapes customData as it likes, so its depth is bounded (MAX_DEPTH)"
    ),
    "whole number with a point": Difference(
        we_accept=False, reason="draft 6 takes 7.0 for an integer, draft 4 does not; no station writes it so"
    ),
    "whole number with an exponent": Difference(we_accept=False, reason="as with a point"),
    "time without a zone": Difference(
        we_accept=True, reason="some stations leave it out; it is taken as UTC, refusing would lose the value"
    ),
    "zone without a colon": Difference(we_accept=True, reason="some stations write it so; it is clear"),
    "blank for the T": Difference(we_accept=True, reason="ISO 8601 by a looser hand; it is clear"),
    "leap second": Difference(we_accept=False, reason="a moment is Python's datetime, which has none"),
    "year 0": Difference(we_accept=False, reason="a moment is Python's datetime, which begins with year 1"),
    "beyond a float": Difference(we_accept=False, reason="power, current and energy are floats"),
    "more digits than a float": Difference(
        we_accept=True, reason="8.10000000000000000001 is the float 8.1, which has one decimal"
    ),
    "payload null": Difference(
        we_accept=True, reason="some stations write it for an empty payload, and what is missing is told so"
    ),
    "lone surrogate": Difference(
        we_accept=False, reason="Python's JSON takes half a character; there is no UTF-8 for it to keep"
    ),
    "member twice, wrong at first": Difference(
        we_accept=False, reason="JSON leaves open which one counts, the judge sees the last one; we see both"
    ),
}
"""By the name of the change (messages)."""


class Unequal(Struct, frozen=True, kw_only=True):
    """A message on which verdicts differ and nothing in the list says why."""

    kind: MessageKind
    change: str
    schema: str
    """What the schema says: its complaint, or `valid`."""
    ours: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}, {self.change}: schema: {self.schema}; we: {self.ours}\n{self.text[:2000]}"


class Tally(Struct):
    """What a comparison found."""

    judged: int = 0
    accepted: int = 0
    changes: Counter[str] = msgspec.field(default_factory=Counter)
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """Change -> how many messages the schema refused."""
    differences: Counter[str] = msgspec.field(default_factory=Counter)
    unequal: list[Unequal] = msgspec.field(default_factory=list)

    @property
    def stale(self) -> list[str]:
        """Differences of the list that did not come up."""
        return sorted(DIFFERENCES.keys() - self.differences.keys())


def compare(
    count: int, rng: Random, kinds: Sequence[MessageKind], into: Tally | None = None, most_unequal: int = 20
) -> Tally:
    """Judge about `count` messages of all `kinds`, more of such that hold what is rare; stops at
    `most_unequal` faults."""
    tally = Tally() if into is None else into
    shares = [_share(kind) for kind in kinds]
    for kind, share in zip(kinds, shares, strict=True):
        for change, value in messages(kind, rng, max(2, round(count * share / sum(shares)))):
            judge(kind, change, text_of(value), tally)
            if len(tally.unequal) >= most_unequal:
                return tally
    return tally


def _share(kind: MessageKind) -> int:
    text = str(schema_of(kind))
    return 1 + ("'date-time'" in text) + 8 * ("'multipleOf'" in text) + 4 * ("'maximum'" in text)


def messages(kind: MessageKind, rng: Random, count: int) -> Iterator[tuple[str, Any]]:
    """`count` messages of a kind, one in six as it should be, the others with one change."""
    root = schema_of(kind)
    for number in range(count):
        value: Any = valid(root, rng, rng.choice((0.0, 0.3, 0.6, 1.0)))
        if number % 6 == 0:
            yield "valid", value
            continue
        yield changed(root, value, rng)


def judge(kind: MessageKind, change: str, text: str, tally: Tally) -> None:
    """Compare the two verdicts on one payload."""
    why = complaint(kind, text)
    message, ours = verdict(kind, text)
    tally.judged += 1
    tally.accepted += why is None
    tally.changes[change] += 1
    tally.refused[change] += why is not None
    if message is not None and why is None:
        kept = msgspec.json.encode(message).decode()
        sent = parsed(text)
        if kind.action == "DataTransfer" and sent.get("data", "") is None:
            del sent["data"]  # data of null is no data
        if not same(sent, json.loads(kept)):
            ours = f"not kept: {kept[:500]}"
    if (why is None) == (ours == "valid"):
        return
    listed = DIFFERENCES.get(change)
    if listed is not None and listed.we_accept == (ours == "valid"):
        tally.differences[change] += 1
        return
    tally.unequal.append(Unequal(kind=kind, change=change, schema=why or "valid", ours=ours, text=text))


_CODECS = {(version, role): Codec(version, role) for version in Version for role in Role}


def verdict(kind: MessageKind, text: str) -> tuple[WireStruct | None, str]:
    """What our strict codec makes of a payload: (message, "valid") or (None, why not)."""
    starters = vocabulary(kind.version).started_by
    starter = Role.STATION if kind.action in starters[Role.STATION] else Role.CSMS
    number = {"call": 2, "result": 3, "send": 6}[kind.part]
    codec = _CODECS[kind.version, starter if kind.part == "result" else starter.peer]
    head = f'[{number},"1",' if kind.part == "result" else f'[{number},"1","{kind.action}",'
    frame = codec.decode_frame(f"{head}{text}]")
    try:
        match frame:
            case Call():
                return codec.decode_call(frame.action, frame.payload), "valid"
            case CallResult():
                return codec.decode_result(kind.action, frame.payload), "valid"
            case Send():
                return codec.decode_send(frame.action, frame.payload), "valid"
            case Malformed():
                return None, frame.description
            case _:
                return None, f"taken for {type(frame).__name__}"
    except PayloadError as error:
        return None, str(error)


def same(sent: Any, kept: Any) -> bool:
    """Whether a payload came back as it was: numbers to a float's digits, moments as moments."""
    if isinstance(sent, dict):
        return (
            isinstance(kept, dict)
            and sent.keys() == kept.keys()
            and all(same(member, kept[name]) for name, member in sent.items())
        )
    if isinstance(sent, list):
        return isinstance(kept, list) and len(sent) == len(kept) and all(map(same, sent, kept))
    if isinstance(sent, Decimal | int) and not isinstance(sent, bool):
        return not isinstance(kept, bool | str) and math.isclose(float(sent), kept, rel_tol=1e-15)
    if isinstance(sent, str) and sent != kept and isinstance(kept, str):
        return _moment(sent) is not None and _moment(sent) == _moment(kept)
    return type(sent) is type(kept) and bool(sent == kept)


def _moment(text: str) -> Any:
    try:
        return msgspec.convert(text, type=datetime)
    except msgspec.ValidationError:
        return None
