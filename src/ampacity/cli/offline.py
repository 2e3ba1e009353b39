"""Commands that work on the data of a node, beside it or without it."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from ..access.roles import Role
from ..access.service import Access
from ..bus import LocalBus
from ..clock import WallClock
from ..csms.service import Csms
from ..model.site import Site
from ..settings import NodeSettings, SettingsError
from ..site.form import FormError, read_form
from ..site.safe import Safe, sealed
from ..store import Store, StoreError, backup, operators, sites

SettingsOf = Callable[[], NodeSettings]
Work = Callable[[NodeSettings, Store], Awaitable[int]]


def with_store(settings_of: SettingsOf, name: str, work: Work) -> int:
    """Run `work` with the node's store open beside it; returns its exit code, 2 where it can't be done."""

    async def run() -> int:
        settings = settings_of()
        clock = WallClock()
        store = await Store.open(settings.store_url, clock, settings.store, guest=True)
        try:
            csms, now = settings.csms, clock.now()
            await store.write(
                lambda connection: operators.ensure_operator(
                    connection, csms.operator_id, csms.operator_name, now
                )
            )
            return await work(settings, store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except (SettingsError, StoreError, OSError, ValueError) as problem:
        print(f"ampacity {name}: {problem}", file=sys.stderr)
        return 2


def enter_site(settings_of: SettingsOf, file: Path) -> int:
    """Read a site from TOML, keep it, register its stations; prints each new station's password, once."""

    async def work(settings: NodeSettings, store: Store) -> int:
        site = read_site(file, settings.csms.operator_id, settings.meter_maps)
        site = sealed(site, Safe(settings.keys_folder))
        now = store.clock.now()
        await store.write(lambda connection: sites.save_site(connection, site, now, "system cli"))
        csms = Csms(store, LocalBus(), store.clock, settings.csms)
        await csms.reload()
        console = Console()
        console.print(f"Site {site.site_id}: {len(site.circuits)} circuits, {len(site.evses)} EVSEs")
        for station_id in dict.fromkeys(evse.station_id for evse in site.evses):
            known = csms.station(station_id)
            if known is not None and known.password_hash is not None:
                continue
            password = secrets.token_hex(10)
            await csms.register(site.operator_id, station_id, site_id=site.site_id, password=password)
            console.print(f"Station {station_id}  password {password}", highlight=False)
        return 0

    return with_store(settings_of, "site", work)


def read_site(file: Path, operator_id: str, maps: Path | None = None) -> Site:
    """A site as docs/sites.md describes it. Raises ValueError that names the file and the field."""
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text())
    except OSError as problem:
        raise ValueError(f"site file {file}: {problem.strerror}") from None
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"site file {file} is no TOML: {problem}") from None
    try:
        return read_form(values, operator_id, maps)
    except FormError as problem:
        raise ValueError(f"site file {file}: {problem}") from None


def make_link(settings_of: SettingsOf, user: str, role: Role | None) -> int:
    """Print a link that signs `user` in once."""

    async def work(settings: NodeSettings, store: Store) -> int:
        access = await Access.open(store, settings.csms.operator_id, settings.access)
        link = await access.make_link(user, role, "system cli")
        host = "127.0.0.1" if settings.api.host in ("0.0.0.0", "::") else settings.api.host
        Console().print(f"http://{host}:{settings.api.port}{link.path}", soft_wrap=True, highlight=False)
        return 0

    return with_store(settings_of, "link", work)


def back_up(settings_of: SettingsOf, target: Path) -> int:
    """Copy the database, consistent at one moment and checked."""

    async def work(settings: NodeSettings, store: Store) -> int:
        report = await backup.backup(store, target)
        Console().print(f"{target}: {report}", highlight=False)
        return 0

    return with_store(settings_of, "backup", work)


def bring_back(settings_of: SettingsOf, saved: Path) -> int:
    """Put a backup in the place of the database, while no node runs on it."""
    try:
        settings = settings_of()
        backup.restore(saved, settings.store_url)
    except (SettingsError, StoreError, OSError) as problem:
        print(f"ampacity restore: {problem}", file=sys.stderr)
        return 2
    Console().print(f"{saved} is restored: start the node", highlight=False)
    return 0


def rebuild_samples(settings_of: SettingsOf) -> int:
    """Derive meter samples and rollups anew from the journal."""

    async def work(settings: NodeSettings, store: Store) -> int:
        csms = Csms(store, LocalBus(), store.clock, settings.csms)
        if store.beside:
            await csms.ledger.samples.ask_for_rebuild(settings.csms.operator_id)
            Console().print("The running node derives them anew; it goes on serving meanwhile.")
            return 0
        count = await csms.ledger.samples.rebuild(settings.csms.operator_id)
        Console().print(f"{count} messages of the journal derived anew", highlight=False)
        return 0

    return with_store(settings_of, "rebuild", work)
