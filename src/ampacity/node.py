"""The composition root: settings become a running node.

One process, one event loop: store, CSMS, gateway, the controllers of its sites with their meters, API and
console.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import secrets
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from .access.service import Access
from .api.app import create_app
from .api.context import ApiContext, DemoControl
from .api.server import HttpServer
from .bus import LocalBus
from .clock import Clock
from .csms.service import Csms
from .files.http import FileDoor
from .files.listening import FilesListener, tls_context
from .files.service import FileService
from .gateway import Gateway
from .gateway.settings import GatewaySettings
from .gateway.tls import Shown
from .model.site import Site
from .pki.certificates import ChainError, names_of, pem_of, read_chain
from .settings import NodeSettings, SettingsError
from .site.building import BuildingLimits, BuildingMqtt, BuildingServer
from .site.controller import SiteController
from .site.groups.groups import Groups
from .site.records import SiteRecords
from .site.safe import Safe, sealed
from .site.tariff import Tariff
from .store import Store, housekeeping, operators, sites

log = logging.getLogger(__name__)


class Node:
    """`open`, add sites, `start`, `run`, `stop`. Everything hangs on one clock."""

    def __init__(
        self,
        settings: NodeSettings,
        clock: Clock,
        store: Store,
        access: Access,
        bound: list[socket.socket] | None = None,
    ) -> None:
        if not settings.csms.security.folder:
            security = replace(settings.csms.security, folder=str(settings.keys_folder))
            settings = replace(settings, csms=replace(settings.csms, security=security))
        self.settings = settings
        self.clock = clock
        self.store = store
        self.access = access
        self.operator_id = settings.csms.operator_id
        # Another one each time: a device that the last run held is ours only when its lease is over.
        self._name = f"{socket.gethostname()}/{secrets.token_hex(4)}"
        self.bus = LocalBus()
        self.files = FileService(store, clock, settings.files_folder, settings.files)
        self.csms = Csms(store, self.bus, clock, settings.csms, self.files)
        self.gateway = Gateway(
            settings.gateway,
            self.bus,
            clock,
            self.csms.credentials,
            self.csms,
            self.csms.record,
            bound,
            self._shown,
        )
        self.csms.signing.disconnect = self.gateway.disconnect
        self.csms.device_model.provisioning.disconnect = self.gateway.disconnect
        self.csms.signing.reserved = _server_names(settings.gateway)
        self.sites: dict[str, SiteController] = {}
        self._safe = Safe(settings.keys_folder)
        self.groups = Groups(
            store,
            self.operator_id,
            self.bus,
            clock,
            self.sites,
            self._name,
            self._safe,
            settings.meter_maps,
            settings.parents,
        )
        self.http: HttpServer | None = None
        self._file_door: FilesListener | None = None
        self._building: BuildingServer | None = None
        self.demo: DemoControl | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._founding = asyncio.Lock()
        self.failure: BaseException | None = None
        self._failed = asyncio.Event()

    @classmethod
    async def open(
        cls, settings: NodeSettings, clock: Clock, bound: list[socket.socket] | None = None
    ) -> Node:
        """Open the store (and migrate it) and load what is known. Raises StoreError where that can't be.
        `bound` are the sockets for stations, where they listen already.
        """
        store = await Store.open(settings.store_url, clock, settings.store)
        try:
            node = cls(settings, clock, store, await cls._open_access(settings, store, clock), bound)
            await node.files.open()
            await node.csms.start()
        except BaseException:
            await store.close()
            raise
        return node

    @staticmethod
    async def _open_access(settings: NodeSettings, store: Store, clock: Clock) -> Access:
        csms, now = settings.csms, clock.now()
        await store.write(
            lambda connection: operators.ensure_operator(
                connection, csms.operator_id, csms.operator_name, now
            )
        )
        return await Access.open(store, csms.operator_id, settings.access)

    # ------------------------------------------------------------ sites

    async def save_site(self, site: Site) -> None:
        """Keep a site as it is built; call before `start`, or restart to follow a change."""
        now, kept = self.clock.now(), sealed(site, self._safe)
        await self.store.write(lambda connection: sites.save_site(connection, kept, now))
        await self.csms.reload()

    async def found_site(self, site: Site, actor: str) -> None:
        """Keep a site that is new, and run it from now on. ValueError where it is there, or a station of it
        stands elsewhere."""
        async with self._founding:
            if site.site_id in self.sites:
                raise ValueError(f"site {site.site_id!r} is there already: give this one another id")
            await self._found_site(site, actor)

    async def _found_site(self, site: Site, actor: str) -> None:
        kept, records = sealed(site, self._safe), SiteRecords(self.store, site)
        taken = await records.stations_elsewhere({evse.station_id for evse in site.evses})
        if taken:
            station_id, other = next(iter(taken.items()))
            raise ValueError(f"station {station_id!r} stands at site {other!r}: remove it there first")
        await records.rebuild(kept, set(), set(), {"site": "added"}, actor)
        self.csms.settle(kept, ())
        controller = await self._load_site(kept)
        for evse in kept.evses:
            controller.introductions.look_again(evse.station_id)
        self.groups.adopt(controller)
        self._run_site(controller)

    async def _load_sites(self) -> None:
        now = self.clock.now()
        known = await self.store.read(lambda connection: sites.list_sites(connection, self.operator_id, now))
        for site in known:
            await self._load_site(site)

    async def _load_site(self, site: Site) -> SiteController:
        records = SiteRecords(self.store, site)
        await records.load()
        controller = self.sites[site.site_id] = SiteController(
            site,
            self.csms,
            records,
            self.bus,
            self.clock,
            demo=self.demo is not None,
            safe=self._safe,
            meter_maps=self.settings.meter_maps,
            tariff=Tariff(lambda: self.csms.costs.prices),
            holder=self._name,
        )
        return controller

    def _run_site(self, controller: SiteController) -> None:
        site_id = controller.site.site_id
        self._run(f"meters of {site_id}", controller.meters.run())
        self._run(f"site {site_id}", controller.run())
        self._run(f"watchdog of {site_id}", controller.watch())

    def _shown(self) -> Shown:
        """What the internal authority adds to the stations' ports: certificates for our names where none are
        given, and its root, which vouches for stations.
        """
        authority = self.csms.signing.internal
        if authority is None:
            return Shown()
        gateway, now = self.settings.gateway, self.clock.now()
        files: tuple[str, ...] = ()
        if gateway.server_names:
            files = authority.server_files(gateway.server_names, now, gateway.server_certificate_hours)
        return Shown(tuple((file, None) for file in files), pem_of(authority.root(now)))

    # ------------------------------------------------------------ life

    async def start(self, demo: DemoControl | None = None) -> None:
        """Serve: meters and controllers first, then the doors for people, then those for stations."""
        calm_garbage_collector()
        self.demo = demo
        await self._load_sites()
        try:
            await self.groups.load()
        except (OSError, ValueError) as problem:
            raise SettingsError(f"parents: {problem}") from problem
        self._run("groups", self.groups.run())
        for controller in self.sites.values():
            self._run_site(controller)
        await self._serve_building()
        self._run("housekeeping", housekeeping.run(self.store, self.settings.retention))
        self._run("files", self.files.run())
        context = ApiContext(
            operator_id=self.operator_id,
            store=self.store,
            csms=self.csms,
            sites=self.sites,
            access=self.access,
            bus=self.bus,
            clock=self.clock,
            demo=demo,
            settings=self.settings.api,
            quarantine=self.csms.quarantine,
            retention=self.settings.retention,
            log_messages=self.settings.csms.log_messages,
            repairs=self.csms.repairs,
            files=self.files,
            meter_maps=self.settings.meter_maps,
            found_site=self.found_site,
            groups=self.groups,
        )
        self.http = HttpServer(create_app(context), self.settings.api.host, self.settings.api.port)
        await self.http.start()
        await self._serve_files()
        await self.gateway.start()

    async def _serve_building(self) -> None:
        """Let building management in, where it is set up: beside the site, and never in its way."""
        settings = self.settings.building
        if settings.modbus_port is None and not settings.mqtt_broker:
            return
        wanted = settings.site_id or (next(iter(self.sites)) if len(self.sites) == 1 else "")
        site = self.sites.get(wanted)
        if site is None:
            log.error(
                "building management: no site %r; set building.site_id to one of %s", wanted, [*self.sites]
            )
            return
        limits = BuildingLimits(site, self.clock, settings.watchdog_s, settings.fallback_a)
        if settings.modbus_port is not None:
            self._building = BuildingServer(site, limits, settings, self.clock)
            await self._building.start()
        if settings.mqtt_broker:
            self._run("building management", BuildingMqtt(site, limits, settings, self.clock).run())

    async def _serve_files(self) -> None:
        """Let stations at the files: beside the API, or at a door of their own."""
        assert self.http is not None
        if self.settings.files.port is None:
            self.files.listens_at((self.settings.api.public_url.rstrip("/") or self.http.url) + "/files")
            return
        await self.gateway.listen()  # its certificates are the files', too, where those have none
        tls = tls_context(self.settings.files) or self.gateway.tls
        self._file_door = FilesListener(FileDoor(self.files), self.settings.files, tls)
        await self._file_door.start()
        self.files.listens_at(self._file_door.url)

    @property
    def url(self) -> str:
        """Where a browser finds the console."""
        assert self.http is not None
        return self.http.url

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` for as long as the node runs; its failure ends the node."""
        self._run(name, work)

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        problem = task.exception()
        if problem is not None:
            log.critical("%s has failed", task.get_name(), exc_info=problem)
            self.failure = problem
            # A controller that is dead must not look alive: the whole node ends, and the stations' leases run
            # out.
            self._failed.set()

    async def failed(self) -> None:
        """Return when a part of the node has failed."""
        await self._failed.wait()

    async def stop(self) -> None:
        """End in the order in which nothing is lost: doors, then what runs, then the store."""
        await self.gateway.stop()
        if self.http is not None:
            await self.http.stop()
        if self._file_door is not None:
            await self._file_door.stop()
        if self._building is not None:
            await self._building.stop()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self.csms.stop()
        await self.store.close()


def _server_names(gateway: GatewaySettings) -> frozenset[str]:
    """Every name that our own certificates are for: no station gets one with such a name."""
    names = set(gateway.server_names)
    for file in (gateway.certfile, gateway.second_certfile):
        if file is not None and Path(file).exists():  # one that can't be used is told when the port opens
            with contextlib.suppress(ChainError, OSError):
                names |= names_of(read_chain(Path(file).read_text())[0])
    return frozenset(names)


async def told_to_end() -> None:
    """Return at the first Ctrl-C or polite kill. A second Ctrl-C is not waited for: it raises
    KeyboardInterrupt.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    await stop.wait()


def calm_garbage_collector() -> None:
    """Collect rarely: frames and samples are trees without cycles (measured: answer p99 5.2 -> 1.1 ms)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1_000)
