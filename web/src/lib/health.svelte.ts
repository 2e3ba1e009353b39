// Whether the node's database works: asked every few seconds while somebody is signed in.

import { ApiError, get } from "./api";
import type { HealthView, StoreTroubleView } from "./types";

const CALM_MS = 5_000;
const TROUBLED_MS = 2_000;

class Health {
  trouble = $state.raw<StoreTroubleView | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  start(): void {
    this.stop();
    void this.#ask(this.#turn);
  }

  stop(): void {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.trouble = null;
  }

  async #ask(turn: number): Promise<void> {
    let trouble: StoreTroubleView | null = null;
    try {
      await get<HealthView>("/health");
    } catch (error) {
      // A node that can't be reached is the feed's to tell; what was known of its database may still be so.
      trouble = error instanceof ApiError && error.status !== 0 ? error.trouble : this.trouble;
    }
    if (turn !== this.#turn) return;
    this.trouble = trouble;
    this.#timer = setTimeout(() => void this.#ask(turn), trouble ? TROUBLED_MS : CALM_MS);
  }
}

export const health = new Health();
