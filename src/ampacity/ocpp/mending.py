"""Mends the text of a frame that is no JSON, where what was meant is plain.

Seen from stations in the field: characters below space inside a string (a NUL that ends a string in C), NaN
as a number, a member without its value. Bytes that are no UTF-8 are replaced. What is still no JSON after
that stays malformed.
"""

import json
import re

import msgspec

_NO_VALUE = re.compile(r'(?<!\\)("\s*:)\s*(?=[,}])')


def mend(text: str | bytes) -> str | None:
    """A JSON text that says what `text` was to say, None when that can't be known."""
    loose = text if isinstance(text, str) else text.decode("utf-8", "replace")
    loose = loose.strip("\x00 \t\r\n\ufeff")
    for attempt in (loose, _NO_VALUE.sub(r"\1null", loose)):
        try:
            # NaN and the infinities become null.
            return msgspec.json.encode(_cleaned(json.loads(attempt, strict=False))).decode()
        except (ValueError, OverflowError, RecursionError):
            continue
    return None


def _cleaned(value: object) -> object:
    """Without the character NUL, which no database takes."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    return value
