// What the connection doctor knows: the kinds of its findings, and what helps against each.

import type { Key } from "./i18n.svelte";
import type { ConnectionView } from "./types";

export type Outcome = ConnectionView["outcome"];

export const KINDS = {
  rejected: ["unknown", "password_missing", "password_wrong", "certificate", "profile", "authorization", "subprotocol", "path", "not_websocket", "tls", "too_many", "busy"],
  ended: ["lost", "no_pong", "closed", "protocol", "slow_consumer", "replaced", "disconnected", "restart"],
} as const satisfies Record<Outcome, readonly string[]>;

const HELP: { readonly [name: string]: Key } = {
  "rejected/unknown": "doctor.help.unknown",
  "rejected/password_missing": "doctor.help.passwordMissing",
  "rejected/password_wrong": "doctor.help.passwordWrong",
  "rejected/certificate": "doctor.help.certificate",
  "rejected/profile": "doctor.help.profile",
  "rejected/authorization": "doctor.help.authorization",
  "rejected/subprotocol": "doctor.help.subprotocol",
  "rejected/path": "doctor.help.path",
  "rejected/not_websocket": "doctor.help.notWebsocket",
  "rejected/tls": "doctor.help.tls",
  "rejected/too_many": "doctor.help.tooMany",
  "rejected/busy": "doctor.help.busy",
  "ended/lost": "doctor.help.lost",
  "ended/no_pong": "doctor.help.noPong",
  "ended/closed": "doctor.help.closed",
  "ended/protocol": "doctor.help.protocol",
  "ended/slow_consumer": "doctor.help.slowConsumer",
  "ended/replaced": "doctor.help.replaced",
  "ended/restart": "doctor.help.restart",
};

/** What to do about a finding; null where nothing is to be done. */
export function remedy(found: ConnectionView): Key | null {
  return HELP[`${found.outcome}/${found.kind}`] ?? null;
}
