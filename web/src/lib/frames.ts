// A raw OCPP frame as a person reads it: what kind it is, what it answers, and its payload in lines.

import type { MessageView } from "./types";

export type FrameKind = "call" | "result" | "error" | "send" | "other";

export interface Frame extends MessageView {
  kind: FrameKind;
  messageId: string | null;
  /** The action, of an answer too where its call is known. */
  name: string | null;
  pretty: string;
}

const KINDS: Record<number, FrameKind> = { 2: "call", 3: "result", 4: "error", 5: "error", 6: "send" };

/** `calls` holds the action of each call seen, by message id: an answer alone does not name it. */
export function readFrame(message: MessageView, calls: Map<string, string>): Frame {
  let kind: FrameKind = "other";
  let messageId: string | null = null;
  let name = message.action;
  let pretty = message.frame;
  try {
    const parsed: unknown = JSON.parse(message.frame);
    pretty = JSON.stringify(parsed, null, 2);
    if (Array.isArray(parsed)) {
      kind = KINDS[parsed[0] as number] ?? "other";
      messageId = typeof parsed[1] === "string" ? parsed[1] : null;
      if (messageId !== null) {
        if (kind === "call" && typeof parsed[2] === "string") calls.set(messageId, parsed[2]);
        name ??= calls.get(messageId) ?? null;
      }
    }
  } catch {
    // Not JSON: shown as it came.
  }
  return { ...message, kind, messageId, name, pretty };
}
