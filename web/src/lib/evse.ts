// What an EVSE's state is called and how late its car will be.

import type { Key } from "./i18n.svelte";
import type { EvseView, SessionView } from "./types";

export type EvseState = "charging" | "waiting" | "paused" | "full" | "connected" | "offline" | "faulted" | "unavailable" | "reserved" | "free";

export function stateOf(evse: EvseView): EvseState {
  if (!evse.online) return "offline";
  if (evse.status === "Faulted") return "faulted";
  if (evse.session) return evse.session.state;
  if (evse.status === "Unavailable") return "unavailable";
  if (evse.status === "Reserved") return "reserved";
  return evse.status === "Available" ? "free" : "connected";
}

export const stateKey = (state: EvseState): Key => `state.${state}`;

/** By how many seconds the car will be ready after it wants to leave; 0 where it will be in time or nobody knows. */
export function lateBy(session: SessionView): number {
  if (!session.departure || !session.ready_at || session.state === "full") return 0;
  const late = (Date.parse(session.ready_at) - Date.parse(session.departure)) / 1000;
  return late > 60 ? late : 0;
}
