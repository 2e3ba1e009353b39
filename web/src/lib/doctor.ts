// What to do about a handshake that was turned away: by the words of the gateway's reason.

import type { Key } from "./i18n.svelte";

const REMEDIES: readonly (readonly [RegExp, Key])[] = [
  [/is unknown/, "doctor.unknown"],
  [/sent no password/, "doctor.passwordMissing"],
  [/^the password of/, "doctor.passwordWrong"],
  [/offers/, "doctor.subprotocol"],
  [/names no station|station id/, "doctor.path"],
  [/not a WebSocket/, "doctor.proxy"],
  [/scheme|base64|user:password/, "doctor.basic"],
];

export function remedyKey(reason: string): Key {
  if (/^Basic user/.test(reason)) return "doctor.user";
  return REMEDIES.find(([pattern]) => pattern.test(reason))?.[1] ?? "doctor.other";
}
