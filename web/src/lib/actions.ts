// Any action of OCPP, sent as it stands: the actions of a version, which of them ask first, and what was sent before.

import { get, path, post, Written } from "./api";
import type { Json, Schema } from "./schema";
import type { ActionView } from "./types";

export interface Action {
  action: string;
  schema: Schema;
}

const known = new Map<string, Promise<Action[]>>();

/** The actions of a version; asked for once. */
export function actionsOf(version: string): Promise<Action[]> {
  let coming = known.get(version);
  if (!coming) {
    coming = get<ActionView[]>(path`/ocpp/${version}/actions`) as Promise<Action[]>;
    coming.catch(() => known.delete(version));
    known.set(version, coming);
  }
  return coming;
}

/** Send a payload as it is written, and return the answer's. */
export const sendAction = (stationId: string, action: string, json: string) => post<Json>(path`/stations/${stationId}/ocpp/${action}`, new Written(json));

/** What can't be taken back by sending something else: it interrupts a driver, takes the station off the network, or destroys. */
const DANGEROUS: ReadonlySet<string> = new Set([
  "AFRRSignal",
  "CertificateSigned",
  "ChangeAvailability",
  "ChangeConfiguration",
  "ChangeTransactionTariff",
  "ClearCache",
  "ClearChargingProfile",
  "ClearDERControl",
  "ClearTariffs",
  "ClearVariableMonitoring",
  "CustomerInformation",
  "DeleteCertificate",
  "InstallCertificate",
  "PublishFirmware",
  "RemoteStopTransaction",
  "RequestBatterySwap",
  "RequestStopTransaction",
  "Reset",
  "SendLocalList",
  "SetChargingProfile",
  "SetDERControl",
  "SetDefaultTariff",
  "SetMonitoringBase",
  "SetNetworkProfile",
  "SetVariables",
  "SignedUpdateFirmware",
  "UnlockConnector",
  "UnpublishFirmware",
  "UpdateDynamicSchedule",
  "UpdateFirmware",
]);
export const isDangerous = (action: string): boolean => DANGEROUS.has(action);

const KEPT = 5;
const PREFIX = "ocpp ";
/** A payload that may hold a secret is never remembered: storage of a browser is no safe. */
const SECRET = /passw|authorizationkey|private|secret|credential/i;

const place = (version: string, action: string): string => `${PREFIX}${version} ${action}`;

/** The payloads last sent of this action, newest first. */
export function remembered(version: string, action: string): Json[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(place(version, action)) ?? "[]");
    return Array.isArray(list) ? (list as Json[]) : [];
  } catch {
    return [];
  }
}

export function remember(version: string, action: string, payload: Json): void {
  const text = JSON.stringify(payload);
  if (text === "{}" || SECRET.test(text)) return;
  try {
    const others = remembered(version, action).filter((other) => JSON.stringify(other) !== text);
    localStorage.setItem(place(version, action), JSON.stringify([payload, ...others].slice(0, KEPT)));
  } catch {
    // Storage may be forbidden or full: then nothing is remembered.
  }
}

/** Forget all of them: whoever signs in next is somebody else. */
export function forgetAll(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
  } catch {
    // Then there is nothing to forget.
  }
}
