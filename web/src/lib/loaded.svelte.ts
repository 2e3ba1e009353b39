// What is being fetched, what came, or what went wrong: one small state for every list and page.

import { untrack } from "svelte";
import { explain } from "./session.svelte";

export class Loaded<T> {
  value = $state.raw<T | null>(null);
  error = $state("");
  busy = $state(true);
  #turn = 0;
  readonly #fetch: () => Promise<T>;

  /** `fetch` is run at once and again whenever something that it reads at its start changes. Call in a component's set-up. */
  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch;
    $effect(() => {
      void this.again();
    });
  }

  again(): Promise<void> {
    const turn = ++this.#turn;
    const coming = this.#fetch();
    untrack(() => (this.busy = true));
    return coming.then(
      (value) => {
        if (turn !== this.#turn) return;
        this.value = value;
        this.error = "";
        this.busy = false;
      },
      (error: unknown) => {
        if (turn !== this.#turn) return;
        this.error = explain(error);
        this.busy = false;
      },
    );
  }
}

export interface Page<T> {
  items: T[];
  next: string | number | null;
}

/** A long list, newest first, fetched a page at a time. */
export class Pages<T> {
  items = $state.raw<T[]>([]);
  next = $state.raw<string | number | null>(null);
  error = $state("");
  busy = $state(true);
  #turn = 0;
  readonly #fetch: (before: string | number | null) => Promise<Page<T>>;

  constructor(fetch: (before: string | number | null) => Promise<Page<T>>) {
    this.#fetch = fetch;
    $effect(() => {
      void this.again();
    });
  }

  again(): Promise<void> {
    return this.#take(null);
  }

  more(): Promise<void> {
    return this.#take(this.next);
  }

  #take(before: string | number | null): Promise<void> {
    const turn = ++this.#turn;
    const coming = this.#fetch(before);
    untrack(() => (this.busy = true));
    return coming.then(
      (page) => {
        if (turn !== this.#turn) return;
        this.items = before === null ? page.items : [...this.items, ...page.items];
        this.next = page.next;
        this.error = "";
        this.busy = false;
      },
      (error: unknown) => {
        if (turn !== this.#turn) return;
        this.error = explain(error);
        this.busy = false;
      },
    );
  }
}
