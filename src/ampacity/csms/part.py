"""What a functional block takes part in, and how the parts of all blocks become one.

A station's message has one block that hears and answers it. A command goes a longer way:

    completes   what it leaves to us: a number, a password, a transaction; ValueError: it can't be
    prepares    what must be read or written before it is carried out
    jobs        what goes on after its answer begins
    pages       the commands that it is for a station that takes no more at once; each of them is
    carries     carried out by the block that judges it, or else simply told:
      precedes    it is about to be sent
      follows     the station answered, or did not
      effects     the same, where it accepted
    settles     what became of the whole, even if it was never sent

A raw payload that means a command begins with its job, and goes out as it was written: it has no pages and
nobody carries it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from .dialects.dialect import Dialect
from .following import Jobs
from .state import StationState
from .vocabulary import Answer, Command, Outcome

Hear: TypeAlias = Callable[[StationState, Any], Awaitable[Answer]]
Complete: TypeAlias = Callable[[StationState | None, Any], Command]
"""The state is None for a station that nobody knows."""
Prepare: TypeAlias = Callable[[StationState, Any, str], Awaitable[Command]]
Pages: TypeAlias = Callable[[StationState, Dialect, Any], tuple[Command, ...]]
Tell: TypeAlias = Callable[[Command], Awaitable[Outcome]]
Carry: TypeAlias = Callable[[StationState, Any, str, Tell], Awaitable[Outcome]]
Precede: TypeAlias = Callable[[StationState, Any, str], Awaitable[None]]
Effect: TypeAlias = Callable[[StationState, Any, Outcome], None]
Start: TypeAlias = Callable[[list[str]], Awaitable[object]]
"""Told the operators whose stations are there."""
Stop: TypeAlias = Callable[[], Awaitable[None]]

Of = TypeVar("Of")


async def _nothing_to_load(operators: list[str]) -> None: ...


async def _nothing_under_way() -> None: ...


class Part(Struct, frozen=True, kw_only=True):
    """Tables by the type of message or command, what it wants to hear from the bus, and its life."""

    hears: Mapping[type[Any], Hear] = {}
    completes: Mapping[type[Any], Complete] = {}
    prepares: Mapping[type[Any], Prepare] = {}
    jobs: Mapping[type[Any], Jobs] = {}
    pages: Mapping[type[Any], Pages] = {}
    carries: Mapping[type[Any], Carry] = {}
    precedes: Mapping[type[Any], tuple[Precede, ...]] = {}
    follows: Mapping[type[Any], tuple[Effect, ...]] = {}
    effects: Mapping[type[Any], tuple[Effect, ...]] = {}
    settles: Mapping[type[Any], Effect] = {}
    listens: tuple[tuple[type[Any], Callable[[Any], None]], ...] = ()
    start: Start = _nothing_to_load
    stop: Stop = _nothing_under_way


def together(*parts: Part) -> Part:
    """All parts as one: started in this order, stopped in the other. Where several have to do with a command,
    they come in this order. Raises ValueError where two claim what only one can have.
    """

    async def start(operators: list[str]) -> None:
        for part in parts:
            await part.start(operators)

    async def stop() -> None:
        for part in reversed(parts):
            await part.stop()

    return Part(
        hears=_one(part.hears for part in parts),
        completes=_one(part.completes for part in parts),
        prepares=_one(part.prepares for part in parts),
        jobs=_one(part.jobs for part in parts),
        pages=_one(part.pages for part in parts),
        carries=_one(part.carries for part in parts),
        precedes=_each(part.precedes for part in parts),
        follows=_each(part.follows for part in parts),
        effects=_each(part.effects for part in parts),
        settles=_one(part.settles for part in parts),
        listens=tuple(listen for part in parts for listen in part.listens),
        start=start,
        stop=stop,
    )


def perhaps(effect: Effect) -> Effect:
    """An effect that counts without an answer, too: the station may have done it."""

    def taken(state: StationState, command: Any, outcome: Outcome) -> None:
        if outcome.accepted or outcome.result == "timeout":
            effect(state, command, outcome)

    return taken


def _one(tables: Iterable[Mapping[type[Any], Of]]) -> dict[type[Any], Of]:
    made: dict[type[Any], Of] = {}
    for table in tables:
        if twice := made.keys() & table.keys():
            raise ValueError(f"two blocks claim {', '.join(sorted(kind.__name__ for kind in twice))}")
        made |= table
    return made


def _each(tables: Iterable[Mapping[type[Any], tuple[Of, ...]]]) -> dict[type[Any], tuple[Of, ...]]:
    made: dict[type[Any], tuple[Of, ...]] = {}
    for table in tables:
        for kind, those in table.items():
            made[kind] = (*made.get(kind, ()), *those)
    return made
