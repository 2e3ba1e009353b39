// When to try a lost connection again: soon at first, then every 15 seconds, never all clients at the same moment.

const FIRST_MS = 1_000;
const LONGEST_MS = 15_000;

/** Milliseconds to wait before attempt `failures + 1`; `chance` in 0..1 spreads the clients over a fifth of it. */
export function retryDelay(failures: number, chance: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** failures) * (0.9 + 0.2 * chance);
}
