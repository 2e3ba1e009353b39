// OCPP's actions by functional block, for lists that people read.

export const BLOCKS = {
  provisioning: ["ChangeConfiguration", "GetBaseReport", "GetConfiguration", "GetReport", "GetVariables", "Reset", "SetNetworkProfile", "SetVariables"],
  remote: ["ChangeAvailability", "ExtendedTriggerMessage", "GetTransactionStatus", "NotifyWebPaymentStarted", "RemoteStartTransaction", "RemoteStopTransaction", "RequestBatterySwap", "RequestStartTransaction", "RequestStopTransaction", "TriggerMessage", "UnlockConnector"],
  authorization: ["CancelReservation", "ClearCache", "GetLocalListVersion", "ReserveNow", "SendLocalList"],
  charging: ["AFRRSignal", "ClearChargingProfile", "ClearDERControl", "GetChargingProfiles", "GetCompositeSchedule", "GetDERControl", "NotifyAllowedEnergyTransfer", "SetChargingProfile", "SetDERControl", "UpdateDynamicSchedule", "UsePriorityCharging"],
  tariff: ["ChangeTransactionTariff", "ClearTariffs", "CostUpdated", "GetTariffs", "SetDefaultTariff"],
  certificates: ["CertificateSigned", "DeleteCertificate", "GetInstalledCertificateIds", "InstallCertificate"],
  firmware: ["GetDiagnostics", "GetLog", "PublishFirmware", "SignedUpdateFirmware", "UnpublishFirmware", "UpdateFirmware"],
  monitoring: ["AdjustPeriodicEventStream", "ClearVariableMonitoring", "CustomerInformation", "GetMonitoringReport", "GetPeriodicEventStream", "SetMonitoringBase", "SetMonitoringLevel", "SetVariableMonitoring"],
  display: ["ClearDisplayMessage", "DataTransfer", "GetDisplayMessages", "SetDisplayMessage"],
} as const;

export type Block = keyof typeof BLOCKS | "other";

const blockOf = new Map<string, Block>(Object.entries(BLOCKS).flatMap(([block, actions]) => actions.map((action) => [action, block as Block] as const)));

/** The given actions in their blocks, in the blocks' order; what belongs to none is told last. */
export function inBlocks<T extends { action: string }>(actions: readonly T[]): { block: Block; actions: T[] }[] {
  const order: Block[] = [...(Object.keys(BLOCKS) as Block[]), "other"];
  return order
    .map((block) => ({ block, actions: actions.filter((entry) => (blockOf.get(entry.action) ?? "other") === block) }))
    .filter((group) => group.actions.length > 0);
}
