// The commands that a person can send to a station: their fields, and how a body is made of them.

import type { Key } from "./i18n.svelte";
import type { Commands } from "./types";

export type Values = Record<string, string>;

export interface Field {
  name: string;
  key: Key;
  type: "text" | "number" | "select" | "textarea";
  options?: readonly string[];
  /** Where the choices come from the station: its EVSEs, its open transactions, the known tokens. */
  from?: "evses" | "transactions" | "tokens";
  value?: string;
  optional?: boolean;
}

/** What is wanted daily. The other commands have rooms of their own, or a form among the actions. */
type Offered = keyof Pick<
  Commands,
  "request_start" | "request_stop" | "get_transaction_status" | "trigger" | "reset" | "unlock" | "change_availability" | "get_composite_schedule" | "data_transfer"
>;

export interface Form {
  command: Offered;
  danger?: boolean;
  fields: readonly Field[];
  body: (values: Values) => Commands[Offered];
}

const evse: Field = { name: "evse_id", key: "field.evse", type: "select", from: "evses" };
const number = (text: string | undefined): number => Number(text ?? "0");
const optional = (text: string | undefined): number | null => (text ? Number(text) : null);

function json(text: string | undefined): unknown {
  if (!text?.trim()) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const TRIGGERS = ["StatusNotification", "MeterValues", "Heartbeat", "BootNotification", "TransactionEvent", "FirmwareStatusNotification", "LogStatusNotification"];

export const FORMS: readonly Form[] = [
  {
    command: "request_start",
    fields: [evse, { name: "token", key: "field.token", type: "text", from: "tokens" }],
    body: (v) => ({ evse_id: number(v["evse_id"]), token: { value: v["token"] ?? "", kind: v["kind"] || "ISO14443" } }),
  },
  {
    command: "request_stop",
    danger: true,
    fields: [{ name: "station_transaction_id", key: "field.transaction", type: "select", from: "transactions" }],
    body: (v) => ({ station_transaction_id: v["station_transaction_id"] ?? "" }),
  },
  {
    command: "get_transaction_status",
    fields: [{ name: "station_transaction_id", key: "field.transaction", type: "select", from: "transactions" }],
    body: (v) => ({ station_transaction_id: v["station_transaction_id"] ?? "" }),
  },
  {
    command: "trigger",
    fields: [
      { name: "message", key: "field.message", type: "select", options: TRIGGERS },
      { ...evse, optional: true },
    ],
    body: (v) => ({ message: v["message"] ?? "", evse_id: optional(v["evse_id"]) }),
  },
  {
    command: "reset",
    danger: true,
    fields: [{ name: "kind", key: "field.reset", type: "select", options: ["OnIdle", "Immediate"] }],
    body: (v) => ({ kind: v["kind"] === "Immediate" ? "Immediate" : "OnIdle" }),
  },
  {
    command: "unlock",
    fields: [evse, { name: "connector_id", key: "field.connector", type: "number", value: "1" }],
    body: (v) => ({ evse_id: number(v["evse_id"]), connector_id: number(v["connector_id"]) }),
  },
  {
    command: "change_availability",
    fields: [
      { ...evse, optional: true },
      { name: "operative", key: "field.operative", type: "select", options: ["Operative", "Inoperative"] },
    ],
    body: (v) => ({ evse_id: number(v["evse_id"] || "0"), operative: v["operative"] === "Operative" }),
  },
  {
    command: "get_composite_schedule",
    fields: [
      evse,
      { name: "duration_s", key: "field.duration", type: "number", value: "3600" },
      { name: "unit", key: "field.unit", type: "select", options: ["A", "W"] },
    ],
    body: (v) => ({ evse_id: number(v["evse_id"]), duration_s: number(v["duration_s"]), unit: v["unit"] === "W" ? "W" : "A" }),
  },
  {
    command: "data_transfer",
    fields: [
      { name: "vendor_id", key: "field.vendor", type: "text" },
      { name: "message_id", key: "field.messageId", type: "text", optional: true },
      { name: "data", key: "field.data", type: "textarea", optional: true },
    ],
    body: (v) => ({ vendor_id: v["vendor_id"] ?? "", message_id: v["message_id"] || null, data: json(v["data"]) }),
  },
];
