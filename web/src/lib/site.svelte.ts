// The site in view: its live feed, its past, and the time zone that its times are shown in. One for the whole console,
// so that going to a station's page and back neither reconnects nor empties the chart.

import { History } from "../chart/history.svelte";
import { get, path } from "./api";
import { Feed } from "./feed.svelte";
import { zone } from "./format.svelte";
import { wallNow } from "./now.svelte";
import { attempt } from "./session.svelte";
import type { Site, SiteHistory, SiteSummary } from "./types";

const PAST_S = 6 * 3600;

class Here {
  sites = $state.raw<SiteSummary[] | null>(null);
  feed = $state.raw<Feed | null>(null);
  history = $state.raw(new History());

  get view() {
    return this.feed?.site ?? null;
  }

  /** Whether what is shown is not live. */
  get stale(): boolean {
    return this.feed?.state === "lost";
  }

  /** Site time in epoch milliseconds; ticks. */
  get now(): number {
    const wall = wallNow();
    return this.feed ? this.feed.now() : wall;
  }

  async start(): Promise<void> {
    await attempt(async () => {
      this.sites = await get<SiteSummary[]>("/sites");
      const wanted = new URLSearchParams(location.search).get("site");
      const first = this.sites.find((site) => site.site_id === wanted) ?? this.sites[0];
      if (first) this.open(first.site_id);
    });
  }

  open(siteId: string): void {
    if (this.feed?.siteId === siteId) return;
    this.feed?.close();
    const past = new History();
    this.history = past;
    let asked = false;
    this.feed = new Feed(siteId, (view) => {
      past.append(view);
      if (asked) return;
      asked = true;
      const end = Date.parse(view.at);
      const span = `?from=${new Date(end - PAST_S * 1000).toISOString()}&to=${new Date(end).toISOString()}`;
      void attempt(async () => past.prepend(await get<SiteHistory>(path`/sites/${siteId}/history` + span)));
    });
    void attempt(async () => zone.use((await get<Site>(path`/sites/${siteId}`)).time_zone));
  }

  stop(): void {
    this.feed?.close();
    this.feed = null;
    this.sites = null;
  }
}

export const here = new Here();
