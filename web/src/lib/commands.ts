// What a person can do to a site, one function each: the only place that knows these addresses.

import { del, get, path, post, put } from "./api";
import type {
  ApiKeyChange,
  CircuitLimitsView,
  Commands,
  EvseView,
  GoalsChange,
  LimitChange,
  LinkChange,
  LinkView,
  NeedChange,
  NewApiKeyView,
  Outcome,
  SharingChange,
  Site,
  Strategy,
  TokenChange,
  TokenView,
} from "./types";

type Evse = Pick<EvseView, "station_id" | "evse_id">;

const at = (evse: Evse): string => path`/evses/${evse.station_id}/${evse.evse_id}`;

/** The source that limits set on this console are kept under. */
export const OWN_SOURCE = "operator";

export const setStrategy = (siteId: string, strategy: Strategy) => put(path`/sites/${siteId}/strategy`, { strategy });

export const sharingOf = async (siteId: string) => (await get<Site>(path`/sites/${siteId}`)).sharing;
export const setSharing = (siteId: string, rules: SharingChange) => put<Site>(path`/sites/${siteId}/sharing`, rules);

export const orderSafeMode = (siteId: string, on: boolean, reason: string) => post(path`/sites/${siteId}/safe-mode`, { on, reason });
export const stopSite = (siteId: string, reason: string, stop_sessions: boolean) => post(path`/sites/${siteId}/emergency-stop`, { reason, stop_sessions });
export const releaseSite = (siteId: string, reason: string) => post(path`/sites/${siteId}/emergency-stop/release`, { reason });

export const limitsOf = (siteId: string, circuitId: string) => get<CircuitLimitsView>(path`/sites/${siteId}/circuits/${circuitId}/limits`);
export const setLimit = (siteId: string, circuitId: string, change: LimitChange) =>
  put<CircuitLimitsView>(path`/sites/${siteId}/circuits/${circuitId}/limits`, change);
export const withdrawLimit = (siteId: string, circuitId: string, source: string) =>
  del(path`/sites/${siteId}/circuits/${circuitId}/limits?source=${source}`);

export const boost = (evse: Evse, on: boolean) => post(`${at(evse)}/boost`, { on });
export const pause = (evse: Evse, on: boolean) => post(`${at(evse)}/${on ? "pause" : "resume"}`);
export const stop = (evse: Evse) => post<Outcome | undefined>(`${at(evse)}/stop`);
export const setGoals = (evse: Evse, goals: GoalsChange) => put(`${at(evse)}/goals`, goals);
export const declareNeed = (evse: Evse, need: NeedChange) => put(`${at(evse)}/need`, need);

export const command = <Name extends keyof Commands>(stationId: string, name: Name, body: Commands[Name]) =>
  post<Outcome>(path`/stations/${stationId}/commands/${name}`, body);

/** Demo only: cut a simulated station's network, or put it back. */
export const setNetwork = (stationId: string, plugged: boolean) =>
  post(path`/demo/stations/${stationId}/${plugged ? "plug" : "unplug"}`);

export const saveToken = (token: TokenChange) => put<TokenView>(path`/tokens/${token.value}`, token);
export const deleteToken = (value: string) => del(path`/tokens/${value}`);

export const forgetRefused = (refusalId: string) => del(path`/quarantine/${refusalId}`);

export const makeKey = (key: ApiKeyChange) => post<NewApiKeyView>("/api-keys", key);
export const revokeKey = (prefix: string) => del(path`/api-keys/${prefix}`);
export const makeLink = (link: LinkChange) => post<LinkView>("/links", link);
