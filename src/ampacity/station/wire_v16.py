"""OCPP 1.6 in a station's mouth. Connector n is EVSE n."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..model.station import ConnectorStatus, IdToken
from ..ocpp import profile_messages
from ..ocpp.messages import v16 as m
from .config import EvseConfig, StationConfig, supply_phases
from .evse import Reading
from .notes import Note
from .wire import BootVerdict, Message, NotSupported, Operations

STATUSES = frozenset(
    {
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEV",
        "SuspendedEVSE",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    }
)

STOP_REASONS = {
    "EVDisconnected": "EVDisconnected",
    "Local": "Local",
    "Remote": "Remote",
    "Reboot": "Reboot",
    "PowerLoss": "PowerLoss",
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
        return BootVerdict(answer.status == "Accepted", answer.currentTime, answer.interval)

    def heartbeat(self) -> Message:
        return "Heartbeat", m.HeartbeatRequest()

    def read_heartbeat(self, answer: Any) -> datetime:
        now: datetime = answer.currentTime
        return now

    def status(self, evse_id: int, connector_id: int, status: ConnectorStatus, at: datetime) -> Message:
        known: Any = status if status in STATUSES else "Preparing"
        return "StatusNotification", m.StatusNotificationRequest(
            connectorId=evse_id, errorCode="NoError", status=known, timestamp=at
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
        wire_id = int(transaction.wire_id or 0)
        if note.phase == "Ended":
            reason: Any = STOP_REASONS.get(note.stop_reason or "Local", "Other")
            return "StopTransaction", m.StopTransactionRequest(
                transactionId=wire_id,
                idTag=transaction.token.value if note.stop_reason == "Local" else None,
                meterStop=note.reading.register_wh,
                timestamp=note.at,
                reason=reason,
            )
        if not note.sampled:
            return None
        return "MeterValues", m.MeterValuesRequest(
            connectorId=transaction.evse_id,
            transactionId=wire_id,
            meterValue=[
                m.MeterValue(
                    timestamp=note.at,
                    sampledValue=sampled(note.reading, self._evses[transaction.evse_id], note.trigger),
                )
            ],
        )

    def read_note(self, note: Note, answer: Any) -> bool:
        if note.phase == "Started":
            note.transaction.wire_id = str(answer.transactionId)
        info = getattr(answer, "idTagInfo", None)
        return info is None or bool(info.status == "Accepted")

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        match action:
            case "RemoteStartTransaction":
                refusal = station.request_start(payload.connectorId, IdToken(payload.idTag), None)
                if refusal is None and payload.chargingProfile is not None and payload.connectorId:
                    station.set_profile(
                        payload.connectorId, profile_messages.from_v16(payload.chargingProfile)
                    )
                return m.RemoteStartTransactionResponse(status="Rejected" if refusal else "Accepted")
            case "RemoteStopTransaction":
                stopped = station.request_stop(str(payload.transactionId))
                return m.RemoteStopTransactionResponse(status="Accepted" if stopped else "Rejected")
            case "Reset":
                accepted = station.reset(payload.type == "Hard")
                return m.ResetResponse(status="Accepted" if accepted else "Rejected")
            case "TriggerMessage":
                done = station.trigger(payload.requestedMessage, payload.connectorId)
                return m.TriggerMessageResponse(status="Accepted" if done else "NotImplemented")
            case "UnlockConnector":
                unlocked = station.unlock(payload.connectorId)
                return m.UnlockConnectorResponse(status="Unlocked" if unlocked else "UnlockFailed")
            case "ChangeAvailability":
                availability: Any = station.change_availability(
                    payload.connectorId, payload.type == "Operative"
                )
                return m.ChangeAvailabilityResponse(status=availability)
            case "GetConfiguration":
                return self._get_configuration(payload.key, station)
            case "ChangeConfiguration":
                status = station.set_variable(payload.key, payload.value)
                words: Any = {"Accepted": "Accepted", "Unknown": "NotSupported"}.get(status, "Rejected")
                return m.ChangeConfigurationResponse(status=words)
            case "SetChargingProfile":
                kept = station.set_profile(
                    payload.connectorId, profile_messages.from_v16(payload.csChargingProfiles)
                )
                return m.SetChargingProfileResponse(status="Accepted" if kept else "Rejected")
            case "ClearChargingProfile":
                cleared = station.clear_profile(payload.id)
                return m.ClearChargingProfileResponse(status="Accepted" if cleared else "Unknown")
            case "GetCompositeSchedule":
                start, periods = station.composite(payload.connectorId, payload.duration)
                return m.GetCompositeScheduleResponse(
                    status="Accepted",
                    connectorId=payload.connectorId,
                    scheduleStart=start,
                    chargingSchedule=m.ChargingSchedule(
                        duration=payload.duration,
                        chargingRateUnit="A",
                        chargingSchedulePeriod=[
                            m.ChargingSchedulePeriod(startPeriod=start_s, limit=round(limit, 1))
                            for start_s, limit in periods
                        ],
                    ),
                )
            case "DataTransfer":
                return m.DataTransferResponse(status="UnknownVendorId")
            case "ClearCache":
                return m.ClearCacheResponse(status="Accepted")
            case "GetLocalListVersion":
                return m.GetLocalListVersionResponse(listVersion=0)
        raise NotSupported(action)

    def _get_configuration(self, keys: list[str] | None, station: Operations) -> Any:
        if not keys:
            known = [
                m.KeyValue(key=name, readonly=read_only, value=value)
                for name, value, read_only in station.variables()
            ]
            return m.GetConfigurationResponse(configurationKey=known)
        found, unknown = [], []
        for key in keys:
            variable = station.get_variable(key)
            if variable is None:
                unknown.append(key)
            else:
                found.append(m.KeyValue(key=key, readonly=variable[1], value=variable[0]))
        return m.GetConfigurationResponse(configurationKey=found or None, unknownKey=unknown or None)


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
