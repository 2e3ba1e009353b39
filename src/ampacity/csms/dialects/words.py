"""A functional block's translation, as tables: what a dialect looks up for words that are not its core's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from ..vocabulary import Answer, Command, FromStation, Outcome
from .dialect import WireCall

SaysCall: TypeAlias = Callable[[Any, Any], WireCall | tuple[WireCall, ...]]
"""(dialect, command) -> the CALL or CALLs. Raises Unsupported, or ValueError for what can't be said."""

SaysAnswer: TypeAlias = Callable[[Any, str, Any, Any], Struct]
"""(dialect, action, request, answer) -> the response."""


class Words(Struct, frozen=True, kw_only=True):
    """One block in one version's words.

    `calls` by type of command. `outcomes` by type of command: (command, response, or all responses where
    there were several CALLs) -> outcome; without one its status word tells. `meanings` by action: request
    that we send -> the command that it is, the inverse of `calls`. `readers` by action: (request of the
    station, its text) -> what it says; without one it is a Notice. `answers` by type of answer.
    """

    calls: Mapping[type[Any], SaysCall] = {}
    outcomes: Mapping[type[Any], Callable[[Any, Any], Outcome]] = {}
    meanings: Mapping[str, Callable[[Any], Command | None]] = {}
    readers: Mapping[str, Callable[[Any, bytes], FromStation]] = {}
    answers: Mapping[type[Any], SaysAnswer] = {}

    def call(self, dialect: Any, command: Command) -> tuple[WireCall, ...] | None:
        """The CALLs of a command, None when it is not of these words."""
        says = self.calls.get(type(command))
        if says is None:
            return None
        said = says(dialect, command)
        return (said,) if isinstance(said[0], str) else said

    def answer(self, dialect: Any, action: str, request: Struct, answer: Answer) -> Struct | None:
        """The response, None when the answer is not of these words."""
        says = self.answers.get(type(answer))
        return None if says is None else says(dialect, action, request, answer)


def gathered(blocks: Iterable[Words]) -> Words:
    """The words of all blocks together. Raises ValueError when two of them say the same."""
    together: dict[str, dict[Any, Any]] = {name: {} for name in Words.__struct_fields__}
    for block in blocks:
        for name, table in together.items():
            for key, says in getattr(block, name).items():
                if key in table:
                    raise ValueError(f"two blocks have {name} for {key!r}")
                table[key] = says
    return Words(**together)
