// Amperes a phase and kilowatts of three phases: the same limit in two words.

import type { CircuitView, PerPhase } from "./types";

export const wattsOf = (amperes: number, voltage: number): number => amperes * 3 * voltage;
export const amperesOf = (watts: number, voltage: number): number => watts / (3 * voltage);

/** What a circuit is accounted with on one phase (0..2): base load, cars, and what is kept free for stations out of sight. */
export const loadOf = (circuit: CircuitView, phase: 0 | 1 | 2): number => circuit.base_a[phase] + circuit.ev_a[phase] + circuit.reserve_a[phase];

/** What really flows on one phase: reserves don't. */
export const flowOf = (circuit: CircuitView, phase: 0 | 1 | 2): number => circuit.base_a[phase] + circuit.ev_a[phase];

export const highest = (values: PerPhase): number => Math.max(values[0], values[1], values[2]);

export const PHASES = [0, 1, 2] as const;

/** Circuits as a tree, depth first: each with its depth. */
export function treeOf(circuits: readonly CircuitView[]): { circuit: CircuitView; depth: number }[] {
  const known = new Set(circuits.map((c) => c.circuit_id));
  const under = (parent: string | null, depth: number): { circuit: CircuitView; depth: number }[] =>
    circuits
      .filter((c) => (c.parent_id !== null && known.has(c.parent_id) ? c.parent_id : null) === parent)
      .flatMap((circuit) => [{ circuit, depth }, ...under(circuit.circuit_id, depth + 1)]);
  return under(null, 0);
}
