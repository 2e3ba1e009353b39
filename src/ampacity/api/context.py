"""What the API is given: the parts of a running node, as it sees them.

Protocols stand where the part lives beside or above the API's floor, so that nothing is imported upward: a
site's runtime and the demo's switches. Errors of both are ordinary: `LookupError` for what is not there
(404), `ValueError` for what can't be (409), each with a message that names the thing, the value and what
would be right.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct, field

from ..access.service import Access
from ..bus.local import Bus
from ..clock import Clock
from ..csms.blocks.costs import Costs
from ..csms.blocks.device_model import DeviceModel
from ..csms.blocks.local_lists import LocalLists
from ..csms.blocks.reservations import Reservations
from ..csms.blocks.security import Security
from ..csms.blocks.signing import Signing
from ..csms.doctor import Doctor
from ..csms.quarantine import Quarantine
from ..csms.repairs import Repairs
from ..csms.settings import CsmsSettings
from ..csms.state import StationState
from ..csms.vocabulary import Command, Outcome, RawCall
from ..files.service import FileService
from ..model.devices import Device
from ..model.events import CircuitMetered, CircuitMeterFailed
from ..model.goals import Goals
from ..model.live import DeviceView, SiteHistory, SiteView
from ..model.phases import PerPhase
from ..model.protection import LimitPiece, SignalSource
from ..model.proving import ProbeReport, ProbeRun
from ..model.site import EvseKey, LimitSource, MeterConfig, SharingRules, Site, Strategy
from ..site.assessment import Assessor
from ..site.devices.trial import DeviceTrial
from ..site.groups.groups import Groups
from ..site.meters.phase_order import PhaseReport
from ..site.meters.trial import Trial
from ..site.rebuilding import Builder
from ..store.database import Store
from ..store.retention import RetentionPolicy


class Stations(Protocol):
    """What the API needs of the CSMS."""

    settings: CsmsSettings
    reservations: Reservations
    local_lists: LocalLists
    security: Security
    signing: Signing
    doctor: Doctor

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Station id -> state, of all operators."""
        ...

    def station(self, station_id: str) -> StationState | None:
        """One station."""
        ...

    async def command(
        self,
        operator_id: str,
        station_id: str,
        command: Command | RawCall,
        actor: str,
        timeout_s: float = 30.0,
    ) -> Outcome:
        """Send a command; audits itself, never raises for reasons of the station."""
        ...

    async def close_transaction(self, operator_id: str, transaction_id: str, actor: str, why: str) -> bool:
        """Close an open transaction for a person; returns whether there was one."""
        ...

    async def written(self) -> None:
        """Return when the tables hold what stations have been answered until now."""
        ...

    async def logged(self) -> None:
        """Return when the message log holds what has passed until now."""
        ...

    @property
    def costs(self) -> Costs:
        """Prices, and what transactions cost."""
        ...

    @property
    def device_model(self) -> DeviceModel:
        """Reports, expected configuration and boot policies of the stations."""
        ...


class SiteRuntime(Protocol):
    """A site at work. Its commands return when they are durable and in force for the next tick, and audit
    themselves.
    """

    @property
    def site(self) -> Site:
        """The site as it is configured now."""
        ...

    def view(self) -> SiteView:
        """The site now. Cheap: called at each change."""
        ...

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` in the event loop whenever `view()` may tell something new. Returns the function
        that ends it.
        """
        ...

    async def history(self, start: datetime, end: datetime) -> SiteHistory:
        """Power from `start` to `end` (site time)."""
        ...

    async def logged(self) -> None:
        """Return when the decision log holds what was decided until now."""
        ...

    async def set_limit(
        self,
        circuit_id: str,
        limit_a: float | None,
        source: str,
        valid_until: datetime | None,
        fallback_a: float | None,
        actor: str,
        *,
        limit_w: float | None = None,
        fallback_w: float | None = None,
        pieces: tuple[LimitPiece, ...] = (),
    ) -> None:
        """Put `source`'s limit on a circuit in the place of its former one: in amperes per phase, in watts of
        all phases together, or both; `pieces` go before both while they hold."""
        ...

    def heartbeat(self, circuit_id: str, source: str) -> SignalSource:
        """The sender of a signal is there. LookupError where the circuit has no such signal."""
        ...

    def record_temperature(
        self, place: str | EvseKey, sensor_id: str, celsius: float, at: datetime | None
    ) -> None:
        """What a sensor of a circuit or an EVSE tells. LookupError where there is none."""
        ...

    def granted(self, circuit_id: str) -> tuple[LimitSource, ...]:
        """What a group grants the site on a circuit: a limit that is kept nowhere."""
        ...

    async def withdraw_limit(self, circuit_id: str, source: str, actor: str) -> None:
        """Take `source`'s limit away. LookupError where there is none."""
        ...

    async def set_strategy(self, strategy: Strategy, actor: str) -> None:
        """Follow another strategy. ValueError where the wiring doesn't carry it."""
        ...

    async def safe_mode(self, on: bool, reason: str, actor: str) -> None:
        """Nobody gets more than what he draws unattended, or no longer. ValueError where it does not hold."""
        ...

    async def emergency_stop(
        self, reason: str, stop_sessions: bool, actor: str, *, stop_generation: bool = False
    ) -> None:
        """Everybody to nothing now; with `stop_sessions` every session is ended besides, with
        `stop_generation` inverters feed nothing in."""
        ...

    async def release_emergency_stop(self, reason: str, actor: str) -> None:
        """Let the site charge again. ValueError where nothing is stopped."""
        ...

    async def boost(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Let the session at an EVSE go before the others, or no longer. ValueError where nothing charges."""
        ...

    async def pause(self, evse_key: EvseKey, on: bool, actor: str) -> None:
        """Hold the session at an EVSE at zero, or let it go on. ValueError where nothing charges."""
        ...

    async def declare_need(
        self, evse_key: EvseKey, need_wh: float | None, departure: datetime | None, actor: str
    ) -> None:
        """What the driver of the session at an EVSE needs, and by when. ValueError where nothing charges."""
        ...

    async def quarantine(self, evse_key: EvseKey, why: str, actor: str) -> None:
        """Set an EVSE aside that is not to be trusted. LookupError for an unknown one."""
        ...

    async def probe(self, station_id: str, actor: str) -> ProbeReport:
        """Find out what a station's firmware really does. LookupError for one that is not at the site."""
        ...

    builder: Builder
    """Who changes the site's form."""

    def proven(self, evse_key: EvseKey) -> bool:
        """Whether an EVSE's base profile was read back. LookupError for an unknown one."""
        ...

    def probing(self) -> tuple[ProbeRun, ...]:
        """The probes that run now, with what they have found so far."""
        ...

    assessor: Assessor
    """Who assesses the site before it is commissioned."""

    async def release(self, evse_key: EvseKey, actor: str) -> None:
        """Trust an EVSE again. ValueError for one that is not in quarantine."""
        ...

    async def set_goals(self, evse_key: EvseKey, goals: Goals, actor: str) -> None:
        """What the session at an EVSE shall end at or wait for. ValueError where nothing charges, or money is
        named and no price is known."""
        ...

    def expect_goals(self, evse_key: EvseKey, goals: Goals, actor: str) -> None:
        """The same for the next session there, if it begins soon. ValueError where one runs already."""
        ...

    async def set_sharing(self, rules: SharingRules, actor: str) -> None:
        """Give what is scarce by another rule."""
        ...

    def record_meter(
        self,
        circuit_id: str,
        current_a: PerPhase,
        at: datetime,
        power_w: PerPhase | None = None,
        voltage_v: PerPhase | None = None,
    ) -> None:
        """A reading of a circuit's meter that somebody pushes. MeterTrouble where it can't be used."""
        ...

    async def try_meter(self, circuit_id: str, config: MeterConfig | None = None) -> Trial:
        """Read a circuit's meter once, as it is configured or as `config` says."""
        ...

    async def configure_meter(
        self, circuit_id: str, config: MeterConfig | None, actor: str, trial: Trial | None = None
    ) -> None:
        """Give a circuit this meter, or none; `trial` is what it has just told."""
        ...

    def meter_report(self, circuit_id: str) -> PhaseReport | None:
        """What cars' steps say of a meter's phases and direction."""
        ...

    def meter_told(self, circuit_id: str) -> tuple[CircuitMetered | None, CircuitMeterFailed | None]:
        """The last reading that counts, and why the meter's last word can't be used."""
        ...

    async def set_device(self, device_id: str, device: Device | None, actor: str) -> None:
        """Use a battery, inverter or heat load from now on as it is configured here, or no longer (None)."""
        ...

    async def try_device(self, device: Device) -> DeviceTrial:
        """Read a device once, as it is configured here."""
        ...

    def device_views(self) -> tuple[DeviceView, ...]:
        """How the site's devices stand."""
        ...

    async def take_over_device(self, device_id: str, actor: str) -> None:
        """Command a device again that another master was found at."""
        ...


class DemoControl(Protocol):
    """The simulated world's switches."""

    @property
    def speed(self) -> float:
        """Site seconds a wall second."""
        ...

    def stations(self) -> Mapping[str, bool]:
        """Each simulated station, and whether its network is plugged in."""
        ...

    async def unplug_network(self, station_id: str) -> None:
        """Cut a station's network without a word. LookupError for one that is not simulated."""
        ...

    async def plug_network(self, station_id: str) -> None:
        """Put it back; the station reconnects by itself."""
        ...


class ApiSettings(Struct, frozen=True, kw_only=True):
    """How the API is served.

    `public_url` is where people find this node when a proxy stands before it (`https://charge.example`): QR
    codes point there, its pages are ours, and cookies are Secure with https. `public_per_minute` and
    `sign_in_per_minute` hold for one peer address. `live_interval_s` is the wall time for which changes
    gather, `live_queue` the messages that wait for a slow client, `recheck_s` how often a feed asks whether
    its client may still watch.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    public_per_minute: float = 240.0
    public_burst: int = 60
    sign_in_per_minute: float = 10.0
    sign_in_burst: int = 10
    live_interval_s: float = 0.2
    live_queue: int = 16
    recheck_s: float = 15.0


class ApiContext(Struct, kw_only=True):
    """The parts of a node that the API serves. `sites` may change while it runs, `quarantine`
    and `repairs` are what the CSMS fills, `log_messages` whether raw messages are kept. Without `files`
    there is no file service, and nothing of it in the API. `found_site` keeps a site that is new, for an
    actor, and runs it. Without `groups` no sites share a supply.
    """

    operator_id: str
    store: Store
    csms: Stations
    sites: Mapping[str, SiteRuntime]
    access: Access
    bus: Bus
    clock: Clock
    demo: DemoControl | None = None
    settings: ApiSettings = ApiSettings()
    quarantine: Quarantine = field(default_factory=Quarantine)
    retention: RetentionPolicy = RetentionPolicy()
    log_messages: bool = True
    repairs: Repairs = field(default_factory=Repairs)
    files: FileService | None = None
    meter_maps: Path | None = None
    found_site: Callable[[Site, str], Awaitable[None]] | None = None
    groups: Groups | None = None
