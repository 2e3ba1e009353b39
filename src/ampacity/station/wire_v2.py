"""OCPP 2.0.1 and 2.1 in a station's mouth. The two share every message that a simple station sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..model.station import ConnectorStatus, IdToken
from ..ocpp import profile_messages
from ..ocpp.messages import v21, v201
from ..ocpp.version import Version
from .config import EvseConfig, StationConfig, supply_phases
from .evse import Reading
from .notes import Note
from .wire import BootVerdict, Message, NotSupported, Operations

TRIGGERS = frozenset(
    {
        "BootNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
        "TransactionEvent",
        "FirmwareStatusNotification",
        "LogStatusNotification",
    }
)
FREE_STATUSES: dict[str, str] = {
    "Available": "Available",
    "Reserved": "Reserved",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
}
STOPPED_REASONS = frozenset(
    {"EVDisconnected", "Local", "Remote", "Reboot", "PowerLoss", "ImmediateReset", "DeAuthorized"}
)
VARIABLE_HOMES: dict[str, str] = {
    "HeartbeatInterval": "OCPPCommCtrlr",
    "MeterValueSampleInterval": "SampledDataCtrlr",
    "AvailabilityState": "ChargingStation",
    "Model": "ChargingStation",
    "VendorName": "ChargingStation",
    "ProfileStackLevel": "SmartChargingCtrlr",
    "PeriodsPerSchedule": "SmartChargingCtrlr",
    "RateUnit": "SmartChargingCtrlr",
    "Entries": "SmartChargingCtrlr",
}
"""Component of each variable; any other is found on `ChargingStation`."""

ALIASES = {"TxUpdatedInterval": "MeterValueSampleInterval"}


class WireV2:
    """`Wire` of OCPP 2.0.1 and 2.1."""

    def __init__(self, config: StationConfig) -> None:
        self._config = config
        self._m: Any = v21 if config.version is Version.V21 else v201
        self._to_wire: Any = (
            profile_messages.to_v21 if config.version is Version.V21 else profile_messages.to_v201
        )
        self._evses = {evse.evse_id: evse for evse in config.evses}

    def boot(self, reason: str) -> Message:
        config = self._config
        return "BootNotification", self._m.BootNotificationRequest(
            reason=reason,
            chargingStation=self._m.ChargingStationType(
                model=config.model[:20],
                vendorName=config.vendor[:50],
                serialNumber=(config.serial or config.station_id)[:25],
                firmwareVersion=config.firmware[:50],
            ),
        )

    def read_boot(self, answer: Any) -> BootVerdict:
        return BootVerdict(answer.status == "Accepted", answer.currentTime, answer.interval)

    def heartbeat(self) -> Message:
        return "Heartbeat", self._m.HeartbeatRequest()

    def read_heartbeat(self, answer: Any) -> datetime:
        now: datetime = answer.currentTime
        return now

    def status(self, evse_id: int, connector_id: int, status: ConnectorStatus, at: datetime) -> Message:
        return "StatusNotification", self._m.StatusNotificationRequest(
            timestamp=at,
            connectorStatus=FREE_STATUSES.get(status, "Occupied"),
            evseId=evse_id,
            connectorId=connector_id,
        )

    def authorize(self, token: IdToken) -> Message:
        return "Authorize", self._m.AuthorizeRequest(idToken=self._token(token))

    def read_authorize(self, answer: Any) -> bool:
        return bool(answer.idTokenInfo.status == "Accepted")

    def note(self, note: Note) -> Message | None:
        transaction = note.transaction
        context = "Sample.Periodic"
        if note.phase == "Started":
            context = "Transaction.Begin"
        elif note.phase == "Ended":
            context = "Transaction.End"
        elif note.trigger == "Trigger":
            context = "Trigger"
        reason = note.stop_reason
        if reason is not None and reason not in STOPPED_REASONS:
            reason = "Other"
        # The token travels where the standard asks for it: with the first message, and with a stop by the
        # driver.
        tells_token = note.phase == "Started" or (note.phase == "Ended" and reason == "Local")
        return "TransactionEvent", self._m.TransactionEventRequest(
            eventType=note.phase,
            timestamp=note.at,
            triggerReason=note.trigger,
            seqNo=note.seq_no,
            offline=True if note.offline else None,
            transactionInfo=self._m.TransactionType(
                transactionId=transaction.local_id,
                chargingState=note.charging_state,
                stoppedReason=reason,
                remoteStartId=transaction.remote_start_id if note.phase == "Started" else None,
            ),
            evse=self._m.EVSEType(id=transaction.evse_id, connectorId=transaction.connector_id)
            if note.phase == "Started"
            else None,
            idToken=self._token(transaction.token) if tells_token else None,
            meterValue=[
                self._m.MeterValueType(
                    timestamp=note.at,
                    sampledValue=self._sampled(note.reading, self._evses[transaction.evse_id], context),
                )
            ],
        )

    def read_note(self, note: Note, answer: Any) -> bool:
        note.transaction.wire_id = note.transaction.local_id
        info = answer.idTokenInfo
        return info is None or bool(info.status == "Accepted")

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        m = self._m
        match action:
            case "RequestStartTransaction":
                token = IdToken(payload.idToken.idToken, payload.idToken.type)
                refusal = station.request_start(payload.evseId, token, payload.remoteStartId)
                if refusal is None and payload.chargingProfile is not None and payload.evseId:
                    station.set_profile(payload.evseId, profile_messages.from_v2(payload.chargingProfile))
                return m.RequestStartTransactionResponse(status="Rejected" if refusal else "Accepted")
            case "RequestStopTransaction":
                stopped = station.request_stop(payload.transactionId)
                return m.RequestStopTransactionResponse(status="Accepted" if stopped else "Rejected")
            case "Reset":
                accepted = station.reset(payload.type == "Immediate")
                return m.ResetResponse(status="Accepted" if accepted else "Rejected")
            case "TriggerMessage":
                evse_id = payload.evse.id if payload.evse is not None else None
                known = payload.requestedMessage in TRIGGERS
                done = known and station.trigger(payload.requestedMessage, evse_id)
                return m.TriggerMessageResponse(status="Accepted" if done else "NotImplemented")
            case "UnlockConnector":
                unlocked = station.unlock(payload.evseId)
                return m.UnlockConnectorResponse(status="Unlocked" if unlocked else "UnlockFailed")
            case "ChangeAvailability":
                evse_id = payload.evse.id if payload.evse is not None else 0
                status = station.change_availability(evse_id, payload.operationalStatus == "Operative")
                return m.ChangeAvailabilityResponse(status=status)
            case "GetVariables":
                results = [self._get_variable(data, station) for data in payload.getVariableData]
                return m.GetVariablesResponse(getVariableResult=results)
            case "SetVariables":
                results = [self._set_variable(data, station) for data in payload.setVariableData]
                return m.SetVariablesResponse(setVariableResult=results)
            case "GetBaseReport":
                self._report(payload.requestId, station)
                return m.GetBaseReportResponse(status="Accepted")
            case "SetChargingProfile":
                kept = station.set_profile(payload.evseId, profile_messages.from_v2(payload.chargingProfile))
                return m.SetChargingProfileResponse(status="Accepted" if kept else "Rejected")
            case "ClearChargingProfile":
                cleared = station.clear_profile(payload.chargingProfileId)
                return m.ClearChargingProfileResponse(status="Accepted" if cleared else "Unknown")
            case "GetChargingProfiles":
                return self._get_profiles(payload, station)
            case "GetCompositeSchedule":
                start, periods = station.composite(payload.evseId, payload.duration)
                return m.GetCompositeScheduleResponse(
                    status="Accepted",
                    schedule=m.CompositeScheduleType(
                        evseId=payload.evseId,
                        duration=payload.duration,
                        scheduleStart=start,
                        chargingRateUnit="A",
                        chargingSchedulePeriod=[
                            m.ChargingSchedulePeriodType(startPeriod=start_s, limit=round(limit, 1))
                            for start_s, limit in periods
                        ],
                    ),
                )
            case "GetTransactionStatus":
                return m.GetTransactionStatusResponse(messagesInQueue=False)
            case "DataTransfer":
                return m.DataTransferResponse(status="UnknownVendorId")
            case "ClearCache":
                return m.ClearCacheResponse(status="Accepted")
            case "GetLocalListVersion":
                return m.GetLocalListVersionResponse(versionNumber=0)
        raise NotSupported(action)

    def _token(self, token: IdToken) -> Any:
        return self._m.IdTokenType(idToken=token.value, type=token.kind)

    def _get_variable(self, data: Any, station: Operations) -> Any:
        name = ALIASES.get(data.variable.name, data.variable.name)
        known = station.get_variable(name)
        at_home = data.component.name == VARIABLE_HOMES.get(name, "ChargingStation")
        status = "UnknownVariable" if known is None else "Accepted" if at_home else "UnknownComponent"
        return self._m.GetVariableResultType(
            attributeStatus=status,
            attributeType=data.attributeType,
            attributeValue=known[0] if known is not None and at_home else None,
            component=data.component,
            variable=data.variable,
        )

    def _set_variable(self, data: Any, station: Operations) -> Any:
        name = ALIASES.get(data.variable.name, data.variable.name)
        outcome = station.set_variable(name, data.attributeValue)
        status = {"Accepted": "Accepted", "Unknown": "UnknownVariable"}.get(outcome, "Rejected")
        return self._m.SetVariableResultType(
            attributeStatus=status,
            attributeType=data.attributeType,
            component=data.component,
            variable=data.variable,
        )

    def _report(self, request_id: int, station: Operations) -> None:
        m = self._m
        rows = [
            m.ReportDataType(
                component=m.ComponentType(name=VARIABLE_HOMES.get(name, "ChargingStation")),
                variable=m.VariableType(name=name),
                variableAttribute=[
                    m.VariableAttributeType(value=value, mutability="ReadOnly" if read_only else "ReadWrite")
                ],
                variableCharacteristics=m.VariableCharacteristicsType(
                    dataType="string", supportsMonitoring=False
                ),
            )
            for name, value, read_only in station.variables()
        ]
        # Four rows a message: small as a constrained station's, so that assembling chunks is always
        # exercised.
        chunks = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        for number, chunk in enumerate(chunks):
            station.post(
                (
                    "NotifyReport",
                    m.NotifyReportRequest(
                        requestId=request_id,
                        generatedAt=station.now(),
                        reportData=chunk,
                        seqNo=number,
                        tbc=number + 1 < len(chunks),
                    ),
                )
            )

    def _get_profiles(self, payload: Any, station: Operations) -> Any:
        m = self._m
        held = station.profiles(payload.evseId)
        if not held:
            return m.GetChargingProfilesResponse(status="NoProfiles")
        by_evse: dict[int, list[Any]] = {}
        for evse_id, profile in held:
            by_evse.setdefault(evse_id, []).append(self._to_wire(profile))
        last = list(by_evse)[-1]
        for evse_id, of_evse in by_evse.items():
            station.post(
                (
                    "ReportChargingProfiles",
                    m.ReportChargingProfilesRequest(
                        requestId=payload.requestId,
                        chargingLimitSource="CSO",
                        evseId=evse_id,
                        chargingProfile=of_evse,
                        tbc=evse_id != last,
                    ),
                )
            )
        return m.GetChargingProfilesResponse(status="Accepted")

    def _sampled(self, reading: Reading, evse: EvseConfig, context: str) -> list[Any]:
        m = self._m
        watt_hours = m.UnitOfMeasureType(unit="Wh")
        watts = m.UnitOfMeasureType(unit="W")
        amperes = m.UnitOfMeasureType(unit="A")
        location = "Outlet" if evse.dc_power_w is None else "Inlet"
        values = [
            m.SampledValueType(
                value=float(reading.register_wh),
                context=context,
                measurand="Energy.Active.Import.Register",
                unitOfMeasure=watt_hours,
            ),
            m.SampledValueType(
                value=round(reading.power_w, 1),
                context=context,
                measurand="Power.Active.Import",
                unitOfMeasure=watts,
            ),
        ]
        values += [
            m.SampledValueType(
                value=round(reading.current_a[index], 2),
                context=context,
                measurand="Current.Import",
                phase=("L1", "L2", "L3")[index],
                location=location,
                unitOfMeasure=amperes,
            )
            for index in range(supply_phases(evse))
        ]
        if reading.soc_percent is not None:
            values.append(
                m.SampledValueType(
                    value=round(reading.soc_percent),
                    context=context,
                    measurand="SoC",
                    location="EV",
                    unitOfMeasure=m.UnitOfMeasureType(unit="Percent"),
                )
            )
        return values
