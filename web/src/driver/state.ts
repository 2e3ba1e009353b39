// What a driver is told that the EVSE does: the car's state where there is one, else the EVSE's own.

import type { EvseState } from "../lib/evse";
import type { DriverView } from "../lib/types";

export type { EvseState };

export function stateOfDriver(view: DriverView): EvseState {
  if (!view.online) return "offline";
  if (view.status === "Faulted") return "faulted";
  if (view.state) return view.state;
  if (view.status === "Unavailable") return "unavailable";
  if (view.status === "Reserved") return "reserved";
  return view.status === "Available" ? "free" : "connected";
}
