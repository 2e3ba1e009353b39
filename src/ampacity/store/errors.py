"""What can go wrong with a store, as types. Each message names the place, what is wrong, and what helps."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

TroubleKind: TypeAlias = Literal[
    "full", "read-only", "locked", "corrupt", "io", "unreachable", "overloaded", "denied", "recovered"
]

REMEDIES: dict[str, str] = {
    "recovered": "nothing is to be done",
    "full": "free space or move the data to a larger disk; writing goes on as soon as there is room",
    "read-only": "give this user the right to write the file and its folder, or remount the disk writable",
    "locked": "another program holds the database: stop it, or point this one at another data folder",
    "corrupt": "restore the last backup and keep the damaged file for examination",
    "io": "check the disk or volume (dmesg, smartctl); writing goes on when it answers again",
    "unreachable": "see that the server runs and the network leads there; writing goes on when it answers",
    "overloaded": "raise the server's max_connections or memory, or end other programs' sessions",
    "denied": "check user, password and database in its address, and the server's pg_hba.conf",
}


def without_password(url: str) -> str:
    """An address that may be shown: the password, where there is one, is left out."""
    # Up to the last @: a password that was not written as an address wants it may hold any character.
    url = re.sub(r"(://[^/@:]*):.*@", r"\1@", url, flags=re.DOTALL)
    return re.sub(r"([?&]password=)[^&]*", r"\1...", url)


class StoreError(Exception):
    """Anything the store raises by itself; errors of a unit of work come through as they are."""


class StoreUnavailable(StoreError):
    """The database can't be opened or written now. Nothing of the unit of work was kept."""

    def __init__(self, kind: TroubleKind, place: str, detail: str, remedy: str | None = None) -> None:
        self.kind = kind
        self.place = place
        self.detail = detail
        self.remedy = remedy or REMEDIES[kind]
        super().__init__(f"database {place}: {_WORDS[kind]} ({detail}): {self.remedy}")


class StoreNewer(StoreError):
    """The database was written by a later Ampacity."""

    def __init__(self, place: str, found: str, known: str) -> None:
        self.place = place
        self.found = found
        self.known = known
        super().__init__(
            f"database {place} has schema {found}, this program knows up to {known}: "
            "start the newer Ampacity, or restore a backup made before the update"
        )


class StoreOlder(StoreError):
    """The database is of an earlier Ampacity, which runs on it now."""

    def __init__(self, place: str, found: str, known: str) -> None:
        self.place = place
        self.found = found
        self.known = known
        super().__init__(
            f"database {place} has schema {found}, this program wants {known}, and a node runs on it: "
            "stop the node and start this version of Ampacity, which brings it up to date"
        )


class StoreUrlError(StoreError):
    """The address of the database can't be understood."""

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        super().__init__(
            f"database address {without_password(url)!r}: {why}: "
            "write sqlite:///folder/ampacity.db, a file's path, or postgresql://user:password@host/database"
        )


class StoreUnfit(StoreError):
    """The database is there, and is not one that can be used: too old, or of another encoding."""

    def __init__(self, place: str, why: str, remedy: str) -> None:
        self.place = place
        self.remedy = remedy
        super().__init__(f"database {place}: {why}: {remedy}")


class StoreClosed(StoreError):
    """The store was closed, or its writer ended."""

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(f"database {place} is closed: open it again")


class TransactionMisused(StoreError):
    """A unit of work ended the transaction that it shares with others."""

    def __init__(self) -> None:
        super().__init__(
            "a unit of work must not commit, roll back or close: return to commit, raise to undo"
        )


class StoreTrouble(Struct, frozen=True):
    """Writing stopped working, or (`recovered`) works again. `at` is epoch seconds of the store's clock.

    `text` says what is wrong, where, and what helps; `remedy` is the last of these alone.
    """

    kind: TroubleKind
    text: str
    at: float
    remedy: str = ""


def words_of(kind: TroubleKind) -> str:
    """What is wrong, in words that name no place."""
    return _WORDS[kind]


_WORDS: dict[TroubleKind, str] = {
    "full": "the disk is full",
    "read-only": "it can't be written",
    "locked": "it is locked",
    "corrupt": "it is damaged or no database",
    "io": "the disk answers with an error",
    "unreachable": "the server can't be reached",
    "overloaded": "the server has no room for another session",
    "denied": "the server refuses this user",
    "recovered": "works again",
}
