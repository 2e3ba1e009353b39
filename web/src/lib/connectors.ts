// Which connectors of a station are worth showing: EVSE 0 is the station itself, and only its trouble is news.

import type { ConnectorView } from "./types";

export function shownConnectors(connectors: readonly ConnectorView[]): ConnectorView[] {
  return connectors.filter((connector) => connector.evse_id > 0 || connector.status !== "Available");
}
