// What a station offers for the names that OCPP's messages share: its EVSEs, its open transactions, the known tokens.

import { getContext, setContext } from "svelte";

export interface Hints {
  /** The id of a `<datalist>` with suggestions for a member of this name; undefined where there are none. */
  listFor: (name: string) => string | undefined;
}

const KEY = Symbol("hints");

export const offerHints = (hints: Hints): Hints => setContext(KEY, hints);
export const hintsHere = (): Hints => getContext<Hints | undefined>(KEY) ?? { listFor: () => undefined };
