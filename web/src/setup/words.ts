// What the server remarks on a site's form, in the console's language.

import { num } from "../lib/format.svelte";
import { t } from "../lib/i18n.svelte";
import type { Evse, Rotation, Site, SiteCheckView, SitePoint } from "../lib/types";

export const LINES = ["L1", "L2", "L3"] as const;
export const phasesText = (phases: readonly number[]): string => phases.map((phase) => LINES[phase] ?? "?").join(" ");
export const evseName = (evse: Pick<Evse, "station_id" | "evse_id">): string => `${evse.station_id}/${evse.evse_id}`;
export const amps = (value: number): string => `${num(value, Number.isInteger(value) ? 0 : 1)} A`;
export const straight = (rotation: Rotation): boolean => rotation.every((phase, i) => phase === i);

export function pointText(point: SitePoint): string {
  const values: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(point.figures)) values[name] = typeof value === "number" ? num(value, Number.isInteger(value) ? 0 : 1) : value;
  return t(`setup.point.${point.kind}`, values);
}

/** Which circuit or EVSE of the form an error is about. */
export function placeOf(site: Site, check: SiteCheckView): { circuit?: string; evse?: string } {
  const found = /^(circuits|evses)\[(\d+)\]/.exec(check.where);
  if (!found) return {};
  const number = Number(found[2]);
  if (found[1] === "circuits") {
    const circuit = site.circuits[number];
    return circuit ? { circuit: circuit.circuit_id } : {};
  }
  const evse = site.evses[number];
  return evse ? { evse: evseName(evse) } : {};
}

/** Circuits below one, itself among them. */
export function subtree(site: Site, circuitId: string): Set<string> {
  const found = new Set([circuitId]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const circuit of site.circuits)
      if (circuit.parent_id !== null && found.has(circuit.parent_id) && !found.has(circuit.circuit_id)) {
        found.add(circuit.circuit_id);
        grown = true;
      }
  }
  return found;
}

/** A short id of a name that no other has. */
export function idOf(name: string, taken: readonly string[]): string {
  const stem =
    name
      .toLowerCase()
      .normalize("NFKD")
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40) || "circuit";
  let id = stem;
  for (let n = 2; taken.includes(id); n++) id = `${stem}-${n}`;
  return id;
}
