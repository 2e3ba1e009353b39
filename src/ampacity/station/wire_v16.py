"""OCPP 1.6 in a station's mouth. Connector n is EVSE n."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..model.station import IdToken
from ..ocpp import profile_messages
from ..ocpp.messages import v16 as m
from ..ocpp.profiles import ChargingProfile, Unit
from .bay import ConnectorShown
from .config import EvseConfig, StationConfig, supply_phases
from .evse import Reading
from .notes import Note, Transaction
from .wire import BootVerdict, Message, NotSupported, Operations

STOP_REASONS = {
    "EVDisconnected": "EVDisconnected",
    "Local": "Local",
    "Remote": "Remote",
    "Reboot": "Reboot",
    "PowerLoss": "PowerLoss",
    "SoftReset": "SoftReset",
    "ImmediateReset": "HardReset",
    "DeAuthorized": "DeAuthorized",
    "UnlockCommand": "UnlockCommand",
}


class WireV16:
    """`Wire` of OCPP 1.6."""

    def __init__(self, config: StationConfig) -> None:
        self._config = config
        self._evses = {evse.evse_id: evse for evse in config.evses}

    def boot(self, reason: str) -> Message:
        config = self._config
        return "BootNotification", m.BootNotificationRequest(
            chargePointVendor=config.vendor[:20],
            chargePointModel=config.model[:20],
            chargePointSerialNumber=(config.serial or config.station_id)[:25],
            firmwareVersion=config.firmware[:50],
        )

    def read_boot(self, answer: Any) -> BootVerdict:
        return BootVerdict(answer.status, answer.currentTime, answer.interval)

    def heartbeat(self) -> Message:
        return "Heartbeat", m.HeartbeatRequest()

    def read_heartbeat(self, answer: Any) -> datetime:
        now: datetime = answer.currentTime
        return now

    def word(self, shown: ConnectorShown) -> str | None:
        # 1.6 has no connectors within an EVSE: the one in use speaks for it.
        return shown.status if shown.in_use else None

    def status(self, shown: ConnectorShown, at: datetime) -> Message:
        status: Any = shown.status
        return "StatusNotification", m.StatusNotificationRequest(
            connectorId=shown.evse_id, errorCode="NoError", status=status, timestamp=at
        )

    def authorize(self, token: IdToken) -> Message:
        return "Authorize", m.AuthorizeRequest(idTag=token.value)

    def read_authorize(self, answer: Any) -> bool:
        return bool(answer.idTagInfo.status == "Accepted")

    def note(self, note: Note) -> Message | None:
        transaction = note.transaction
        if note.phase == "Started":
            return "StartTransaction", m.StartTransactionRequest(
                connectorId=transaction.evse_id,
                idTag=transaction.token.value,
                meterStart=note.reading.register_wh,
                timestamp=note.at,
            )
        if note.phase == "Ended":
            reason: Any = STOP_REASONS.get(note.stop_reason or "Local", "Other")
            return "StopTransaction", m.StopTransactionRequest(
                # A start that was never answered left no id: its stop says so.
                transactionId=int(transaction.wire_id or -1),
                idTag=transaction.token.value if note.stop_reason == "Local" else None,
                meterStop=note.reading.register_wh,
                timestamp=note.at,
                reason=reason,
            )
        if not note.sampled:
            return None
        return self.values(transaction.evse_id, note.reading, note.at, transaction, note.trigger)

    def values(
        self,
        evse_id: int,
        reading: Reading,
        at: datetime,
        transaction: Transaction | None,
        trigger: str = "Trigger",
    ) -> Message:
        known = transaction is not None and transaction.wire_id is not None
        return "MeterValues", m.MeterValuesRequest(
            connectorId=evse_id,
            transactionId=int(transaction.wire_id or 0) if transaction is not None and known else None,
            meterValue=[
                m.MeterValue(timestamp=at, sampledValue=sampled(reading, self._evses[evse_id], trigger))
            ],
        )

    def at_rest(self, message: str) -> Message | None:
        match message:
            case "FirmwareStatusNotification":
                return message, m.FirmwareStatusNotificationRequest(status="Idle")
            case "DiagnosticsStatusNotification":
                return message, m.DiagnosticsStatusNotificationRequest(status="Idle")
        return None

    def read_note(self, note: Note, answer: Any) -> bool:
        if note.phase == "Started":
            note.transaction.wire_id = str(answer.transactionId)
        info = getattr(answer, "idTagInfo", None)
        return info is None or bool(info.status == "Accepted")

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        match action:
            case "RemoteStartTransaction":
                profile = payload.chargingProfile
                started = station.request_start(
                    payload.connectorId,
                    IdToken(payload.idTag),
                    None,
                    profile_messages.from_v16(profile) if profile is not None else None,
                )
                return m.RemoteStartTransactionResponse(status="Accepted" if started else "Rejected")
            case "RemoteStopTransaction":
                stopped = station.request_stop(str(payload.transactionId))
                return m.RemoteStopTransactionResponse(status="Accepted" if stopped else "Rejected")
            case "Reset":
                resetting = station.reset("immediate" if payload.type == "Hard" else "soft")
                return m.ResetResponse(status="Rejected" if resetting == "Rejected" else "Accepted")
            case "TriggerMessage":
                return m.TriggerMessageResponse(
                    status=station.trigger(payload.requestedMessage, payload.connectorId)
                )
            case "UnlockConnector":
                unlocking = station.unlock(payload.connectorId, 1, ends_transaction=True)
                return m.UnlockConnectorResponse(
                    status="Unlocked" if unlocking == "Unlocked" else "UnlockFailed"
                )
            case "ChangeAvailability":
                return m.ChangeAvailabilityResponse(
                    status=station.change_availability(payload.connectorId, payload.type == "Operative")
                )
            case "GetConfiguration":
                return self._get_configuration(payload.key, station)
            case "ChangeConfiguration":
                return self._change_configuration(payload, station)
            case "SetChargingProfile":
                kept = station.set_profile(
                    payload.connectorId, profile_messages.from_v16(payload.csChargingProfiles)
                )
                return m.SetChargingProfileResponse(status="Accepted" if kept else "Rejected")
            case "ClearChargingProfile":
                cleared = station.clear_profiles(_unwanted(payload))
                return m.ClearChargingProfileResponse(status="Accepted" if cleared else "Unknown")
            case "GetCompositeSchedule":
                return _composite(payload, station)
            case "DataTransfer":
                return m.DataTransferResponse(status="UnknownVendorId")
            case "ClearCache":
                return m.ClearCacheResponse(status="Accepted")
            case "GetLocalListVersion":
                return m.GetLocalListVersionResponse(listVersion=0)
        raise NotSupported(action)

    def _get_configuration(self, keys: list[str] | None, station: Operations) -> Any:
        known = station.variables
        found = known.keys if not keys else [item for key in keys if (item := known.by_key(key)) is not None]
        unknown = [key for key in keys or () if known.by_key(key) is None]
        pairs = [m.KeyValue(key=item.key or "", readonly=item.read_only, value=item.value) for item in found]
        return m.GetConfigurationResponse(configurationKey=pairs or None, unknownKey=unknown or None)

    def _change_configuration(self, payload: Any, station: Operations) -> Any:
        variable = station.variables.by_key(payload.key)
        status = station.variables.write(variable, payload.value)
        if status == "Accepted" and variable is not None:
            station.written(variable.name)
        words: Any = {"Accepted": "Accepted", "Unknown": "NotSupported"}.get(status, "Rejected")
        return m.ChangeConfigurationResponse(status=words)


def _unwanted(payload: Any) -> Callable[[int, ChargingProfile], bool]:
    """The profiles that a ClearChargingProfile means: by id alone, else by all that it names."""
    if payload.id is not None:
        return lambda _, profile: bool(profile.id == payload.id)
    purpose = payload.chargingProfilePurpose
    if purpose == "ChargePointMaxProfile":
        purpose = "ChargingStationMaxProfile"
    return lambda evse_id, profile: (
        payload.connectorId in (None, evse_id)
        and purpose in (None, profile.purpose)
        and payload.stackLevel in (None, profile.stack_level)
    )


def _composite(payload: Any, station: Operations) -> Any:
    unit: Unit = payload.chargingRateUnit or "A"
    schedule = station.composite(payload.connectorId, payload.duration, unit)
    if schedule is None:
        return m.GetCompositeScheduleResponse(status="Rejected")
    start, periods = schedule
    return m.GetCompositeScheduleResponse(
        status="Accepted",
        connectorId=payload.connectorId,
        scheduleStart=start,
        chargingSchedule=m.ChargingSchedule(
            duration=payload.duration,
            chargingRateUnit=unit,
            chargingSchedulePeriod=[
                m.ChargingSchedulePeriod(startPeriod=start_s, limit=round(limit, 1))
                for start_s, limit in periods
            ],
        ),
    )


def sampled(reading: Reading, evse: EvseConfig, trigger: str) -> list[m.SampledValue]:
    """A reading as 1.6 says it: values are strings. A DC station's amperes are those of its supply (location
    Inlet).
    """
    context: Any = "Trigger" if trigger == "Trigger" else "Sample.Periodic"
    values = [
        m.SampledValue(
            value=str(reading.register_wh),
            context=context,
            measurand="Energy.Active.Import.Register",
            location="Outlet",
            unit="Wh",
        ),
        m.SampledValue(
            value=f"{reading.power_w:.1f}",
            context=context,
            measurand="Power.Active.Import",
            location="Outlet",
            unit="W",
        ),
    ]
    names: Any = ("L1", "L2", "L3")
    values += [
        m.SampledValue(
            value=f"{reading.current_a[index]:.2f}",
            context=context,
            measurand="Current.Import",
            phase=names[index],
            location="Outlet" if evse.dc_power_w is None else "Inlet",
            unit="A",
        )
        for index in range(supply_phases(evse))
    ]
    if reading.soc_percent is not None:
        values.append(
            m.SampledValue(
                value=f"{reading.soc_percent:.0f}",
                context=context,
                measurand="SoC",
                location="EV",
                unit="Percent",
            )
        )
    return values
