// From points in time to columns of pixels: each column holds the mean of its points, or, between two points, what lies
// on the line from one to the other; the total's highest point is kept beside the mean, so that a short peak is seen.

import type { History } from "./history.svelte";

export interface Columns {
  /** Epoch seconds at the left edge, and seconds a column. */
  from: number;
  step: number;
  width: number;
  /** NaN where nothing is known. */
  base: Float64Array;
  limit: Float64Array;
  /** Base and all cars; the mean and the highest point. */
  total: Float64Array;
  peak: Float64Array;
  /** One band an EVSE, in the order asked for. */
  bands: Float64Array[];
}

/** Longest time that two points are joined over: three of their usual distances, at least 45 s. */
function gapOf(at: number[], from: number): number {
  const start = Math.max(0, Math.min(from, at.length - 60));
  const steps: number[] = [];
  for (let i = start + 1; i < Math.min(at.length, start + 60); i++) steps.push((at[i] as number) - (at[i - 1] as number));
  steps.sort((a, b) => a - b);
  return Math.max(45, 3 * (steps[steps.length >> 1] ?? 15));
}

/** First index with `at[i] >= value`. */
function lowerBound(at: number[], value: number): number {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((at[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function columnsOf(history: History, keys: readonly string[], from: number, to: number, width: number): Columns {
  const step = (to - from) / width;
  const empty = () => new Float64Array(width).fill(Number.NaN);
  const made: Columns = { from, step, width, base: empty(), limit: empty(), total: empty(), peak: empty(), bands: keys.map(empty) };
  const { at } = history;
  if (at.length === 0) return made;
  const sources = [history.base, history.limit, ...keys.map((key) => history.power.get(key) ?? [])];
  const targets = [made.base, made.limit, ...made.bands];
  const gap = gapOf(at, lowerBound(at, from));

  let i = lowerBound(at, from);
  for (let x = 0; x < width; x++) {
    const right = from + (x + 1) * step;
    const first = i;
    while (i < at.length && (at[i] as number) < right) i++;
    if (i > first) {
      let peak = 0;
      for (let j = first; j < i; j++) {
        let sum = history.base[j] || 0;
        for (let k = 2; k < sources.length; k++) sum += sources[k]![j] || 0;
        if (sum > peak) peak = sum;
      }
      made.peak[x] = peak;
      for (let k = 0; k < sources.length; k++) {
        const source = sources[k]!;
        let sum = 0;
        let n = 0;
        for (let j = first; j < i; j++) {
          const value = source[j] as number;
          if (value === value) {
            sum += value;
            n++;
          }
        }
        if (n) targets[k]![x] = sum / n;
      }
    } else {
      const before = i - 1;
      const start = at[before];
      if (start === undefined) continue;
      const middle = right - step / 2;
      const end = at[i];
      if (end === undefined ? middle - start > gap : end - start > gap) continue;
      const share = end === undefined ? 0 : (middle - start) / (end - start);
      for (let k = 0; k < sources.length; k++) {
        const a = sources[k]![before] as number;
        const b = end === undefined ? a : (sources[k]![i] as number);
        // A limit holds until it is changed; power moves.
        targets[k]![x] = k === 1 ? a : a + (b - a) * share;
      }
    }
  }
  for (let x = 0; x < width; x++) {
    if (Number.isNaN(made.base[x])) continue;
    let sum = made.base[x] as number;
    for (const band of made.bands) sum += band[x] || 0;
    made.total[x] = sum;
    if (!((made.peak[x] as number) > sum)) made.peak[x] = sum;
  }
  return made;
}
