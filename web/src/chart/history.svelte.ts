// The site's power as it was: columns of equal length, at most six hours of site time. The past comes from the server,
// the present from the live feed.

import { evseKey } from "../lib/feed.svelte";
import type { SiteHistory, SiteView } from "../lib/types";

const KEPT_S = 6 * 3600 + 600;
/** Live points closer together than this are joined: six hours stay below 11,000 points. */
const SPACING_S = 2;
/** The feed may speak five times a second; the chart is drawn once. */
const DRAWN_EVERY_MS = 950;

export class History {
  /** Epoch seconds, rising. */
  at: number[] = [];
  base: number[] = [];
  limit: number[] = [];
  power = new Map<string, number[]>();
  /** Counts the changes that are worth drawing: what draws the history reads it. */
  revision = $state(0);
  #drawn = 0;

  /** Epoch seconds of the newest point. */
  get end(): number {
    return this.at[this.at.length - 1] ?? 0;
  }

  /** The view of now, at the end. */
  append(view: SiteView): void {
    const at = Date.parse(view.at) / 1000;
    const last = this.at.length - 1;
    if (last >= 0 && at < (this.at[last] as number)) return;
    const slot = last >= 1 && at - (this.at[last - 1] as number) < SPACING_S ? last : last + 1;
    this.at[slot] = at;
    this.base[slot] = view.base_power_w;
    this.limit[slot] = view.limit_power_w;
    for (const evse of view.evses) {
      const key = evseKey(evse);
      let column = this.power.get(key);
      if (!column) this.power.set(key, (column = new Array<number>(slot).fill(Number.NaN)));
      column[slot] = evse.power_w;
    }
    this.#forget(at - KEPT_S);
    const wall = performance.now();
    if (wall - this.#drawn < DRAWN_EVERY_MS && this.at.length > 2) return;
    this.#drawn = wall;
    this.revision += 1;
  }

  /** The server's past, before what was seen live. */
  prepend(past: SiteHistory): void {
    const first = this.at[0] ?? Number.POSITIVE_INFINITY;
    let n = past.at.findIndex((at) => at >= first);
    if (n < 0) n = past.at.length;
    const column = (values: (number | null)[] | undefined): number[] => Array.from({ length: n }, (_, i) => values?.[i] ?? Number.NaN);
    const known = new Map(past.evses.map((evse) => [evseKey(evse), evse.power_w]));
    const length = this.at.length;
    this.at = [...past.at.slice(0, n), ...this.at];
    this.base = [...column(past.base_power_w), ...this.base];
    this.limit = [...column(past.limit_power_w), ...this.limit];
    for (const key of new Set([...this.power.keys(), ...known.keys()])) {
      this.power.set(key, [...column(known.get(key)), ...(this.power.get(key) ?? new Array<number>(length).fill(Number.NaN))]);
    }
    this.revision += 1;
  }

  #forget(before: number): void {
    // In batches: moving every column each second would cost more than the memory is worth.
    if ((this.at[300] ?? Number.POSITIVE_INFINITY) > before) return;
    for (const column of [this.at, this.base, this.limit, ...this.power.values()]) column.splice(0, 300);
  }
}
