"""A node's settings: one TOML file and the environment over it, each room owning its own part.

`AMPACITY_GATEWAY__OCPP_PORT=9000` sets `ocpp_port` of `[gateway]`; `AMPACITY_DATA=/var/lib/ampacity` sets
`data`. An unknown name or a wrong type is an error that says which and what would be right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from .access.service import AccessSettings
from .api.context import ApiSettings
from .csms.settings import CsmsSettings
from .files.settings import FilesSettings
from .gateway.settings import GatewaySettings
from .site.building import BuildingSettings
from .site.groups.remote import ParentSettings
from .store import StoreSettings
from .store.retention import RetentionPolicy

PREFIX = "AMPACITY_"


class NodeSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`data` is the folder of everything that lasts. `database` is where rows are kept instead of its
    `ampacity.db`: `postgresql://user@host/name`, or another SQLite file. The password may stand in it
    (`AMPACITY_DATABASE`), in PGPASSWORD or in a passfile. `parents` are groups on other nodes whose members
    are sites of this one.
    """

    data: str = "ampacity-data"
    database: str = ""
    api: ApiSettings = field(default_factory=ApiSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    csms: CsmsSettings = field(default_factory=CsmsSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    access: AccessSettings = field(default_factory=AccessSettings)
    files: FilesSettings = field(default_factory=FilesSettings)
    building: BuildingSettings = field(default_factory=BuildingSettings)
    parents: tuple[ParentSettings, ...] = ()

    @property
    def store_url(self) -> str | Path:
        """What `Store.open` is to open."""
        return self.database or Path(self.data) / "ampacity.db"

    @property
    def meter_maps(self) -> Path:
        """Where register maps of meters lie that are not ours (docs/meters.md)."""
        return Path(self.data) / "meter-maps"

    @property
    def keys_folder(self) -> Path:
        """Where private keys lie."""
        return Path(self.csms.security.folder or Path(self.data) / "pki")

    @property
    def files_folder(self) -> Path:
        """Where firmware images and logs lie."""
        return Path(self.data) / "files"


class SettingsError(Exception):
    """A setting that can't be: names the place, the value and what would be right."""


def load_settings(path: Path | None, environ: Mapping[str, str], database: str | None = None) -> NodeSettings:
    """Read `path` (None: defaults only), put the environment's AMPACITY_ variables over it, and `database`
    over both.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except OSError as problem:
            raise SettingsError(f"settings file {path}: {problem.strerror}") from None
        except tomllib.TOMLDecodeError as problem:
            raise SettingsError(f"settings file {path} is no TOML: {problem}") from None
    for name, text in environ.items():
        if name.startswith(PREFIX):
            put(values, name.removeprefix(PREFIX).lower().split("__"), text)
    if database is not None:
        values["database"] = database
    try:
        return msgspec.convert(values, NodeSettings, strict=False)
    except msgspec.ValidationError as problem:
        raise SettingsError(f"a setting is wrong: {problem}") from None


OUTSIDE = frozenset({"chromium", "reference", "peers", "test_pg", "python", "skip_web", "node", "key"})
"""AMPACITY_ variables of tools and tests, which are no settings of a node."""


def put(values: dict[str, Any], names: list[str], text: str) -> None:
    """Set a nested value; `true`, `false` and numbers are converted by the settings' own types."""
    if names[0] in OUTSIDE:
        return
    for name in names[:-1]:
        values = values.setdefault(name, {})
    values[names[-1]] = text
