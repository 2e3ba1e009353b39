// The live feed of one site: a snapshot, then deltas in sequence. A gap asks for a snapshot; a lost socket is retried
// with a countdown that the banner shows. The view is replaced, never mutated, so that only what changed is drawn again.

import { socketUrl } from "./api";
import { retryDelay } from "./retry";
import type { CircuitView, EvseView, LiveDelta, LiveMessage, SiteView } from "./types";

export type FeedState = "connecting" | "live" | "lost";

/** After so long without a word the socket is believed dead (a laptop woke up, a network changed). */
const SILENCE_MS = 30_000;

export const evseKey = (evse: { station_id: string; evse_id: number }): string => `${evse.station_id}/${evse.evse_id}`;

function merged<T>(all: readonly T[], changed: readonly T[], key: (item: T) => string): T[] {
  if (changed.length === 0) return all as T[];
  const by = new Map(changed.map((item) => [key(item), item]));
  return all.map((item) => by.get(key(item)) ?? item);
}

/** The view after a delta. */
export function apply(site: SiteView, delta: LiveDelta): SiteView {
  return {
    ...site,
    at: delta.at,
    strategy: delta.strategy,
    overloaded: delta.overloaded,
    base_power_w: delta.base_power_w,
    ev_power_w: delta.ev_power_w,
    limit_power_w: delta.limit_power_w,
    mode: delta.mode,
    mode_reason: delta.mode_reason,
    mode_by: delta.mode_by,
    mode_since: delta.mode_since,
    circuits: merged(site.circuits, delta.circuits, (circuit: CircuitView) => circuit.circuit_id),
    evses: merged(site.evses, delta.evses, (evse: EvseView) => evseKey(evse)),
  };
}

export class Feed {
  site = $state.raw<SiteView | null>(null);
  state = $state<FeedState>("connecting");
  /** Epoch milliseconds of the next attempt, while lost. */
  retryAt = $state(0);

  readonly siteId: string;
  readonly #onView: (view: SiteView) => void;
  #socket: WebSocket | null = null;
  #seq = -1;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #receivedAt = 0;

  constructor(siteId: string, onView: (view: SiteView) => void) {
    this.siteId = siteId;
    this.#onView = onView;
    this.#open();
  }

  /** Site time now in epoch milliseconds; stands still while the feed is lost. */
  now(): number {
    if (!this.site) return Date.now();
    const since = this.state === "live" ? performance.now() - this.#receivedAt : 0;
    return Date.parse(this.site.at) + since * this.site.speed;
  }

  /** Try at once instead of waiting for the countdown. */
  retryNow(): void {
    if (this.state !== "lost") return;
    this.#failures = 0;
    clearTimeout(this.#retry);
    this.#open();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#socket?.close();
  }

  #open(): void {
    this.#seq = -1;
    const socket = new WebSocket(socketUrl(`/live?site=${encodeURIComponent(this.siteId)}`));
    this.#socket = socket;
    socket.onmessage = (event: MessageEvent<string>) => this.#receive(JSON.parse(event.data) as LiveMessage, socket);
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    this.#expectWord();
  }

  #receive(message: LiveMessage, socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#expectWord();
    if (message.type === "snapshot") {
      this.site = message.site;
    } else {
      if (this.#seq < 0 || !this.site) return;
      if (message.seq !== this.#seq + 1) {
        this.#seq = -1;
        socket.send("snapshot");
        return;
      }
      this.site = apply(this.site, message);
    }
    this.#seq = message.seq;
    this.#receivedAt = performance.now();
    this.#failures = 0;
    this.state = "live";
    this.#onView(this.site);
  }

  #expectWord(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const silent = this.#socket;
      this.#socket = null;
      silent?.close();
      this.#lost();
    }, SILENCE_MS);
  }

  #lost(): void {
    clearTimeout(this.#silence);
    if (this.#closed) return;
    this.state = "lost";
    const delay = retryDelay(this.#failures++, Math.random());
    this.retryAt = Date.now() + delay;
    this.#retry = setTimeout(() => this.#open(), delay);
  }
}
