// "Why not more", as a sentence: from the law's reason codes and the circuits they name.

import { num } from "./format.svelte";
import { t, wordFor } from "./i18n.svelte";
import type { CircuitView, EvseView, Reason } from "./types";

/** Whose limit it is, in words: the wiring's own rating, the operator, or whoever else set it. */
export function sourceWords(source: string | null | undefined): string {
  // A site that shares a supply: "group:" and the group's id, and what holds while the group is not heard.
  const group = /^group:(.*?)( \(fallback\))?$/.exec(source ?? "");
  if (group) return t(group[2] ? "source.guaranteed" : "source.group", { group: group[1] ?? "" });
  return wordFor(`source.${source}`, t("source.other", { source: source ?? "?" }));
}

export function reasonText(reason: Reason, circuits: readonly CircuitView[]): string {
  const circuit = circuits.find((c) => c.circuit_id === reason.circuit_id);
  if (reason.code === "circuit" || reason.code === "overload" || reason.code === "minimum") {
    if (!circuit) return t(`reason.${reason.code}`);
    const limit = circuit.limit_a;
    const values = {
      circuit: circuit.name,
      phase: reason.phase ?? "",
      limit: num(limit, Number.isInteger(limit) ? 0 : 1),
      source: sourceWords(reason.source ?? circuit.limit_source),
    };
    return t(`reason.${reason.code}.${reason.phase ? "phase" : "all"}`, values);
  }
  return t(`reason.${reason.code}`, { circuit: circuit?.name ?? "" });
}

/** Every reason of an EVSE, the most telling first; a word of its own where nothing holds it back. */
export function whyNotMore(evse: EvseView, circuits: readonly CircuitView[]): string[] {
  const texts = [...new Set(evse.reasons.map((reason) => reasonText(reason, circuits)))];
  if (texts.length > 0) return texts;
  if (!evse.session) return [t("reason.no_session")];
  return [evse.session.state === "full" ? t("reason.full") : t("reason.none")];
}
