// The form of a site while a person changes it: undone and redone step by step, checked by the server at each change, kept
// in this browser until it is used. Only one who has seen the newest state of the site may change it.

import { getMarked, path, post, putMarked } from "../lib/api";
import { explain } from "../lib/session.svelte";
import type { Circuit, Evse, Site, SiteCheckView } from "../lib/types";

const CHECK_AFTER_MS = 350;
const STEPS_KEPT = 100;

/** A site that nobody has built yet. */
export const NEW = "new";

interface Kept {
  mark: string;
  site: Site;
}

export const newCircuit = (circuit_id: string, name: string, parent_id: string | null): Circuit => ({
  circuit_id,
  name,
  parent_id,
  rating_a: parent_id === null ? 100 : 63,
  rotation: [0, 1, 2],
  limits: [],
  meter: null,
  reserve_a: 0,
  generation_a: 0,
  export_a: null,
  sensors: [],
  hot_spot: null,
  demand: null,
  signals: [],
  rating_w: null,
  rating_va: null,
  neutral_a: null,
  unbalance_a: null,
});

export const newEvse = (station_id: string, circuit_id: string): Evse => ({
  station_id,
  evse_id: 1,
  circuit_id,
  phases: [0, 1, 2],
  min_a: 6,
  max_a: 32,
  step_a: 0.1,
  safe_a: 0,
  priority: 0,
  weight: 1,
  dc_power_w: null,
  connectors: 1,
  label: "",
  line_to_line: false,
  cabinet_id: null,
  phase_switch: false,
  sensors: [],
});

export const newSite = (site_id: string, name: string, time_zone: string, connection: string): Site => ({
  site_id,
  operator_id: "",
  name,
  time_zone,
  circuits: [newCircuit("grid", connection, null)],
  evses: [],
  strategy: "dynamic",
  voltage_v: 230,
  lease_s: 300,
  commissioned: false,
  supply: "wye",
  cabinets: [],
  sharing: { fairness: "weights", keep_alive: "learnt", boosts_at_once: null, boosts_per_day: null, boost_tokens: [] },
  stop_disobedient: false,
  devices: [],
});

/** Limits are other people's: a form that names none leaves them as they are. */
const bare = (site: Site): Site => ({ ...site, circuits: site.circuits.map((circuit) => ({ ...circuit, limits: [] })) });

const same = (one: Site, other: Site): boolean => JSON.stringify(one) === JSON.stringify(other);

export class Draft {
  readonly siteId: string;
  site = $state.raw<Site | null>(null);
  saved = $state.raw<Site | null>(null);
  check = $state.raw<SiteCheckView | null>(null);
  checking = $state(false);
  /** Somebody else has changed the site since this draft was begun. */
  overtaken = $state(false);
  error = $state("");
  #mark = "";
  #past = $state.raw<Site[]>([]);
  #future = $state.raw<Site[]>([]);
  #timer = 0;
  #turn = 0;

  constructor(siteId: string) {
    this.siteId = siteId;
  }

  get dirty(): boolean {
    return this.site !== null && (this.saved === null || !same(this.site, this.saved));
  }
  get canUndo(): boolean {
    return this.#past.length > 0;
  }
  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  async open(): Promise<void> {
    this.error = "";
    const kept = this.#kept();
    if (this.siteId === NEW) {
      if (kept) this.#use(kept.site);
      return;
    }
    try {
      const { value, mark } = await getMarked<Site>(path`/sites/${this.siteId}`);
      this.saved = bare(value);
      this.#mark = mark;
      const mine = kept && !same(kept.site, this.saved) ? kept : null;
      this.overtaken = mine !== null && mine.mark !== mark;
      this.#use(mine ? this.#withOthers(mine.site) : this.saved);
    } catch (error) {
      this.error = explain(error);
    }
  }

  /** Meters and devices are set up in steps of their own, at once: a draft never undoes them. */
  #withOthers(site: Site): Site {
    const saved = this.saved;
    if (!saved) return site;
    const meters = new Map(saved.circuits.map((circuit) => [circuit.circuit_id, circuit.meter]));
    return {
      ...site,
      commissioned: saved.commissioned,
      devices: saved.devices.filter((device) => site.circuits.some((circuit) => circuit.circuit_id === device.circuit_id)),
      circuits: site.circuits.map((circuit) => ({ ...circuit, meter: meters.get(circuit.circuit_id) ?? null })),
    };
  }

  change(next: Site): void {
    if (!this.site || same(this.site, next)) return;
    this.#past = [...this.#past.slice(1 - STEPS_KEPT), this.site];
    this.#future = [];
    this.#use(next);
  }

  /** The first form of a site that is new. */
  begin(site: Site): void {
    this.#use(site);
  }

  undo(): void {
    const before = this.#past.at(-1);
    if (!before || !this.site) return;
    this.#future = [...this.#future, this.site];
    this.#past = this.#past.slice(0, -1);
    this.#use(before);
  }

  redo(): void {
    const after = this.#future.at(-1);
    if (!after || !this.site) return;
    this.#past = [...this.#past, this.site];
    this.#future = this.#future.slice(0, -1);
    this.#use(after);
  }

  /** Back to how the site is built now. */
  discard(): void {
    this.overtaken = false;
    if (this.saved) this.change(this.saved);
    else {
      this.site = this.check = null;
      this.#past = this.#future = [];
      this.#forget();
    }
  }

  /** A new site stands now: the next one begins empty. */
  discardNew(): void {
    this.saved = this.site = this.check = null;
    this.#forget();
  }

  /** Build the site like this. Throws what the server refuses. */
  async apply(): Promise<Site> {
    const wanted = this.site;
    if (!wanted) throw new Error("nothing to apply");
    const { value, mark } = await putMarked<Site>(path`/sites/${wanted.site_id}`, wanted, this.overtaken ? "" : this.#mark);
    this.saved = bare(value);
    this.#mark = mark;
    this.overtaken = false;
    this.#past = this.#future = [];
    this.#use(this.saved);
    return this.saved;
  }

  /** The server's form has changed by a meter or a device: go on from there. */
  async follow(): Promise<void> {
    const { value, mark } = await getMarked<Site>(path`/sites/${this.siteId}`);
    const dirty = this.dirty;
    this.saved = bare(value);
    this.#mark = mark;
    if (this.site) this.#use(dirty ? this.#withOthers(this.site) : this.saved);
  }

  #use(site: Site): void {
    this.site = site;
    if (this.dirty) this.#keep(site);
    else this.#forget();
    clearTimeout(this.#timer);
    this.checking = true;
    this.#timer = window.setTimeout(() => void this.#ask(site), CHECK_AFTER_MS);
  }

  async #ask(site: Site): Promise<void> {
    const turn = ++this.#turn;
    try {
      const found = await post<SiteCheckView>(path`/sites/${site.site_id}/check`, site);
      if (turn === this.#turn) this.check = found;
    } catch (error) {
      if (turn === this.#turn) this.check = { usable: false, where: "", error: explain(error), points: [], sums: [] };
    }
    if (turn === this.#turn) this.checking = false;
  }

  get #place(): string {
    return `site-draft ${this.siteId}`;
  }
  #kept(): Kept | null {
    try {
      return JSON.parse(localStorage.getItem(this.#place) ?? "null") as Kept | null;
    } catch {
      return null;
    }
  }
  #keep(site: Site): void {
    try {
      localStorage.setItem(this.#place, JSON.stringify({ mark: this.#mark, site } satisfies Kept));
    } catch {
      // Storage may be forbidden or full: then the draft lasts as long as this page.
    }
  }
  #forget(): void {
    try {
      localStorage.removeItem(this.#place);
    } catch {
      // Then there is nothing to forget.
    }
  }
}
