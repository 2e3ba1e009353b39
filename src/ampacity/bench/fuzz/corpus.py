"""What a fuzzer begins with: good inputs of each target, and words that are worth putting in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from .messages import text_of, valid
from .schemas import MessageKind, kinds, schema_of

_PIECES = [
    *(
        piece.encode()
        for piece in ("null", '"', "{", "}", "[", "]", ",", ":", "5", "-1", "0.1", "1e400", "\\u")
    ),
    *(piece.encode() for piece in ('{"customData":{"vendorId":"x"}}', "[" * 99, "é", "😀", "\x00")),
    b"\xff",
    b"\xc3",
]


def frame_of(kind: MessageKind, payload: str, message_id: str = "a") -> str:
    """A frame around a payload; a result is that of the call "q"."""
    if kind.part == "result":
        return f'[3,"q",{payload}]'
    return f'[{2 if kind.part == "call" else 6},"{message_id}","{kind.action}",{payload}]'


def seeds(target: str, rng: Random) -> Iterator[bytes]:
    """Inputs with which fuzzing of `target` begins."""
    if target in ("sequences", "messages"):
        yield from (rng.randbytes(size) for size in (20, 60, 200, 400, 1_000))
        return
    for number, kind in enumerate(kinds()):
        payload = text_of(valid(schema_of(kind), rng, rng.choice((0.0, 0.4)))).encode()
        if target == "payloads":
            yield number.to_bytes(2, "big") + payload
        else:
            yield bytes([rng.randrange(256)]) + frame_of(kind, payload.decode()).encode()
    if target == "frames":
        errors = ('[4,"q","GenericError","",{}]', '[5,"q","NotSupported","",{}]', '[7,"q",{}]', "[]")
        for text in errors:
            yield from (bytes([end]) + text.encode() for end in range(6))


def damaged(data: bytes, rng: Random) -> bytes:
    """A copy with up to four pieces cut out or put in."""
    changed = bytearray(data)
    for _ in range(rng.randint(0, 4)):
        at = rng.randint(0, len(changed))
        changed[at : at + rng.randint(0, 4)] = rng.choice(_PIECES)
    return bytes(changed)


def words() -> set[str]:
    """Actions, members and values of enumerations, as JSON strings."""
    found: set[str] = set()
    for kind in kinds():
        found.add(kind.action)
        _names(schema_of(kind), found)
    return {json.dumps(word) for word in found if len(word) < 60}


def _names(schema: Any, found: set[str]) -> None:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            found.update(schema["properties"])
        found.update(value for value in schema.get("enum", ()) if isinstance(value, str))
        for inner in schema.values():
            _names(inner, found)
    elif isinstance(schema, list):
        for inner in schema:
            _names(inner, found)


def write_dictionary(path: Path) -> None:
    """The words in the form that libFuzzer reads."""
    escaped = (word.replace("\\", "\\\\").replace('"', '\\"') for word in sorted(words()))
    extra = ('{\\"', "null", "1e400", "\\\\ud800", "[3,", '[2,\\"a\\",')
    path.write_text("".join(f'"{word}"\n' for word in (*escaped, *extra)))
