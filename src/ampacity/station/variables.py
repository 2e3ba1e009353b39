"""The station's variables: 1.6's configuration keys, and 2.x's component and variable for each."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from ..ocpp.version import Version
from .config import StationConfig

SetStatus: TypeAlias = Literal["Accepted", "Rejected", "ReadOnly", "Unknown"]

MAX_STACK_LEVEL = 8
MAX_PERIODS = 24
MAX_PROFILES = 32
OFFLINE_THRESHOLD_S = 60
COARSE_S = 10
EVENTS = "TransactionEvent"


class Variable(Struct, kw_only=True):
    """One variable. `key` is 1.6's (None: 1.6 has none); `component` None: 2.x has none."""

    key: str | None
    component: str | None
    name: str
    value: str
    read_only: bool = False
    numeric: bool = False
    instance: str | None = None


class Variables:
    """Read by name in either speech; written values take effect at once."""

    def __init__(self, config: StationConfig) -> None:
        def fixed(
            key: str | None, component: str | None, name: str, value: str, instance: str | None = None
        ) -> Variable:
            return Variable(
                key=key, component=component, name=name, value=value, read_only=True, instance=instance
            )

        def number(
            key: str | None, component: str, name: str, value: float, instance: str | None = None
        ) -> Variable:
            return Variable(
                key=key,
                component=component,
                name=name,
                value=f"{value:.0f}",
                numeric=True,
                instance=instance,
            )

        self._coarse = "coarse_meter" in config.quirks
        self._all = [
            number("HeartbeatInterval", "OCPPCommCtrlr", "HeartbeatInterval", 300),
            number(
                "MeterValueSampleInterval", "SampledDataCtrlr", "TxUpdatedInterval", config.sample_interval_s
            ),
            number("ConnectionTimeOut", "TxCtrlr", "EVConnectionTimeOut", config.connection_timeout_s),
            number(None, "OCPPCommCtrlr", "OfflineThreshold", OFFLINE_THRESHOLD_S),
            number("TransactionMessageAttempts", "OCPPCommCtrlr", "MessageAttempts", config.attempts, EVENTS),
            number(
                "TransactionMessageRetryInterval",
                "OCPPCommCtrlr",
                "MessageAttemptInterval",
                config.retry_interval_s,
                EVENTS,
            ),
            fixed("NumberOfConnectors", None, "NumberOfConnectors", str(len(config.evses))),
            fixed(
                "ChargeProfileMaxStackLevel", "SmartChargingCtrlr", "ProfileStackLevel", f"{MAX_STACK_LEVEL}"
            ),
            fixed("ChargingScheduleAllowedChargingRateUnit", None, "RateUnit", "Current,Power"),
            fixed(None, "SmartChargingCtrlr", "RateUnit", "A,W"),
            fixed("ChargingScheduleMaxPeriods", "SmartChargingCtrlr", "PeriodsPerSchedule", f"{MAX_PERIODS}"),
            fixed("MaxChargingProfilesInstalled", "SmartChargingCtrlr", "Entries", f"{MAX_PROFILES}"),
            fixed("SupportedFeatureProfiles", None, "FeatureProfiles", "Core,SmartCharging,RemoteTrigger"),
            fixed(None, "ChargingStation", "Model", config.model),
            fixed(None, "ChargingStation", "VendorName", config.vendor),
            fixed(None, "OCPPCommCtrlr", "WebSocketPingInterval", f"{config.ping_interval_wall_s:.0f}"),
        ]
        if config.version is Version.V21:
            keeps = str(config.offline_durations).lower()
            self._all.append(
                fixed(None, "SmartChargingCtrlr", "SupportsFeature", keeps, "MaxOfflineDuration")
            )
        self._by_key = {item.key: item for item in self._all if item.key is not None}
        self._by_place = {(item.component, item.name): item for item in self._all if item.component}

    @property
    def keys(self) -> list[Variable]:
        """What 1.6 has."""
        return list(self._by_key.values())

    @property
    def places(self) -> list[Variable]:
        """What 2.x has."""
        return list(self._by_place.values())

    def by_key(self, key: str) -> Variable | None:
        return self._by_key.get(key)

    def by_place(self, component: str, name: str) -> Variable | None:
        return self._by_place.get((component, name))

    def has_component(self, component: str) -> bool:
        return any(item.component == component for item in self._all)

    def number(self, name: str) -> float:
        """A numeric variable's value, by 2.x's name."""
        return float(next(item.value for item in self._all if item.name == name and item.numeric))

    def write(self, variable: Variable | None, value: str) -> SetStatus:
        """Take a value over, if it can be."""
        if variable is None:
            return "Unknown"
        if variable.read_only:
            return "ReadOnly"
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 86_400):
            return "Rejected"
        if self._coarse and variable.name == "TxUpdatedInterval" and int(value) < COARSE_S:
            return "Rejected"
        variable.value = value
        return "Accepted"

    def told_heartbeat(self, interval_s: float) -> None:
        """The answer to the boot sets the heartbeat's interval."""
        self._by_key["HeartbeatInterval"].value = f"{interval_s:.0f}"
