"""OCPP 2.0.1 and 2.1 in a station's mouth. The two share every message that a simple station sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..model.station import IdToken
from ..ocpp import profile_messages
from ..ocpp.messages import v21, v201
from ..ocpp.profiles import ChargingProfile, Unit
from ..ocpp.version import Version
from .bay import ConnectorShown
from .config import EvseConfig, StationConfig, supply_phases
from .evse import Reading
from .notes import Note, Transaction
from .variables import Variable
from .wire import BootVerdict, Message, NotSupported, Operations, ResetKind

STOPPED_REASONS = {
    "EVDisconnected": "EVDisconnected",
    "Local": "Local",
    "Remote": "Remote",
    "SoftReset": "Reboot",
    "ImmediateReset": "ImmediateReset",
    "PowerLoss": "PowerLoss",
    "DeAuthorized": "DeAuthorized",
}

REPORTED_TOGETHER = 4
"""Variables in a report's message: few, as a constrained station's, so that putting reports together is
always exercised.
"""


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
        return BootVerdict(answer.status, answer.currentTime, answer.interval)

    def heartbeat(self) -> Message:
        return "Heartbeat", self._m.HeartbeatRequest()

    def read_heartbeat(self, answer: Any) -> datetime:
        now: datetime = answer.currentTime
        return now

    def word(self, shown: ConnectorShown) -> str | None:
        if shown.evse_id == 0:
            return None
        if shown.status == "Unavailable":
            return "Unavailable"
        # Preparing without a plug waits for one: nothing that 2.x has a word for.
        return "Occupied" if shown.plugged else "Available"

    def status(self, shown: ConnectorShown, at: datetime) -> Message:
        return "StatusNotification", self._m.StatusNotificationRequest(
            timestamp=at,
            connectorStatus=self.word(shown),
            evseId=shown.evse_id,
            connectorId=shown.connector_id,
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
        reason = None
        if note.stop_reason is not None:
            reason = STOPPED_REASONS.get(note.stop_reason, "Other")
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

    def values(
        self, evse_id: int, reading: Reading, at: datetime, transaction: Transaction | None
    ) -> Message:
        return "MeterValues", self._m.MeterValuesRequest(
            evseId=evse_id,
            meterValue=[
                self._m.MeterValueType(
                    timestamp=at, sampledValue=self._sampled(reading, self._evses[evse_id], "Trigger")
                )
            ],
        )

    def at_rest(self, message: str) -> Message | None:
        match message:
            case "FirmwareStatusNotification":
                return message, self._m.FirmwareStatusNotificationRequest(status="Idle")
            case "LogStatusNotification":
                return message, self._m.LogStatusNotificationRequest(status="Idle")
        return None

    def answer(self, action: str, payload: Any, station: Operations) -> Any:
        m = self._m
        match action:
            case "RequestStartTransaction":
                profile = payload.chargingProfile
                started = station.request_start(
                    payload.evseId,
                    IdToken(payload.idToken.idToken, payload.idToken.type),
                    payload.remoteStartId,
                    profile_messages.from_v2(profile) if profile is not None else None,
                )
                return m.RequestStartTransactionResponse(status="Accepted" if started else "Rejected")
            case "RequestStopTransaction":
                stopped = station.request_stop(payload.transactionId)
                return m.RequestStopTransactionResponse(status="Accepted" if stopped else "Rejected")
            case "GetTransactionStatus":
                ongoing, waiting = station.transaction_status(payload.transactionId)
                return m.GetTransactionStatusResponse(ongoingIndicator=ongoing, messagesInQueue=waiting)
            case "Reset":
                if payload.evseId:
                    return m.ResetResponse(status="Rejected")  # only the whole station can
                kind: ResetKind = "immediate" if payload.type == "Immediate" else "on idle"
                return m.ResetResponse(status=station.reset(kind))
            case "TriggerMessage":
                evse_id = payload.evse.id if payload.evse is not None else None
                return m.TriggerMessageResponse(status=station.trigger(payload.requestedMessage, evse_id))
            case "UnlockConnector":
                unlocking = station.unlock(payload.evseId, payload.connectorId, ends_transaction=False)
                return m.UnlockConnectorResponse(status=unlocking)
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
                return self._report(payload, station)
            case "SetChargingProfile":
                kept = station.set_profile(payload.evseId, profile_messages.from_v2(payload.chargingProfile))
                return m.SetChargingProfileResponse(status="Accepted" if kept else "Rejected")
            case "ClearChargingProfile":
                cleared = station.clear_profiles(_unwanted(payload))
                return m.ClearChargingProfileResponse(status="Accepted" if cleared else "Unknown")
            case "GetChargingProfiles":
                return self._get_profiles(payload, station)
            case "GetCompositeSchedule":
                return self._composite(payload, station)
            case "DataTransfer":
                return m.DataTransferResponse(status="UnknownVendorId")
            case "ClearCache":
                return m.ClearCacheResponse(status="Accepted")
            case "GetLocalListVersion":
                return m.GetLocalListVersionResponse(versionNumber=0)
        raise NotSupported(action)

    def _token(self, token: IdToken) -> Any:
        return self._m.IdTokenType(idToken=token.value, type=token.kind)

    def _found(self, data: Any, station: Operations) -> tuple[Variable | None, str]:
        """The variable that is meant, and the status of the search."""
        known = station.variables
        variable = known.by_place(data.component.name, data.variable.name)
        if variable is None:
            at_home = known.has_component(data.component.name)
            return None, "UnknownVariable" if at_home else "UnknownComponent"
        if data.attributeType not in (None, "Actual"):
            return None, "NotSupportedAttributeType"
        return variable, "Accepted"

    def _get_variable(self, data: Any, station: Operations) -> Any:
        variable, status = self._found(data, station)
        return self._m.GetVariableResultType(
            attributeStatus=status,
            attributeType=data.attributeType,
            attributeValue=variable.value if variable is not None else None,
            component=data.component,
            variable=data.variable,
        )

    def _set_variable(self, data: Any, station: Operations) -> Any:
        variable, status = self._found(data, station)
        if variable is not None:
            written = station.variables.write(variable, data.attributeValue)
            status = "Accepted" if written == "Accepted" else "Rejected"
            if written == "Accepted":
                station.written(variable.name)
        return self._m.SetVariableResultType(
            attributeStatus=status,
            attributeType=data.attributeType,
            component=data.component,
            variable=data.variable,
        )

    def _report(self, payload: Any, station: Operations) -> Any:
        m = self._m
        base = payload.reportBase
        if base == "SummaryInventory":
            return m.GetBaseReportResponse(status="NotSupported")
        told = [item for item in station.variables.places if base == "FullInventory" or not item.read_only]
        rows = [
            m.ReportDataType(
                component=m.ComponentType(name=item.component),
                variable=m.VariableType(name=item.name, instance=item.instance),
                variableAttribute=[
                    m.VariableAttributeType(
                        value=item.value, mutability="ReadOnly" if item.read_only else "ReadWrite"
                    )
                ],
                variableCharacteristics=m.VariableCharacteristicsType(
                    dataType="integer" if item.numeric else "string", supportsMonitoring=False
                ),
            )
            for item in told
        ]
        chunks = [rows[start : start + REPORTED_TOGETHER] for start in range(0, len(rows), REPORTED_TOGETHER)]
        for number, chunk in enumerate(chunks):
            station.post(
                (
                    "NotifyReport",
                    m.NotifyReportRequest(
                        requestId=payload.requestId,
                        generatedAt=station.now(),
                        reportData=chunk,
                        seqNo=number,
                        tbc=number + 1 < len(chunks),
                    ),
                )
            )
        return m.GetBaseReportResponse(status="Accepted")

    def _composite(self, payload: Any, station: Operations) -> Any:
        m = self._m
        unit: Unit = payload.chargingRateUnit or "A"
        schedule = station.composite(payload.evseId, payload.duration, unit)
        if schedule is None:
            return m.GetCompositeScheduleResponse(status="Rejected")
        start, periods = schedule
        return m.GetCompositeScheduleResponse(
            status="Accepted",
            schedule=m.CompositeScheduleType(
                evseId=payload.evseId,
                duration=payload.duration,
                scheduleStart=start,
                chargingRateUnit=unit,
                chargingSchedulePeriod=[
                    m.ChargingSchedulePeriodType(startPeriod=start_s, limit=round(limit, 1))
                    for start_s, limit in periods
                ],
            ),
        )

    def _get_profiles(self, payload: Any, station: Operations) -> Any:
        m = self._m
        asked = payload.chargingProfile
        held = [
            (evse_id, profile)
            for evse_id, profile in station.profiles(payload.evseId)
            if asked.chargingProfileId is None or profile.id in asked.chargingProfileId
            if asked.chargingProfilePurpose in (None, profile.purpose)
            if asked.stackLevel in (None, profile.stack_level)
            if not asked.chargingLimitSource or "CSO" in asked.chargingLimitSource
        ]
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


def _unwanted(payload: Any) -> Callable[[int, ChargingProfile], bool]:
    """The profiles that a ClearChargingProfile means: by id alone, else by all that it names."""
    if payload.chargingProfileId is not None:
        return lambda _, profile: bool(profile.id == payload.chargingProfileId)
    asked = payload.chargingProfileCriteria
    if asked is None:
        return lambda _, __: True
    return lambda evse_id, profile: (
        asked.evseId in (None, evse_id)
        and asked.chargingProfilePurpose in (None, profile.purpose)
        and asked.stackLevel in (None, profile.stack_level)
    )
