// How far a site's commissioning is, asked for again and again while one looks on.

import { get, path, post } from "../lib/api";
import { explain } from "../lib/session.svelte";
import type { AssessmentStep, CommissioningView, StepName } from "../lib/types";

const BUSY_MS = 1_000;
const CALM_MS = 4_000;

export class Progress {
  readonly siteId: string;
  view = $state.raw<CommissioningView | null>(null);
  error = $state("");
  #timer = 0;
  #over = false;

  /** Call in a component's set-up. */
  constructor(siteId: string) {
    this.siteId = siteId;
    $effect(() => {
      this.#over = false;
      void this.again();
      return () => {
        this.#over = true;
        clearTimeout(this.#timer);
      };
    });
  }

  get busy(): boolean {
    return this.view !== null && (this.view.assessment?.running === true || this.view.probing.length > 0);
  }

  async again(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      this.view = await get<CommissioningView>(path`/sites/${this.siteId}/commissioning`);
      this.error = "";
    } catch (error) {
      this.error = explain(error);
    }
    clearTimeout(this.#timer);
    if (!this.#over) this.#timer = window.setTimeout(() => void this.again(), this.busy ? BUSY_MS : CALM_MS);
  }

  step(name: StepName): AssessmentStep | null {
    return this.view?.assessment?.steps.find((step) => step.name === name) ?? null;
  }

  /** Do these steps, passed or not; without names all that have not passed. */
  async run(...steps: StepName[]): Promise<void> {
    const query = steps.map((step) => `step=${step}`).join("&");
    await post(path`/sites/${this.siteId}/assessment` + (query && `?${query}`));
    await this.again();
  }

  async cancel(): Promise<void> {
    await post(path`/sites/${this.siteId}/assessment/cancel`);
    await this.again();
  }

  async accept(): Promise<void> {
    await post(path`/sites/${this.siteId}/assessment/accept`);
    await this.again();
  }
}
