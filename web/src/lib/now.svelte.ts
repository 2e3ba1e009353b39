// A clock that ticks for whoever looks at it.

import { createSubscriber } from "svelte/reactivity";

const TICK_MS = 500;

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, TICK_MS);
  return () => clearInterval(timer);
});

/** Wall time in epoch milliseconds; what reads it is drawn again twice a second. */
export function wallNow(): number {
  subscribe();
  return Date.now();
}
