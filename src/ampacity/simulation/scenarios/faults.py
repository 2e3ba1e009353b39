"""What is wrong with a scenario file, said so that one can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from msgspec import Struct


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: its key (`evse[2].circuit`), its value as written, and what would be right."""

    key: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.problem}. {self.remedy}"


class ScenarioError(ValueError):
    """A scenario file that can't be used. `faults` holds everything that was found."""

    def __init__(self, file: str, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(f"{file}: {fault}" for fault in faults))
        self.file, self.faults = file, tuple(faults)


def shown(value: object) -> str:
    if value is None:
        return ""
    text = (
        str(value).lower()
        if isinstance(value, bool)
        else repr(value)
        if isinstance(value, str)
        else f"{value}"
    )
    return text if len(text) <= 40 else f"{text[:37]}..."


def absent(key: str, value: str, known: Sequence[str], what: str) -> Fault:
    near = difflib.get_close_matches(value, known, 1)
    remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known) or 'none'}."
    return Fault(key=key, value=shown(value), problem=f"is no {what} of this file", remedy=remedy)
