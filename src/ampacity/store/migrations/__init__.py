"""Migrations of the database's schema, run when a store is opened.

The revisions lie in `versions/`, written for Alembic. A database at HEAD is recognised without loading
Alembic, which keeps a start quick.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ..errors import StoreNewer, StoreOlder

HEAD = "0017"
"""The newest revision; a test holds it against `versions/`."""


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check(connection: Connection, place: str) -> None:
    """Raises StoreOlder or StoreNewer where the database is not at HEAD, for who may not change that."""
    found = revision(connection)
    if found != HEAD:
        raise (StoreOlder if found is None or found in _known() else StoreNewer)(place, found or "none", HEAD)


def _known() -> set[str]:
    """All revisions that this program has. Their numbers tell no order: each names the one before it."""
    return {path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*.py")}


def upgrade(connection: Connection, place: str) -> None:
    """Bring the database to HEAD. Raises StoreNewer where it is ahead of this program.

    All of it is the one transaction that `connection` is in: a migration that is cut off leaves the former
    schema.
    """
    found = revision(connection)
    if found == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreNewer(place, found, HEAD)
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
