"""Stored files and the addresses at which stations fetch or bring them. The content is on disk (`files`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct, structs
from sqlalchemy import Connection, delete, func, insert, select, update

from .tables import file_grant, stored_file

FileKind: TypeAlias = Literal["firmware", "log"]
Purpose: TypeAlias = Literal["fetch", "bring"]


class FileRow(Struct, frozen=True, kw_only=True):
    """A file that is whole on the disk. `station_id` is who brought it."""

    operator_id: str
    file_id: str
    kind: FileKind
    name: str
    bytes: int
    sha256: str
    md5: str
    station_id: str | None
    created_at: datetime
    created_by: str


class GrantRow(Struct, frozen=True, kw_only=True):
    """An address for one station and one job. `sha256` is of its secret part; `uses` counts finished
    transfers.
    """

    operator_id: str
    sha256: str
    purpose: Purpose
    file_id: str | None
    station_id: str
    job_id: str
    max_bytes: int
    created_at: datetime
    expires_at: datetime
    uses: int = 0


def add_file(connection: Connection, row: FileRow) -> None:
    """A new file."""
    connection.execute(insert(stored_file), structs.asdict(row))


def find_file(connection: Connection, operator_id: str, file_id: str) -> FileRow | None:
    """A file by its id."""
    column = stored_file.c
    query = select(stored_file).where(column.operator_id == operator_id, column.file_id == file_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else FileRow(**row._mapping)


def remove_file(connection: Connection, operator_id: str, file_id: str) -> bool:
    """Forget a file and the addresses at which it is fetched; returns whether it was known."""
    connection.execute(
        delete(file_grant).where(file_grant.c.operator_id == operator_id, file_grant.c.file_id == file_id)
    )
    column = stored_file.c
    gone = delete(stored_file).where(column.operator_id == operator_id, column.file_id == file_id)
    return connection.execute(gone).rowcount > 0


def old_files(
    connection: Connection, operator_id: str, kind: FileKind, before: datetime, limit: int
) -> list[FileRow]:
    """Files of a kind that are older, the oldest first."""
    column = stored_file.c
    query = (
        select(stored_file)
        .where(column.operator_id == operator_id, column.kind == kind, column.created_at < before)
        .order_by(column.created_at)
        .limit(limit)
    )
    return [FileRow(**row._mapping) for row in connection.execute(query)]


def known_files(connection: Connection, file_ids: Sequence[str]) -> set[str]:
    """Which of these files somebody has."""
    query = select(stored_file.c.file_id).where(stored_file.c.file_id.in_(file_ids))
    return set(connection.execute(query).scalars())


def bytes_of(connection: Connection, operator_id: str, kind: FileKind) -> int:
    """What an operator's files of a kind take."""
    column = stored_file.c
    query = select(func.coalesce(func.sum(column.bytes), 0)).where(
        column.operator_id == operator_id, column.kind == kind
    )
    return int(connection.execute(query).scalar_one())


# ---------------------------------------------------------------- addresses


def add_grant(connection: Connection, row: GrantRow) -> None:
    """A new address."""
    connection.execute(insert(file_grant), structs.asdict(row))


def find_grant(connection: Connection, sha256: str) -> GrantRow | None:
    """An address by the hash of its secret part, whoever's it is: nobody knows the operator yet."""
    row = connection.execute(select(file_grant).where(file_grant.c.sha256 == sha256)).one_or_none()
    return None if row is None else GrantRow(**row._mapping)


def count_use(connection: Connection, grant: GrantRow) -> None:
    """A transfer at this address was finished."""
    column = file_grant.c
    connection.execute(
        update(file_grant)
        .where(column.operator_id == grant.operator_id, column.sha256 == grant.sha256)
        .values(uses=column.uses + 1)
    )


def withdraw_grants(connection: Connection, operator_id: str, job_id: str) -> int:
    """Let a job's addresses be good no more; returns how many there were."""
    column = file_grant.c
    gone = delete(file_grant).where(column.operator_id == operator_id, column.job_id == job_id)
    return connection.execute(gone).rowcount


def remove_expired_grants(connection: Connection, operator_id: str, now: datetime) -> int:
    """Forget the addresses that are good no more."""
    column = file_grant.c
    gone = delete(file_grant).where(column.operator_id == operator_id, column.expires_at < now)
    return connection.execute(gone).rowcount
